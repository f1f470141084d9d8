"""A reply that arrives more slowly than it is spoken is heard in phrases, not in syllables."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from random import Random

import pytest

from device.audio.jitter import JitterBuffer
from device.audio.prebuffer import Prebuffer, PrebufferBounds
from device.events import PlaybackUnderrun
from device.ports import Samples
from tests.playback.stage import RATE, Stage, ramp

STEP_MS = 10
CHUNK_MS = 100


@dataclass
class Heard:
    """What became of one reply: the stretches that were heard in one piece, in ms, and
    the pauses between them."""

    stretches: list[int]
    pauses: list[int]

    @property
    def interruptions(self) -> int:
        return len(self.pauses)


class Line:
    """A jitter buffer (a frame is a millisecond) that is fed and played step by step."""

    def __init__(self) -> None:
        self.prebuffer = Prebuffer(PrebufferBounds(40, 200))
        self.jitter = JitterBuffer(1000, self.prebuffer)
        self.now_ms = 0

    def say(self, reply: str, arrivals_ms: list[float], chunk_ms: int = CHUNK_MS) -> Heard:
        """Chunk k arrives ``arrivals_ms[k]`` after now; no chunk overtakes the one before."""
        began, due = self.now_ms, list(arrivals_ms)
        heard = Heard([0], [])
        silent_since = 0
        while True:
            while due and began + due[0] <= self.now_ms:
                due.pop(0)
                chunk: Samples = ramp(chunk_ms)
                self.jitter.push(0, reply, "i", chunk, now=self.now_ms / 1000, ahead=0)
                if not due:
                    self.jitter.finish(0, reply)
            if self.jitter.ready_in(self.now_ms / 1000, 0) == 0.0:
                if not heard.stretches[-1] and heard.stretches[:-1]:
                    heard.pauses.append(self.now_ms - silent_since)
                heard.stretches[-1] += self.jitter.pull(STEP_MS).samples.size
                if self.jitter.pop_finished():
                    return heard
            elif self.jitter.ran_dry():
                heard.stretches.append(0)
                silent_since = self.now_ms
            self.now_ms += STEP_MS


def at_rate(seconds: float, rate: float) -> list[float]:
    """Arrivals of ``seconds`` of audio over a line with ``rate`` of what speech needs."""
    chunks = round(seconds * 1000 / CHUNK_MS)
    return [(k + 1) * CHUNK_MS / rate for k in range(chunks)]


def test_at_80_percent_a_reply_of_20_s_is_interrupted_a_few_times_and_not_every_second() -> None:
    heard = Line().say("r", at_rate(20, 0.8))
    assert heard.interruptions < 8
    assert sum(heard.stretches) == 20_000
    # From the third on whole phrases, each longer than the one before, but for the rest.
    phrases = heard.stretches[3:-1]
    assert phrases and min(phrases) >= 1500
    assert phrases == sorted(phrases)


@pytest.mark.parametrize("rate", [0.3, 0.5, 0.7, 0.9, 0.95])
def test_on_any_slow_line_nobody_waits_longer_than_five_seconds_for_the_next_phrase(
    rate: float,
) -> None:
    heard = Line().say("r", at_rate(30, rate))
    assert sum(heard.stretches) == 30_000
    assert max(heard.pauses) <= 5000 + CHUNK_MS / rate + STEP_MS
    assert heard.interruptions <= 18
    assert min(heard.stretches[5:-1], default=1000) >= 1000


def test_the_end_of_a_slow_reply_is_not_held_back() -> None:
    line = Line()
    arrivals = at_rate(6, 0.5)
    line.say("r", arrivals)
    assert line.now_ms <= arrivals[-1] + 3000 + STEP_MS  # what was still to be played then


def test_the_next_reply_begins_within_the_bounds_for_jitter() -> None:
    line = Line()
    line.say("slow", at_rate(20, 0.8))
    assert not line.prebuffer.holds_back
    assert line.prebuffer.needed_ms <= 200
    assert line.prebuffer.patience_ms == line.prebuffer.needed_ms
    assert line.say("fast", at_rate(20, 1.2)).interruptions == 0


def test_a_cut_ends_the_holding_back_too() -> None:
    prebuffer = Prebuffer(PrebufferBounds(40, 200))
    jitter = JitterBuffer(1000, prebuffer)
    for _ in range(3):
        jitter.push(0, "r", "i", ramp(10), now=0.0, ahead=0)
        jitter.pull(10)
        assert jitter.ran_dry() == "r"
    assert prebuffer.holds_back and jitter.slow_reply == "r"
    jitter.discard_before(1)
    assert not prebuffer.holds_back and jitter.slow_reply is None


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("chunk_ms", [20, 100])
def test_with_100_ms_of_jitter_and_enough_rate_nothing_is_held_back(
    seed: int, chunk_ms: int
) -> None:
    random, line = Random(seed), Line()
    for number in range(4):
        arrivals, latest = [], 0.0
        for k in range(10_000 // chunk_ms):
            latest = max(latest, k * chunk_ms + random.uniform(0, 100))
            arrivals.append(latest)
        heard = line.say(f"r{number}", arrivals, chunk_ms)
        assert heard.interruptions <= 2  # the third would hold back
        assert max(heard.pauses, default=0) <= 200 + chunk_ms


def test_two_interruptions_change_nothing_and_the_third_holds_back() -> None:
    prebuffer = Prebuffer(PrebufferBounds(40, 200))
    needed = []
    for _ in range(7):
        prebuffer.ran_dry()
        needed.append(prebuffer.needed_ms)
    assert needed == [100, 200, 400, 800, 1600, 3000, 3000]


def speak_slowly(stage: Stage, reply: str, seconds: float, rate: float) -> None:
    chunk = RATE // 10
    for number in range(round(seconds * 10)):
        stage.say(reply, ramp(chunk, 1 + number * chunk))
        stage.run(0.1 / rate)
    stage.finish(reply)
    stage.run(4.0)


def test_the_speaker_is_given_phrases_and_the_log_one_line_a_reply(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage()
    with caplog.at_level(logging.WARNING, "device.adapters.alsa_playback"):
        speak_slowly(stage, "first", 10.0, 0.8)
        assert 3 <= len(stage.of(PlaybackUnderrun)) <= 6
        assert [r.message.split(":")[0] for r in caplog.records] == ["playback"]
        assert "more slowly than it is spoken" in caplog.text
        speak_slowly(stage, "fast", 3.0, 1.5)
        assert len(caplog.records) == 1
        speak_slowly(stage, "second", 10.0, 0.8)
        assert len(caplog.records) == 2
    assert stage.playback.prebuffer_ms <= 200
