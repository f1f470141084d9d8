"""Plays sounds over a long reply and asks the shipped classes what they make of them.

One stream: a reply that goes on, an echo of it, and the sounds one after the other, from
:data:`LEAD_S` on. :class:`device.audio.cancelling.stage.EchoStage` cancels it as on the device;
:class:`device.audio.near_end.NearEnd` listens to the result, :class:`device.core.bargein.BargeIn`
decides. The reply is *not* really lowered or cut, so that one pass serves every mode: in a room
the echo is 15 dB weaker from the duck on, and the person stands out more than here.

A verdict's time is that of the last sample it needed, so the canceller's latency and the blocks
are in it. What comes on top on the device is in :data:`FIXED_MS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.audio.cancelling.far_end import FarEnd, FarEndReports, Played
from device.audio.cancelling.stage import EchoStage
from device.audio.echo import BLOCK_SAMPLES as CALL_SAMPLES
from device.audio.near_end import BLOCK_SAMPLES, NearEnd
from device.audio.onset import EchoLevels
from device.audio.vad import SileroVad
from device.core.bargein import Act, BargeIn
from device.events import NearEndHeard
from device.ports import Samples
from scripts.bench_parts.acoustics.corpus import RATE_HZ
from scripts.bench_parts.acoustics.overlap import Sound
from scripts.bench_parts.acoustics.scenes import Room, microphone, replies, with_person
from scripts.bench_parts.acoustics.stats import active_level_db

CALL_BLOCKS = CALL_SAMPLES // BLOCK_SAMPLES
AHEAD_SAMPLES = 3 * RATE_HZ // 100  #: what was played is told so long before it sounds
LEAD_S = 10.0
GAP_S = 2.0
TICK_S = 0.1
BEFORE_MS = 100  #: a reaction so shortly before the measured onset is one to this sound
AFTER_MS = 700  #: and so long after its end

FIXED_MS = {
    "capture": 5.0,  # half a period of 10 ms until the block is read
    "duck_queue": 35.0,  # what stands in the card at the old volume
    "duck_ramp": 5.0,
    "cut": 1.0,  # drop() discards what stands in the card
}
DUCKED_MS = FIXED_MS["capture"] + FIXED_MS["duck_queue"] + FIXED_MS["duck_ramp"]
CUT_MS = FIXED_MS["capture"] + FIXED_MS["cut"]


@dataclass(frozen=True)
class Trial:
    """``onset`` and ``end`` in samples of the stream."""

    name: str
    ser_db: float
    onset: int
    end: int


@dataclass(frozen=True)
class Cancelled:
    """A stream behind the canceller, and what it told of each block of 10 ms."""

    samples: Samples
    levels: NDArray[np.float32]  #: (blocks, 4) dBFS: far end, microphone, linear, output
    residual_db: NDArray[np.float32]
    converged: NDArray[np.bool_]


@dataclass(frozen=True)
class Scene:
    """What the near end is told, with the sample at which each piece of news came."""

    trials: tuple[Trial, ...]
    news: tuple[tuple[int, NearEndHeard], ...]
    seconds: float


@dataclass(frozen=True)
class Reaction:
    """To one trial, in ms from its onset; None: never."""

    trial: Trial
    duck_ms: float | None
    cut_ms: float | None
    up_ms: float | None  #: when the reply came up again for good, if it was not cut


def scene(
    sounds: Sequence[Sound], sers_db: Sequence[float], room: Room, *, seed: int, tail_s: float = 2.0
) -> Scene:
    """Every sound at every level against the echo, over synthetic replies."""
    random = np.random.default_rng(seed)
    plan: list[tuple[float, float, Sound]] = []
    at_s = LEAD_S
    for ser_db in sers_db:
        for one in sounds:
            plan.append((at_s, ser_db, one))
            at_s += len(one.samples) / RATE_HZ + GAP_S + random.uniform(0, 1)
    played = replies(at_s + tail_s, seed=seed)
    sound = room.echo(played)
    echo_db = active_level_db(sound)
    trials = []
    for begin_s, ser_db, one in plan:
        sound = with_person(sound, one.samples, begin_s, ser_db, echo_db)
        begin = round(begin_s * RATE_HZ)
        trials.append(Trial(one.name, ser_db, begin + one.onset, begin + one.end))
    return Scene(tuple(trials), heard(cancelled(played, microphone(sound))), at_s + tail_s)


def cancelled(played: Samples, near: Samples) -> Cancelled:
    """What the echo stage makes of it, as the ear calls it: a block of 20 ms at a time."""
    far_end, reports = FarEnd(RATE_HZ, 1), FarEndReports()
    stage = EchoStage(far_end, reports, rate_hz=RATE_HZ)
    count = len(near) // CALL_SAMPLES
    samples = np.empty(count * CALL_SAMPLES, np.int16)
    levels = np.empty((count, CALL_BLOCKS, 4), np.float32)
    residual_db = np.empty((count, CALL_BLOCKS), np.float32)
    converged = np.empty((count, CALL_BLOCKS), np.bool_)
    told = 0
    for number in range(count):
        first = number * CALL_SAMPLES
        while told < min(len(played), first + CALL_SAMPLES + AHEAD_SAMPLES):
            block = played[told : told + BLOCK_SAMPLES]
            told += len(block)
            reports.put(Played(1, told, told / RATE_HZ, block.tobytes()))
        stage.observe(first + CALL_SAMPLES, (first + CALL_SAMPLES) / RATE_HZ)
        here = slice(first, first + CALL_SAMPLES)
        samples[here] = stage.process(near[here, None], first)[:, 0]
        facts = stage.facts
        levels[number] = facts.levels
        residual_db[number], converged[number] = facts.residual_db, facts.converged
    return Cancelled(samples, levels.reshape(-1, 4), residual_db.ravel(), converged.ravel())


def heard(stream: Cancelled) -> tuple[tuple[int, NearEndHeard], ...]:
    """What the near end posts, and the sample at which it does."""
    near_end = NearEnd(SileroVad(), RATE_HZ)
    news = []
    for number, levels in enumerate(stream.levels):
        first = number * BLOCK_SAMPLES
        echo = EchoLevels(
            microphone_db=float(levels[1]),
            linear_db=float(levels[2]),
            residual_db=float(stream.residual_db[number]),
            certain=bool(stream.converged[number]),
        )
        block = stream.samples[first : first + BLOCK_SAMPLES]
        come = (number // CALL_BLOCKS + 1) * CALL_SAMPLES  # with the call it is part of
        news += [(come, one) for one in near_end.hear(block, first, echo)]
    return tuple(news)


def verdicts(
    news: Sequence[tuple[int, NearEndHeard]], mode: str, person_db: float | None = None
) -> list[tuple[float, Act]]:
    """``(s, what)`` of all that is not nothing. After a cut another reply begins with the next
    sound: who has cut goes on speaking, but over nothing. ``person_db``: how loud the one was
    whose turn is answered, as the ear tells it; None where that is not known."""
    policy = BargeIn(mode, RATE_HZ)
    policy.person_spoke(person_db)
    found: list[tuple[float, Act]] = []
    cut_by: int | None = None
    for sample, one in news:
        if one.since_frame == cut_by:
            continue
        now = sample / RATE_HZ
        while policy.due is not None and policy.due < now:
            due = policy.due
            if policy.tick(due).act is not Act.NOTHING:
                found.append((due, Act.RESTORE))
        act = policy.hear(one, now).act
        if act is not Act.NOTHING:
            found.append((now, act))
        if act is Act.CUT:
            policy.reply_began()
            cut_by = one.since_frame
    return found


def loudest_db(made: Scene) -> float:
    """Of each trial the loudest 32 ms of speech, as the near end told it; their median."""
    loudest = []
    for trial in made.trials:
        told = [
            one.level_db
            for at, one in made.news
            if trial.onset <= at <= trial.end + AFTER_MS * RATE_HZ // 1000
            and one.level_db is not None
        ]
        loudest += [max(told)] if told else []
    return float(np.median(loudest))


def reactions(made: Scene, mode: str, person_db: float | None = None) -> list[Reaction]:
    """What became of each trial in ``mode``."""
    acts = verdicts(made.news, mode, person_db)
    found = []
    for trial in made.trials:
        begin, end = trial.onset / RATE_HZ, trial.end / RATE_HZ
        mine = [
            (at, act) for at, act in acts if begin - BEFORE_MS / 1000 <= at <= end + AFTER_MS / 1000
        ]
        cut = next((at for at, act in mine if act is Act.CUT), None)
        duck = next((at for at, act in mine if act is Act.DUCK), None)
        ups = [at for at, act in mine if act is Act.RESTORE]
        found.append(
            Reaction(
                trial,
                None if duck is None else 1000 * (duck - begin) + DUCKED_MS,
                None if cut is None else 1000 * (cut - begin) + CUT_MS,
                None if cut is not None or not ups else 1000 * (ups[-1] - begin) + DUCKED_MS,
            )
        )
    return found
