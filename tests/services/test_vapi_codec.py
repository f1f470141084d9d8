"""The codec of Vapi through the real link, against the stand-in of the service."""

from __future__ import annotations

import asyncio
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
    ReplyTranscript,
    TurnCommitted,
    UserTranscript,
)
from device.providers.vapi import Vapi
from device.simulator.services.brain import Answer, Call, ScriptedBrain, reply
from device.simulator.services.plain_agent import Pace
from device.simulator.services.stand_in import HttpAnswer
from device.simulator.services.vapi import NAMES, VapiStandIn
from tests.link.rig import run, wait_until
from tests.services.duplex_talk import KEY, Talk, loud_ms

OPTIONS = {"assistant_id": "assistant-1", "rate_hz": 16_000}
HELLO = reply("Hello, I am here.", heard="good morning", seconds=0.6)
LOOKS = reply("Let me look.", heard="will it rain", seconds=0.4)
STORY = reply("This goes on for quite a while.", heard="tell me a story", seconds=6.0)
REAL = Pace(speed=1.0, late_pieces=3)
OTHER_NAMES = {name: f"{name}-renamed" for name in NAMES}


def service(*answers: Answer, **options: Any) -> VapiStandIn:
    return VapiStandIn(lambda: ScriptedBrain(*answers), key=KEY, **options)


def converse(stand_in: VapiStandIn, conversation: Callable[[Talk], Awaitable[None]]) -> None:
    async def test() -> None:
        async with stand_in:
            talk = Talk(stand_in, Vapi, options=OPTIONS)
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


@pytest.mark.parametrize("names", [NAMES, OTHER_NAMES])
@pytest.mark.parametrize("pace", [Pace(), REAL])
def test_turn_after_turn_whatever_the_control_messages_are_called(
    pace: Pace, names: dict[str, str]
) -> None:
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
        words = [e.text for e in talk.of(UserTranscript) if e.final]
        said = [e.text for e in talk.of(ReplyTranscript) if e.final]
        known = names is NAMES
        assert words == (["good morning"] * 2 if known else [])
        assert said == (["Hello, I am here."] * 2 if known else [])

    converse(service(HELLO, pace=pace, names=names), conversation)


@pytest.mark.parametrize("names", [NAMES, OTHER_NAMES])
def test_a_cut_reply_is_not_heard_on_and_the_next_is_whole(names: dict[str, str]) -> None:
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

    converse(service(STORY, HELLO, pace=REAL, names=names), conversation)


def test_what_the_assistant_broke_off_is_interrupted() -> None:
    async def conversation(talk: Talk) -> None:
        await talk.is_answered()
        await talk.until(ReplyAudio, 5)
        await talk.says(400)
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

    converse(service(HELLO, greeting="welcome", pace=REAL), conversation)


def test_the_call_is_asked_for_as_the_service_wants_it_and_hung_up_in_the_end() -> None:
    stand_in = service(HELLO)

    async def conversation(talk: Talk) -> None:
        await spoken_turn(talk)
        talk.link.close("enough")
        await wait_until(lambda: stand_in.ended == ["hangup"])
        assert stand_in.ignored == []
        assert [path for path, _ in stand_in.posted] == ["/call"]

    converse(stand_in, conversation)


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (HttpAnswer(402, {"message": "no credits"}), ErrorKind.QUOTA),
        (HttpAnswer(400, {"message": "no such assistant"}), ErrorKind.PROTOCOL),
        (HttpAnswer(500, {"message": "oops"}), ErrorKind.SERVICE),
        (HttpAnswer(201, {"id": "x"}), ErrorKind.PROTOCOL),
    ],
)
def test_a_refused_call_is_told_apart(refusal: HttpAnswer, kind: ErrorKind) -> None:
    async def test() -> None:
        stand_in = service(HELLO)
        stand_in.http_refusal = refusal
        async with stand_in:
            talk = Talk(stand_in, Vapi, options=OPTIONS)
            assert (await talk.fails()).kind is kind
            await talk.link.stop()

    run(test)


def test_a_wrong_key_is_told_and_not_shown() -> None:
    async def test() -> None:
        async with VapiStandIn(lambda: ScriptedBrain(HELLO), key="another") as stand_in:
            talk = Talk(stand_in, Vapi, options=OPTIONS)
            failed = await talk.fails()
            assert failed.kind is ErrorKind.KEY
            assert KEY not in failed.detail
            await talk.link.stop()

    run(test)


def test_the_longest_call_ends_with_a_reason() -> None:
    stand_in = service(HELLO, cap_s=0.3)

    async def conversation(talk: Talk) -> None:
        closed = await talk.until(LinkClosed)
        assert closed.kind is ErrorKind.SERVICE
        assert "/call/" not in closed.reason

    converse(stand_in, conversation)
