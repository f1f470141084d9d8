"""Laws of Wiro's codecs, held against messages and commands in any order, whole and broken."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
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
    TurnCommitted,
)
from device.providers.base import AskFence, Disconnect
from tests.providers.wiro_driver import (
    KEY,
    REPLY,
    SESSION,
    SESSION_TOKEN,
    TOKEN,
    WS_URL,
    Channel,
    Talker,
    Task,
    emitted,
    tone,
)

KINDS = (
    "task_queue",
    "task_stream_ready",
    "task_stream_end",
    "task_output",
    "task_cost",
    "task_error",
    "task_end",
    "task_postprocess_end",
    "task_cancel",
    "connecting",
    "ready",
    "transcript",
    "clear",
    "resume",
    "session_end",
    "error",
    "unheard-of",
)
FIELDS = (
    "type",
    "tasktoken",
    "message",
    "result",
    "errors",
    "turnCost",
    "cumulativeCost",
    "usage",
    "role",
    "text",
    "reason",
    "pexit",
    "exitCode",
)
leaf = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([TOKEN, KEY, SESSION_TOKEN, WS_URL, "ai", "user", "TRANSCRIPT_USER:a"])
)
rubbish = st.recursive(
    leaf,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.sampled_from(["code", "message"]), inner)
    ),
    max_leaves=6,
)
calm = st.sampled_from(
    [
        {"type": "task_stream_end"},
        {"type": "task_output", "message": "TRANSCRIPT_USER:what is a newt"},
        {"type": "task_output", "message": "TRANSCRIPT_AI:an amphibian"},
        {"type": "task_cost", "turnCost": 0.1, "cumulativeCost": 0.1},
        {"type": "transcript", "role": "user", "text": "what is a newt"},
        {"type": "transcript", "role": "ai", "text": "an amphibian"},
        {"type": "clear"},
        {"type": "resume"},
    ]
)
wild = st.builds(
    lambda kind, fields: {"type": kind, **fields},
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(FIELDS), rubbish, max_size=4),
)
messages = (calm | wild | rubbish).map(json.dumps)
broken = st.tuples(messages, st.integers(1, 40)).map(lambda pair: pair[0][: -pair[1]])
sound = st.sampled_from(
    [
        TOKEN.encode() + b"|" + REPLY,
        SESSION.encode() + b"|" + REPLY,
        TOKEN.encode() + b"|" + REPLY[:101],
        b"another-token|" + REPLY,
        REPLY,
        b"",
        b"|",
        TOKEN.encode(),
    ]
)
commands: st.SearchStrategy[ServiceCommand] = st.one_of(
    st.sampled_from([tone(0.5), bytes(24000), bytes(4800), b"", b"\1"]).map(AppendAudio),
    st.sampled_from([CommitTurn(), ClearInput(), AbandonTurn(), AbandonTurn(), RequestReply()]),
    st.integers(1, 4).map(lambda n: CancelReply(f"reply_{n}")),
    st.just(TruncateReply("reply_1", 100)),
    st.just(SendToolResult("c", "{}")),
)
pauses = st.sampled_from([0.05, 0.4, 1.0, 3.0, 12.0])
steps = st.lists(calm.map(json.dumps) | messages | broken | sound | sound | commands | pauses)


class Watch:
    """What must be so after every step."""

    def __init__(self, talker: Talker) -> None:
        self.talker = talker
        self.started: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.cancelled: set[str] = set()
        self.under_way = ""
        self.opened = self.disconnected = 0
        self.fences: list[str] = []

    def step(self, step: Any) -> None:
        talker = self.talker
        if isinstance(step, str | bytes):
            outputs = talker.raw(step)
        elif isinstance(step, float):
            outputs = talker.wait(step)
            due = talker.codec.deadline
            assert due is None or due >= talker.now
        else:
            if isinstance(step, CancelReply):
                self.cancelled.add(step.reply_id)
            outputs = talker.command(step)
        if isinstance(step, str | bytes) and step == b"":
            assert outputs == []
        self.sees(outputs)

    def sees(self, outputs: list[Any]) -> None:
        for output in outputs:
            shown = repr(output)
            for secret in (TOKEN, KEY, SESSION_TOKEN, WS_URL):
                assert secret not in shown
            self.disconnected += isinstance(output, Disconnect)
            if isinstance(output, AskFence):
                self.fences.append(output.token)
        assert len(set(self.fences)) == len(self.fences)
        for event in emitted(outputs):
            match event:
                case LinkOpened():
                    self.opened += 1
                case TurnCommitted():
                    assert not self.under_way
                case ReplyStarted(reply_id):
                    assert not self.under_way
                    self.started[reply_id] += 1
                    self.under_way = reply_id
                case ReplyAudio(reply_id, _, pcm):
                    assert reply_id == self.under_way and reply_id not in self.cancelled
                    assert pcm and len(pcm) % 2 == 0
                case ReplyTranscript(reply_id) | ReplyInterrupted(reply_id):
                    assert reply_id == self.under_way and reply_id not in self.cancelled
                case ReplyDone(reply_id):
                    assert reply_id == self.under_way
                    self.done[reply_id] += 1
                    self.under_way = ""
        assert self.opened <= 1 and self.disconnected <= 1
        assert max(self.started.values(), default=1) == 1


def talker_of(kind: str) -> Talker:
    match kind:
        case "task":
            return Task()
        case "personaplex":
            return Task("nvidia/PersonaPlex-Realtime")
        case "greeting":
            return Task("elevenlabs/x", options={"first_message": "Hello", "chunk_ms": 20})
        case _:
            return Channel()


@pytest.mark.parametrize("kind", ["task", "personaplex", "greeting", "channel"])
@given(script=steps, ready=st.booleans())
@settings(max_examples=150, deadline=None)
def test_laws_that_hold_whatever_happens(kind: str, script: list[Any], ready: bool) -> None:
    talker = talker_of(kind)
    watch = Watch(talker)
    assert isinstance(talker, Task | Channel)
    if ready:
        talker.ready()
    elif isinstance(talker, Task):
        talker.runs()
    else:
        talker.starts()
    watch.sees(talker.outputs)
    for step in script:
        watch.step(step)
        # A cut reply that was never started is none: its name may be used later.
        watch.cancelled &= {*watch.started}
    watch.sees(talker.take(talker.codec.finish("over", talker.now)))
    watch.sees(talker.take(talker.codec.closed(1000, "", talker.now)))
    assert watch.disconnected == 1
    assert talker.sounds() == [] and talker.codec.deadline is None


@given(
    st.lists(st.sampled_from(["asks", "answers", "cut", "abandon", "ends", "late"]), max_size=25)
)
@settings(max_examples=300, deadline=None)
def test_a_turn_is_answered_whatever_came_before_it(script: list[str]) -> None:
    """A service that keeps to the protocol: it answers every turn that it hears, in order, and
    ends every reply."""
    task = Task().ready()
    watch = Watch(task)
    speaking = False
    for step in script:
        match step:
            case "asks" if not speaking:
                watch.sees(task.asks())
                watch.sees(task.understands("one more question"))
                watch.step(ClearInput())
            case "answers":
                watch.step(TOKEN.encode() + b"|" + REPLY)
                speaking = True
            case "cut" if watch.under_way:
                watch.step(CancelReply(watch.under_way))
            case "abandon":
                watch.step(AbandonTurn())
            case "ends" if speaking:
                watch.sees(task.ends())
                speaking = False
            case "late" if speaking:
                watch.sees(task.words("something"))
            case _:
                pass
    if speaking:
        watch.sees(task.ends())
    task.passes_fences()
    watch.sees(task.wait(9.0))
    assert not watch.under_way
    before = sum(watch.started.values())
    watch.sees(task.asks())
    watch.sees(task.understands("and this?"))
    watch.sees(task.sounds())
    assert sum(watch.started.values()) == before + 1
