"""ElevenLabs Agents (Conversational AI) over its WebSocket, as a sans-I/O codec.

The agent is set up on its page, not here: its prompt, its voice, its model, and the audio formats,
which the service tells in the hand-shake (``pcm_24000`` both ways suits the device best; every
``pcm_*`` and ``ulaw_8000`` works). What the agent must have:

- the client events ``audio``, ``interruption``, ``user_transcript``, ``agent_response``,
  ``agent_response_correction``, ``client_tool_call`` and ``ping``. Without transcripts the turns
  are told by the answers, which is less sure (:mod:`device.providers.elevenlabs_turns`);
- for the device's own tools: client tools of the same names and parameters, with "wait for
  response". A call of any other is answered with an error;
- no first message, or ``elevenlabs.override_first_message``: the device does not play a greeting;
- for each ``elevenlabs.override_*`` that is on: the permission, in its security settings.

A public agent needs no key. For a private one (``elevenlabs.signed``) a signed address is asked
for with the key, over HTTPS from the same host; a "key" that is a signed address itself, as a
program of the owner's may fetch it, is used as it is.

Rulings where the protocol leaves room:

- The service ends the turns, and says so with the user's transcript at the earliest. It wants the
  silence behind a turn too, which is made here for a bounded time when the device sends nothing.
- There is no frame for a cut. What comes of a reply that was cut, or of a turn given up, is
  dropped: by its number, and by the order of things.
- The end of a reply is not told either (:mod:`device.providers.elevenlabs_quiet`).
- Whenever it is nobody's turn, ``user_activity`` is sent every few seconds, which keeps the agent
  from asking whether somebody is there, and from hanging up: how long a session lasts is the
  core's decision.
- A tool's result ends the reply that asked for it; what the agent says next is another one.
- An MCP tool that waits for an approval is refused: there is nobody here to give it.

Not verified against the live service: that the numbers of audio, words and interruptions are of
one sequence, what ``user_activity`` keeps the agent from, which errors end a session, and that an
empty first message silences the agent. Loop thread only, except `decode`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

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
    TruncateReply,
)
from device.events import ErrorKind, ReplyInterrupted, TurnCommitted, UserTranscript
from device.providers import elevenlabs_frames as frames
from device.providers.base import (
    AskFence,
    Connect,
    Emit,
    HttpRequest,
    Note,
    Output,
    SendFrame,
    Service,
    SessionSpec,
)
from device.providers.elevenlabs_faults import ElevenLabsExplainer
from device.providers.elevenlabs_quiet import Quiet
from device.providers.elevenlabs_turns import Sign, Turns, Whose
from device.providers.elevenlabs_wire import OF_NO_USE, OF_NO_USE_FAMILIES, Incoming, parse
from device.providers.faults import Fault
from device.providers.machine import Machine, Stage
from device.providers.silence import Silence
from device.providers.speech import Speech
from device.providers.wire import Malformed, parse_object, text

URL = "wss://api.elevenlabs.io/v1/convai/conversation"
CAPABILITIES = Capabilities(
    uplink_rate_hz=24000,
    downlink_rate_hz=24000,
    detects_turns=True,
    truncates=False,
    calls_tools=True,
    transcribes_user=True,
    commits=False,
    tells_turns=False,
    opens_within_s=4.0,  # a signed address is a request of its own
)
HUSH_S = 3.0
"""Of silence behind what was taken or given up: an agent that listens on hears nothing."""
ACTIVITY_S = 4.0
CORRECTION_S = 0.5
"""After an interruption the service may still tell what was said up to then."""
PATIENCE = 0.6
"""Of what the core waits for a sign of the reply: the longest silence within one."""
FAR_AHEAD = 100_000
"""No interruption is about sound that is so much later than all that came."""
_EARLY = frozenset({"conversation_initiation_metadata", "error", "ping"})


class ElevenLabs(Machine):
    """One session. See :class:`device.providers.base.Codec` for the contract."""

    def __init__(self, spec: SessionSpec) -> None:
        super().__init__(spec, CAPABILITIES)
        self._explain: ElevenLabsExplainer = ElevenLabsExplainer(spec.key)
        self._up = self._down = frames.AudioFormat(CAPABILITIES.uplink_rate_hz)
        self._signing_securely = False
        self._speech = Speech()
        self._turns = Turns(greets=not spec.options.get("override_first_message"))
        self._quiet = Quiet(PATIENCE * spec.reply_timeout_s)
        self._silence = Silence(self._up.rate_hz, spec.reply_timeout_s)
        self._hush_at: float | None = None
        self._active_at = 0.0
        self._broken_off_until: float | None = None  # interrupted; its ReplyDone is to come
        self._highest = self._dropped_to = -1  # numbers of audio: seen, and not to be played
        self._calls: set[str] = set()  # that the core has not answered
        self._continues = False  # the reply that begins next follows a tool's result
        self._tools = {tool.name for tool in spec.tools}
        self._last_fault: Fault | None = None
        self._handlers: dict[str, Callable[[Incoming, float], list[Output]]] = {
            "agent_response": self._on_words,
            "agent_response_correction": self._on_correction,
            "audio": self._on_audio,
            "client_tool_call": self._on_call,
            "conversation_initiation_metadata": self._on_metadata,
            "error": self._on_error,
            "interruption": self._on_interruption,
            "mcp_tool_call": self._on_mcp_call,
            "ping": self._on_ping,
            "user_transcript": self._on_transcript,
        }

    # --- opening --------------------------------------------------------------------------

    def _begin(self, now: float) -> list[Output]:
        key = self._spec.key
        if frames.is_address(key):
            return [Connect(key)]
        try:
            agent_id = frames.agent_of(self._spec)
            if not agent_id:
                words = "elevenlabs.agent_id is empty: it stands on the agent's page"
                return self._end(ErrorKind.PROTOCOL, words)
            if not self._spec.options.get("signed"):
                return [Connect(frames.address(self._spec, agent_id))]
            url = frames.signing_address(self._spec, agent_id)
        except ValueError:
            return self._end(ErrorKind.PROTOCOL, "the service's address is not an address")
        if not key:
            words = "a private agent (elevenlabs.signed) wants a key: see elevenlabs.key_file"
            return self._end(ErrorKind.KEY, words)
        self._signing_securely = url.startswith("https:")
        return [HttpRequest("signed", "GET", url, {"xi-api-key": key})]

    def _answered(self, token: str, status: int, body: bytes, now: float) -> list[Output]:
        if status != 200:
            return self._end_with(self._explain.refusal(status, body))
        answer = parse_object(body)
        url = "" if isinstance(answer, Malformed) else text(answer, "signed_url")
        self._explain.keep_out(url)
        if not frames.is_address(url) or (self._signing_securely and url.startswith("ws:")):
            return self._end(ErrorKind.PROTOCOL, "the service gave no signed address to be used")
        return [Connect(url)]

    def _greet(self, now: float) -> list[Output]:
        return [SendFrame(frames.initiation(self._spec))]

    def _on_metadata(self, message: Incoming, now: float) -> list[Output]:
        if self._stage is not Stage.GREETING:
            return []
        names = [
            text(message.fields, name, "pcm_16000")  # what the service's own client takes it for
            for name in ("user_input_audio_format", "agent_output_audio_format")
        ]
        up, down = (frames.audio_format(name) for name in names)
        if up is None or down is None:
            spoken = self._explain.clean(" and ".join(names), 80)
            words = f"the agent speaks {spoken}: set it to pcm_24000, both ways"
            return self._end(ErrorKind.PROTOCOL, words)
        self._up, self._down = up, down
        self._silence.rate_hz = up.rate_hz
        self._able = replace(
            self._able, uplink_rate_hz=up.rate_hz, downlink_rate_hz=down.rate_hz
        )
        self._active_at = now
        self._turns.begin(now)
        told: list[Output] = []
        if self._spec.history and not self._spec.options.get("override_prompt"):
            told = [SendFrame(frames.context(frames.so_far(self._spec.history)))]
        return [*told, *self._ready(text(message.fields, "conversation_id"), now)]

    # --- commands ----------------------------------------------------------------------------

    def _perform(self, command: ServiceCommand, now: float) -> list[Output]:
        match command:
            case AppendAudio(pcm):
                return self._append(pcm[: len(pcm) - len(pcm) % 2], now)
            case ClearInput():
                self._turns.clear(now)
                self._hush_at = now + HUSH_S
                return []
            case AbandonTurn():
                return self._abandon(now)
            case CancelReply(reply_id):
                return self._cancel(reply_id, now)
            case SendToolResult(call_id, output):
                return self._answer_call(call_id, output, now)
            case RequestReply():
                return [Note("an ElevenLabs agent says nothing on request")]
            case CommitTurn() | TruncateReply():
                return []  # neither can be told

    def _append(self, pcm: bytes, now: float) -> list[Output]:
        if not pcm or not self._turns.sound(len(pcm) / (2 * self._up.rate_hz), now):
            return []
        self._silence.sounded(len(pcm), now)
        self._hush_at = None
        self._active_at = now
        outputs: list[Output] = [SendFrame(frames.sound(pcm, self._up))]
        fence = self._turns.fence_wanted(now)
        return [*outputs, AskFence(fence)] if fence else outputs

    def _abandon(self, now: float) -> list[Output]:
        self._hush_at = now + HUSH_S
        may_be_answered = self._turns.abandon(now)
        outputs = self._refuse_calls() if not self._speech.reply_id else []
        return [*outputs, *self._be_active(now)] if may_be_answered else outputs

    def _cancel(self, reply_id: str, now: float) -> list[Output]:
        if not self._speech.cancel(reply_id):
            return []
        if self._broken_off_until is None:
            self._dropped_to = max(self._dropped_to, self._highest)
            self._turns.cut(now, told=self._quiet.told)
        outputs = self._end_reply(now, "cancelled")
        # Not into a turn: it might keep the agent from answering it.
        return outputs if self._turns.open else [*outputs, *self._be_active(now)]

    def _answer_call(self, call_id: str, output: str, now: float) -> list[Output]:
        if call_id not in self._calls:
            return []
        self._calls.discard(call_id)
        outputs = self._end_reply(now, keep_calls=True)
        answer = parse_object(output)
        is_error = not isinstance(answer, Malformed) and "error" in answer
        outputs.append(SendFrame(frames.tool_result(call_id, output, is_error=is_error)))
        self._turns.promise()
        self._continues = True
        return outputs

    def _refuse_calls(self) -> list[Output]:
        """Those that the core will not answer any more: the agent waits for each."""
        calls, self._calls = sorted(self._calls), set()
        return [SendFrame(frames.tool_result(c, "called off", is_error=True)) for c in calls]

    def _be_active(self, now: float) -> list[Output]:
        self._active_at = now
        return [SendFrame(frames.activity())]

    def fence_passed(self, token: str, now: float) -> list[Output]:
        self._turns.fence_passed(token)
        return []

    # --- what the agent says --------------------------------------------------------------------

    def _parse(self, data: str | bytes) -> Incoming | Malformed:
        return parse(data)

    def _on_message(self, message: object, now: float) -> list[Output]:
        if not isinstance(message, Incoming):
            return self._on_malformed(Malformed("unusable"))
        handler = self._handlers.get(message.type)
        if self._stage is not Stage.READY and message.type not in _EARLY:
            return []  # no turn and no reply can be ours yet
        if handler is not None:
            return handler(message, now)
        if message.type in OF_NO_USE or message.type.startswith(OF_NO_USE_FAMILIES):
            return []
        return self._on_unknown(message.type)

    def _on_ping(self, message: Incoming, now: float) -> list[Output]:
        if message.event_id is None:
            return self._on_malformed(Malformed("a ping without its number"))
        return [SendFrame(frames.pong(message.event_id))]

    def _on_transcript(self, message: Incoming, now: float) -> list[Output]:
        words = text(message.fields, "user_transcript")
        whose = self._turns.transcript(message.event_id, now)
        if whose is Whose.ANSWER:
            return [Emit(UserTranscript(words, True, self._turns.name))]
        # The agent has gone on to another turn: nothing more comes of what it said.
        outputs = self._end_broken_off(now) or self._end_reply(now)
        if whose is not Whose.TURN:
            return outputs
        self._hush_at = now + HUSH_S
        turn = self._turns.name
        return [*outputs, Emit(TurnCommitted(turn)), Emit(UserTranscript(words, True, turn))]

    def _on_audio(self, message: Incoming, now: float) -> list[Output]:
        if self._is_dropped(message):
            return []
        self._highest = max(self._highest, message.event_id or 0)
        if not message.audio:
            return []
        outputs = self._begin_reply(Sign.SOUND, now)
        if outputs is None:
            return []
        pcm = self._down.to_pcm(message.audio)
        self._quiet.sound(len(pcm) / (2 * self._down.rate_hz), message.voiced, now)
        return outputs + self._speech.audio(pcm)

    def _on_words(self, message: Incoming, now: float) -> list[Output]:
        words = text(message.fields, "agent_response")
        if self._broken_off_until is not None and not self._quiet.told:
            self._quiet.told = True  # those of the reply that it broke off
            return self._speech.words(words, final=True)
        if self._is_dropped(message):
            return []
        outputs = self._begin_reply(Sign.WORDS, now)
        if outputs is None:
            return []
        self._quiet.words(words, now)
        return outputs + self._speech.words(words, final=True)

    def _on_correction(self, message: Incoming, now: float) -> list[Output]:
        """What was said of the reply until it was interrupted."""
        words = text(message.fields, "corrected_agent_response")
        if not self._speech.wanted or (self._is_dropped(message) and not self._broken_off_until):
            return []
        return self._speech.words(words, final=True) + self._end_broken_off(now)

    def _on_interruption(self, message: Incoming, now: float) -> list[Output]:
        number = message.event_id
        if number is None or number > self._highest + FAR_AHEAD:
            number = self._highest
        self._dropped_to = max(self._dropped_to, number)
        heard = self._speech.wanted and self._broken_off_until is None
        self._turns.interrupted(heard=heard)
        if not heard:
            return []
        self._quiet.stop()
        self._broken_off_until = now + CORRECTION_S
        return [Emit(ReplyInterrupted(self._speech.reply_id))]

    def _on_call(self, message: Incoming, now: float) -> list[Output]:
        call_id = text(message.fields, "tool_call_id")
        name = text(message.fields, "tool_name")
        if not call_id:
            return self._on_malformed(Malformed("a tool's call without its name"))
        if name not in self._tools:
            known = self._explain.clean(name, 60)
            refusal = frames.tool_result(call_id, f"no tool {known} here", is_error=True)
            if self._speech.reply_id and self._broken_off_until is None:
                self._quiet.goes_on(now)
            return [SendFrame(refusal), *self._on_unknown(f"tool {name}")]
        dropped = call_id in self._calls or self._is_dropped(message)
        outputs = None if dropped else self._begin_reply(Sign.CALL, now)
        if call_id in self._calls:
            return []  # told twice
        if outputs is None:
            return [SendFrame(frames.tool_result(call_id, "called off", is_error=True))]
        self._calls.add(call_id)
        return outputs + self._speech.call(call_id, name, _arguments(message))

    def _on_mcp_call(self, message: Incoming, now: float) -> list[Output]:
        call_id = text(message.fields, "tool_call_id")
        if text(message.fields, "state") != "awaiting_approval" or not call_id:
            return []
        words = "an MCP tool of the agent's wants an approval, which nobody here can give: refused"
        return [SendFrame(frames.mcp_refusal(call_id)), Note(words)]

    # --- replies ----------------------------------------------------------------------------------

    def _is_dropped(self, message: Incoming) -> bool:
        number = message.event_id
        return number is not None and number <= self._dropped_to

    def _begin_reply(self, sign: Sign, now: float) -> list[Output] | None:
        """The agent says something: what that begins, if anything. None: it is nobody's."""
        outputs = self._end_broken_off(now)
        if self._speech.reply_id:
            return outputs
        whose = self._turns.sign(sign, now)
        if whose is Whose.NOBODY:
            self._continues = False
            return None if not outputs else _none_but(outputs)
        if whose is Whose.TURN:
            self._hush_at = now + HUSH_S
            outputs.append(Emit(TurnCommitted(self._turns.name)))
        self._quiet.begin(now, continues=self._continues)
        self._continues = False
        return outputs + self._speech.begin()

    def _end_broken_off(self, now: float) -> list[Output]:
        return [] if self._broken_off_until is None else self._end_reply(now, "cancelled")

    def _end_reply(
        self, now: float, status: str = "completed", detail: str = "", *, keep_calls: bool = False
    ) -> list[Output]:
        """Nothing more comes of the one under way; nothing, if there is none."""
        if not self._speech.reply_id:
            return []
        self._quiet.stop()
        self._broken_off_until = None
        self._active_at = now
        self._turns.reply_over()
        calls = [] if keep_calls else self._refuse_calls()
        return [*self._speech.end(status, detail), *calls]

    # --- time --------------------------------------------------------------------------------------

    def _due(self) -> float | None:
        times = [self._silence.due, self._broken_off_until]
        if self._silence.due is not None:
            times.append(self._hush_at)
        if self._speech.reply_id:
            times.append(None if self._calls else self._quiet.due)
        elif not (self._turns.open or self._turns.owed):
            times.append(self._active_at + ACTIVITY_S)
        return min((at for at in times if at is not None), default=None)

    def _time_out(self, now: float) -> list[Output]:
        outputs: list[Output] = []
        if self._hush_at is not None and now >= self._hush_at:
            self._hush_at = None
            self._silence.stop()
        quiet = self._silence.take(now)
        if quiet:
            outputs.append(SendFrame(frames.sound(quiet, self._up)))
        if self._broken_off_until is not None and now >= self._broken_off_until:
            return outputs + self._end_broken_off(now)
        if self._speech.reply_id:
            due = self._quiet.due
            over = due is not None and now >= due and not self._calls
            return outputs + self._conclude(now) if over else outputs
        idle = not (self._turns.open or self._turns.owed)
        if idle and now >= self._active_at + ACTIVITY_S:
            outputs += self._be_active(now)
        return outputs

    def _conclude(self, now: float) -> list[Output]:
        if self._quiet.sounded:
            return self._end_reply(now)
        words = 'the agent sent no sound: its client event "audio" may be off'
        return self._end_reply(now, "failed", words)

    # --- trouble -----------------------------------------------------------------------------------

    def _on_error(self, message: Incoming, now: float) -> list[Output]:
        fault = self._explain.told(message.fields, self._spec)
        self._last_fault = fault
        if fault.over or self._stage is not Stage.READY:
            return self._end_with(fault)
        outputs = self._trouble(fault.kind, fault.detail)
        if fault.kind is not ErrorKind.SERVICE:
            return outputs
        if self._turns.owed and not self._speech.reply_id:  # there will be no answer
            self._turns.owed = False
            outputs += self._speech.begin()
        return outputs + self._end_reply(now, "failed", fault.detail)

    def _fault_of_refusal(self, status: int, body: bytes) -> Fault:
        fault = super()._fault_of_refusal(status, body)
        if fault.kind is ErrorKind.KEY and not self._spec.key:
            words = "the agent is private: set elevenlabs.signed, and a key"
            return replace(fault, detail=f"{words} (HTTP {status})")
        return fault

    def _fault_of_closing(self, code: int, reason: str) -> Fault:
        fault = super()._fault_of_closing(code, reason)
        told = self._last_fault
        if told is not None and code not in (1000, 1006):  # it was said why
            return replace(fault, kind=told.kind, detail=f"{told.detail} ({code})")
        return fault

    def closed(self, code: int, reason: str, now: float) -> list[Output]:
        ready = self._stage is Stage.READY
        if code != 1000 or not ready or self._turns.open or self._turns.owed:
            return super().closed(code, reason, now)
        # The agent has hung up: what it said before is whole.
        outputs = self._end_broken_off(now) or self._end_reply(now)
        said = [output for output in outputs if isinstance(output, Emit)]
        fault = self._fault_of_closing(code, reason)
        if fault.kind is not ErrorKind.SERVICE:
            return [*said, *self._end_with(fault)]
        return [*said, *self._end(None, "the agent ended the conversation")]


def _none_but(outputs: list[Output]) -> None:
    """PLACEHOLDER"""


def _arguments(message: Incoming) -> str:
    """JSON text of an object, as the tool wants it."""
    parameters = message.fields.get("parameters")
    if not isinstance(parameters, dict):
        return "{}"
    try:
        return json.dumps(parameters)
    except (ValueError, RecursionError):
        return "{}"


SERVICE = Service(ElevenLabs, CAPABILITIES, URL, keyed=False)
