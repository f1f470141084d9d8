"""OpenAI Live (GPT-Live): full duplex, the model owns the turns.

Its sound never stops: pieces of 100 ms, silent between replies, and nothing says where a reply
begins or ends. Both are found in the level of the sound (see ``duplex.py``, whose clock here is
the sound itself, so a slow line ends no reply). Rulings:

- ``PAUSE_S`` of silence ends a reply. People and voices pause half as long between sentences.
  While the backend works (a delegation is under way, or a result is to be told) no silence
  does: "let me see", eight seconds of nothing and the answer are one reply.
- Where the backend calls the device's tools the reply ends when all results are sent, and what
  sounds next is its continuation. When nothing does within ``live_work.RESULT_S`` of the
  backend's end, the continuation is empty.
- The service's time goes on only with the sound it is sent. While an answer is awaited or
  sounds the codec sends silence, which is billed like speech, for ``PATIENCE_S`` beyond the last
  sign of one. Then, and after a cut, nothing: the model stands still and finds itself
  interrupted by the next turn.
- A session that hears nothing for half a minute ends. So ``ALIVE_MS`` of silence is sent every
  ``ALIVE_S`` while nothing else is, up to an hour (18 billed seconds) after the last turn.
- Nothing can be cancelled, truncated or cleared: all of it is local.
- The person's words come in pieces without an end; they are final a second into the reply.
- Calls that nobody wants any more are answered (as such), and the backend goes on: it would mix
  up what it still waits for with later work. What comes of it is swallowed.

Not verified against the live service: how long it pauses; whether so little silence keeps a
session; the session's cap (an hour assumed; ``expires_at`` is in wall time, which a codec does
not know); which backend models may be named.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from device.capabilities import Capabilities
from device.events import ErrorKind, UsageReported
from device.providers import live_frames as frames
from device.providers.base import Connect, Emit, Output, SendFrame, Service, SessionSpec
from device.providers.duplex import Manner
from device.providers.faults import Fault
from device.providers.hush import SILENCE_DB
from device.providers.live_backend import PATIENCE_S, Delegating
from device.providers.machine import Stage
from device.providers.openai_options import number
from device.providers.wire import (
    Malformed,
    decode_base64,
    flatten_numbers,
    mapping,
    parse_object,
    text,
    whole,
)

URL = "wss://api.openai.com/v1/live/sessions"
PAUSE_S = 1.2
FEED_S = 600.0
STALLED_S = 6.0
"""Of a sound that never stops, nothing came for so long: the reply is over."""

ALIVE_S, ALIVE_MS, ALIVE_FOR_S = 20.0, 100, 3600.0
UNDERSTOOD_S = 1.0

ABLE = Capabilities(
    uplink_rate_hz=frames.RATE_HZ,
    downlink_rate_hz=frames.RATE_HZ,
    detects_turns=True,
    truncates=False,
    calls_tools=True,
    transcribes_user=True,
    commits=False,
    tells_turns=False,
    session_cap_s=3600.0,
    tells_usage=True,
)

_ENDED = {
    "expired": (ErrorKind.SERVICE, "the session has expired"),
    "content": (ErrorKind.SERVICE, "the service ended the session for what was said in it"),
    "remote_hangup": (ErrorKind.SERVICE, "the service hung up"),
    "connection_lost": (ErrorKind.NETWORK, "the service lost the connection"),
}
_OF_NO_USE = frozenset(
    {
        "session.updated",
        "session.input_audio.muted",
        "session.input_audio.unmuted",
        "session.instructions.appended",
        "session.thinking.appended",
        "session.commentary.appended",
        "info",
    }
)


@dataclass(frozen=True, slots=True)
class _Sound:
    pcm: bytes


class OpenAILive(Delegating):
    """One session. See :class:`device.providers.base.Codec` for the contract."""

    def __init__(self, spec: SessionSpec) -> None:
        manner = Manner(
            PAUSE_S,
            FEED_S,
            feeds_reply=True,
            listens_aloud=True,
            silence_db=number(spec, "silence_db", SILENCE_DB),
        )
        super().__init__(spec, ABLE, manner)
        self._heard_s = self._sent_s = 0.0  # the service's time, as it comes and as we make it
        self._turn_from_ms = 0
        self._reply_from_s = 0.0
        self._over_ms = 0  # the last reply, in its time
        self._told_turn = 0  # of which the words were final
        self._frame_at = 0.0
        self._alive_at = self._alive_until = 0.0
        self._billed_s = 0.0

    # --- the session ------------------------------------------------------------------

    def _begin(self, now: float) -> list[Output]:
        key = self._spec.key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return [Connect(self._spec.url, headers, endless=True)]

    def _greet(self, now: float) -> list[Output]:
        return [SendFrame(frames.start(self._spec))]

    def _parse(self, data: str | bytes) -> object:
        message = parse_object(data)
        if isinstance(message, Malformed):
            return message
        if text(message, "type") != "session.output_audio.delta":
            return message
        pcm = decode_base64(message.get("delta"))
        return Malformed("audio that is not base64") if pcm is None else _Sound(pcm)

    def _on_message(self, message: object, now: float) -> list[Output]:
        if isinstance(message, _Sound):
            return self._hear(message.pcm, now) if self._usable else []
        assert isinstance(message, dict)
        kind = text(message, "type")
        if kind == "session.started":
            return self._on_started(mapping(message, "session"), now)
        if kind == "session.closed":
            return self._on_closed(message)
        if kind == "error":
            return self._on_error(message, now)
        if not self._usable:
            return []
        match kind:
            case "session.input_transcript.delta":
                return self._on_user_words(message)
            case "session.output_transcript.delta":
                late = 0 < whole(message, "end_ms") <= self._over_ms
                return [] if late else self._say(text(message, "delta"))
            case "session.delegation.created":
                return self._on_delegation(mapping(message, "delegation"), now)
            case "response.event":
                delegation_id = text(message, "delegation_id")
                return self._on_backend(mapping(message, "event"), delegation_id, now)
            case "session.usage.updated":
                return self._on_usage(message)
            case _ if kind in _OF_NO_USE:
                return []
            case _:
                return self._on_unknown(kind)

    def _on_started(self, session: Mapping[str, object], now: float) -> list[Output]:
        if self._stage is not Stage.GREETING:
            return []
        spoken = mapping(mapping(session, "audio"), "format")
        kind, rate = spoken.get("type"), spoken.get("rate", frames.RATE_HZ)
        if spoken and (kind != "audio/pcm" or rate != frames.RATE_HZ):
            words = self._explain.clean(f"the service speaks {kind} at {rate} Hz, not 24 kHz PCM")
            return self._end(ErrorKind.PROTOCOL, words)
        self._alive_at, self._alive_until = now + ALIVE_S, now + ALIVE_FOR_S
        return self._ready(text(session, "id"), now)

    def _on_closed(self, message: Mapping[str, object]) -> list[Output]:
        outputs = self._on_usage(message)
        if self._stage is Stage.LEAVING:
            return outputs + self._leave()
        reason = text(message, "reason")
        otherwise = (ErrorKind.SERVICE, "the service closed the session")
        kind, words = _ENDED.get(reason, otherwise)
        return outputs + self._end(kind, words)

    def _on_error(self, message: Mapping[str, object], now: float) -> list[Output]:
        error = mapping(message, "error")
        fault = self._explain.error(error)
        if "credit" in fault.code or "balance" in fault.code:
            fault = Fault(ErrorKind.QUOTA, fault.detail, True, fault.code)
        if fault.over:
            return self._end_with(fault)
        if self._stage is Stage.GREETING:
            return self._end(fault.kind, f"the service refused the session: {fault.detail}")
        about = text(error, "client_event_id") or text(message, "client_event_id")
        outputs = self._trouble(fault.kind, fault.detail)
        return outputs + self._refused(about, fault.detail, now)

    def _farewell(self, reason: str, now: float) -> list[Output]:
        return [SendFrame(frames.close())]

    def _on_usage(self, message: Mapping[str, object]) -> list[Output]:
        """A sum that grows."""
        total = flatten_numbers(mapping(message, "usage"), depth=1).get("seconds", 0.0)
        more = total - self._billed_s
        if more <= 0 or not math.isfinite(more):
            return []
        self._billed_s = total
        return [Emit(UsageReported(seconds=more))]

    # --- sound -----------------------------------------------------------------------------

    def _uplink(self, pcm: bytes, now: float) -> list[Output]:
        self._sent_s += len(pcm) / (2 * frames.RATE_HZ)
        self._alive_at = now + ALIVE_S
        return [SendFrame(frames.append(pcm))]

    def _append(self, pcm: bytes, now: float) -> list[Output]:
        self._patience = now + PATIENCE_S
        self._alive_until = now + ALIVE_FOR_S
        return super()._append(pcm, now)

    def _begin_turn(self, now: float) -> None:
        super()._begin_turn(now)
        self._turn_from_ms = round(1000 * self._sent_s)

    def _clock(self, now: float) -> float:
        return self._heard_s

    def _ends_at(self) -> float:
        return self._frame_at + STALLED_S

    def _hear_piece(self, pcm: bytes, now: float) -> list[Output]:
        self._frame_at = now
        outputs = super()._hear_piece(pcm, now)
        self._heard_s += len(pcm) / (2 * frames.RATE_HZ)
        if self._voiced and self._heard_s >= self._reply_from_s + UNDERSTOOD_S:
            outputs += self._tell_understood()
        return outputs

    def _begin_reply(self, pcm: bytes, now: float) -> list[Output]:
        self._frame_at = now
        self._reply_from_s = self._heard_s
        return super()._begin_reply(pcm, now)

    def _end_reply(self, status: str, now: float, detail: str = "") -> list[Output]:
        self._over_ms = round(1000 * self._heard_s)
        outputs = super()._end_reply(status, now, detail)
        self._voiced = False
        return outputs

    # --- words -----------------------------------------------------------------------------

    def _on_user_words(self, message: Mapping[str, object]) -> list[Output]:
        if self._told_turn == self._turns:
            return []
        if self._turn_open:  # they may be of what was said before
            if 0 < whole(message, "end_ms") <= self._turn_from_ms:
                return []
        elif not self._speech.reply_id:
            return []
        return self._understand(text(message, "delta"))

    def _tell_understood(self) -> list[Output]:
        outputs = super()._tell_understood()
        if outputs:
            self._told_turn = self._turns
        return outputs

    # --- time ------------------------------------------------------------------------------

    def _due(self) -> float | None:
        times = [super()._due(), self._work.due, self._at_work.due]
        if self._alive_at < self._alive_until:
            times.append(self._alive_at)
        return min((t for t in times if t is not None), default=None)

    def _time_out(self, now: float) -> list[Output]:
        if now >= self._patience:
            self._silence.stop()
        outputs = super()._time_out(now)
        if self._alive_at <= now < self._alive_until:
            outputs += self._uplink(bytes(2 * frames.RATE_HZ * ALIVE_MS // 1000), now)
        return outputs


SERVICE = Service(OpenAILive, ABLE, URL, model=frames.MODEL)
