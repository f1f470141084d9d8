"""Laws of the Deepgram codec, held against arbitrary, broken and reordered messages."""

from __future__ import annotations

import json
from collections import Counter
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
    Event,
    ReplyAudio,
    ReplyDone,
    ReplyInterrupted,
    ReplyStarted,
    ReplyTranscript,
    ToolCalled,
    TurnCommitted,
)
from device.providers.base import AskFence, Disconnect, Emit, Output
from device.providers.deepgram import CAPABILITIES
from tests.providers.deepgram_driver import Driver

leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
rubbish = st.recursive(
    leaf,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
KINDS = [*Driver().codec._handlers, "History", "New"]
call = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["c1", "c2", "c3"]),
        "name": st.just("help"),
        "arguments": st.just("{}"),
        "client_side": st.sampled_from([True, True, False]),
    }
)
# An Error ends it all: seldom, or nothing else would be tried.
ordinary = st.sampled_from([k for k in KINDS if k != "Error"])
sane = st.fixed_dictionaries(
    {
        "type": ordinary,
        "role": st.sampled_from(["user", "assistant"]),
        "content": st.sampled_from(["hello", "Are you there?", ""]),
        "functions": st.lists(call, max_size=2),
        "message": st.just("refused"),
    }
)
field = st.sampled_from(["role", "content", "functions", "message", "code", "description", "type"])
wild = st.builds(
    lambda kind, fields: {"type": kind, **fields},
    st.sampled_from(KINDS),
    st.dictionaries(field, rubbish, max_size=4),
)
broken = st.tuples((sane | wild).map(json.dumps), st.integers(1, 60)).map(lambda p: p[0][: -p[1]])
messages = st.one_of(
    sane.map(json.dumps),
    sane.map(json.dumps),
    sane.map(json.dumps),
    st.binary(max_size=9),
    st.binary(max_size=9),
    wild.map(json.dumps),
    rubbish.map(json.dumps),
    broken,
)
commands: st.SearchStrategy[ServiceCommand] = st.one_of(
    st.binary(min_size=2, max_size=4).map(AppendAudio),
    st.sampled_from(
        [CommitTurn(), ClearInput(), AbandonTurn(), TruncateReply("reply_1", 5)],
    ),
    st.integers(1, 4).map(lambda n: CancelReply(f"reply_{n}")),
    st.sampled_from(["c1", "c2"]).map(lambda c: SendToolResult(c, "{}")),
    st.just(RequestReply(words="Are you there?")),
)
steps = st.one_of(
    messages.map(lambda m: ("message", m)),
    commands.map(lambda c: ("command", c)),
    st.sampled_from([0.05, 0.4, 9.0]).map(lambda s: ("wait", s)),
    st.just(("fence", None)),
)


def play(driver: Driver, story: list[tuple[str, Any]]) -> None:
    for kind, what in story:
        if kind == "message":
            driver.raw(what)
        elif kind == "command":
            driver.does(what)
        elif kind == "wait":
            driver.waits(what)
        else:
            driver.fences_pass()


def told(outputs: list[Output]) -> list[Event]:
    return [o.event for o in outputs if isinstance(o, Emit)]


@given(st.booleans(), st.lists(steps, max_size=40))
@settings(max_examples=300, deadline=None)
def test_no_order_of_messages_raises_or_breaks_the_contract(
    device_ends: bool, story: list[tuple[str, Any]]
) -> None:
    driver = Driver(device_ends_turn=device_ends).ready()
    play(driver, story)
    ends = [o for o in driver.outputs if isinstance(o, Disconnect)]
    assert len(ends) <= 1
    assert not ends or driver.outputs[-1] == ends[0]
    under_way = ""
    seen: Counter[str] = Counter()
    for event in told(driver.outputs):
        match event:
            case ReplyStarted(reply_id):
                assert not under_way
                seen[reply_id] += 1
                under_way = reply_id
            case ReplyDone(reply_id):
                assert reply_id == under_way
                under_way = ""
            case ReplyAudio(reply_id, _, pcm):
                assert reply_id == under_way
                assert pcm
                assert len(pcm) % 2 == 0
            case ReplyTranscript(reply_id) | ToolCalled(reply_id) | ReplyInterrupted(reply_id):
                assert reply_id == under_way
            case _:
                pass
    assert set(seen.values()) <= {1}


@given(st.booleans(), st.lists(steps, max_size=15), st.lists(messages, max_size=30))
@settings(max_examples=200, deadline=None)
def test_of_a_reply_called_off_nothing_is_heard_whatever_follows(
    device_ends: bool, before: list[tuple[str, Any]], after: list[str | bytes]
) -> None:
    driver = Driver(device_ends_turn=device_ends).ready()
    play(driver, before)
    live: set[str] = set()
    for event in told(driver.outputs):
        if isinstance(event, ReplyStarted):
            live.add(event.reply_id)
        elif isinstance(event, ReplyDone):
            live.discard(event.reply_id)
    for reply_id in live:
        done = driver.does(CancelReply(reply_id))
        ended = any(isinstance(o, Disconnect) for o in driver.outputs)
        assert ended or told(done) == [ReplyDone(reply_id, "cancelled")]
    driver.outputs.clear()
    for message in after:
        driver.raw(message)
    for event in told(driver.outputs):
        assert getattr(event, "reply_id", "") not in live


@given(st.lists(messages, max_size=40), st.lists(messages, max_size=20))
@settings(max_examples=200, deadline=None)
def test_of_a_turn_given_up_nothing_is_told_until_there_is_another(
    before: list[str | bytes], after: list[str | bytes]
) -> None:
    driver = Driver().ready()
    for message in before:
        driver.raw(message)
    # What is under way is called off with the turn, as the core does.
    running = [e.reply_id for e in told(driver.outputs) if isinstance(e, ReplyStarted)]
    driver.does(AppendAudio(b"ab"), AbandonTurn())
    driver.does(*map(CancelReply, running))
    driver.outputs.clear()
    for message in after:
        driver.raw(message)
    kinds = {type(event) for event in told(driver.outputs)}
    assert not kinds & {TurnCommitted, ReplyStarted, ReplyAudio, ToolCalled}


@given(st.lists(messages, max_size=30))
@settings(max_examples=100, deadline=None)
def test_where_the_service_ends_turns_a_turn_is_committed_before_it_is_answered(
    story: list[str | bytes],
) -> None:
    driver = Driver().ready()
    driver.does(AppendAudio(b"ab"))
    driver.user_speaks()
    driver.outputs.clear()
    for message in story:
        driver.raw(message)
    events = [e for e in told(driver.outputs) if isinstance(e, TurnCommitted | ReplyStarted)]
    assert not events or isinstance(events[0], TurnCommitted)
    assert sum(isinstance(e, TurnCommitted) for e in events) <= 1


@given(st.lists(messages, max_size=30))
@settings(max_examples=100, deadline=None)
def test_memory_does_not_grow_with_turns(story: list[str | bytes]) -> None:
    driver = Driver().ready()
    for message in story:
        driver.raw(message)
    assert len(driver.codec._unknown) <= 32
    assert driver.codec.capabilities is CAPABILITIES
    assert sum(isinstance(o, AskFence) for o in driver.outputs) == 0
