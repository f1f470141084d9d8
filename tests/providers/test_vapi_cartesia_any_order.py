"""Cartesia and Vapi: whatever comes, in whatever order, nothing raises and the contract holds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.commands import AbandonTurn, AppendAudio, CancelReply, ClearInput, SendToolResult
from tests.providers.duplex_driver import tone
from tests.providers.duplex_rules import Rules
from tests.providers.line_drivers import CALL_URL, KEY, Call, Line

LOUD, SILENT = tone(100, 24000), bytes(4800)

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
media = st.sampled_from([LOUD, SILENT, LOUD[:-1], SILENT * 15, b"", LOUD + SILENT])
line_messages = st.one_of(
    media.map(lambda pcm: json.loads(Line.media(pcm))),
    st.sampled_from(["ack", "clear", "custom", "dtmf", "transfer_call", "error", "x"]).map(
        lambda kind: {"event": kind, "stream_id": "s", "message": KEY}
    ),
)
roles = st.sampled_from(["user", "assistant", "x"])
call_messages = st.one_of(
    st.builds(
        lambda r, t, w: {"type": "transcript", "role": r, "transcriptType": t, "transcript": w},
        roles,
        st.sampled_from(["final", "partial"]),
        st.text(max_size=4),
    ),
    st.builds(
        lambda r, s: {"type": "speech-update", "role": r, "status": s},
        roles,
        st.sampled_from(["started", "stopped"]),
    ),
    st.sampled_from(["user-interrupted", "status-update", "error", "x"]).map(
        lambda kind: {"type": kind, "message": CALL_URL}
    ),
)


def mutated(messages: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[str]:
    def mutate(message: dict[str, Any], name: int, value: object, how: int) -> str:
        message = dict(message)
        key = sorted(message)[name % len(message)]
        old = message.pop(key)
        if how == 1:
            message[key] = value
        elif how == 2:
            message[str(value)] = old
        return json.dumps(message)

    return st.builds(mutate, messages, st.integers(0, 5), junk, st.integers(0, 2))


def steps(messages: st.SearchStrategy[dict[str, Any]], sound: Any) -> st.SearchStrategy[Any]:
    commands = st.one_of(
        st.sampled_from([AppendAudio(LOUD), AppendAudio(SILENT), ClearInput(), AbandonTurn()]),
        st.builds(CancelReply, st.sampled_from([f"reply_{n}" for n in range(1, 6)])),
        st.just(SendToolResult("c", "{}")),
    )
    garbage = st.binary(max_size=20) | st.text(max_size=20) | junk.map(json.dumps)
    received = st.one_of(sound, sound, messages.map(json.dumps), mutated(messages), garbage)
    step = st.one_of(st.lists(received, max_size=4), commands, commands, st.floats(0, 5))
    return st.lists(step, max_size=60)


def play(player: Line | Call, script: list[Any]) -> None:
    rules = Rules()
    rules.check(player.outputs)
    for step in script:
        if isinstance(step, float):
            rules.check(player.wait(step))
        elif isinstance(step, list):
            for data in step:
                rules.check(player.receive(data))
        else:
            rules.told(step)
            rules.check(player.command(step))
    shown = repr(player.outputs)
    assert KEY not in shown
    assert CALL_URL not in shown


@given(steps(line_messages, media.map(Line.media)))
def test_the_contract_holds_whatever_an_agent_says(script: list[Any]) -> None:
    play(Line().ready(), script)


@given(steps(line_messages, media.map(Line.media)))
def test_before_its_acknowledgement_as_well(script: list[Any]) -> None:
    play(Line().greeted(), script)


@given(steps(call_messages, media))
def test_the_contract_holds_whatever_an_assistant_says(script: list[Any]) -> None:
    play(Call().ready(), script)


@pytest.mark.parametrize("session", [Line, Call])
def test_a_codec_that_has_ended_says_nothing_more(session: type[Line | Call]) -> None:
    player = session().ready()
    player.codec.finish("enough", player.now)
    player.codec.closed(1000, "", player.now)
    assert player.sounds(300) == []
    assert player.says() == []
