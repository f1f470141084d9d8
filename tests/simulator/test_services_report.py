"""A report of a run whose wire is in another language: the brain's book in the wire's place."""

from __future__ import annotations

import numpy as np

from device.simulator.evidence import Spoken
from device.simulator.services.book import Book
from device.simulator.services.brain import Answer
from tests.simulator.by_hand import RATE_HZ, ROOM_HZ, T0, Stage, speechlike, uplink_of

QUESTION = Spoken("what time is it", T0 + 2.0, T0 + 3.0)
WIRE = [  # of a turn that says something else: it is not to be believed here
    {"at": T0 + 9.0, "direction": "down", "type": "input_audio_buffer.committed", "item_id": "x"}
]


def test_turns_and_what_was_heard_are_told_without_a_word_of_the_wire() -> None:
    stage, book = Stage(), Book()
    words = speechlike(2.0, seed=3)
    sent = uplink_of(stage, 1.5, 3.5, 0.0).data
    book.note(
        book.opened(), (T0 + 3.5, T0 + 4.0), Answer("x", "y", words.tobytes()), (sent, RATE_HZ)
    )
    stage.reply("unused", 4.0, 4.2, words, heard_s=1.1)
    stage.runs = book.downlink()
    stage.stopped(5.3, "button", 1100)
    report = stage.report(
        spoken=[QUESTION], uplink=book.uplink(), rows=WIRE, wire_tells_turns=False
    )
    [turn] = report.turns
    assert turn["text"] == "what time is it"
    assert abs(turn["latency_ms"] - 1200) < 10
    [stop] = report.stops
    assert stop["item_id"] == "answer1"
    assert abs(stop["error_ms"]) < 5
    [row] = report.uplink
    assert (row["matched"], row["lost_samples"], row["doubled_samples"]) == (True, 0, 0)
    assert abs(row["starts_t"] - 1.5) < 0.005


def test_the_silence_at_the_end_is_measured_up_to_the_end_of_the_run() -> None:
    stage = Stage()
    assert stage.report().summary()["quiet_at_end_s"] == 20.0
    stage.speaker[: 12 * ROOM_HZ] = np.tile(np.array([900, -900], np.int16), 6 * ROOM_HZ)
    assert stage.report().summary()["quiet_at_end_s"] == 8.0
