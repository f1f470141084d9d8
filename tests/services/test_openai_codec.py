"""The Realtime codec against the stand-in, through the real link: turns, calls, cuts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from device.commands import (
    AbandonTurn,
    CancelReply,
    ClearInput,
    RequestReply,
    SendToolResult,
    TruncateReply,
)
from device.events import (
    ReplyAudio,
    ReplyDone,
    ReplyInterrupted,
    ReplyStarted,
    ServiceSpeechStarted,
    ServiceTrouble,
    ToolCalled,
    TurnCommitted,
    UsageReported,
)
from device.providers.openai_dialects import (
    COMPATIBLE,
)
from device.simulator.services.openai_faults import Faults
from tests.link.rig import run, wait_until
from tests.services.openai_talk import (
    HELLO,
    LONG,
    NAMES,
    SHORT,
    TIME,
    talking,
)

every_service = pytest.mark.parametrize("name", NAMES)
either = pytest.mark.parametrize("device_ends_turn", [True, False], ids=["device", "service"])


@every_service
@either
def test_a_spoken_turn_and_its_reply_with_both_transcripts(
    name: str, device_ends_turn: bool
) -> None:
    async def test() -> None:
        async with talking(name=name, device_ends_turn=device_ends_turn) as talk:
            for number in (1, 2):
                await talk.turn(number)
                done = await talk.until(ReplyDone, number)
                assert done.status == "completed"
                assert talk.pcm(done.reply_id) == HELLO.pcm
            assert talk.said() == [HELLO.words] * 2
            await wait_until(lambda: len(talk.heard()) == 2)
            assert talk.heard() == [HELLO.heard] * 2
            kinds = [type(e) for e in talk.events]
            assert kinds.index(TurnCommitted) < kinds.index(ReplyStarted)
            assert (ServiceSpeechStarted in kinds) is not device_ends_turn
            assert sum(e.audio_out for e in talk.of(UsageReported)) > 0
            assert talk.of(ServiceTrouble) == []

    run(test)


@every_service
def test_a_tool_call_and_the_answer_that_follows(name: str) -> None:
    async def test() -> None:
        async with talking(TIME, SHORT, name=name) as talk:
            await talk.turn()
            called = await talk.until(ToolCalled)
            assert (called.name, called.arguments) == ("get_time", '{"zone": "here"}')
            talk.link.send(SendToolResult(called.call_id, '{"time": "12:00"}'))
            await talk.until(ReplyDone, 2)
            assert talk.said() == [SHORT.words]

    run(test)


@every_service
@either
def test_after_a_cut_nothing_of_the_reply_comes_and_all_of_the_next_one(
    name: str, device_ends_turn: bool
) -> None:
    async def test() -> None:
        faults = Faults(late_pieces=4)
        options: dict[str, Any] = {"pace": 4.0, "faults": faults}
        async with talking(
            LONG, SHORT, name=name, device_ends_turn=device_ends_turn, **options
        ) as talk:
            await talk.turn()
            first = await talk.until(ReplyAudio, 3)
            before = len(talk.of(ReplyAudio))
            talk.link.send(CancelReply(first.reply_id))
            talk.link.send(TruncateReply(first.item_id, 150))
            assert (await talk.until(ReplyDone)).status == "cancelled"
            await talk.turn(2)
            second = await talk.until(ReplyDone, 2)
            late = [e for e in talk.of(ReplyAudio)[before:] if e.reply_id == first.reply_id]
            assert late == []
            assert talk.pcm(second.reply_id) == SHORT.pcm
            assert talk.of(ServiceTrouble) == []

    run(test)


@every_service
@either
def test_a_turn_that_was_given_up_is_not_answered_and_the_next_one_is(
    name: str, device_ends_turn: bool
) -> None:
    async def test() -> None:
        async with talking(HELLO, SHORT, name=name, device_ends_turn=device_ends_turn) as talk:
            await talk.says()
            talk.link.send(AbandonTurn())
            await asyncio.sleep(0.5)
            assert talk.of(ReplyStarted) == []
            seen = len(talk.of(TurnCommitted))
            await talk.turn(seen + 1)
            done = await talk.until(ReplyDone)
            assert done.status == "completed"
            assert len(talk.of(ReplyStarted)) == 1

    run(test)


@pytest.mark.parametrize("name", ["xai"])
def test_a_service_that_breaks_off_its_reply_tells_so(name: str) -> None:
    async def test() -> None:
        async with talking(LONG, SHORT, name=name, device_ends_turn=False, pace=2.0) as talk:
            await talk.turn()
            await talk.until(ReplyAudio, 2)
            await talk.says()
            interrupted = await talk.until(ReplyInterrupted)
            done = await talk.until(ReplyDone)
            assert (done.reply_id, done.status) == (interrupted.reply_id, "cancelled")
            await talk.until(TurnCommitted, 2)
            talk.link.send(ClearInput())
            second = await talk.until(ReplyDone, 2)
            assert talk.pcm(second.reply_id) == SHORT.pcm

    run(test)


def test_a_server_of_ones_own_that_is_strict_takes_the_core() -> None:
    async def test() -> None:
        async with talking(dialect=COMPATIBLE, device_ends_turn=False) as talk:
            await talk.turn()
            assert (await talk.until(ReplyDone)).status == "completed"
            talk.link.send(RequestReply("say it"))
            assert (await talk.until(ReplyDone, 2)).status == "completed"

    run(test)


def test_and_one_that_knows_only_the_retired_shape_takes_that() -> None:
    async def test() -> None:
        dialect = replace(COMPATIBLE, query=lambda spec: {"api-version": "2026-04-10"})
        async with talking(name="voice_live", dialect=dialect, device_ends_turn=False) as talk:
            await talk.turn()
            assert (await talk.until(ReplyDone)).status == "completed"
            assert talk.pcm(talk.of(ReplyStarted)[0].reply_id) == HELLO.pcm

    run(test)
