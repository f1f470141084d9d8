"""OpenAI Live: whatever comes, in whatever order, nothing raises and the contract holds."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from device.commands import (
    AbandonTurn,
    AppendAudio,
    CancelReply,
    ClearInput,
    CommitTurn,
    RequestReply,
    SendToolResult,
    TruncateReply,
)
from tests.providers.duplex_driver import tone
from tests.providers.duplex_rules import Rules
from tests.providers.live_driver import KEY, Live, wrap

LOUD, SILENT = tone(100, 24000), bytes(4800)

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
ids = st.sampled_from(["d1", "d2", ""])
calls = st.sampled_from(["c1", "c2", "c3"])


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "event_id": "e", **fields}


def nested(kind: str, delegation_id: str, **fields: Any) -> dict[str, Any]:
    return event("response.event", event={"type": kind, **fields}, delegation_id=delegation_id)


messages = st.one_of(
    st.just(event("session.started", session={"id": "s"})),
    st.builds(
        lambda i, t: event("session.delegation.created", delegation={"id": i, "target": t}),
        ids,
        st.sampled_from(["client", "responses", "decisions"]),
    ),
    st.builds(
        lambda i, c: nested(
            "response.output_item.done",
            i,
            item={"type": "function_call", "call_id": c, "name": "get_time", "arguments": "{}"},
        ),
        ids,
        calls,
    ),
    st.builds(
        nested,
        st.sampled_from(["response.created", "response.completed", "response.failed", "x"]),
        ids,
    ),
    st.builds(
        lambda k, w, e: event(f"session.{k}_transcript.delta", delta=w, start_ms=0, end_ms=e),
        st.sampled_from(["input", "output"]),
        st.text(max_size=5),
        st.integers(0, 9000),
    ),
    st.builds(lambda s: event("session.usage.updated", usage={"seconds": s}), junk),
    st.builds(
        lambda c, i: event("error", error={"code": c, "message": KEY, "client_event_id": i}),
        st.sampled_from(["x", "invalid_value"]),
        st.sampled_from(["parlor_1", "parlor_2", ""]),
    ),
    st.just(event("info", code="x", message="y")),
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    message = dict(draw(messages))
    names = sorted(message)
    name = draw(st.sampled_from(names))
    match draw(st.integers(0, 2)):
        case 0:
            del message[name]
        case 1:
            message[name] = draw(junk)
        case _:
            message[draw(st.text(max_size=5))] = message.pop(name)
    return json.dumps(message)


@st.composite
def sounds(draw: st.DrawFn) -> list[str]:
    piece = draw(st.sampled_from([LOUD, SILENT, LOUD[:-1], SILENT * 15, b"", LOUD + SILENT]))
    return [wrap(piece)] * draw(st.integers(1, 4))


commands = st.one_of(
    st.sampled_from([AppendAudio(LOUD), AppendAudio(SILENT), AppendAudio(LOUD + SILENT * 4)]),
    st.sampled_from([CommitTurn(), ClearInput(), AbandonTurn(), RequestReply("x")]),
    st.builds(CancelReply, st.sampled_from([f"reply_{n}" for n in range(1, 6)])),
    st.just(TruncateReply("reply_1", 10)),
    st.builds(SendToolResult, calls, st.just("{}")),
)
steps = st.one_of(
    sounds(),
    sounds(),
    messages.map(lambda message: [json.dumps(message)]),
    mutated().map(lambda data: [data]),
    st.one_of(st.binary(max_size=20), st.text(max_size=20), junk.map(json.dumps)).map(
        lambda data: [data]
    ),
    commands,
    commands,
    st.floats(0, 8),
)


@given(st.lists(steps, max_size=60))
def test_the_contract_holds_whatever_comes(script: list[Any]) -> None:
    live, rules = Live().ready(), Rules()
    rules.check(live.outputs)
    for step in script:
        if isinstance(step, float):
            rules.check(live.wait(step))
        elif isinstance(step, list):
            for data in step:
                rules.check(live.receive(data))
        else:
            rules.told(step)
            rules.check(live.command(step))
    assert KEY not in repr(live.outputs)


@given(st.lists(steps, max_size=20))
def test_before_the_session_as_well(script: list[Any]) -> None:
    live, rules = Live().greeted(), Rules()
    for step in script:
        if isinstance(step, float):
            rules.check(live.wait(step))
        elif isinstance(step, list):
            for data in step:
                rules.check(live.receive(data))
        else:
            rules.check(live.command(step))


def test_sound_that_is_not_base64_is_told_once() -> None:
    live = Live().ready()
    bad = json.dumps({"type": "session.output_audio.delta", "delta": "?"})
    assert len(live.receive(bad)) == 1
    assert live.receive(bad) == []
    good = json.dumps(
        {"type": "session.output_audio.delta", "delta": base64.b64encode(LOUD).decode()}
    )
    assert live.receive(good) != []
