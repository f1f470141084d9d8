"""What an ElevenLabs agent says, and what the device makes of it. Pure; loop thread only.

Whose it is say the :class:`Turns`, when it is over the :class:`Quiet`; here both meet the messages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from device.events import ReplyInterrupted, TurnCommitted, UserTranscript
from device.providers import elevenlabs_frames as frames
from device.providers.base import Emit, Note, Output, SendFrame, SessionSpec
from device.providers.elevenlabs_quiet import Quiet
from device.providers.elevenlabs_turns import Sign, Turns, Whose
from device.providers.elevenlabs_uplink import Uplink
from device.providers.elevenlabs_wire import Incoming
from device.providers.elevenlabs_work import NOT_WAITED_FOR, Work
from device.providers.speech import Speech
from device.providers.wire import Malformed, parse_object, text

PATIENCE = 0.6
"""Of what the core waits for a sign of the reply: the longest silence within one."""
MOST_HELD_BYTES = 2_000_000
"""20 s of sound at the highest rate."""
MESSAGE_BYTES = 1000
"""What a message counts beyond its sound and words."""
FAR_AHEAD = 100_000
"""No interruption is about sound that is so much later than all that came."""

Handler = Callable[[Incoming, float], "list[Output] | Malformed"]


class Replies:
    """One session's. ``form`` is that of the agent's sound."""

    def __init__(
        self, spec: SessionSpec, form: frames.AudioFormat, turns: Turns, uplink: Uplink
    ) -> None:
        self.form = form
        self._turns = turns
        self._uplink = uplink
        self._tools = {tool.name for tool in spec.tools}
        self._speech = Speech()
        self._quiet = Quiet(PATIENCE * spec.reply_timeout_s)
        self._highest = self._dropped_to = -1  # numbers of audio: seen, and not to be played
        self._last_words: tuple[int | None, str] = (None, "")
        self._calls: set[str] = set()  # that the core has not answered
        self._work = Work(spec)  # of tools of the agent's own
        self._held: list[Incoming] = []  # sound and words that may be the next reply's
        self._continues = False  # the reply that begins next follows a tool's result
        self.handlers: Mapping[str, Handler] = {
            "agent_response": self._on_words,
            "agent_tool_request": self._on_tool_request,
            "agent_tool_response": self._on_tool_response,
            "audio": self._on_audio,
            "client_tool_call": self._on_call,
            "interruption": self._on_interruption,
            "mcp_tool_call": self._on_mcp_call,
            "user_transcript": self._on_transcript,
        }

    @property
    def under_way(self) -> bool:
        return bool(self._speech.reply_id)

    # --- commands ----------------------------------------------------------------------

    def abandon(self, now: float) -> list[Output]:
        """The turn is given up; a reply that has begun is called off by itself."""
        may_be_answered = self._turns.abandon(now)
        self._continues = False
        if not self.under_way:
            self._work.stop()
        outputs = [] if self.under_way else self._refuse_calls()
        return [*outputs, *self._uplink.be_active(now)] if may_be_answered else outputs

    def cancel(self, reply_id: str, now: float) -> list[Output]:
        if not self._speech.cancel(reply_id):
            return []
        self._drop_the_rest(now)
        outputs = self.end(now, "cancelled")
        # Not into a turn: it might keep the agent from answering it.
        return outputs if self._turns.open else [*outputs, *self._uplink.be_active(now)]

    def answer_call(self, call_id: str, output: str, now: float) -> list[Output]:
        """``output`` is JSON text."""
        if call_id not in self._calls:
            return []
        self._calls.discard(call_id)
        outputs = self.end(now, keep_calls=True)
        answer = parse_object(output)
        is_error = not isinstance(answer, Malformed) and "error" in answer
        outputs.append(SendFrame(frames.tool_result(call_id, output, is_error=is_error)))
        self._turns.owed = self._continues = True
        return outputs

    # --- what the agent sends ---------------------------------------------------------------

    def _on_transcript(self, message: Incoming, now: float) -> list[Output]:
        words = text(message.fields, "user_transcript")
        whose = self._turns.transcript(message.event_id, now)
        if whose is Whose.ANSWER:
            return [Emit(UserTranscript(words, True, self._turns.name))]
        if whose is Whose.AGAIN:
            return []  # told again
        # The agent has gone on to another turn: nothing more comes of what it said.
        outputs = self.end(now)
        if whose is Whose.NOBODY:
            return outputs
        self._uplink.hush(now)
        turn = self._turns.name
        outputs += [Emit(TurnCommitted(turn)), Emit(UserTranscript(words, True, turn))]
        return outputs + self._let_go(message.event_id, now)

    def _on_audio(self, message: Incoming, now: float) -> list[Output]:
        if self._is_dropped(message):
            return []
        self._highest = max(self._highest, message.event_id or 0)
        if not message.audio:
            return []
        outputs, wanted = self._begin(Sign.SOUND, now)
        if not wanted:
            self._hold(message)
            return []
        pcm = self.form.to_pcm(message.audio)
        self._quiet.sound(len(pcm) / (2 * self.form.rate_hz), message.voiced, now)
        return outputs + self._speech.audio(pcm)

    def _on_words(self, message: Incoming, now: float) -> list[Output]:
        words = text(message.fields, "agent_response")
        known, self._last_words = self._last_words, (message.event_id, words)
        again = message.event_id is not None and self._last_words == known
        if again or self._is_dropped(message):
            return []
        outputs, wanted = self._begin(Sign.WORDS, now)
        if not wanted:
            self._last_words = known  # it is told again when it is let go
            self._hold(message)
            return []
        self._work.words(message.event_id)
        self._quiet.words(words, now)
        return outputs + self._speech.words(words, final=True)

    def _on_interruption(self, message: Incoming, now: float) -> list[Output]:
        number = message.event_id
        if number is None or number > self._highest + FAR_AHEAD:
            number = self._highest
        self._dropped_to = max(self._dropped_to, number)
        heard = self._speech.wanted
        self._turns.interrupted(heard=heard)
        if not heard:
            return []
        return [Emit(ReplyInterrupted(self._speech.reply_id)), *self.end(now, "cancelled")]

    def _on_call(self, message: Incoming, now: float) -> list[Output] | Malformed:
        call_id = text(message.fields, "tool_call_id")
        name = text(message.fields, "tool_name")
        if not call_id:
            return Malformed("a tool's call without its id")
        if call_id in self._calls:
            return []  # told twice
        if name not in self._tools:
            if self.under_way:
                self._quiet.goes_on(now)
            note = Note("the agent asked for a tool that this device does not have: refused")
            return [_refusal(call_id, "there is no such tool here"), note]
        if self._is_dropped(message):
            return [_refusal(call_id)]
        outputs, wanted = self._begin(Sign.CALL, now)
        if not wanted:
            return [_refusal(call_id)]
        self._calls.add(call_id)
        return outputs + self._speech.call(call_id, name, _arguments(message))

    def _on_mcp_call(self, message: Incoming, now: float) -> list[Output]:
        call_id, state = (text(message.fields, name) for name in ("tool_call_id", "state"))
        if state == "loading" and call_id:
            return self._work_begins(call_id, now)
        if state != "awaiting_approval" or not call_id:
            return self._work_ends(call_id, now)
        words = "an MCP tool of the agent's wants an approval, which nobody here can give: refused"
        return [SendFrame(frames.mcp_refusal(call_id)), Note(words)]

    def _on_tool_request(self, message: Incoming, now: float) -> list[Output]:
        call_id, kind = (text(message.fields, name) for name in ("tool_call_id", "tool_type"))
        if kind in NOT_WAITED_FOR:
            return []
        return self._work_begins(call_id, now, message.event_id)

    def _on_tool_response(self, message: Incoming, now: float) -> list[Output]:
        return self._work_ends(text(message.fields, "tool_call_id"), now, responds=True)

    def _work_begins(self, call_id: str, now: float, number: int | None = None) -> list[Output]:
        if not (self.under_way or self._turns.owed):
            return []
        if call_id:  # else nobody could tell when it is over
            self._work.begins(call_id, now, number)
        return self._work.tell(now)

    def _work_ends(self, call_id: str, now: float, *, responds: bool = False) -> list[Output]:
        if self._work.ends(call_id, responds=responds) and self.under_way:
            self._quiet.goes_on(now)
        return []

    # --- from first to last -------------------------------------------------------------------

    def end(
        self, now: float, status: str = "completed", detail: str = "", *, keep_calls: bool = False
    ) -> list[Output]:
        """Nothing more comes of the one under way; nothing, if there is none."""
        if not self.under_way:
            return []
        self._quiet.stop()
        self._work.stop()
        self._turns.reply_over()
        self._uplink.rest(now)
        calls = [] if keep_calls else self._refuse_calls()
        return [*self._speech.end(status, detail), *calls]

    def fail(self, detail: str, now: float) -> list[Output]:
        """Of the reply under way, or awaited, nothing more comes."""
        outputs: list[Output] = []
        if self._turns.owed and not self.under_way:
            self._turns.owed = False
            outputs += self._speech.begin()
        if self.under_way:
            self._drop_the_rest(now)
        return outputs + self.end(now, "failed", detail)

    def hang_up(self, now: float) -> list[Output]:
        """The agent has: what it said before is whole. Nothing can be sent any more."""
        return [output for output in self.end(now) if isinstance(output, Emit)]

    def _begin(self, sign: Sign, now: float) -> tuple[list[Output], bool]:
        """The agent says something: what begins with it, and whether it is to be emitted."""
        if self.under_way:
            return [], True
        whose = self._turns.sign(sign, now)
        if whose is Whose.NOBODY:
            return [], False
        outputs: list[Output] = []
        if whose is Whose.TURN:
            self._uplink.hush(now)
            outputs.append(Emit(TurnCommitted(self._turns.name)))
        self._quiet.begin(now, continues=self._continues and whose is Whose.ANSWER)
        self._continues = False
        return outputs + self._speech.begin(), True

    def _drop_the_rest(self, now: float) -> None:
        """What still comes of the reply under way is nobody's."""
        self._dropped_to = max(self._dropped_to, self._highest)
        self._turns.cut(now, told=self._quiet.told)

    def _hold(self, message: Incoming) -> None:
        """Late words and sound of what was cut, or the first of the answer to the turn that is
        open: its transcript, which may be on its way behind them, has a number between the two."""
        if self._turns.open and message.event_id is not None:
            self._held.append(message)
            while sum(_size(held) for held in self._held) > MOST_HELD_BYTES:
                del self._held[0]

    def _let_go(self, number: int | None, now: float) -> list[Output]:
        """A turn was taken, by the transcript of this number."""
        held, self._held = self._held, []
        outputs: list[Output] = []
        for message in held:
            if number is not None and message.event_id is not None and message.event_id > number:
                told = self.handlers[message.type](message, now)
                outputs += told if isinstance(told, list) else []
        return outputs

    def _refuse_calls(self) -> list[Output]:
        """Those that the core will not answer any more: the agent waits for each."""
        calls, self._calls = sorted(self._calls), set()
        return [_refusal(call_id) for call_id in calls]

    def _is_dropped(self, message: Incoming) -> bool:
        number = message.event_id
        return number is not None and number <= self._dropped_to

    # --- time -----------------------------------------------------------------------------------

    @property
    def due(self) -> float | None:
        if self._work.goes_on:
            return self._work.due
        return self._quiet.due if self.under_way and not self._calls else None

    def time_out(self, now: float) -> list[Output]:
        due = self.due
        if due is None or now < due:
            return []
        if self._work.is_too_long(now):
            self._work.stop()
            if self.under_way:
                self._quiet.goes_on(now)
            return []
        if self._work.goes_on:
            return self._work.tell(now)
        if self._quiet.sounded:
            return self.end(now)
        return self.fail('the agent sent no sound: its client event "audio" may be off', now)


def _refusal(call_id: str, why: str = "called off") -> SendFrame:
    return SendFrame(frames.tool_result(call_id, why, is_error=True))


def _size(message: Incoming) -> int:
    return MESSAGE_BYTES + len(message.audio) + len(text(message.fields, "agent_response"))


def _arguments(message: Incoming) -> str:
    """JSON text of an object, as the tools want it."""
    parameters = message.fields.get("parameters")
    if not isinstance(parameters, dict):
        return "{}"
    try:
        return json.dumps(parameters)
    except (ValueError, RecursionError):
        return "{}"
