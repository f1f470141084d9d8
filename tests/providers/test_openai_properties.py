"""Laws of the codec, held against arbitrary, broken and reordered frames."""

from __future__ import annotations

import base64
import json
from collections import Counter, defaultdict
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
    ShowImage,
    TruncateReply,
)
from device.events import (
    Event,
    LinkOpened,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyTranscript,
    ToolCalled,
)
from device.providers.base import Disconnect, SessionSpec
from device.providers.openai_dialects import (
    AZURE,
    COMPATIBLE,
    OFFLINE,
    OPENAI,
    VOICE_LIVE,
    XAI,
    Dialect,
)
from device.providers.openai_frames import BYTES_PER_MS
from device.providers.openai_realtime import OpenAIRealtime
from tests.providers.driver import URL, Driver, events, frames

REPLIES = ("r1", "r2", "r3")
CALLS = ("c1", "c2")

leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
rubbish = st.recursive(
    leaf,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
DIALECTS = (OPENAI, OFFLINE, AZURE, XAI, COMPATIBLE, VOICE_LIVE)
OPTIONS = {
    "mcp_servers": ("home: https://x.y/z",),
    "mcp_approval": "always",
    "mcp_allowed": ("lights",),
}
names = st.sampled_from([*OpenAIRealtime(SessionSpec(url=URL))._handlers, "response.audio.delta"])
field_names = st.sampled_from(
    [
        "response", "session", "item", "error", "response_id", "item_id", "delta", "call_id",
        "name", "arguments", "content_index", "transcript", "text", "audio_start_ms", "usage",
    ]
)  # fmt: skip
ids = st.sampled_from(REPLIES)
items = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["i1", "m1", "m2"]),
        "type": st.sampled_from(
            ["message", "function_call", "mcp_call", "mcp_approval_request", "mcp_list_tools"]
        ),
        "name": st.sampled_from(["lights", "doors"]),
        "server_label": st.just("home"),
    },
    optional={"output": st.just("on"), "error": st.just({"message": "no"})},
)
sane = st.fixed_dictionaries(
    {
        "type": names,
        "response_id": ids,
        "response": st.fixed_dictionaries(
            {"id": ids, "status": st.sampled_from(["completed", "cancelled", "failed"])},
            optional={
                "output": st.lists(items, max_size=2),
                "conversation_id": st.sampled_from([None, "conv_1"]),
                "metadata": st.sampled_from([None, {"topic": "x"}, {"request": "parlor_2"}]),
            },
        ),
        "item": items,
        "item_id": st.sampled_from(["i1", "i2", "m1"]),
        "delta": st.binary(max_size=9).map(lambda b: base64.b64encode(b).decode()),
        "call_id": st.sampled_from(CALLS),
        "name": st.just("help"),
        "arguments": st.just("{}"),
    }
)
wild = st.builds(
    lambda name, fields: {"type": name, **fields},
    names,
    st.dictionaries(field_names, rubbish, max_size=5),
)
messages = (sane | wild | rubbish).map(json.dumps)
truncated = st.tuples(messages, st.integers(1, 60)).map(lambda pair: pair[0][: -pair[1]])
commands: st.SearchStrategy[ServiceCommand] = st.one_of(
    st.binary(max_size=4).map(AppendAudio),
    st.sampled_from(
        [
            CommitTurn(),
            ClearInput(),
            AbandonTurn(),
            RequestReply(),
            RequestReply("say"),
            ShowImage("data:image/png;base64,AAAA"),
        ]
    ),
    ids.map(CancelReply),
    st.builds(TruncateReply, st.sampled_from(["i1", "i2"]), st.integers(-5, 5000)),
    st.sampled_from(CALLS).map(lambda call: SendToolResult(call, "{}")),
)
steps = st.lists(messages | truncated | st.binary(max_size=20) | commands | st.floats(0, 20))


def play(driver: Driver, step: Any) -> list[Any]:
    if isinstance(step, str | bytes):
        return driver.raw(step)
    return driver.wait(step) if isinstance(step, float) else driver.command(step)


@given(steps, st.booleans(), st.booleans(), st.sampled_from(DIALECTS))
@settings(max_examples=400, deadline=None)
def test_laws_that_hold_whatever_happens(
    script: list[Any], through_hand_shake: bool, device_ends_turn: bool, dialect: Dialect
) -> None:
    spec = SessionSpec(url=URL, device_ends_turn=device_ends_turn, options=OPTIONS)
    driver = Driver(spec, dialect)
    driver.connect()
    if through_hand_shake:
        driver.event("session.created", session={"id": "s"})
        driver.event("session.updated", session={"id": "s"})
    cancelled: set[str] = set()
    seen: list[Event] = []
    for step in script:
        outputs = play(driver, step)
        if isinstance(step, float):  # a deadline that stays in the past would be met for ever
            assert driver.codec.deadline is None or driver.codec.deadline > driver.now
        seen += events(outputs)
        for event in events(outputs):
            if isinstance(event, ReplyAudio):
                assert event.pcm and len(event.pcm) % 2 == 0
            if isinstance(event, ReplyAudio | ReplyTranscript | ToolCalled):
                assert event.reply_id not in cancelled
        if isinstance(step, CancelReply):
            cancelled.add(step.reply_id)
    assert sum(isinstance(o, Disconnect) for o in driver.outputs) <= 1
    assert sum(isinstance(e, LinkOpened) for e in events(driver.outputs)) <= 1
    for frame in frames(driver.outputs):
        json.dumps(frame, allow_nan=False)
    calls = Counter(e.call_id for e in seen if isinstance(e, ToolCalled))
    assert all(count == 1 for count in calls.values())
    started = Counter(e.reply_id for e in seen if isinstance(e, ReplyStarted))
    ended = Counter(e.reply_id for e in seen if isinstance(e, ReplyDone))
    assert all(count == 1 for count in started.values())
    assert all(count == 1 for count in ended.values())
    assert set(ended) <= set(started)
    if not any(isinstance(o, Disconnect) for o in driver.outputs):
        for _ in range(2):  # a tool server that never answers, and what is asked for then
            ended.update(e.reply_id for e in events(driver.wait(60)) if isinstance(e, ReplyDone))
        assert set(ended) == set(started)


chunks = st.lists(
    st.tuples(st.sampled_from(["i1", "i2", "i3"]), st.binary(max_size=700)), max_size=30
)


@given(chunks)
def test_audio_out_is_audio_in(deltas: list[tuple[str, bytes]]) -> None:
    driver = Driver().ready()
    driver.created()
    sent: dict[str, bytes] = defaultdict(bytes)
    for item_id, pcm in deltas:
        driver.audio(pcm, item_id=item_id)
        sent[item_id] += pcm
    driver.done(status="cancelled")
    received: dict[str, bytes] = defaultdict(bytes)
    for event in events(driver.outputs):
        if isinstance(event, ReplyAudio):
            received[event.item_id] += event.pcm
    for item_id, pcm in sent.items():
        assert received[item_id] == pcm[: len(pcm) - len(pcm) % 2]
        for frame in frames(driver.command(TruncateReply(item_id, 10**9))):
            assert frame["audio_end_ms"] == len(received[item_id]) // BYTES_PER_MS


@given(st.lists(st.binary(min_size=1, max_size=500), max_size=20), st.integers(0, 20))
def test_every_byte_of_the_user_goes_out_in_order(pieces: list[bytes], opened_after: int) -> None:
    driver = Driver()
    driver.connect()
    driver.event("session.created", session={})
    for index, piece in enumerate(pieces):
        if index == opened_after:
            driver.event("session.updated", session={})
        driver.command(AppendAudio(piece))
    driver.event("session.updated", session={})
    appended = [f for f in frames(driver.outputs) if f["type"] == "input_audio_buffer.append"]
    assert b"".join(base64.b64decode(f["audio"]) for f in appended) == b"".join(pieces)


@given(st.permutations(["done", "first", "second"]))
def test_one_continuation_in_whatever_order_calls_are_answered(order: list[str]) -> None:
    driver = Driver().ready()
    driver.created()
    driver.call("c1")
    driver.call("c2")
    driver.outputs.clear()
    for step in order:
        if step == "done":
            driver.done()
        else:
            driver.command(SendToolResult("c1" if step == "first" else "c2", "{}"))
    sent = [f["type"] for f in frames(driver.outputs)]
    assert sent == ["conversation.item.create", "conversation.item.create", "response.create"]
