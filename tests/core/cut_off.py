"""Somebody was cut off in mid-sentence, for the tests: the device took the turn for over."""

from __future__ import annotations

from device.commands import Command, CutPlayback
from device.core.phases import Phase
from device.events import (
    LinkOpened,
    NearEndHeard,
    PlaybackStarted,
    ReplyAudioReceived,
    ReplyStarted,
    SpeechEnded,
    SpeechStarted,
    StopReason,
    TurnCommitted,
    UplinkStopped,
)
from tests.core.story import Story, wake

RATE_HZ = 16_000
WAKE_AT, SPEECH_AT, PAUSE_AT = 16_000, 20_000, 52_000
#: The pause lasts 1.2 s.
AGAIN_AT = PAUSE_AT + 12 * RATE_HZ // 10
CUT = CutPlayback(StopReason.BARGE_IN)


def cut_off(*, provider: str = "offline", detection: str = "device", **turn: object) -> Story:
    """Wake word, two seconds of speech, a pause: the turn was taken for over."""
    service = {"provider": provider, "turn_detection": detection}
    story = Story(service=service, turn={"slow_reply_s": 0.0, **turn})
    story.happens(wake(WAKE_AT), LinkOpened("s"), SpeechStarted(SPEECH_AT))
    story.passes(2.0)
    story.happens(SpeechEnded(PAUSE_AT))
    if detection == "device":
        story.passes(1.2 - 0.256)
        story.happens(UplinkStopped(PAUSE_AT + 10_000))
    else:
        story.happens(TurnCommitted("u1"), UplinkStopped(PAUSE_AT + 10_000))
        story.passes(1.2 - 0.256)
    assert story.phase is Phase.THINKING
    return story


def says(
    story: Story, for_ms: int, *, quiet_ms: int = 0, since: int = AGAIN_AT, from_ms: int = 0
) -> list[Command]:
    """Somebody speaks for so long, and is silent for so long; what follows. ``from_ms``: as
    much of it was told before."""
    commands: list[Command] = []
    for lasted in range(from_ms + 32, for_ms + quiet_ms + 1, 32):
        quiet = max(0, lasted - for_ms)
        speech = lasted - quiet
        heard = NearEndHeard(since, lasted, speech, speech, quiet, 30.0, True)
        commands += story.passes(0.032)
        commands += story.happens(heard)
    return commands


def goes_on(story: Story) -> list[Command]:
    return says(story, 800)


def begins(story: Story, reply: str = "r1") -> list[Command]:
    return story.happens(TurnCommitted("u1"), ReplyStarted(reply))


def sounds(story: Story) -> list[Command]:
    """The reply begins to."""
    commands = story.happens(ReplyAudioReceived("r1", "i1", 500.0))
    return commands + story.happens(PlaybackStarted("r1", story.now))
