"""The wire and the utterances of a run, written down by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from device.simulator.evidence import Evidence, Spoken, Track
from device.simulator.timeline import Entry
from device.simulator.turns import Turns
from device.simulator.unanswered import Reasons
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
        self.unheard: set[int] = set()
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
        ms = (ends_t - starts_t) * 1000
        self.row(t, "input_audio_buffer.append", connection, direction="up", audio_ms=ms)
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

    def created(self, t: float, response: str, connection: int = 1, **ids: Any) -> None:
        self.row(t, "response.created", connection, response_id=response, **ids)

    def done(self, t: float, response: str, status: str = "completed", call: bool = False) -> None:
        if call:
            self.calls(t, response)
        self.row(t, "response.done", response_id=response, status=status)

    def calls(self, t: float, response: str, **ids: Any) -> None:
        self.row(t, "response.function_call_arguments.done", response_id=response, **ids)

    def result(self, t: float, **ids: Any) -> None:
        self.row(t, "conversation.item.create", direction="up", **ids)

    def asks(self, t: float, connection: int = 1, *, result: bool = False, **ids: Any) -> None:
        """``response.create``, behind the result of a function."""
        if result:
            self.row(t, "conversation.item.create", connection, direction="up")
        self.row(t, "response.create", connection, direction="up", response_id=None, **ids)

    def device_commits(self, t: float, connection: int = 1) -> None:
        self.row(t, "input_audio_buffer.commit", connection, direction="up")

    def clear(self, t: float, cleared_t: float | None = None, connection: int = 1) -> None:
        self.row(t, "input_audio_buffer.clear", connection, direction="up")
        if cleared_t is not None:
            self.row(cleared_t, "input_audio_buffer.cleared", connection, direction="down")

    def takes_back(self, t: float, item: str, response: str) -> None:
        """The device deletes a turn and calls its reply off."""
        self.row(t, "conversation.item.delete", direction="up", item_id=item)
        self.row(t, "response.cancel", direction="up", response_id=response)

    def audio(self, t: float, response: str, connection: int = 1, *, heard: bool = True) -> None:
        run = AudioRun(f"item of {response}", T0 + t, response=response, connection=connection)
        run.add(bytes(480), T0 + t)
        self.downlink.append(run)
        if not heard:
            self.unheard.add(id(run))

    def turns(self, *spoken: Spoken, presses: Sequence[float] = (), **parts: Any) -> Turns:
        evidence = Evidence(
            t0=T0,
            end=T0 + 60,
            nominal_rate_hz=48_000,
            speaker=EMPTY,
            mic=EMPTY,
            spoken=spoken,
            presses=[T0 + t for t in presses],
            uplink=self.uplink,
            downlink=self.downlink,
            rows=sorted(self.rows, key=lambda row: row["at"]),
            **parts,
        )
        return Turns(evidence, self.sent, lambda run: id(run) not in self.unheard)

    def judge(self, *spoken: Spoken) -> tuple[list[tuple[str, str]], list[str]]:
        turns = self.turns(*spoken)
        found = [(a.user.text, a.run.response) for a in turns.answered]
        return found, [s.text for s in turns.unanswered]

    def why(self, *spoken: Spoken, **more: Any) -> dict[str, str]:
        turns = self.turns(*spoken, **more)
        return {s.text: Reasons(turns).why(s) for s in turns.unanswered}


def faults(*planned: tuple[float, str]) -> list[Entry]:
    return [Entry(T0 + t, "fault", {"fault": name}) for t, name in planned]


ONE, TWO = said("one", 1, 3), said("two", 6, 8)
