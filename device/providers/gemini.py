"""Gemini Live (``BidiGenerateContent``) as a sans-I/O codec.

It names neither turns nor replies; :mod:`device.providers.gemini_turns` says how they are told
apart. Loop thread only, except `decode`. Rulings where the protocol leaves room:

- The device ends turns: automatic detection is off, ``activityStart`` comes before the first
  sound of a turn, ``activityEnd`` behind the last, and the turn counts as taken at once, as
  nothing acknowledges it. ``activityStart`` is also what breaks off an answer: it is sent as
  soon as one is cancelled or given up, and that activity stays open, without sound, until the
  next words. (Closed at once it would be a turn with nothing in it, which might be answered.)
  A turn that is given up in its middle is ended and broken off in one go: left open, it would
  become the beginning of the next.
- The service ends turns: nothing can stop it but speech, so an answer that was cancelled or
  given up goes on being made, and is swallowed. ``audioStreamEnd`` is sent when the device
  sends no more, and after a pause of a second.
- A reply is done with ``generationComplete``. ``turnComplete`` comes only when the service
  assumes that it was played, too late for who plays it; words that come in between are
  dropped. One that asks for tools is done with that, what follows the results is another.
- The person's transcript is final when the service says so, or with the end of the answer.
- ``interrupted`` of an answer that has not begun changes nothing for who waits for it.
- WebSocket pings are not sent: a third party reports that pongs take 8 to 30 s, which would
  count as a lost connection. It also reports that a session is not resumed while its old
  connection stands: hence no parallel sessions.
- A handle that is not accepted is given up, and the next attempt tells the history instead.
- A picture is sent as a frame of video; where the device ends turns, within the next activity,
  as only what is in one counts.
- On Vertex the key is an access token (``key_command`` renews it) and the model a whole resource
  path; which of the setup's newer fields it knows is not documented.
- ``languageCode`` is not sent: models with a voice of their own choose the language themselves.

Not verified against the live service: what an open activity without sound does, and one that is
abandoned; whether marks come for an answer that is broken off before its first word; whether
``usageMetadata`` counts a turn (assumed) or the session; whether transcripts come in pieces
(assumed) or whole; whether history may be told in this way, and is answered by nothing; version
and method of short-lived tokens; pictures that are not JPEG; the words of close reasons; how a
refused handle shows; that a tool's schema may have its ``type`` in lower case; that a message
of an error exists; that pictures outside an activity do not count.
"""

from __future__ import annotations

import re
from collections import deque

from device.capabilities import Capabilities
from device.commands import (
    AbandonTurn,
    AppendAudio,
    CancelReply,
    ClearInput,
    CommitTurn,
    RequestReply,
    SendToolResult,
    ServiceCommand,
    ShowImage,
    TruncateReply,
)
from device.events import ErrorKind, SessionExpiring, SessionResumable
from device.providers import gemini_frames as frames
from device.providers.base import (
    Connect,
    Disconnect,
    Emit,
    Output,
    SendFrame,
    Service,
    SessionSpec,
)
from device.providers.faults import Fault
from device.providers.gemini_talk import Talk
from device.providers.gemini_wire import Message, parse, seconds, usage
from device.providers.machine import Machine, Stage
from device.providers.wire import mapping, text

SESSION_CAP_S = 600.0

#: Handles that are kept out of all that is told, the newest.
HANDLES_KEPT = 32

CAPABILITIES = Capabilities(
    uplink_rate_hz=frames.UPLINK_HZ,
    downlink_rate_hz=frames.DOWNLINK_HZ,
    detects_turns=True,
    truncates=False,
    calls_tools=True,
    transcribes_user=True,
    tells_turns=False,
    resumes=True,
    session_cap_s=SESSION_CAP_S,
    parallel_sessions=False,
    tells_usage=True,
)

_KNOWN = frozenset(
    {
        "setupComplete",
        "serverContent",
        "toolCall",
        "toolCallCancellation",
        "goAway",
        "sessionResumptionUpdate",
        "usageMetadata",
        "voiceActivity",
        "voiceActivityDetectionSignal",
        "error",
    }
)
_CONVERSATION = frozenset({"serverContent", "toolCall", "toolCallCancellation"})
_KEY_WORDS = re.compile(
    r"api[ _]?key|unauthenticated|permission|credential|(auth|access|ephemeral) ?token", re.I
)
_QUOTA_WORDS = re.compile(r"quota|billing|resource[ _]exhausted|rate[ _-]?limit", re.I)


class GeminiLive(Machine):
    """One session. See :class:`device.providers.base.Codec` for the contract."""

    def __init__(self, spec: SessionSpec) -> None:
        super().__init__(spec, CAPABILITIES)
        self._talk = Talk(spec, self._explain)
        self._expiring = False
        self._handles = deque([spec.resume] if spec.resume else [], maxlen=HANDLES_KEPT)

    # --- how it begins and ends -----------------------------------------------------------

    def _begin(self, now: float) -> list[Output]:
        return [Connect(frames.address(self._spec), frames.headers(self._spec), pings=False)]

    def _greet(self, now: float) -> list[Output]:
        return [SendFrame(frames.setup(self._spec))]

    def _parse(self, data: str | bytes) -> object:
        return parse(data)

    def closed(self, code: int, reason: str, now: float) -> list[Output]:
        resuming = self._stage is Stage.GREETING and bool(self._spec.resume)
        outputs = super().closed(code, reason, now)
        match outputs:
            case [Disconnect(words, ErrorKind.PROTOCOL | ErrorKind.SERVICE)] if resuming:
                # Tried again without the handle, it may well open.
                return [Emit(SessionResumable("")), Disconnect(words, ErrorKind.SERVICE)]
        return outputs

    def _fault_of_closing(self, code: int, reason: str) -> Fault:
        said = self._hide(reason)
        fault = _by_words(super()._fault_of_closing(code, said), said)
        if self._expiring and fault.kind is ErrorKind.PROTOCOL:  # the end that was announced
            return Fault(ErrorKind.SERVICE, fault.detail, True)
        return fault

    def _fault_of_refusal(self, status: int, body: bytes) -> Fault:
        said = self._hide(body.decode("utf-8", "replace")).encode()
        fault = super()._fault_of_refusal(status, said)
        return _by_words(fault, fault.detail) if status == 400 else fault

    def _hide(self, words: str) -> str:
        for handle in self._handles:
            words = words.replace(handle, "[handle]")
        return words

    # --- commands ---------------------------------------------------------------------------

    def _perform(self, command: ServiceCommand, now: float) -> list[Output]:
        talk = self._talk
        match command:
            case AppendAudio(pcm):
                return talk.append(pcm, now)
            case CommitTurn():
                return talk.commit()
            case ClearInput():
                return talk.clear(now)
            case AbandonTurn():
                return talk.abandon(now)
            case CancelReply(reply_id):
                return talk.cancel(reply_id, now)
            case SendToolResult(call_id, output):
                return talk.answer(call_id, output)
            case TruncateReply():
                return talk.note("the service cannot be told what was heard of its reply")
            case RequestReply():
                return talk.note("the service cannot be asked for a reply")
            case ShowImage(data_url):
                return talk.show(data_url)

    def _due(self) -> float | None:
        return self._talk.due

    def _time_out(self, now: float) -> list[Output]:
        return self._talk.time_out(now)

    # --- messages -----------------------------------------------------------------------------

    def _on_message(self, message: object, now: float) -> list[Output]:
        assert isinstance(message, Message)
        fields = message.fields
        outputs: list[Output] = []
        if "error" in fields:
            outputs += self._on_error(message)
        if self._stage is Stage.GREETING and "setupComplete" in fields:
            outputs += self._on_setup_complete(message, now)
        if self._stage is not Stage.READY:
            return outputs
        if message.pcm and message.rate_hz != frames.DOWNLINK_HZ:
            words = f"the service speaks at {message.rate_hz} Hz, not at {frames.DOWNLINK_HZ} Hz"
            return [*outputs, *self._end(ErrorKind.PROTOCOL, words)]
        if fields.keys() & _CONVERSATION:
            outputs += self._talk.hear(message, now)
        if "sessionResumptionUpdate" in fields:
            outputs += self._on_handle(message)
        if "goAway" in fields:
            left_s = seconds(mapping(fields, "goAway").get("timeLeft"))
            self._expiring = True
            outputs.append(Emit(SessionExpiring(left_s)))
        if "usageMetadata" in fields:
            used = usage(mapping(fields, "usageMetadata"))
            outputs += [] if used is None else [Emit(used)]
        for name in sorted(fields.keys() - _KNOWN):
            outputs += self._on_unknown(name)
        return outputs

    def _on_setup_complete(self, message: Message, now: float) -> list[Output]:
        told = self._talk.tell_history(self._spec) if frames.tells_history(self._spec) else []
        session_id = text(mapping(message.fields, "setupComplete"), "sessionId")
        return [*told, *self._ready(session_id, now)]

    def _on_error(self, message: Message) -> list[Output]:
        error = dict(mapping(message.fields, "error"))
        error["message"] = said = self._hide(text(error, "message"))
        fault = _by_words(self._explain.error(error), said)
        if fault.over or self._stage is not Stage.READY:
            return self._end_with(fault)
        return self._trouble(fault.kind, fault.detail)

    def _on_handle(self, message: Message) -> list[Output]:
        update = mapping(message.fields, "sessionResumptionUpdate")
        handle = text(update, "newHandle")
        if update.get("resumable") is not True or not handle:
            return []  # at this moment it is not; an older handle still is
        if handle not in self._handles:
            self._handles.append(handle)
        return [Emit(SessionResumable(handle))]


def _by_words(fault: Fault, words: str) -> Fault:
    """The kinds that only words tell."""
    if _KEY_WORDS.search(words):
        return Fault(ErrorKind.KEY, fault.detail, True)
    if _QUOTA_WORDS.search(words):
        return Fault(ErrorKind.QUOTA, fault.detail, fault.over)
    return fault


SERVICE = Service(GeminiLive, CAPABILITIES, frames.URL)
