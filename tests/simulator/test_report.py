"""Reports on recordings made by hand: what was planted must come out."""

from __future__ import annotations

import numpy as np
import pytest

from device.simulator.evidence import Spoken
from device.simulator.report import spread
from device.simulator.timeline import Entry
from device.simulator.wavfile import resample, to_int16
from device.simulator.wire_audio import AudioRun
from tests.simulator.by_hand import ROOM_HZ, T0, Stage, speechlike, uplink_of


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
