"""Reports on recordings made by hand: what was planted must come out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from device.simulator.evidence import Evidence, Spoken, Track
from device.simulator.report import Report, spread
from device.simulator.timeline import Entry
from device.simulator.wavfile import resample, to_int16
from device.simulator.wire_audio import RATE_HZ, AudioRun

ROOM_HZ = 48_000
T0 = 1000.0
Samples = NDArray[np.int16]


def speechlike(seconds: float, seed: int, lead_s: float = 0.0) -> Samples:
    """24 kHz syllables of noise, 0.15 s of sound and 0.1 s of exact silence in turn."""
    rng = np.random.default_rng(seed)
    sound = resample(rng.standard_normal(int(seconds * 12_000)) * 0.1, 12_000, RATE_HZ)
    place = np.arange(len(sound)) / RATE_HZ
    sound[(place % 0.25) >= 0.15] = 0
    return np.concatenate([np.zeros(int(lead_s * RATE_HZ), np.int16), to_int16(sound)])


class Stage:
    """Puts sounds on a 20 s speaker track and keeps the account."""

    def __init__(self, rate_hz: float = ROOM_HZ) -> None:
        self.rate_hz = rate_hz
        self.speaker = np.zeros(20 * ROOM_HZ, np.int16)
        self.mic = np.random.default_rng(7).integers(-40, 40, 20 * ROOM_HZ).astype(np.int16)
        self.runs: list[AudioRun] = []
        self.entries: list[Entry] = []
        self.parts: dict[str, Any] = {}

    def reply(
        self, key: str, byte_t: float, play_t: float, samples: Samples, heard_s: float = 99.0
    ) -> None:
        run = AudioRun(key, T0 + byte_t)
        run.add(samples.tobytes(), T0 + byte_t)
        self.runs.append(run)
        loud = resample(samples.astype(float) / 32768 * 0.5, RATE_HZ, ROOM_HZ)
        played = to_int16(loud)[: int(heard_s * ROOM_HZ)]
        start = round(play_t * ROOM_HZ)
        self.speaker[start : start + len(played)] = played

    def stopped(self, t: float, reason: str, heard_ms: int) -> None:
        fields = {"reason": reason, "heard_ms": heard_ms}
        self.entries.append(Entry(T0 + t, "playback_stopped", fields))

    def report(self, **parts: Any) -> Report:
        return Report(
            Evidence(
                t0=T0,
                end=T0 + 20,
                nominal_rate_hz=ROOM_HZ,
                speaker=Track(self.speaker, self.rate_hz, T0),
                mic=Track(self.mic, self.rate_hz, T0),
                downlink=self.runs,
                entries=self.entries,
                **parts,
            )
        )


def test_the_latency_of_a_turn_is_found_in_the_recording() -> None:
    stage = Stage()
    stage.speaker[4 * ROOM_HZ : 4 * ROOM_HZ + 4800] = 9000  # an earcon; not the reply
    stage.reply("a1", byte_t=4.2, play_t=4.25, samples=speechlike(2.0, 1, lead_s=0.05))
    rows = [{"at": T0 + 3.9, "direction": "down", "type": "input_audio_buffer.committed"}]
    spoken = [Spoken("what time is it", T0 + 1.0, T0 + 3.5)]
    (turn,) = stage.report(rows=rows, spoken=spoken).turns
    assert turn["text"] == "what time is it"
    assert turn["latency_ms"] == pytest.approx(800, abs=0.5)
    assert turn["device_ms"] == pytest.approx(50, abs=0.5)
    assert turn["commit_ms"] == pytest.approx(400, abs=0.01)
    assert turn["service_ms"] == pytest.approx(300, abs=0.01)
    assert turn["first_speech_t"] == pytest.approx(4.3, abs=0.0005)


def test_replies_belong_to_what_was_said_last() -> None:
    stage = Stage()
    spoken = [
        Spoken(text, T0 + t, T0 + t + 1) for text, t in (("one", 1), ("two", 5), ("three", 9))
    ]
    stage.reply("a", 3.0, 3.1, speechlike(1.0, 1))
    stage.reply("a-again", 3.5, 4.3, speechlike(0.5, 2))
    stage.reply("b", 7.0, 7.1, speechlike(1.0, 3))
    report = stage.report(spoken=spoken)
    assert [(t["text"], t["item_id"]) for t in report.turns] == [("one", "a"), ("two", "b")]
    assert [u["text"] for u in report.summary()["unanswered"]] == ["three"]
    assert report.summary()["latency_ms"]["n"] == 2


def test_a_later_reply_does_not_answer_what_was_said_before() -> None:
    """“one” was said while muted: the reply to “two” is none to it."""
    stage = Stage()
    noise = np.random.default_rng(3).standard_normal(20 * 12_000) * 0.05
    stage.mic = to_int16(resample(noise, 12_000, ROOM_HZ))
    spoken = [Spoken("one", T0 + 1, T0 + 2), Spoken("two", T0 + 5, T0 + 6)]
    stage.reply("b", 7.0, 7.1, speechlike(1.0, 3))
    sent = uplink_of(stage, 4.9, 6.5, late_s=0.01)
    buffer = "input_audio_buffer"
    rows = [
        {"at": T0 + 4.91, "direction": "up", "type": f"{buffer}.append", "audio_ms": 1600.0},
        {"at": T0 + 6.6, "direction": "down", "type": f"{buffer}.committed"},
    ]
    report = stage.report(spoken=spoken, rows=rows, uplink=[sent])
    assert [u["text"] for u in report.summary()["unanswered"]] == ["one"]
    [turn] = report.turns
    assert (turn["text"], turn["commit_ms"]) == ("two", pytest.approx(600, abs=0.01))
    by_time = stage.report(spoken=spoken)
    assert [u["text"] for u in by_time.summary()["unanswered"]] == ["one"]


def test_a_reply_that_never_sounded_is_no_answer() -> None:
    stage = Stage()
    stage.reply("a", 3.0, 3.1, speechlike(1.0, 1), heard_s=0.0)
    report = stage.report(spoken=[Spoken("x", T0 + 1, T0 + 2)])
    assert report.turns == []
    assert report.summary()["latency_ms"] == {"n": 0}
    [silent] = report.summary()["unanswered"]
    assert (silent["text"], silent["t"], silent["reason"]) == ("x", 2.0, "nothing of it was sent")


def test_the_same_words_that_sound_once_are_the_later_replys() -> None:
    """The first reply came while no speaker was plugged in; the second says the same."""
    stage = Stage()
    words = speechlike(1.0, 1)
    stage.reply("a", 3.0, 3.1, words, heard_s=0.0)
    stage.reply("b", 7.0, 7.1, words)
    stage.reply("c", 11.0, 11.1, words)
    spoken = [Spoken(text, T0 + t, T0 + t + 1) for text, t in (("x", 1), ("y", 5), ("z", 9))]
    report = stage.report(spoken=spoken)
    assert [(t["text"], t["item_id"]) for t in report.turns] == [("y", "b"), ("z", "c")]
    assert [u["text"] for u in report.summary()["unanswered"]] == ["x"]


def test_the_same_words_twice_in_a_row_are_both_heard() -> None:
    stage = Stage()
    words = speechlike(1.0, 1)
    stage.reply("a", 3.0, 3.1, words)
    stage.reply("b", 3.05, 4.1, words)
    assert [(h.item.key, round(h.speech_at - T0, 2)) for h in stage.report().heard] == [
        ("a", 3.1),
        ("b", 4.1),
    ]


def test_what_sounded_long_after_an_item_can_have_waited_is_not_that_item() -> None:
    """Nobody else's sound is there to claim it, as where the later reply was not recorded."""
    stage = Stage()
    words = speechlike(1.0, 1)
    stage.reply("a", 2.0, 2.1, words, heard_s=0.0)
    stage.reply("b", 13.0, 13.1, np.concatenate([words[:12_000], speechlike(1.0, 2)]))
    assert [(h.item.key, round(h.speech_at - T0, 2)) for h in stage.report().heard] == [("b", 13.1)]
    stage.runs.pop()
    assert stage.report().heard == []


def test_a_later_reply_that_begins_with_the_same_words_keeps_its_own_place() -> None:
    """The second word is somewhat like the first: where an item that was thrown away took the
    place of the first, the later reply would be found there."""
    stage = Stage()
    word = speechlike(0.15, 1)
    noise = speechlike(0.15, 3).astype(float)
    like = to_int16((word * 0.8 + noise * 0.6) / 32768)
    gap = np.zeros(600, np.int16)
    words = np.concatenate([word, gap, like, gap, word, gap])
    stage.reply("a", 3.0, 3.1, np.concatenate([words, speechlike(1.0, 4)]), heard_s=0.0)
    stage.reply("b", 7.0, 7.1, np.concatenate([words, speechlike(1.0, 5)]))
    assert [(h.item.key, round(h.speech_at - T0, 2)) for h in stage.report().heard] == [("b", 7.1)]


def test_items_sound_in_the_order_in_which_they_came() -> None:
    """“a” was thrown away; its words come again behind those of “b”."""
    stage = Stage()
    words = speechlike(1.0, 1)
    stage.reply("a", 3.0, 3.1, words, heard_s=0.0)
    stage.reply("b", 3.5, 3.6, np.concatenate([speechlike(1.0, 2), words]))
    assert [(h.item.key, round(h.speech_at - T0, 2)) for h in stage.report().heard] == [("b", 3.6)]


def test_a_long_queue_is_waited_for() -> None:
    stage = Stage()
    stage.reply("a", 1.0, 1.1, speechlike(6.0, 1))
    stage.reply("b", 1.1, 7.1, speechlike(6.0, 2))
    stage.reply("c", 1.2, 13.1, speechlike(2.0, 3))
    assert [round(h.speech_at - T0, 2) for h in stage.report().heard] == [1.1, 7.1, 13.1]


def test_a_reply_that_seems_to_sound_before_it_came_has_no_known_device_time() -> None:
    """Two processes read the clock."""
    stage = Stage()
    stage.reply("a", 3.0, 2.997, speechlike(1.0, 1))
    report = stage.report(spoken=[Spoken("x", T0 + 1, T0 + 2)])
    assert report.turns[0]["device_ms"] is None
    assert report.turns[0]["latency_ms"] == pytest.approx(997, abs=0.5)
    assert report.summary()["device_ms"] == {"n": 0}


def test_an_utterance_after_the_end_of_the_run_lost_no_question() -> None:
    late = Spoken("hey jarvis, x", T0 + 21, T0 + 23, T0 + 22, T0 + 22.1)
    summary = Stage().report(spoken=[late]).summary()
    [silent] = summary["unanswered"]
    assert silent["reason"] == "the run was over"
    assert summary["question_lost_ms"] == {"n": 0}


def test_an_utterance_that_a_long_press_ended_was_not_said_while_muted() -> None:
    stage = Stage()
    stage.entries = [Entry(T0 + 3.8, "muted", {})]
    report = stage.report(spoken=[Spoken("x", T0 + 2, T0 + 4)], presses=[T0 + 3.0])
    [row] = report.utterances
    assert row["muted"] is False
    [silent] = report.unanswered
    assert silent["reason"] == "the button was pressed at 3.0 s, and nothing of it was sent"


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


def uplink_of(stage: Stage, start_t: float, end_t: float, late_s: float) -> AudioRun:
    """The microphone from ``start_t`` on, in 20 ms chunks, each ``late_s`` after its end."""
    cut = stage.mic[int(start_t * ROOM_HZ) : int(end_t * ROOM_HZ)].astype(float) / 32768
    samples = to_int16(resample(cut, ROOM_HZ, RATE_HZ))
    run = AudioRun("turn1", T0 + start_t + late_s)
    for first in range(0, len(samples), 480):
        chunk = samples[first : first + 480]
        run.add(chunk.tobytes(), T0 + start_t + (first + len(chunk)) / RATE_HZ + late_s)
    return run


def test_the_uplink_is_the_microphone_and_its_lateness_is_known() -> None:
    stage = Stage()
    rng = np.random.default_rng(3)
    stage.mic = to_int16(resample(rng.standard_normal(20 * 12_000) * 0.05, 12_000, ROOM_HZ))
    report = stage.report(uplink=[uplink_of(stage, 2.0, 6.0, late_s=0.0123)])
    (row,) = report.uplink
    assert row["matched"]
    assert row["starts_t"] == pytest.approx(2.0, abs=0.0001)
    assert (row["lost_samples"], row["doubled_samples"], row["unlike_blocks"]) == (0, 0, 0)
    assert row["capture_to_wire_ms"]["median"] == pytest.approx(12.3, abs=0.1)
    assert report.summary()["uplink_lost_samples"] == 0


def test_a_lost_chunk_is_seen() -> None:
    stage = Stage()
    rng = np.random.default_rng(3)
    stage.mic = to_int16(resample(rng.standard_normal(20 * 12_000) * 0.05, 12_000, ROOM_HZ))
    run = uplink_of(stage, 2.0, 6.0, late_s=0.01)
    del run.data[96_000 : 96_000 + 960]
    del run.chunks[100]
    (row,) = stage.report(uplink=[run]).uplink
    assert row["lost_samples"] == 480


def test_an_uplink_of_something_else_does_not_match() -> None:
    stage = Stage()
    run = AudioRun("turn1", T0 + 2)
    run.add(speechlike(2.0, 5).tobytes(), T0 + 4)
    assert stage.report(uplink=[run]).uplink[0]["matched"] is False


def test_a_run_in_which_nothing_happened() -> None:
    summary = Stage().report().summary()
    assert summary["turns"] == summary["cuts"] == summary["uplink"] == []
    assert summary["latency_ms"] == {"n": 0}


def test_turn_entries_stand_where_the_reply_began() -> None:
    stage = Stage()
    stage.reply("a", 3.0, 3.1, speechlike(1.0, 1))
    report = stage.report(spoken=[Spoken("x", T0 + 1, T0 + 2)])
    (entry,) = report.turn_entries()
    assert entry.event == "turn"
    assert entry.at == pytest.approx(T0 + 3.1, abs=0.0005)
    assert entry.fields["latency_ms"] == pytest.approx(1100, abs=0.5)


def test_spread() -> None:
    assert spread([3.0, None, 1.0, 2.0]) == {
        "median": 2.0,
        "p95": 2.9,
        "min": 1.0,
        "max": 3.0,
        "n": 3,
    }
