"""What the ear tells of a sound, for the tests of the policy."""

from __future__ import annotations

from dataclasses import replace

from device.core.bargein import Act, BargeIn, Verdict
from device.events import NearEndHeard

RATE_HZ = 16_000
STEP_MS = 32


def heard(
    lasted_ms: int = 0,
    *,
    since_frame: int = 160_000,
    speech_ms: int | None = None,
    voiced_ms: int | None = None,
    quiet_ms: int = 0,
    above_echo_db: float = 30.0,
    certain: bool = True,
) -> NearEndHeard:
    """Somebody who speaks without a gap, unless told otherwise."""
    speech_ms = lasted_ms - quiet_ms if speech_ms is None else speech_ms
    return NearEndHeard(
        since_frame=since_frame,
        lasted_ms=lasted_ms,
        speech_ms=speech_ms,
        voiced_ms=speech_ms if voiced_ms is None else voiced_ms,
        quiet_ms=quiet_ms,
        above_echo_db=above_echo_db,
        certain=certain,
    )


def spoken(for_ms: int, then_quiet_ms: int = 0, **known: object) -> list[NearEndHeard]:
    """All that the ear tells of speech that goes on ``for_ms`` and is followed by silence."""
    told = []
    for lasted in range(0, for_ms + then_quiet_ms + 1, STEP_MS):
        quiet = max(0, lasted - for_ms)
        told.append(replace(heard(lasted, quiet_ms=quiet), **known))  # type: ignore[arg-type]
    return told


def acts(policy: BargeIn, sounds: list[NearEndHeard], now: float = 100.0) -> list[Act]:
    """What it decides, in order, without the times when it decides nothing."""
    verdicts = [
        policy.hear(sound, now + number * STEP_MS / 1000) for number, sound in enumerate(sounds)
    ]
    return [one.act for one in verdicts if one.act is not Act.NOTHING]


def cut_of(policy: BargeIn, sounds: list[NearEndHeard]) -> tuple[int, Verdict] | None:
    """How long it had lasted when it was cut, and the verdict."""
    for number, sound in enumerate(sounds):
        verdict = policy.hear(sound, 100.0 + number * STEP_MS / 1000)
        if verdict.act is Act.CUT:
            return sound.lasted_ms, verdict
    return None
