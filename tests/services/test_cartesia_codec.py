"""The codec of Cartesia Line through the real link, against the stand-in of the service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from device.commands import AbandonTurn, CancelReply
from device.events import (
    ErrorKind,
    LinkClosed,
    ReplyAudio,
    ReplyDone,
    ReplyInterrupted,
    ReplyStarted,
    TurnCommitted,
)
from device.providers.cartesia import CartesiaLine
from device.simulator.services.brain import Answer, Call, ScriptedBrain, reply
from device.simulator.services.cartesia import KEY_VERSION, CartesiaStandIn
from device.simulator.services.plain_agent import Pace
from tests.link.rig import run
from tests.services.duplex_talk import KEY, Talk, loud_ms

RATE_HZ = 16_000
OPTIONS = {"agent_id": "agent-1", "rate_hz": RATE_HZ}
HELLO = reply("Hello, I am here.", heard="good morning", seconds=0.6)
LOOKS = reply("Let me look.", heard="will it rain", seconds=0.4)
STORY = reply("This goes on for quite a while.", heard="tell me a story", seconds=6.0)
REAL = Pace(speed=1.0, late_pieces=3)


def service(*answers: Answer, **options: Any) -> CartesiaStandIn:
    return CartesiaStandIn(lambda: ScriptedBrain(*answers), key=KEY, **options)


def converse(stand_in: CartesiaStandIn, conversation: Callable[[Talk], Awaitable[None]]) -> None:
    async def test() -> None:
        async with stand_in:
            talk = Talk(stand_in, CartesiaLine, options=OPTIONS)
            try:
                await talk.open()
                await conversation(talk)
            finally:
                await talk.link.stop()

    run(test)


async def spoken_turn(talk: Talk) -> ReplyDone:
    done = await talk.is_done(await talk.is_answered())
    assert done.status == "completed"
    assert 540 <= loud_ms(talk.sound(done.reply_id), 24_000) <= 680
    return done


@pytest.mark.parametrize("pace", [Pace(), REAL])
def test_turn_after_turn(pace: Pace) -> None:
    async def conversation(talk: Talk) -> None:
        await spoken_turn(talk)
        await spoken_turn(talk)
        assert (
            talk.order((TurnCommitted, ReplyStarted, ReplyAudio, ReplyDone))
            == [
                "TurnCommitted",
                "ReplyStarted",
                "ReplyAudio",
                "ReplyDone",
            ]
            * 2
        )

    converse(service(HELLO, pace=pace), conversation)


def test_a_cut_reply_is_not_heard_on_though_the_agent_speaks_on_and_the_next_is_whole() -> None:
    async def conversation(talk: Talk) -> None:
        reply_id = await talk.is_answered()
        await talk.until(ReplyAudio, 5)
        talk.link.send(CancelReply(reply_id))
        assert (await talk.is_done(reply_id)).status == "cancelled"
        heard = len(talk.of(ReplyAudio))
        await asyncio.sleep(0.5)
        assert len(talk.of(ReplyAudio)) == heard
        await spoken_turn(talk)
        assert len(talk.of(ReplyStarted)) == 2

    converse(service(STORY, HELLO, pace=REAL), conversation)


def test_what_the_agent_broke_off_is_interrupted_and_its_late_sound_not_heard() -> None:
    async def conversation(talk: Talk) -> None:
        await talk.is_answered()
        await talk.until(ReplyAudio, 5)
        await talk.says(400)  # nobody cut the reply before
        interrupted = await talk.until(ReplyInterrupted)
        assert (await talk.is_done(interrupted.reply_id)).status == "cancelled"
        await talk.until(TurnCommitted, 2)
        done = await talk.is_done((await talk.until(ReplyStarted, 2)).reply_id)
        assert 540 <= loud_ms(talk.sound(done.reply_id), 24_000) <= 680

    converse(service(STORY, HELLO, pace=REAL), conversation)


def test_an_abandoned_turn_is_not_answered_and_the_next_one_is() -> None:
    async def conversation(talk: Talk) -> None:
        await talk.says()
        talk.link.send(AbandonTurn())
        await asyncio.sleep(0.7)
        assert talk.of(TurnCommitted) == []
        assert (await spoken_turn(talk)).reply_id == "reply_1"

    converse(service(HELLO, pace=REAL), conversation)


@pytest.mark.parametrize(("work_s", "replies"), [(1.0, 1), (2.6, 2)])
def test_what_is_said_behind_a_function_of_the_services_goes_on_or_is_unasked(
    work_s: float, replies: int
) -> None:
    looks = replace(LOOKS, calls=(Call("weather"),))

    async def conversation(talk: Talk) -> None:
        await talk.is_answered()
        done = await talk.is_done(f"reply_{replies}")
        assert done.status == "completed"
        assert len(talk.of(ReplyStarted)) == replies
        assert len(talk.of(TurnCommitted)) == 1
        whole = b"".join(e.pcm for e in talk.of(ReplyAudio))
        assert 940 <= loud_ms(whole, 24_000) <= 1080

    converse(service(looks, HELLO, pace=Pace(speed=1.0, work_s=work_s)), conversation)


def test_a_greeting_does_not_take_the_first_turn() -> None:
    async def conversation(talk: Talk) -> None:
        await talk.is_done("reply_1")
        assert talk.of(TurnCommitted) == []
        await spoken_turn(talk)

    converse(service(HELLO, introduction="welcome", pace=REAL), conversation)


def test_what_else_the_agent_sends_changes_nothing() -> None:
    extras = [
        {"event": "custom", "metadata": {"a": 1}},
        {"event": "dtmf", "dtmf": "5"},
        {"event": "transfer_call", "transfer": {"target_phone_number": "+1"}},
    ]

    async def conversation(talk: Talk) -> None:
        await spoken_turn(talk)
        await spoken_turn(talk)

    converse(service(HELLO, extras=extras), conversation)


def test_only_what_the_protocol_knows_is_sent() -> None:
    stand_in = service(HELLO)

    async def conversation(talk: Talk) -> None:
        await spoken_turn(talk)
        sent = [json.loads(data) for data in stand_in.received()]
        assert sent[0] == {"event": "start", "config": {"input_format": "pcm_16000"}}
        assert {tuple(sorted(one)) for one in sent[1:]} == {("event", "media", "stream_id")}
        assert {tuple(one["media"]) for one in sent[1:]} == {("payload",)}

    converse(stand_in, conversation)


def test_a_wrong_key_and_a_wrong_agent_are_told_apart() -> None:
    async def test() -> None:
        stranger = CartesiaStandIn(lambda: ScriptedBrain(HELLO), key="another")
        lost = service(HELLO, agent_id="agent-2")
        for stand_in, kind in ((stranger, ErrorKind.KEY), (lost, ErrorKind.PROTOCOL)):
            async with stand_in:
                talk = Talk(stand_in, CartesiaLine, options=OPTIONS)
                talk.url = stand_in.origin
                failed = await talk.fails()
                assert failed.kind is kind
                assert KEY not in failed.detail
                await talk.link.stop()

    run(test)


def test_an_api_key_opens_a_call_at_the_newer_address() -> None:
    async def test() -> None:
        options = {**OPTIONS, "api_version": KEY_VERSION}
        async with service(HELLO, api_key=KEY, newer=True) as stand_in:
            talk = Talk(stand_in, CartesiaLine, options=options)
            talk.url = stand_in.origin  # the codec finds the path
            await talk.open()
            await spoken_turn(talk)
            await talk.link.stop()

    run(test)


def test_an_api_key_at_the_older_address_is_told_what_it_wants() -> None:
    async def test() -> None:
        stand_in = CartesiaStandIn(lambda: ScriptedBrain(HELLO), key="a token", api_key=KEY)
        async with stand_in:
            talk = Talk(stand_in, CartesiaLine, options=OPTIONS)
            failed = await talk.fails()
            assert failed.kind is ErrorKind.KEY
            assert f'api_version = "{KEY_VERSION}"' in failed.detail
            await talk.link.stop()

    run(test)


def test_the_longest_call_ends_with_a_reason() -> None:
    async def conversation(talk: Talk) -> None:
        closed = await talk.until(LinkClosed)
        assert closed.kind is ErrorKind.SERVICE

    converse(service(HELLO, cap_s=0.3), conversation)
