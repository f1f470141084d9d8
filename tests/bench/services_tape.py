"""A small conversation with one codec, on tape, for the tests of the services' bench."""

from __future__ import annotations

import json
from typing import Any

from device.commands import AppendAudio, CommitTurn
from device.providers import create_codec, service_of
from device.providers.base import SessionSpec
from device.providers.wire import encode_base64
from scripts.bench_parts.services.tape import Part, Step, Tape, Taped

SERVICE = "openai_realtime"
SPEC = SessionSpec(url="ws://127.0.0.1:1/v1/realtime", device_ends_turn=True, model="any")
SOUND = b"\x10\x20" * 2400
CHUNK = b"\x01\x00" * 4800  # what is shorter than 0.1 s is no turn
PIECES = 5


def tape() -> Tape:
    """An opening and one turn, called ``duplex``, whose reply has five pieces of sound."""
    steps: list[Step] = []
    codec = Taped(create_codec(SERVICE, SPEC), steps)
    codec.start(100.0)
    codec.opened(100.1)
    codec.received(_event("session.created", session={"id": "sess_1"}), 100.2)
    codec.received(_event("session.updated", session={"id": "sess_1"}), 100.3)
    opening = len(steps)
    codec.command(AppendAudio(CHUNK), 101.0)
    codec.command(CommitTurn(), 101.1)
    asked = json.loads(_frames(steps[-1])[-1])["response"]["metadata"]
    codec.received(_event("input_audio_buffer.committed", item_id="item_user"), 101.2)
    codec.received(_event("response.created", response={"id": "resp_1", "metadata": asked}), 101.3)
    ids = {"response_id": "resp_1", "item_id": "item_reply", "content_index": 0}
    for number in range(PIECES):
        codec.command(AppendAudio(CHUNK), 101.4 + number / 10)
        delta = encode_base64(SOUND)
        event = _event("response.output_audio.delta", delta=delta, **ids)
        codec.received(event, 101.45 + number / 10)
    done = {"id": "resp_1", "status": "completed", "metadata": asked}
    codec.received(_event("response.done", response=done), 102.0)
    parts = Part("opening", tuple(steps[:opening])), Part("duplex", tuple(steps[opening:]))
    return Tape(SERVICE, SPEC, service_of(SERVICE).able, parts[0], parts[1:])


def _event(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, "event_id": f"event_{kind}", **fields})


def _frames(step: Step) -> list[str]:
    return [data for output in step.outputs if (data := getattr(output, "data", ""))]
