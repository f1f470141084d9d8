"""ElevenLabs Agents (Conversational AI) over its WebSocket, as a sans-I/O codec.

The agent is set up on its page, not here: its prompt, its voice, its model, and the audio formats,
which the service tells in the hand-shake (``pcm_24000`` both ways suits the device best; every
``pcm_*`` and ``ulaw_8000`` works). What the agent must have:

- the client events ``audio``, ``interruption``, ``user_transcript``, ``agent_response``,
  ``client_tool_call`` and ``ping``. Without transcripts the turns are told by the answers, which is
  less sure (:mod:`device.providers.elevenlabs_turns`). With tools of its own also
  ``agent_tool_request``, ``agent_tool_response`` and ``mcp_tool_call``, or an answer that takes its
  time behind them may be taken for over;
- for the device's own tools: client tools of the same names and parameters, whose result is
  waited for. A call of any other is answered with an error;
- no first message, or ``elevenlabs.override_first_message``: a greeting is not played;
- for each override that is asked for (``elevenlabs.override_*``, ``llm``, ``keywords`` and how the
  voice is): the permission, in its security settings;
- a value for each variable of its prompt, here (``elevenlabs.dynamic_variables``) or there.

A public agent needs no key. For a private one (``elevenlabs.signed``) a signed address is asked
for with the key, over HTTPS from the same host; an address that is signed itself, as a program of
the owner's may fetch it (``elevenlabs.key_command``), is used as it is.

Rulings where the protocol leaves room:

- The service ends the turns, and says so with the user's transcript at the earliest. It wants the
  silence behind a turn too, which is made here for a bounded time when the device sends nothing.
- There is no frame for a cut. What comes of a reply that was cut, or of a turn given up, is
  dropped: by its number, and by the order of things.
- The end of a reply is not told either (:mod:`device.providers.elevenlabs_quiet`).
- While it is nobody's turn, ``user_activity`` is sent every few seconds, which keeps the agent
  from asking whether somebody is there, and from hanging up: how long a session lasts is the
  core's decision.
- A tool's result ends the reply that asked for it; what the agent says next is another one.
- An MCP tool that waits for an approval is refused: there is nobody here to give it.

Not verified against the live service: that the numbers of audio, words and interruptions are of
one sequence, what ``user_activity`` keeps the agent from, which errors end a session, and that an
empty first message silences the agent. Loop thread only, except `decode`.
"""

from __future__ import annotations

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
    ShowImage,
    TruncateReply,
)
from device.events import ErrorKind
from device.providers import elevenlabs_frames as frames
from device.providers.base import (
    Connect,
    HttpRequest,
    Note,
    Output,
    SendFrame,
    Service,
    SessionSpec,
)
from device.providers.elevenlabs_faults import ElevenLabsExplainer
from device.providers.elevenlabs_overrides import mistakes, so_far
from device.providers.elevenlabs_replies import Replies
from device.providers.elevenlabs_turns import Turns
from device.providers.elevenlabs_uplink import Uplink
from device.providers.elevenlabs_wire import OF_NO_USE, OF_NO_USE_FAMILIES, Incoming, parse
from device.providers.faults import Fault
from device.providers.machine import Machine, Stage
from device.providers.wire import Malformed, parse_object, text

URL = "wss://api.elevenlabs.io/v1/convai/conversation"
RATE_HZ = 24000
CAPABILITIES = Capabilities(
    uplink_rate_hz=RATE_HZ,
    downlink_rate_hz=RATE_HZ,
    detects_turns=True,
    truncates=False,
    calls_tools=True,
    transcribes_user=True,
    commits=False,
    tells_turns=False,
    tells_ends=False,
    opens_within_s=4.0,  # a signed address is a request of its own
)
_EARLY = frozenset({"conversation_initiation_metadata", "error", "ping"})


class ElevenLabs(Machine):
    """One session. See :class:`device.providers.base.Codec` for the contract."""

    def __init__(self, spec: SessionSpec) -> None:
        super().__init__(spec, CAPABILITIES)
        self._explain: ElevenLabsExplainer = ElevenLabsExplainer(spec.key, spec.url)
        self._signed = False  # the address is, as it was given
        self._signing_securely = False
        self._last_fault: Fault | None = None
        form = frames.AudioFormat(RATE_HZ)
        self._turns = Turns(greets=not spec.options.get("override_first_message"))
        self._uplink = Uplink(form, self._turns, spec.reply_timeout_s)
        self._replies = Replies(spec, form, self._turns, self._uplink)
        self._handlers: dict[str, Callable[[Incoming, float], list[Output] | Malformed]] = {
            "conversation_initiation_metadata": self._on_metadata,
            "error": self._on_error,
            "ping": self._on_ping,
            **self._replies.handlers,
        }

    # --- opening --------------------------------------------------------------------------

    def _begin(self, now: float) -> list[Output]:
        key = self._spec.key
        try:
            self._signed = frames.is_signed(self._spec.url)
            if self._signed:
                return [Connect(self._spec.url)]
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
        return [*self._opens(), Connect(url)]

    def _greet(self, now: float) -> list[Output]:
        notes = [Note(words) for words in mistakes(self._spec)]
        return [*notes, SendFrame(frames.initiation(self._spec))]

    def _on_metadata(self, message: Incoming, now: float) -> list[Output]:
        if self._stage is not Stage.GREETING:
            return []
        # Where it tells none, it is what the service's own client takes for granted.
        up_name = text(message.fields, "user_input_audio_format", "pcm_16000")
        down_name = text(message.fields, "agent_output_audio_format", "pcm_16000")
        up, down = frames.audio_format(up_name), frames.audio_format(down_name)
        if up is None or down is None:
            spoken = self._explain.clean(f"{up_name} and {down_name}", 80)
            words = f"the agent's audio is {spoken}: set both to pcm_24000"
            return self._end(ErrorKind.PROTOCOL, words)
        self._able = replace(self._able, uplink_rate_hz=up.rate_hz, downlink_rate_hz=down.rate_hz)
        self._replies.form = down
        self._uplink.begin(up, now)
        self._turns.begin(now)
        told: list[Output] = []
        if self._spec.history and not self._spec.options.get("override_prompt"):
            told.append(SendFrame(frames.context(so_far(self._spec.history))))
        return [*told, *self._ready(text(message.fields, "conversation_id"), now)]

    # --- commands ----------------------------------------------------------------------------

    def _perform(self, command: ServiceCommand, now: float) -> list[Output]:
        match command:
            case AppendAudio(pcm):
                return self._uplink.append(pcm, now)
            case ClearInput():
                self._uplink.hush(now)
                self._turns.clear(now)
                return []
            case AbandonTurn():
                self._uplink.hush(now)
                return self._replies.abandon(now)
            case CancelReply(reply_id):
                return self._replies.cancel(reply_id, now)
            case SendToolResult(call_id, output):
                return self._replies.answer_call(call_id, output, now)
            case RequestReply():
                return [Note("an ElevenLabs agent says nothing on request")]
            case CommitTurn():
                return []  # the service ends the turns
            case TruncateReply():
                return []  # it cannot be told what was heard
            case ShowImage():
                return []  # it sees nothing

    def fence_passed(self, token: str, now: float) -> list[Output]:
        self._turns.fence_passed(token)
        return []

    # --- messages -----------------------------------------------------------------------------

    def _parse(self, data: str | bytes) -> Incoming | Malformed:
        return parse(data)

    def _on_message(self, message: object, now: float) -> list[Output]:
        assert isinstance(message, Incoming)
        if self._stage is not Stage.READY and message.type not in _EARLY:
            return []  # no turn and no reply can be ours yet
        handler = self._handlers.get(message.type)
        if handler is None:
            if message.type in OF_NO_USE or message.type.startswith(OF_NO_USE_FAMILIES):
                return []
            return self._on_unknown(message.type)
        outputs = handler(message, now)
        return self._on_malformed(outputs) if isinstance(outputs, Malformed) else outputs

    def _on_ping(self, message: Incoming, now: float) -> list[Output] | Malformed:
        if message.event_id is None:
            return Malformed("a ping without its number")
        return [SendFrame(frames.pong(message.event_id))]

    # --- time -----------------------------------------------------------------------------------

    @property
    def _idle(self) -> bool:
        """It is nobody's turn."""
        return not (self._turns.open or self._turns.owed or self._replies.under_way)

    def _due(self) -> float | None:
        times = (self._uplink.due(idle=self._idle), self._replies.due)
        return min((at for at in times if at is not None), default=None)

    def _time_out(self, now: float) -> list[Output]:
        outputs = self._uplink.time_out(now, idle=self._idle)
        return outputs + self._replies.time_out(now)

    # --- trouble ----------------------------------------------------------------------------------

    def _on_error(self, message: Incoming, now: float) -> list[Output]:
        fault = self._last_fault = self._explain.told(message.fields, self._spec)
        if fault.over or self._stage is not Stage.READY:
            return self._end_with(fault)
        outputs = self._trouble(fault.kind, fault.detail)
        if fault.kind is ErrorKind.SERVICE:
            outputs += self._replies.fail(fault.detail, now)
        return outputs

    def _fault_of_refusal(self, status: int, body: bytes) -> Fault:
        return self._if_private(super()._fault_of_refusal(status, body))

    def _if_private(self, fault: Fault) -> Fault:
        """A public agent asks for no key, and a signed address is one."""
        if fault.kind is not ErrorKind.KEY or self._spec.key:
            return fault
        words = "the agent is private (set elevenlabs.signed, and a key) or there is none"
        if self._signed:
            words = (
                "the signed address is not good any more (a session must begin within 15 minutes)"
            )
        return replace(fault, detail=f"{words}: {fault.detail}")

    def _fault_of_closing(self, code: int, reason: str) -> Fault:
        fault = self._if_private(super()._fault_of_closing(code, reason))
        told = self._last_fault
        if told is not None and code not in (1000, 1006):  # it was said why
            return replace(fault, kind=told.kind, detail=f"{told.detail} ({code})")
        return fault

    def closed(self, code: int, reason: str, now: float) -> list[Output]:
        fault = self._fault_of_closing(code, reason)
        hung_up = code == 1000 and fault.kind is ErrorKind.SERVICE
        if self._stage is not Stage.READY or not hung_up or self._turns.open or self._turns.owed:
            return super().closed(code, reason, now)
        ended = self._end(None, "the agent ended the conversation")
        return [*self._replies.hang_up(now), *ended]


SERVICE = Service(
    ElevenLabs,
    CAPABILITIES,
    URL,
    keyed=False,
    needs=("agent_id",),
    ignores={"instructions": "override_prompt", "voice": "override_voice", "model": ""},
)
