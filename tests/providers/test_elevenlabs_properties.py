"""Whatever an ElevenLabs agent sends and the device commands, in any order: the contract holds."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

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
from device.events import (
    LinkOpened,
    ReplyAudio,
    ReplyDone,
    ReplyInterrupted,
    ReplyStarted,
    ReplyTranscript,
    ToolCalled,
    TurnCommitted,
)
from device.providers.base import Disconnect, Emit, Output
from tests.providers.elevenlabs_driver import NAMES, RATE_HZ, Agent

KINDS = (
    "agent_response",
    "agent_tool_request",
    "agent_tool_response",
    "audio",
    "client_tool_call",
    "conversation_initiation_metadata",
    "error",
    "interruption",
    "mcp_tool_call",
    "ping",
    "user_transcript",
    "vad_score",
)
#: Errors in small number, or few sessions would be long.
SPOKEN = ("agent_response", "audio", "audio", "client_tool_call", "interruption", "user_transcript")
NUMBERS = st.integers(-1, 30) | st.sampled_from([2**53, 10**400, 1.5, -(2**70)])
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)
PCM = st.binary(max_size=64).map(lambda pcm: base64.b64encode(pcm).decode())
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "event_id": NUMBERS,
    "audio_base_64": PCM,
    "alignment": st.fixed_dictionaries({"chars": st.lists(st.text(max_size=2), max_size=4)}),
    "agent_response": st.text(max_size=8),
    "tool_type": st.sampled_from(["webhook", "system"]),
    "user_transcript": st.text(max_size=8),
    "tool_name": st.sampled_from(["get_time", "open_door"]),
    "tool_call_id": st.sampled_from(["c1", "c2", ""]),
    "parameters": st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    "state": st.sampled_from(["awaiting_approval", "loading", "success"]),
    "error_type": st.sampled_from(["llm_timeout", "invalid_message", "new"]),
    "message": st.text(max_size=8),
    "user_input_audio_format": st.sampled_from(["pcm_16000", "ulaw_8000", "opus"]),
    "agent_output_audio_format": st.sampled_from(["pcm_16000", "ulaw_8000"]),
    "conversation_id": st.text(max_size=4),
}


@st.composite
def messages(draw: st.DrawFn) -> str | bytes:
    """Well-formed ones mostly; with one field lost or of another kind, or nothing of the sort."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=20) | st.text(max_size=20) | ANYTHING.map(json.dumps))
    kind = draw(st.sampled_from(SPOKEN) | st.sampled_from(KINDS))
    fields = {name: draw(strategy) for name, strategy in FIELDS.items()}
    for name in draw(st.lists(st.sampled_from([*FIELDS]), max_size=2)):
        if draw(st.booleans()):
            fields.pop(name, None)
        else:
            fields[name] = draw(ANYTHING)
    payload = draw(st.just(fields) | ANYTHING) if draw(st.integers(0, 9)) == 0 else fields
    return json.dumps({"type": kind, NAMES.get(kind, f"{kind}_event"): payload})


COMMANDS: st.SearchStrategy[ServiceCommand] = st.one_of(
    st.integers(0, RATE_HZ).map(lambda n: AppendAudio(bytes(2 * n))),
    st.integers(0, RATE_HZ).map(lambda n: AppendAudio(bytes(2 * n))),
    st.sampled_from(
        [AbandonTurn(), ClearInput(), CommitTurn(), RequestReply("x"), AppendAudio(b"\0")]
    ),
    st.builds(SendToolResult, st.sampled_from(["c1", "c2"]), st.sampled_from(["{}", "x", "[]"])),
    st.just(TruncateReply("reply_1", 10)),
)
STEPS = st.lists(
    messages() | COMMANDS | st.floats(0, 12) | st.sampled_from(["cut", "fence"]), max_size=40
)


class Ledger:
    """Holds what was emitted against the contract."""

    def __init__(self) -> None:
        self.open = ""
        self.replies = 0
        self.cut = False
        self.turns = 0
        self.opened = self.gone = 0
        self.interrupted = False

    def check(self, outputs: list[Output]) -> None:
        for output in outputs:
            assert not self.gone, "nothing comes after the end"
            if isinstance(output, Disconnect):
                self.gone += 1
            elif isinstance(output, Emit):
                self._event(output.event)

    def _event(self, event: object) -> None:
        match event:
            case LinkOpened():
                self.opened += 1
                assert self.opened == 1
            case TurnCommitted():
                assert not self.open, "a turn is taken before its reply begins"
                self.turns += 1
            case ReplyStarted(reply_id):
                assert not self.open
                self.replies += 1
                self.open, self.interrupted = reply_id, False
            case ReplyAudio(reply_id, _, pcm):
                assert reply_id == self.open
                assert not self.interrupted
                assert pcm
                assert len(pcm) % 2 == 0
            case ReplyTranscript(reply_id) | ToolCalled(reply_id):
                assert reply_id == self.open
                assert not self.interrupted
            case ReplyInterrupted(reply_id):
                assert reply_id == self.open
                self.interrupted = True
            case ReplyDone(reply_id, status):
                assert reply_id == self.open
                assert status == "cancelled" or not self.interrupted
                self.open = ""


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_any_sequence_keeps_the_contract(steps: list[Any]) -> None:
    agent = Agent().ready(later_s=0)
    ledger = Ledger()
    ledger.check(agent.outputs)
    fences = 0
    for step in steps:
        match step:
            case "cut":
                cut = ledger.open
                outputs = agent.command(CancelReply(cut or "reply_9"))
                ledger.check(outputs)
                assert not ledger.open, "its end is told at once"
            case "fence":
                fences += 1
                ledger.check(agent.take(agent.codec.fence_passed(f"given_up_{fences}", agent.now)))
            case float():
                ledger.check(agent.wait(step))
            case str() | bytes():
                ledger.check(agent.raw(step))
            case _:
                ledger.check(agent.command(step))
    ledger.check(agent.wait(60))
    ledger.check(agent.take(agent.codec.closed(1000, "", agent.now)))
    assert ledger.gone == 1
    assert agent.raw("{}") == agent.command(AbandonTurn()) == []


@settings(max_examples=100, deadline=None)
@given(st.lists(messages(), max_size=20))
def test_nothing_that_comes_in_the_hand_shake_raises(incoming: list[str | bytes]) -> None:
    agent = Agent()
    agent.connect()
    ledger = Ledger()
    for data in incoming:
        ledger.check(agent.raw(data))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(["audio", "words", "heard", "calls", "breaks_off", "says", "wait"]))
)
def test_of_a_reply_that_was_cut_no_sound_is_emitted_before_a_newer_turn(steps: list[str]) -> None:
    """A newer turn is one whose transcript came, or that the agent broke off for."""
    agent = Agent().ready().answering()
    agent.command(CancelReply("reply_1"))
    for step in steps:
        outputs = agent.wait(1) if step == "wait" else getattr(agent, step)()
        sounds = [o for o in outputs if isinstance(o, Emit) and isinstance(o.event, ReplyAudio)]
        if step in ("heard", "breaks_off"):
            return
        assert not sounds
