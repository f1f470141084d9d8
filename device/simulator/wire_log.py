"""The record of the wire: one row a message, and the audio both ways.

Understands the JSON of the OpenAI Realtime family (GA names, and the beta names
that compatible services still send). Rows hold times, types, ids and amounts of
audio; never audio, text, headers or keys.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any

from websockets.frames import Opcode

from device.simulator.websocket_tap import Head, WireMessage
from device.simulator.wire_audio import RATE_HZ, DownlinkLayout, UplinkLayout

UP, DOWN = "up", "down"  #: appliance to service, service to appliance

_APPEND = "input_audio_buffer.append"
_REPLY_AUDIO = ("response.output_audio.delta", "response.audio.delta")
_TURN_ENDS = (
    "input_audio_buffer.commit",
    "input_audio_buffer.committed",
    "input_audio_buffer.clear",
    "input_audio_buffer.cleared",
)
_CANCELS = ("response.cancel", "conversation.item.truncate")
_KEPT = ("item_id", "response_id", "call_id", "audio_end_ms", "audio_start_ms", "content_index")

Row = dict[str, Any]


class WireLog:
    """Collects rows and audio. Loop thread only.

    ``rows`` carry absolute ``at`` (CLOCK_MONOTONIC): when the bytes arrived at
    the proxy from the appliance, or left it towards the appliance. ``on_row`` is
    told each as it comes.
    """

    def __init__(self, on_row: Callable[[Row], None] | None = None) -> None:
        self.rows: list[Row] = []
        self.uplink = UplinkLayout()
        self.downlink = DownlinkLayout()
        self._on_row = on_row

    def connected(self, at: float, connection: int) -> None:
        self.uplink.close_run()
        self._row(at, "", "connected", connection=connection)

    def closed(self, at: float, connection: int, by: str) -> None:
        """``by``: appliance, service, or unreachable (the service never answered)."""
        self.uplink.close_run()
        self.downlink.cancel()
        self._row(at, "", "closed", connection=connection, by=by)

    def deaf(self, at: float, direction: str, reason: str) -> None:
        """The stream could not be decoded any further."""
        self._row(at, direction, "undecodable", reason=reason)

    def message(
        self,
        found: WireMessage | Head,
        direction: str,
        at: float,
        down_s: float,
        connection: int = 0,
    ) -> None:
        """One message of either direction of ``connection``; ``down_s``: total outage so far."""
        if isinstance(found, Head):
            if found.first_line.startswith("HTTP/"):
                self._row(at, direction, "handshake", status=found.first_line)
            return
        if found.opcode is not Opcode.TEXT:
            self._row(at, direction, found.opcode.name.lower(), size=len(found.data))
            return
        try:
            body = json.loads(found.data)
        except ValueError:
            self._row(at, direction, "not_json", size=len(found.data))
            return
        if not isinstance(body, dict):
            self._row(at, direction, "not_json", size=len(found.data))
            return
        self._event(body, direction, at, down_s, len(found.data), connection)

    def _event(
        self, body: Row, direction: str, at: float, down_s: float, size: int, connection: int
    ) -> None:
        kind = str(body.get("type", "untyped"))
        kept = {key: body[key] for key in _KEPT if key in body}
        if kind in _TURN_ENDS:
            self.uplink.close_run()
        if (kind in _CANCELS and direction == UP) or _was_cancelled(body):
            self.downlink.cancel()
        is_up = kind == _APPEND and direction == UP
        if is_up or (kind in _REPLY_AUDIO and direction == DOWN):
            pcm = _decode(body.get("audio" if is_up else "delta"))
            if pcm is None:
                pcm, kept["not_base64"] = b"", True
            kept["audio_ms"] = round(len(pcm) / 2 / RATE_HZ * 1000, 3)
            if is_up:
                self.uplink.add(pcm, at, down_s, connection)
            else:
                item, response = str(body.get("item_id", "")), str(body.get("response_id", ""))
                self.downlink.add(item, response, pcm, at, connection)
        response_body = body.get("response")
        if isinstance(response_body, dict):
            kept |= {"response_id": response_body.get("id"), "status": response_body.get("status")}
            metadata = response_body.get("metadata")
            if isinstance(metadata, dict) and isinstance(metadata.get("request"), str):
                kept["request"] = metadata["request"]
        item_body = body.get("item")
        if isinstance(item_body, dict):
            kept["item_type"] = item_body.get("type")
            if "call_id" in item_body:
                kept["call_id"] = item_body["call_id"]
        error = body.get("error")
        if isinstance(error, dict):
            kept["code"] = error.get("code")
            if error.get("event_id"):  # of ours, that it speaks of: a request's name
                kept["refers_to"] = error["event_id"]
        self._row(at, direction, kind, size=size, connection=connection, **kept)

    def _row(self, at: float, direction: str, kind: str, **fields: Any) -> None:
        row = {"at": at, "direction": direction, "type": kind, **fields}
        self.rows.append(row)
        if self._on_row is not None:
            self._on_row(row)


def _was_cancelled(body: Row) -> bool:
    response = body.get("response")
    done = body.get("type") == "response.done"
    return done and isinstance(response, dict) and response.get("status") == "cancelled"


def _decode(text: object) -> bytes | None:
    try:
        return base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError):
        return None
