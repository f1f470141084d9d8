"""Of a reply that was cut, or talked over: how much of it was heard, and was it meant?"""

from __future__ import annotations

import numpy as np
import pytest

from device.simulator.evidence import Spoken
from tests.simulator.by_hand import ROOM_HZ, T0, Stage, speechlike


def test_a_cut_is_measured_from_the_edge() -> None:
    stage = Stage()
    stage.reply("a", 3.0, 3.0, speechlike(5.0, 1), heard_s=2.1)
    press = T0 + 3.0 + 2.1 - 0.0042
    (cut,) = stage.report(presses=[press, T0 + 12.0]).cuts
    assert cut["cut_ms"] == pytest.approx(4.2, abs=0.1)
    assert cut["quiet_ms"] > 10_000


def test_a_press_in_a_pause_of_the_speech_is_told_apart() -> None:
    stage = Stage()
    stage.reply("a", 3.0, 3.0, speechlike(5.0, 1), heard_s=2.2)
    report = stage.report(presses=[T0 + 3.0 + 2.2])
    assert [(c["cut_ms"], c["in_pause"]) for c in report.cuts] == [(0.0, True)]
    assert report.summary()["cut_ms"] == {"n": 0}


def test_a_reply_that_breaks_off_at_once_for_an_underrun_is_still_found() -> None:
    stage = Stage()
    stage.reply("a", 3.0, 3.05, speechlike(2.0, 1))
    at = int((3.05 + 0.13) * ROOM_HZ)
    stage.speaker = np.insert(stage.speaker, at, np.zeros(3000, np.int16))[: len(stage.speaker)]
    (turn,) = stage.report(spoken=[Spoken("x", T0 + 1, T0 + 2.05)]).turns
    assert turn["latency_ms"] == pytest.approx(1000, abs=0.5)


@pytest.mark.parametrize("claim_error_ms", [-30, 0, 25])
def test_heard_is_compared_with_the_recording(claim_error_ms: int) -> None:
    stage = Stage()
    stage.reply("a", 3.0, 3.05, speechlike(5.0, 1), heard_s=2.1)
    stage.stopped(5.16, "button", 2100 + claim_error_ms)
    (stop,) = stage.report().stops
    assert stop["item_id"] == "a"
    assert stop["error_ms"] == pytest.approx(claim_error_ms, abs=0.3)


def test_any_place_inside_a_pause_is_right() -> None:
    stage = Stage()  # the item pauses from 2.15 to 2.25 s
    stage.reply("a", 3.0, 3.05, speechlike(5.0, 1), heard_s=2.2)
    for heard_ms, error_ms in ((2155, 0), (2200, 0), (2245, 0), (2140, -10), (2260, 10)):
        stage.entries.clear()
        stage.stopped(5.3, "wake", heard_ms)
        (stop,) = stage.report().stops
        assert stop["error_ms"] == pytest.approx(error_ms, abs=1.5), heard_ms


def test_a_reply_heard_to_the_end() -> None:
    stage = Stage()
    stage.reply("a", 3.0, 3.05, speechlike(2.0, 1))
    stage.stopped(5.1, "done", 2000)
    (stop,) = stage.report().stops
    assert stop["error_ms"] == pytest.approx(0, abs=0.3)


def test_an_underrun_does_not_spoil_the_account() -> None:
    stage = Stage()
    stage.reply("a", 3.0, 3.05, speechlike(5.0, 1), heard_s=2.1)
    at = int(4.0 * ROOM_HZ)
    gap = np.zeros(int(0.03 * ROOM_HZ), np.int16)
    stage.speaker = np.insert(stage.speaker, at, gap)[: len(stage.speaker)]
    stage.stopped(5.2, "button", 2100)
    (stop,) = stage.report().stops
    assert stop["error_ms"] == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize("error_ms", [-40, 30])
@pytest.mark.parametrize(
    ("gap_s", "after_s"), [(0.3, 1.3), (0.561, 0.6), (0.561, 1.9), (1.7, 2.05)]
)
def test_a_gap_of_the_network_does_not_spoil_the_account(
    gap_s: float, after_s: float, error_ms: int
) -> None:
    """What was played late ends later; the words before that, and a pause among them, are not
    taken for the end."""
    stage = Stage()
    stage.reply("a", 3.0, 3.05, speechlike(5.0, 1), heard_s=2.1)
    at = int((3.05 + after_s) * ROOM_HZ)
    gap = np.zeros(int(gap_s * ROOM_HZ), np.int16)
    stage.speaker = np.insert(stage.speaker, at, gap)[: len(stage.speaker)]
    stage.stopped(5.2 + gap_s, "button", 2100 + error_ms)
    (stop,) = stage.report().stops
    assert stop["error_ms"] == pytest.approx(error_ms, abs=1.5)


def test_two_gaps_do_not_either() -> None:
    stage = Stage()
    stage.reply("a", 3.0, 3.05, speechlike(5.0, 1), heard_s=4.1)
    for after_s, gap_s in ((3.5, 0.2), (0.9, 0.8)):
        at = int((3.05 + after_s) * ROOM_HZ)
        gap = np.zeros(int(gap_s * ROOM_HZ), np.int16)
        stage.speaker = np.insert(stage.speaker, at, gap)[: len(stage.speaker)]
    stage.stopped(8.2, "button", 4100)
    (stop,) = stage.report().stops
    assert stop["error_ms"] == pytest.approx(0, abs=1.5)


def test_another_reply_behind_the_cut_is_not_taken_for_more_of_the_first() -> None:
    stage = Stage()
    stage.reply("a", 3.0, 3.05, speechlike(5.0, 1), heard_s=2.1)
    stage.reply("b", 5.3, 5.4, speechlike(2.0, 2))
    stage.stopped(5.2, "barge_in", 2100)
    (stop,) = stage.report().stops
    assert (stop["item_id"], stop["error_ms"]) == ("a", pytest.approx(0, abs=1.5))


YEAH = Spoken("Yeah.", T0 + 4.0, T0 + 4.3)


def test_an_acknowledgement_over_a_reply_that_goes_on_is_told_as_such() -> None:
    stage = Stage()
    stage.reply("a", 3.0, 3.05, speechlike(5.0, 1))
    summary = stage.report(spoken=[Spoken("x", T0 + 1, T0 + 2), YEAH]).summary()
    assert [(one["t"], one["text"]) for one in summary["acknowledgements"]] == [(4.3, "Yeah.")]
    assert [turn["text"] for turn in summary["turns"]] == ["x"]
    assert summary["unanswered"] == []


def test_it_is_not_when_it_stopped_the_reply_or_there_was_none() -> None:
    stage = Stage()
    stage.reply("a", 3.0, 3.05, speechlike(5.0, 1), heard_s=1.5)
    stopped = stage.report(spoken=[YEAH]).summary()
    alone = Stage().report(spoken=[YEAH]).summary()
    for summary in (stopped, alone):
        assert summary["acknowledgements"] == []
        assert [one["text"] for one in summary["unanswered"]] == ["Yeah."]


def test_who_asks_something_over_a_reply_that_goes_on_is_unanswered() -> None:
    stage = Stage()
    stage.reply("a", 3.0, 3.05, speechlike(5.0, 1))
    summary = stage.report(spoken=[Spoken("yeah but why", T0 + 4.0, T0 + 4.8)]).summary()
    assert summary["acknowledgements"] == []
    assert [one["text"] for one in summary["unanswered"]] == ["yeah but why"]
