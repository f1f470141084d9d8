"""Speakers that answer with errors, and what was heard when one goes away."""

from __future__ import annotations

import errno
import os
from typing import Any

import pytest

from device.adapters.alsa import Pcm, PcmError, PcmRequest
from device.events import PartDegraded, PartReady, PlaybackStopped, PlaybackUnderrun, StopReason
from tests.playback.stage import RATE, Stage, ramp


class Failing:
    """A PCM on which ``method`` returns ``result``, or raises it, while the card is broken."""

    def __init__(self, pcm: Pcm, stage: BadStage) -> None:
        self._pcm, self._stage = pcm, stage

    def __getattr__(self, name: str) -> Any:
        if name != self._stage.method:
            return getattr(self._pcm, name)
        return self._fail

    def _fail(self, *_arguments: object) -> int:
        self._stage.calls += 1
        assert self._stage.calls < 10_000, "it tries without end"
        if isinstance(self._stage.result, PcmError):
            raise self._stage.result
        return int(self._stage.result)


class BadStage(Stage):
    """``break_it`` makes one method of the card fail, ``mend_it`` ends that."""

    def __init__(self) -> None:
        super().__init__()
        self.method: str | None = None
        self.result: Any = 0
        self.calls = 0

    def open(self, request: PcmRequest) -> Pcm:
        return Failing(super().open(request), self)

    def break_it(self, method: str, result: Any) -> None:
        self.method, self.result = method, result

    def mend_it(self) -> None:
        self.method = None


@pytest.mark.parametrize(
    ("method", "result", "words"),
    [
        ("write", -errno.EPIPE, "over- or underruns without end"),
        ("avail", -errno.EPIPE, "over- or underruns without end"),
        ("write", -errno.EIO, "Input/output error"),
        ("write", -errno.EBADFD, "File descriptor in bad state"),
        ("avail", -errno.EIO, "Input/output error"),
        ("drop", -errno.EIO, "Input/output error"),
        ("write", PcmError("Input/output error [fake]"), "Input/output error"),
    ],
)
def test_a_speaker_that_fails_is_reopened_and_told_once(
    method: str, result: Any, words: str
) -> None:
    stage = BadStage()
    stage.playback.warm(True)
    stage.within_a_reply(length_s=60, played_s=1.5)
    stage.break_it(method, result)
    stage.speaker.xrun_requests += method == "drop"  # which is called then
    stage.run(30.0)
    (lost,) = stage.of(PartDegraded)
    assert lost.state == "reopening" and words in lost.detail and lost.hint
    assert [s.reason for s in stage.of(PlaybackStopped)] == [StopReason.ERROR]
    assert len(stage.of(PlaybackUnderrun)) <= 5
    if method != "drop":  # needed only when it sounds, and that was given up
        assert len(stage.of(PartReady)) == 1  # that it can be opened again is no news
        assert 10 < stage.speaker.opened < 30 and stage.calls < 10 * stage.speaker.opened
    stage.mend_it()
    stage.run(5.0)
    assert len(stage.of(PartReady)) == 2
    heard = len(stage.sounded())
    stage.say_all("next", ramp(RATE // 2))
    stage.run(1.0)
    assert stage.of(PlaybackStopped)[-1].reason is StopReason.DONE
    assert len(stage.sounded()) > heard


def test_underruns_that_the_machine_is_to_blame_for_are_no_loss() -> None:
    stage = Stage()
    stage.playback.warm(True)
    stage.within_a_reply(length_s=60, played_s=0.5)
    for _ in range(20):
        stage.clock.now += 0.3  # nobody calls step(): all that was queued is played
        stage.run(0.02)
    assert stage.playback.xruns == 20
    assert not stage.of(PartDegraded) and stage.speaker.opened == 1


def test_a_speaker_that_goes_while_it_is_opened_is_taken_when_it_is_back() -> None:
    stage = BadStage()
    stage.break_it("polldescriptors", PcmError(f"{os.strerror(errno.ENODEV)} [fake]"))
    stage.run(3.0)
    assert [d.state for d in stage.of(PartDegraded)] == ["no speaker"]
    stage.mend_it()
    stage.run(4.0)
    assert len(stage.of(PartReady)) == 1


def test_what_was_heard_when_the_card_went_is_wrong_by_half_a_wait_at_most() -> None:
    """The card can be asked until it goes, and says afterwards that it has gone."""
    errors: list[float] = []
    for trial in range(40):
        stage = Stage(latency_ms=8.0).warmed_up().within_a_reply(length_s=3, played_s=0.5)
        looked_at = stage.clock.now
        wait = stage.playback.step()
        stage.clock.now += wait * trial / 40
        heard = len(stage.sounded()) - 8 * RATE // 1000
        stage.speaker.plugged = False
        stage.clock.now = looked_at + wait
        stage.playback.step()
        (stopped,) = stage.of(PlaybackStopped)
        error_ms = stopped.heard_ms - heard * 1000 / RATE
        assert abs(error_ms) <= wait * 500 + 1.0  # 1: rounding, here and there
        errors.append(error_ms)
    assert max(errors) > 2 and min(errors) < -2  # it does lie in the middle


def test_a_card_that_went_long_ago_did_not_play_more_than_it_had() -> None:
    stage = Stage()
    stage.playback.warm(True)
    stage.within_a_reply(length_s=3, played_s=0.5)
    heard = len(stage.sounded())
    stage.speaker.plugged = False
    stage.clock.now += 10.0  # the thread was held up
    stage.playback.step()
    (stopped,) = stage.of(PlaybackStopped)
    assert heard <= stopped.heard_ms * RATE / 1000 <= heard + 0.021 * RATE
