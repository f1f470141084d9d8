"""One session of the Live service: its start, its commands, its end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from copy import deepcopy
from typing import Any

from device.simulator.services.brain import Brain
from device.simulator.services.line import Data
from device.simulator.services.openai_live_backend import Delegations
from device.simulator.services.openai_live_outbox import CloseReason, Manners, Mishaps, Outbox
from device.simulator.services.openai_live_schema import LiveError, decoded, unsupported
from device.simulator.services.openai_live_shapes import COMMANDS, IMMUTABLE, SESSION_CHANGES
from device.simulator.services.openai_live_sound import FRAME_MS, Codec
from device.simulator.services.openai_live_talk import Appended, Talk

FIXTURE_RATE_HZ = 24_000
LONGEST_FIXTURE_S = 30
REPLY_MS_BEFORE_MISHAP = 300
POLICY_VIOLATION = 1008


def parsed(data: Data) -> dict[str, Any]:
    """A command of the client's, checked; raises LiveError."""
    try:
        message = json.loads(data) if isinstance(data, str) else None
    except (ValueError, RecursionError) as error:
        raise LiveError("invalid_json", f"The message is not valid JSON: {error}.") from error
    if not isinstance(message, dict):
        raise LiveError("invalid_json", "Every message must be a JSON object in a text frame.")
    kind = message.get("type")
    if kind is None:
        raise LiveError("missing_required_parameter", "Missing required parameter: 'type'.", "type")
    if not isinstance(kind, str) or kind not in COMMANDS:
        raise unsupported(kind, "type", COMMANDS)
    return message


def event_id_of(data: Data) -> str | None:
    """Of a message that may be anything."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return None
    event_id = message.get("event_id") if isinstance(message, dict) else None
    return event_id if isinstance(event_id, str) else None


def resolved(session: Mapping[str, Any], session_id: str, expires_at: int) -> dict[str, Any]:
    """The session as the service reports it, its defaults filled in."""
    given = {name: deepcopy(value) for name, value in session.items() if value is not None}
    audio = given.pop("audio", {})
    audio["format"] = audio.get("format") or {"type": "audio/pcm", "rate": 24_000}
    output = audio.get("output") or {}
    audio["output"] = {"voice": output.get("voice") or "marin"}
    return {
        "id": session_id,
        "expires_at": expires_at,
        "status": "active",
        "input": [],
        "delegation": {"type": "client"},
        **given,
        "audio": audio,
    }


class Session:
    """From ``session.start`` to ``session.closed``."""

    def __init__(
        self,
        outbox: Outbox,
        brain: Brain,
        request: Mapping[str, Any],
        cap_s: float,
        manners: Manners,
        mishaps: Mishaps,
    ) -> None:
        self._outbox, self._manners, self._mishaps = outbox, manners, mishaps
        self._cap_s = cap_s
        self._client_event_id = request.get("event_id")
        session_id = outbox.record.new_id("live")
        self.resource = resolved(request["session"], session_id, int(time.time() + cap_s))
        self._codec = Codec(self.resource["audio"]["format"])
        self._talk = Talk(outbox, self._codec, brain, manners, self._mishap)
        self._delegations = Delegations(
            outbox,
            self.resource["delegation"],
            brain,
            self._talk.submit,
            self._talk.say,
            failing=mishaps.backend,
        )
        self._talk.delegations = self._delegations
        self._replied_ms = 0
        self._heard_any = False
        outbox.record.sessions.append(self.resource)

    async def run(self, messages: AsyncIterator[Data]) -> None:
        """Until either side ends it."""
        client_event_id = self._client_event_id
        await self._outbox.post(
            "session.started", session=self.resource, client_event_id=client_event_id
        )
        async with asyncio.TaskGroup() as group:
            parts = [self._talk.think(), self._expire(), self._starve(), self._meter()]
            if self._manners.free_running:
                parts.append(self._drive())
            tasks = [group.create_task(part) for part in parts]
            async for data in messages:
                await self._take(data)
                if self._outbox.shut:
                    break
            for task in tasks:
                task.cancel()

    async def _take(self, data: Data) -> None:
        try:
            message = parsed(data)
            if message["type"] == "session.update":
                refuse_immutable(message.get("session"))
            COMMANDS[message["type"]](message, "")
            await self._obey(message, message.get("event_id"))
        except LiveError as fault:
            await self._outbox.fault(fault, event_id_of(data))

    async def _obey(self, message: dict[str, Any], event_id: str | None) -> None:
        match message["type"]:
            case "session.input_audio.append":
                await self._hear(message["audio"])
            case "session.input_audio.mute" | "session.input_audio.unmute" as kind:
                self._talk.muted = kind.endswith(".mute")
                await self._outbox.post(f"{kind}d", client_event_id=event_id)
            case "session.update":
                await self._update(message["session"], event_id)
            case "session.output_audio.fixture.play":
                await self._play(message["audio"], event_id)
            case "response.item.create":
                self._delegations.add(message["item"])
            case "response.create":
                self._delegations.create(self._talk.ms, event_id)
            case "session.close":
                await self.end("close_requested", event_id)
            case "session.start":
                raise LiveError("invalid_value", "The session has been started already.", "type")
            case str() as kind if kind.startswith("decision."):
                raise LiveError("invalid_value", f"{kind} requires Decisions delegation.", "type")
            case str() as kind:
                channel = kind.split(".")[1]
                content, delegation = message["content"], message["delegation_id"]
                self._talk.append(Appended(channel, content, delegation, event_id))

    async def _hear(self, audio: str) -> None:
        data = decoded(audio, "audio")
        if len(data) % self._codec.sample_bytes:
            message = "Invalid 'audio': not a whole number of samples."
            raise LiveError("invalid_value", message, "audio")
        self._heard_any = True
        await self._talk.hear(data)

    async def _play(self, audio: str, event_id: str | None) -> None:
        pcm = decoded(audio, "audio")
        if not pcm or len(pcm) % 2 or len(pcm) > 2 * FIXTURE_RATE_HZ * LONGEST_FIXTURE_S:
            message = f"Invalid 'audio': not up to {LONGEST_FIXTURE_S} s of 16-bit samples."
            raise LiveError("invalid_value", message, "audio")
        self._talk.play(pcm, event_id or "")
        await self._outbox.post("session.output_audio.fixture.playing", client_event_id=event_id)

    async def _update(self, changes: Mapping[str, Any], event_id: str | None) -> None:
        SESSION_CHANGES(changes, "session")
        change = changes.get("delegation") or {}
        current = self.resource["delegation"]
        if change and change["type"] != current["type"]:
            message = "The delegation type of a session cannot change."
            raise LiveError("immutable_field_update", message, "session.delegation.type")
        if change.get("acknowledgement_delay_ms") is not None:
            current["acknowledgement_delay_ms"] = change["acknowledgement_delay_ms"]
        for name, value in (change.get("responses") or {}).items():
            if value is not None or name != "model":
                current["responses"][name] = value
        await self._outbox.post("session.updated", session=self.resource, client_event_id=event_id)

    async def end(self, reason: CloseReason, client_event_id: str | None = None) -> None:
        """Tell why, and what it came to; nothing is sent after that."""
        for one in self._talk.unplaced:
            message = "The session ended before the context was added to it."
            fault = LiveError("context_injection_incomplete", message)
            await self._outbox.fault(fault, one.client_event_id)
        await self._outbox.post_last(
            "session.closed",
            reason=reason,
            session=self.resource,
            usage=self._usage(),
            client_event_id=client_event_id,
        )
        await self._outbox.close()

    def _usage(self) -> dict[str, float]:
        return {"seconds": round(self._talk.ms / 1000, 1)}

    # --- beside the conversation ------------------------------------------------------

    async def _expire(self) -> None:
        await asyncio.sleep(self._cap_s)
        await self.end("expired")

    async def _starve(self) -> None:
        await asyncio.sleep(self._manners.start_without_audio_s)
        if not self._heard_any:
            await self.end("expired")

    async def _meter(self) -> None:
        while True:
            await asyncio.sleep(self._manners.usage_every_s)
            ratio = min(1.0, self._talk.ms / 3_600_000)
            await self._outbox.post(
                "session.usage.updated", usage=self._usage(), context_window={"usage_ratio": ratio}
            )

    async def _drive(self) -> None:
        """Silence in place of the audio that does not come."""
        began = time.monotonic()
        pcm = bytes(2 * self._codec.rate_hz * FRAME_MS // 1000)
        frame = self._codec.encode(pcm)
        while True:
            await asyncio.sleep(FRAME_MS / 1000)
            behind_ms = 1000 * (time.monotonic() - began) - self._talk.ms
            if behind_ms > 2 * FRAME_MS:
                await self._talk.hear(frame * int(behind_ms // FRAME_MS))

    async def _mishap(self) -> None:
        self._replied_ms += FRAME_MS
        if self._replied_ms != REPLY_MS_BEFORE_MISHAP:
            return
        match self._mishaps.reply:
            case "":
                return
            case "server_error":
                self._talk.stop()
                message = "The server had an error while processing your request."
                fault = LiveError("server_error", message, kind="server_error")
                await self._outbox.fault(fault, None)
            case reason:
                await self.end(reason)


def refuse_immutable(changes: object) -> None:
    """Settings that exist and cannot change have an error of their own."""
    if isinstance(changes, dict):
        for name in IMMUTABLE:
            if name in changes:
                where = f"session.{name}"
                message = f"'{where}' cannot be changed after the session has started."
                raise LiveError("immutable_field_update", message, where)
