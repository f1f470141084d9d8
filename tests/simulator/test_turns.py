"""Which utterance a reply answers: by the wire's commits, else by time."""

from __future__ import annotations

from typing import Any

import numpy as np

from device.simulator.evidence import Evidence, Spoken, Track
from device.simulator.turns import answers
from device.simulator.wire_audio import RATE_HZ, AudioRun
from device.simulator.wire_log import Row

T0 = 1000.0
EMPTY = Track(np.zeros(1, np.int16), 48_000, T0)


def said(text: str, first_t: float, last_t: float, **more: Any) -> Spoken:
    return Spoken(text, T0 + first_t, T0 + last_t, **more)


class Wire:
    """One or more connections, written down as the proxy would."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.uplink: list[AudioRun] = []
        self.sent: list[dict[str, Any]] = []
        self.downlink: list[AudioRun] = []
        self._position_ms: dict[int, float] = {}

    def row(self, t: float, kind: str, connection: int = 1, **fields: Any) -> None:
        self.rows.append({"at": T0 + t, "type": kind, "connection": connection, **fields})

    def send(
        self, t: float, starts_t: float, ends_t: float, *, matched: bool = True, connection: int = 1
    ) -> tuple[float, float]:
        """Microphone audio on the wire at ``t``; returns its place in the session in ms."""
        run = AudioRun("", T0 + t, connection=connection)
        run.add(bytes(2 * round((ends_t - starts_t) * RATE_HZ)), T0 + t)
        self.uplink.append(run)
        places = {"starts_t": starts_t, "ends_t": ends_t} if matched else {}
        self.sent.append({"matched": matched, **places})
        begins = self._position_ms.get(connection, 0.0)
        self._position_ms[connection] = begins + (ends_t - starts_t) * 1000
        return begins, self._position_ms[connection]

    def commit(
        self, t: float, item: str, span_ms: tuple[float, float] | None = None, connection: int = 1
    ) -> None:
        buffer = "input_audio_buffer"
        if span_ms:
            ids = {"item_id": item, "connection": connection}
            self.row(t, f"{buffer}.speech_started", audio_start_ms=span_ms[0], **ids)
            self.row(t, f"{buffer}.speech_stopped", audio_end_ms=span_ms[1], **ids)
        self.row(t, f"{buffer}.committed", connection, item_id=item)

    def created(self, t: float, response: str, connection: int = 1) -> None:
        self.row(t, "response.created", connection, response_id=response)

    def done(self, t: float, response: str, status: str = "completed", call: bool = False) -> None:
        if call:
            self.row(t, "response.function_call_arguments.done", response_id=response)
        self.row(t, "response.done", response_id=response, status=status)

    def audio(self, t: float, response: str, connection: int = 1) -> None:
        run = AudioRun(f"item of {response}", T0 + t, response=response, connection=connection)
        run.add(bytes(480), T0 + t)
        self.downlink.append(run)

    def judge(self, *spoken: Spoken) -> tuple[list[tuple[str, str]], list[str]]:
        evidence = Evidence(
            t0=T0,
            end=T0 + 60,
            nominal_rate_hz=48_000,
            speaker=EMPTY,
            mic=EMPTY,
            spoken=spoken,
            uplink=self.uplink,
            downlink=self.downlink,
            rows=self.rows,
        )
        found, silent = answers(evidence, self.sent)
        return [(a.user.text, a.run.response) for a in found], [s.text for s in silent]


ONE, TWO = said("one", 1, 3), said("two", 6, 8)


def test_what_was_never_sent_stays_unanswered() -> None:
    """Said while muted, then another question that is answered."""
    wire = Wire()
    wire.commit(8.6, "b", wire.send(7.0, 6.9, 8.5))
    wire.created(8.61, "r")
    wire.audio(8.7, "r")
    assert wire.judge(ONE, TWO) == ([("two", "r")], ["one"])


def test_by_time_only_the_newest_is_answered() -> None:
    wire = Wire()
    wire.audio(8.7, "")
    assert wire.judge(ONE, TWO) == ([("two", "")], ["one"])
    again = Wire()
    again.audio(3.5, "a")
    again.audio(4.5, "b")  # more of it
    assert again.judge(ONE, TWO) == ([("one", "a")], ["two"])


def test_a_late_answer_belongs_to_the_older_question() -> None:
    """A slow line: both turns are taken at once, long after; the second has no answer."""
    wire = Wire()
    first = wire.send(2.0, 1.5, 5.0)
    second = wire.send(7.0, 6.9, 8.5)
    wire.commit(12.0, "a", first)
    wire.created(12.001, "r1")
    wire.done(12.02, "r1", call=True)
    wire.commit(12.03, "b", second)
    wire.created(12.04, "r2")
    wire.done(12.06, "r2", call=True)
    wire.created(12.1, "r3")
    wire.audio(12.2, "r3")
    wire.done(13.0, "r3")
    wire.created(13.1, "r4")
    wire.row(13.11, "response.cancel", response_id="r4")
    wire.done(13.2, "r4", "cancelled")
    assert wire.judge(ONE, TWO) == ([("one", "r3")], ["two"])
    wire.rows = wire.rows[:-2]
    wire.audio(13.2, "r4")
    assert wire.judge(ONE, TWO) == ([("one", "r3"), ("two", "r4")], [])


def test_a_cancelled_or_forgotten_turn_does_not_take_the_next_ones_answer() -> None:
    for status, cancelled in (("cancelled", True), ("completed", False)):
        wire = Wire()
        wire.commit(3.6, "a", wire.send(2.0, 1.5, 3.5))
        wire.created(3.61, "r1")
        if cancelled:
            wire.row(3.7, "response.cancel", response_id="r1")
        wire.done(3.8, "r1", status)
        wire.commit(8.6, "b", wire.send(7.0, 6.9, 8.5))
        wire.created(8.61, "r2")
        wire.audio(8.7, "r2")
        assert wire.judge(ONE, TWO) == ([("two", "r2")], ["one"])


def test_a_turn_dies_with_its_connection() -> None:
    wire = Wire()
    wire.commit(3.6, "a", wire.send(2.0, 1.5, 3.5))
    wire.created(3.61, "r1")
    wire.row(3.7, "closed")
    wire.commit(8.6, "b", wire.send(7.0, 6.9, 8.5, connection=2), connection=2)
    wire.created(8.61, "r2", 2)
    wire.audio(8.7, "r2", 2)
    assert wire.judge(ONE, TWO) == ([("two", "r2")], ["one"])


def test_a_reply_that_nobody_asked_for_answers_nothing() -> None:
    wire = Wire()
    wire.commit(3.6, "a", wire.send(2.0, 1.5, 3.5))
    wire.created(3.61, "r1")
    wire.audio(3.7, "r1")
    wire.audio(3.8, "r1")
    wire.done(4.0, "r1")
    wire.created(9.0, "announcement")
    wire.audio(9.1, "announcement")
    assert wire.judge(ONE, TWO) == ([("one", "r1")], ["two"])


def test_a_turn_taken_in_a_pause_is_not_the_utterance() -> None:
    """The end of what was said stands in the second commit, so the second reply answers it."""
    wire = Wire()
    wire.commit(2.4, "a", wire.send(1.5, 1.2, 2.3))
    wire.created(2.41, "r1")
    wire.audio(2.5, "r1")
    wire.done(2.6, "r1")
    wire.commit(3.6, "b", wire.send(2.6, 2.3, 3.5))
    wire.created(3.61, "r2")
    wire.audio(3.7, "r2")
    assert wire.judge(ONE) == ([("one", "r2")], [])


def test_without_the_services_places_all_that_was_sent_since_the_last_turn_counts() -> None:
    wire = Wire()
    wire.send(1.5, 1.2, 3.4)
    wire.row(4.0, "input_audio_buffer.clear")
    wire.send(7.0, 6.9, 8.5)
    wire.commit(8.6, "b")
    wire.created(8.61, "r")
    wire.audio(8.7, "r")
    assert wire.judge(ONE, TWO) == ([("two", "r")], ["one"])


def test_where_the_recording_does_not_show_what_was_sent_time_decides() -> None:
    wire = Wire()
    wire.commit(3.6, "a", wire.send(2.0, 1.5, 3.5, matched=False))
    wire.created(3.61, "r1")
    wire.audio(3.7, "r1")
    assert wire.judge(ONE, TWO) == ([("one", "r1")], ["two"])


def test_two_utterances_in_one_turn_are_both_answered() -> None:
    near = said("more", 3.2, 4.0)
    wire = Wire()
    wire.commit(4.6, "a", wire.send(2.0, 1.5, 4.5))
    wire.created(4.61, "r1")
    wire.audio(4.7, "r1")
    assert wire.judge(ONE, near) == ([("more", "r1")], [])


def test_a_wake_word_alone_asks_nothing() -> None:
    alone = said("hey jarvis", 1, 2, word_end_at=T0 + 2)
    assert Wire().judge(alone, TWO) == ([], ["two"])
