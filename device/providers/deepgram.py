"""The Deepgram Voice Agent (V1), as a sans-I/O codec.

Rulings where the protocol leaves room:

- ``Welcome``, our ``Settings``, ``SettingsApplied``: then the session is usable. Binary frames are
  sound, nothing around it.
- The device ends the turns: ``ForceEndTurn``. The service goes on ending them too, after pauses
  of its own choosing; what it says between such an end and the device's is kept, and is what
  answers the turn, unless the service hears the user go on.
- The service ends the turns: taken when it tells what it understood, or thinks, or answers. Until
  then silence follows when the device sends nothing.
- A reply cannot be called off, nor its history corrected: it is dropped until it is certain that
  another one begins (:mod:`device.providers.deepgram_agent`).
- ``AgentAudioDone`` is the end of a reply, but not of the answer: a word while it works may come
  first, and the function that it asks for, or the rest, behind that (``tells_ends``).
- Any ``Error`` ends the session; ``Warning`` is a note.
- A session without sound is kept alive by one ``KeepAlive`` in eight seconds.

Not verified against the live service: what ``ForceEndTurn`` does where nothing was understood;
whether ``AgentAudioDone`` follows a reply that was interrupted; whether ``AgentThinking`` comes
with every answer; codes of ``Error`` (told apart by their words); how a service with a
short-lived token wants it named (``Bearer``). Nothing depends on the first three.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
from device.events import ErrorKind, ServiceSpeechStarted, TurnCommitted, UserTranscript
from device.providers import deepgram_frames as frames
from device.providers.at_work import AtWork
from device.providers.base import (
    AskFence,
    Connect,
    Emit,
    Note,
    Output,
    SendFrame,
    Service,
    SessionSpec,
)
from device.providers.deepgram_agent import Agent
from device.providers.deepgram_calls import Calls
from device.providers.deepgram_early import Early
from device.providers.deepgram_turn import Turn
from device.providers.machine import Machine, Stage
from device.providers.silence import Silence
from device.providers.wire import Malformed, parse_object, text

SESSION_CAP_S = 7200.0
KEEP_ALIVE_S = 8.0
#: Silence behind a turn that the service is to end.
LONGEST_SILENCE_S = 15.0

CAPABILITIES = Capabilities(
    uplink_rate_hz=frames.RATE_HZ,
    downlink_rate_hz=frames.RATE_HZ,
    detects_turns=True,
    truncates=False,
    calls_tools=True,
    transcribes_user=True,
    tells_ends=False,
    says_on_request=True,
    session_cap_s=SESSION_CAP_S,
)

Fields = Mapping[str, object]

_OF_NO_USE = frozenset(
    {
        "FrustrationDetected", "FunctionCallResponse", "History", "LatencyReport", "ListenUpdated",
        "PromptUpdated", "SpeakUpdated", "ThinkLiveUpdated", "ThinkUpdated",
    }
)  # fmt: skip


class DeepgramVoiceAgent(Machine):
    """One session. See :class:`device.providers.base.Codec` for the contract."""

    def __init__(self, spec: SessionSpec) -> None:
        super().__init__(spec, CAPABILITIES)
        self._session_id = ""
        self._configured = False  # Settings was sent
        self._turn = Turn()
        self._agent = Agent(self._answer_begins)
        self._silence = Silence(frames.RATE_HZ, LONGEST_SILENCE_S)
        self._alive_until = 0.0
        self._early = Early()
        self._calls = Calls(self._agent)
        self._at_work = AtWork(spec.reply_timeout_s)
        self._noted_truncation = False
        self._handlers: dict[str, Callable[[Fields, float], list[Output]]] = {
            "AgentAudioDone": lambda _fields, _now: self._agent.ends(),
            "AgentStartedSpeaking": lambda _fields, _now: self._agent.starts(),
            "AgentThinking": self._on_thinking,
            "ConversationText": self._on_text,
            "Error": self._on_error,
            "FunctionCallCancelled": lambda fields, _now: self._calls.cancelled(fields),
            "FunctionCallRequest": self._on_call,
            "InjectionRefused": self._on_injection_refused,
            "SettingsApplied": self._on_applied,
            "UserStartedSpeaking": self._on_user_speaks,
            "Warning": self._on_warning,
            "Welcome": self._on_welcome,
        }

    # --- the session ------------------------------------------------------------------

    def _begin(self, now: float) -> list[Output]:
        try:
            url = frames.address(self._spec.url)
        except ValueError:
            return self._end(ErrorKind.PROTOCOL, "the service's address is not an address")
        return [Connect(url, frames.headers(self._spec.key))]

    def _greet(self, now: float) -> list[Output]:
        return []  # nothing before Welcome

    def _parse(self, data: str | bytes) -> object:
        if isinstance(data, bytes):
            return data
        fields = parse_object(data)
        if isinstance(fields, dict) and not text(fields, "type"):
            return Malformed("no type")
        return fields

    def _on_welcome(self, fields: Fields, now: float) -> list[Output]:
        if self._configured:
            return []
        self._configured = True
        self._session_id = text(fields, "request_id")
        outputs: list[Output] = [SendFrame(frames.settings(self._spec))]
        if self._spec.history and self._spec.options.get("agent"):
            outputs.append(Note("a stored agent cannot be told what was said before"))
        return outputs

    def _on_applied(self, _fields: Fields, now: float) -> list[Output]:
        if not self._configured or self._stage is not Stage.GREETING:
            return []
        self._alive_until = now + KEEP_ALIVE_S
        return self._ready(self._session_id, now)

    def _on_error(self, fields: Fields, now: float) -> list[Output]:
        code, words = text(fields, "code"), text(fields, "description")
        return self._end_with(self._explain.error({"code": code, "type": words, "message": words}))

    def _on_warning(self, fields: Fields, now: float) -> list[Output]:
        code, words = text(fields, "code"), text(fields, "description")
        return [Note(f"the service warns: {self._explain.clean(f'{words} [{code}]')}")]

    def _due(self) -> float | None:
        dues = (self._silence.due, self._agent.due, self._alive_until)
        return min(due for due in dues if due is not None)

    def _time_out(self, now: float) -> list[Output]:
        outputs = self._agent.time_out(now)
        silence = self._silence.take(now)
        if silence:
            self._alive_until = now + KEEP_ALIVE_S
            outputs.append(SendFrame(silence))
        elif now >= self._alive_until:
            self._alive_until = now + KEEP_ALIVE_S
            outputs.append(SendFrame(frames.KEEP_ALIVE))
        return outputs

    def fence_passed(self, token: str, now: float) -> list[Output]:
        self._turn.fence_passed(token)
        return []

    # --- commands -----------------------------------------------------------------------

    def _perform(self, command: ServiceCommand, now: float) -> list[Output]:
        match command:
            case AppendAudio(pcm):
                return self._append(pcm, now)
            case CommitTurn():
                return self._commit(now)
            case ClearInput():
                return self._clear()
            case AbandonTurn():
                return self._abandon()
            case CancelReply(reply_id):
                return self._cancel(reply_id)
            case TruncateReply():
                return self._truncate()
            case SendToolResult(call_id, output):
                return self._calls.answer(call_id, output)
            case RequestReply(_, words):
                return self._request(words)
            case ShowImage():
                return []  # it sees nothing

    def _append(self, pcm: bytes, now: float) -> list[Output]:
        if not pcm or self._turn.is_tail(now):
            return []
        fence = self._turn.sound(now)
        self._alive_until = now + KEEP_ALIVE_S
        if not self._spec.device_ends_turn:
            self._silence.sounded(len(pcm), now)
        return [SendFrame(pcm), *([AskFence(fence)] if fence else [])]

    def _commit(self, now: float) -> list[Output]:
        if not self._turn.open:
            return self._trouble(ErrorKind.PROTOCOL, "there was no sound in the turn")
        said_before, early = self._early.take()
        self._silence.stop()
        self._turn.commit(by_service=False)
        self._agent.owed = True
        self._at_work.over()
        outputs: list[Output] = [Emit(TurnCommitted(self._turn.item_id))]
        outputs += [self._transcript(words) for words in said_before]
        if early is None:
            return [SendFrame(frames.FORCE_END_TURN), *outputs]
        for message in early:
            outputs += self._on_message(message, now)
        return outputs

    def _clear(self) -> list[Output]:
        if self._turn.has_tail or self._agent.owed:  # the answer to the turn is still wanted
            self._turn.close()
            self._silence.stop()
            return []
        return self._take_back() if self._turn.open else []

    def _abandon(self) -> list[Output]:
        if not (self._turn.open or self._agent.owed):
            self._turn.close()
            return []
        return self._take_back()

    def _take_back(self) -> list[Output]:
        """No turn and no answer are to come of what was sent and not answered."""
        self._silence.stop()
        self._early.forget()
        was_open = self._turn.close()
        self._turn.give_up()
        self._agent.give_up()
        return self._end_there() if was_open else []

    def _end_there(self) -> list[Output]:
        """The service hears somebody whom nobody listens to: that is a turn of its own, or it
        would be the beginning of the next one."""
        if not self._turn.heard:
            return []
        self._turn.heard = False
        return [SendFrame(frames.FORCE_END_TURN)]

    def _cancel(self, reply_id: str) -> list[Output]:
        outputs = self._agent.cancel(reply_id)
        return [*outputs, *self._calls.call_off()] if outputs else []

    def _truncate(self) -> list[Output]:
        if self._noted_truncation:
            return []
        self._noted_truncation = True
        return [Note("this service cannot be told what was heard of a reply")]

    def _request(self, words: str | None) -> list[Output]:
        """It says what it is given, and obeys no order."""
        if not words or not words.strip():
            return [Note("a reply was asked for without its words: this service cannot")]
        interrupts = self._agent.request(words)
        return [SendFrame(frames.inject(words, interrupts=interrupts))]

    # --- messages ---------------------------------------------------------------------------

    def _on_message(self, message: object, now: float) -> list[Output]:
        if isinstance(message, bytes):
            if self._stage is not Stage.READY:
                return []
            return [] if self._early.keep(message) else self._agent.sounds(message, now)
        if not isinstance(message, dict):
            return []
        name = text(message, "type")
        handler = self._handlers.get(name)
        if handler is None:
            return [] if name in _OF_NO_USE else self._on_unknown(name)
        hand_shake = name in {"Welcome", "SettingsApplied", "Error", "Warning"}
        if self._stage is not Stage.READY and not hand_shake:
            return []
        if not hand_shake and name != "UserStartedSpeaking" and self._early.keep(message):
            return []
        return handler(message, now)

    def _transcript(self, words: str) -> Output:
        return Emit(UserTranscript(words, final=True, item_id=self._turn.item_id))

    # --- the user's turn, as the service tells of it -----------------------------------------

    def _on_user_speaks(self, _fields: Fields, now: float) -> list[Output]:
        turn, agent = self._turn, self._agent
        taken_early = self._early.begun
        self._early.goes_on()
        spoke, owed, settled = agent.speaks, agent.owed, turn.settled(now)
        answering = taken_early or (owed and turn.told)
        counts = settled and (turn.open or owed)
        outputs = agent.user_speaks(answering=answering and settled, counts=counts)
        if spoke:
            self._calls.forget()  # the service calls them off itself
        if turn.open and settled:
            turn.heard = True
            return [*outputs, Emit(ServiceSpeechStarted())]
        if turn.open or (settled and owed and not turn.told):
            return outputs  # of the turn before, or of the one that is committed
        turn.heard = True
        if settled and not owed and not spoke:
            turn.give_up()
            agent.give_up()
        if settled and spoke:
            return outputs  # the device will listen
        return [*outputs, *self._end_there()]

    def _on_text(self, fields: Fields, now: float) -> list[Output]:
        content = text(fields, "content")
        if text(fields, "role") == "assistant":
            return self._agent.says(content) if content else []
        if text(fields, "role") != "user":
            return []
        turn, agent = self._turn, self._agent
        late = agent.speaks and not turn.told  # the answer has begun before
        if not turn.settled(now) or not (turn.open or agent.owed or late):
            turn.heard = turn.heard and turn.open
            if not (agent.owed or turn.open or agent.speaks):  # it will be answered, to nobody
                turn.give_up()
                agent.give_up()
            return []
        turn.told, turn.heard = True, False
        if turn.open and self._spec.device_ends_turn:
            self._early.begin(fields)
            return []
        taken = self._take() if turn.open else []
        agent.user_said()
        return [*taken, self._transcript(content)]

    def _take(self) -> list[Output]:
        """The service took the turn."""
        self._turn.commit(by_service=True)
        self._silence.stop()
        self._agent.owed = True
        self._at_work.over()
        return [Emit(TurnCommitted(self._turn.item_id))]

    def _on_thinking(self, fields: Fields, now: float) -> list[Output]:
        outputs = self._agent.thinks()
        if not self._is_answer(now):
            return [*outputs, *self._tell_of_work(now)]
        if self._spec.device_ends_turn:
            self._early.begin(fields)
            return outputs
        return [*outputs, *self._take(), *self._tell_of_work(now)]

    def _on_call(self, fields: Fields, now: float) -> list[Output]:
        outputs = self._calls.requested(fields)
        return [*outputs, *(self._tell_of_work(now) if self._calls.has_others(fields) else [])]

    def _tell_of_work(self, now: float) -> list[Output]:
        awaited = self._agent.owed and not self._agent.unwanted
        return self._at_work.tell(now) if awaited or self._agent.speaks else []

    def _answer_begins(self) -> list[Output]:
        """Where the service said nothing of the turn, its answer tells that it took it. The
        greeting of a stored agent is none."""
        known = self._turn.heard or not self._spec.options.get("agent")
        if self._spec.device_ends_turn or not self._turn.open or not known:
            return []
        return self._take()

    def _is_answer(self, now: float) -> bool:
        """What the agent does now is about the sound since the turn began."""
        idle = not self._agent.speaks and not self._agent.unwanted
        return idle and self._turn.open and self._turn.settled(now)

    # --- what the agent was given to say ---------------------------------------------------------

    def _on_injection_refused(self, fields: Fields, now: float) -> list[Output]:
        why = self._explain.clean(text(fields, "message") or "refused")
        outputs = self._agent.refuse(why)
        return [Note(f"the service did not say it: {why}")] if outputs is None else outputs


SERVICE = Service(DeepgramVoiceAgent, CAPABILITIES, frames.URL)
