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
- Calls that nobody wants any more are answered, so that the backend does not wait; it is not
  asked to go on.

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
from device.providers.base import Connect, Emit, Note, Output, SendFrame, Service, SessionSpec
from device.providers.duplex import Duplex, Manner
from device.providers.faults import Fault
from device.providers.live_work import Call, Work
from device.providers.machine import Stage
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
PATIENCE_S = 30.0
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
_RESPONSE_ENDS = frozenset(
    {"response.completed", "response.failed", "response.incomplete", "response.cancelled"}
)
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
CANNOT = "Nothing can be looked up or done here: answer from what you know."
NOT_WANTED = '{"status":"not wanted any more"}'


@dataclass(frozen=True, slots=True)
class _Sound:
    pcm: bytes


class OpenAILive(Duplex):
    """One session. See :class:`device.providers.base.Codec` for the contract."""

    def __init__(self, spec: SessionSpec) -> None:
        manner = Manner(PAUSE_S, FEED_S, feeds_reply=True, listens_aloud=True)
        super().__init__(spec, ABLE, manner)
        self._work = Work()
        self._heard_s = self._sent_s = 0.0  # the service's time, as it comes and as we make it
        self._turn_from_ms = 0
        self._reply_from_s = 0.0
        self._over_ms = 0  # the last reply, in its time
        self._told_turn = 0  # of which the words were final
        self._frame_at = 0.0
        self._patience = self._alive_at = self._alive_until = 0.0
        self._billed_s = 0.0
        self._asked = 0

    # --- the session ------------------------------------------------------------------

    def _begin(self, now: float) -> list[Output]:
        key = self._spec.key
        return [Connect(self._spec.url, {"Authorization": f"Bearer {key}"} if key else {})]

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
        outputs = self._trouble(fault.kind, fault.detail)
        about = text(error, "client_event_id") or text(message, "client_event_id")
        if about and about == self._go_on_id and self._work.owed:
            self._work.call_off()
            outputs += [*self._begin_reply(b"", now), *self._end_reply("failed", fault.detail)]
        return outputs

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
        self._work.owed = False
        return super()._begin_reply(pcm, now)

    def _sounded(self, now: float) -> None:
        self._patience = now + PATIENCE_S
        self._work.told(now)

    def _end_reply(self, status: str, detail: str = "") -> list[Output]:
        self._over_ms = round(1000 * self._heard_s)
        outputs = super()._end_reply(status, detail)
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

    # --- work --------------------------------------------------------------------------------

    def _holds_reply(self) -> bool:
        return self._work.pending

    def _awaits_more(self) -> bool:
        return self._work.owed or self._work.pending

    def _gave_up(self) -> None:
        self._work.call_off()

    def _on_delegation(self, delegation: Mapping[str, object], now: float) -> list[Output]:
        delegation_id = text(delegation, "id")
        if text(delegation, "target") == "client":  # there is nobody here to do it
            return [SendFrame(frames.commentary(CANNOT, delegation_id))] if delegation_id else []
        if self._wanted(delegation_id):
            self._work.begins(delegation_id, now)
            self._patience = now + PATIENCE_S
        elif not self._turn_open:
            self._work.refuse(delegation_id)
        return []

    def _wanted(self, delegation_id: str) -> bool:
        """Whether it is for what the person still wants to know."""
        if self._work.is_stale(delegation_id):
            return False
        return not self._called_off or (self._turn_open and self._speaker.may_have_finished)

    def _on_backend(
        self, event: Mapping[str, object], delegation_id: str, now: float
    ) -> list[Output]:
        wanted = self._wanted(delegation_id)
        if wanted:
            self._patience = now + PATIENCE_S
        match kind := text(event, "type"):
            case "response.created" | "response.in_progress":
                if wanted:
                    self._work.responds(delegation_id, now)
                return []
            case "response.output_item.done":
                item = mapping(event, "item")
                if text(item, "type") != "function_call":
                    return []
                return self._on_call(item, delegation_id, wanted, now)
            case _ if kind in _RESPONSE_ENDS:
                return self._on_response_over(mapping(event, "response"), wanted, now)
            case _:
                return []  # its words are for the model

    def _on_call(
        self, item: Mapping[str, object], delegation_id: str, wanted: bool, now: float
    ) -> list[Output]:
        call = Call(text(item, "call_id"), text(item, "name"), text(item, "arguments"))
        if not call.call_id or not call.name:
            return self._trouble(ErrorKind.PROTOCOL, "a tool was called without a name")
        if not wanted:
            return [SendFrame(frames.call_output(call.call_id, NOT_WANTED))]
        if not self._work.asks(call, delegation_id, now):
            return []
        self._called_off = False
        outputs = self._take_turn(now)
        if not self._speech.reply_id:
            outputs += self._begin_reply(b"", now)
        return outputs + self._speech.call(call.call_id, call.name, call.arguments)

    def _answer_call(self, call_id: str, output: str, now: float) -> list[Output]:
        if not self._work.answered(call_id, now):
            return [Note("the result of a call that nobody waits for is not sent")]
        self._patience = now + PATIENCE_S
        return [SendFrame(frames.call_output(call_id, output)), *self._go_on(now)]

    def _on_response_over(
        self, response: Mapping[str, object], wanted: bool, now: float
    ) -> list[Output]:
        outputs = _usage_of(mapping(response, "usage"))
        error = mapping(response, "error")
        if error:
            fault = self._explain.error(error)
            outputs += self._trouble(fault.kind, fault.detail)
        if not wanted:
            return outputs
        self._work.response_over(now)
        return outputs + self._go_on(now)

    def _go_on(self, now: float) -> list[Output]:
        """All calls are answered: what sounds next is another reply."""
        if not self._work.may_go_on(now):
            return []
        self._work.goes_on(now)
        self._asked += 1
        return [*self._end_reply("completed"), SendFrame(frames.go_on(self._go_on_id))]

    @property
    def _go_on_id(self) -> str:
        return f"parlor_{self._asked}"

    # --- time ------------------------------------------------------------------------------

    def _due(self) -> float | None:
        times = [super()._due(), self._work.due]
        if self._alive_at < self._alive_until:
            times.append(self._alive_at)
        return min((t for t in times if t is not None), default=None)

    def _time_out(self, now: float) -> list[Output]:
        if now >= self._patience:
            self._silence.stop()
        outputs = self._go_on(now)
        self._work.expire(now)
        if self._work.owed and not self._work.pending and not self._speech.reply_id:
            outputs += [*self._begin_reply(b"", now), *self._end_reply("completed")]
        self._feed_or_not()
        outputs += super()._time_out(now)
        if self._alive_at <= now < self._alive_until:
            outputs += self._uplink(bytes(2 * frames.RATE_HZ * ALIVE_MS // 1000), now)
        return outputs


def _usage_of(usage: Mapping[str, object]) -> list[Output]:
    """The backend's tokens."""
    counts = {name: max(0, int(n)) for name, n in flatten_numbers(usage).items()}
    tokens_in, tokens_out = counts.get("input_tokens", 0), counts.get("output_tokens", 0)
    cached = counts.get("input_tokens_details.cached_tokens", 0)
    if not (tokens_in or tokens_out):
        return []
    told = UsageReported(text_in=tokens_in, text_out=tokens_out, cached_text_in=cached)
    return [Emit(told)]


SERVICE = Service(OpenAILive, ABLE, URL)
