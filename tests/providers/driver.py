"""Plays the link for a codec: a clock that is told, frames in and out as dicts."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from device.commands import ServiceCommand
from device.events import ErrorKind, Event
from device.providers.base import AskFence, Disconnect, Emit, Note, Output, SendFrame, SessionSpec
from device.providers.openai_dialects import OPENAI, Dialect
from device.providers.openai_realtime import OpenAIRealtime

URL = "wss://api.example.org/v1/realtime"


class Driver:
    """Collects everything a codec puts out."""

    def __init__(
        self,
        spec: SessionSpec | None = None,
        dialect: Dialect = OPENAI,
        wall_ahead_s: float | None = None,
    ) -> None:
        spec = spec or SessionSpec(url=URL, key="sk-secret-of-the-test")
        self.codec = OpenAIRealtime(spec, dialect, wall_ahead_s)
        self.now = 100.0
        self.outputs: list[Output] = []
        self._passed = 0  # fences

    def take(self, outputs: Sequence[Output]) -> list[Output]:
        self.outputs += outputs
        return list(outputs)

    def start(self) -> list[Output]:
        return self.take(self.codec.start(self.now))

    def connect(self) -> None:
        self.start()
        self.take(self.codec.opened(self.now))

    def ready(self) -> Driver:
        """Through the hand-shake."""
        self.connect()
        self.event("session.created", session={"id": "sess_1"})
        self.event("session.updated", session={"id": "sess_1"})
        return self

    def event(self, kind: str, **fields: Any) -> list[Output]:
        """A server event of type ``kind``."""
        return self.raw(json.dumps({"type": kind, "event_id": "event_1", **fields}))

    def raw(self, data: str | bytes) -> list[Output]:
        return self.take(self.codec.received(data, self.now))

    def command(self, command: ServiceCommand) -> list[Output]:
        return self.take(self.codec.command(command, self.now))

    @property
    def patience_ends(self) -> float | None:
        """When the codec wants to be called, but for the session's own end."""
        return self.codec._responses.due

    def drained(self) -> None:
        """All that the service had said has been heard: the fences asked for pass."""
        asked = [o.token for o in self.outputs if isinstance(o, AskFence)]
        for token in asked[self._passed :]:
            self.fence_passes(token)
        self._passed = len(asked)

    def fence_passes(self, token: str) -> None:
        assert self.take(self.codec.fence_passed(token, self.now)) == []

    def wait(self, seconds: float) -> list[Output]:
        self.now += seconds
        return self.take(self.codec.timeout(self.now))

    # --- a service that speaks -------------------------------------------------------

    def created(self, reply_id: str = "r1", request: str = "") -> list[Output]:
        """``request``: the name of the request it answers, by a service that repeats names."""
        response: dict[str, Any] = {"id": reply_id, "status": "in_progress"}
        if request:
            response["metadata"] = {"request": request}
        return self.event("response.created", response=response)

    def audio(self, pcm: bytes, reply_id: str = "r1", item_id: str = "i1") -> list[Output]:
        delta = base64.b64encode(pcm).decode()
        return self.event(
            "response.output_audio.delta", response_id=reply_id, item_id=item_id, delta=delta
        )

    def done(self, reply_id: str = "r1", status: str = "completed", **more: Any) -> list[Output]:
        return self.event("response.done", response={"id": reply_id, "status": status, **more})

    def call(self, call_id: str, reply_id: str = "r1", name: str = "get_time") -> list[Output]:
        return self.event(
            "response.function_call_arguments.done",
            response_id=reply_id,
            item_id=f"item_of_{call_id}",
            call_id=call_id,
            name=name,
            arguments="{}",
        )


def frames(outputs: Sequence[Output]) -> list[dict[str, Any]]:
    """The frames among ``outputs``, without their event ids."""
    found = [json.loads(o.data) for o in outputs if isinstance(o, SendFrame)]
    for frame in found:
        frame.pop("event_id", None)
    return found


def kinds(outputs: Sequence[Output]) -> list[str]:
    return [frame["type"] for frame in frames(outputs)]


def events(outputs: Sequence[Output]) -> list[Event]:
    return [o.event for o in outputs if isinstance(o, Emit)]


def notes(outputs: Sequence[Output]) -> list[str]:
    return [o.text for o in outputs if isinstance(o, Note)]


def ending(outputs: Sequence[Output]) -> tuple[str, ErrorKind | None]:
    """The one ``Disconnect``."""
    (found,) = [o for o in outputs if isinstance(o, Disconnect)]
    return found.reason, found.kind


def asks(outputs: Sequence[Output]) -> list[str]:
    """The instructions of every ``response.create``; each is named by its own event id."""
    found = []
    for event_id, frame in zip(event_ids(outputs), frames(outputs), strict=True):
        if frame["type"] == "response.create":
            assert frame["response"]["metadata"] == {"request": event_id}
            found.append(frame["response"].get("instructions", ""))
    return found


def event_ids(outputs: Sequence[Output]) -> list[str]:
    return [json.loads(o.data)["event_id"] for o in outputs if isinstance(o, SendFrame)]
