"""Turns with Wiro's models, as their codec has them with the stand-in through the real link."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from device.commands import AbandonTurn, AppendAudio, CancelReply
from device.events import (
    LinkOpened,
    ReplyDone,
    ReplyStarted,
    SessionOpening,
    TurnCommitted,
    UsageReported,
)
from device.simulator.services.wiro_manners import Manners
from tests.link.rig import run, wait_until
from tests.services.wiro_link import (
    ELEVENLABS,
    HELLO,
    LONG,
    NEWT,
    PERSONAPLEX,
    is_kind,
    sound_of,
    task,
)

# --- turns ---------------------------------------------------------------------------------

MANNERS = {
    "usual": Manners(),
    "cost last": Manners(cost_first=False),
    "transcripts in parts": Manners(repeated=True),
    "long frames": Manners(piece_ms=500, pace=0),
    "bare frames": Manners(bare_every=2),
    "frames of others": Manners(foreign_every=2),
    "nested, codes as text": Manners(nested=True, text_codes=True),
    "log lines": Manners(stderr="warning: slow"),
}


@pytest.mark.parametrize("name", MANNERS)
def test_spoken_turns_and_their_replies_with_both_transcripts(name: str) -> None:
    async def test() -> None:
        async with task(HELLO, NEWT, manners=MANNERS[name]) as (talk, service):
            first = await talk.exchange(1)
            second = await talk.exchange(2)
            assert len(talk.of(ReplyStarted)) == 2
            assert [len(talk.pcm(r)) for r in (first, second)] == [28800, 48000]
            assert talk.heard()[-1] == "what is a newt"
            assert talk.said() == ["Hello, I am here.", "A newt is an amphibian."]
            assert {e.status for e in talk.of(ReplyDone)} == {"completed"}
            await talk.until(UsageReported, 2)
            told = sum(e.cost_usd or 0.0 for e in talk.of(UsageReported))
            assert told == pytest.approx(service.desk.tasks[0].cost_usd, abs=1e-5)

    run(test)


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("openai/gpt-realtime-mini", {}),
        (ELEVENLABS, {"voice": "voice-1"}),
        ("elevenlabs/Realtime Conversational AI", {"voice": "voice-1"}),
        (PERSONAPLEX, {"options": {"topk_audio": 250, "seed": 7}}),
    ],
)
def test_each_family_of_models_is_run_and_answers(model: str, more: dict[str, Any]) -> None:
    async def test() -> None:
        async with task(spec={"model": model, **more}) as (talk, _):
            reply_id = await talk.exchange()
            assert len(talk.pcm(reply_id)) == 28800

    run(test)


def test_the_tokens_of_the_provider_behind_the_model_are_told_with_the_price() -> None:
    async def test() -> None:
        async with task() as (talk, _):
            await talk.exchange()
            used = await talk.until(UsageReported)
            assert used.cost_usd
            assert 8 <= used.audio_in <= 30 and used.audio_out == 12  # 0.6 s were spoken
            assert used.text_in == 2 and used.text_out == 4

    run(test)


def test_a_first_message_is_a_reply_to_no_turn_and_costs_the_turn_nothing() -> None:
    async def test() -> None:
        spec = {"model": ELEVENLABS, "voice": "v", "options": {"first_message": "Good day!"}}
        async with task(LONG, NEWT, spec=spec) as (talk, _):
            greeting = await talk.until(ReplyStarted)
            assert not talk.of(TurnCommitted)
            talk.link.send(CancelReply(greeting.reply_id))
            await talk.turn()
            answer = (await talk.until(ReplyStarted, 2)).reply_id
            await talk.until(ReplyDone, 2)
            assert len(talk.pcm(answer)) == 48000

    run(test)


def test_the_silence_behind_a_turn_is_made_where_the_device_sends_none() -> None:
    async def test() -> None:
        async with task() as (talk, _):
            talk.says(1.05, then_silence_s=0)
            await talk.until(TurnCommitted)
            await talk.until(ReplyDone)

    run(test)


def test_words_said_while_the_task_queues_are_answered() -> None:
    async def test() -> None:
        async with task(wait=False, manners=Manners(ready_after_s=0.5)) as (talk, _):
            talk.says()
            assert (await talk.until(SessionOpening)).within_s > 10
            assert talk.of(LinkOpened) == []
            await talk.until(LinkOpened)
            await talk.until(TurnCommitted)
            await talk.until(ReplyDone)

    run(test)


# --- cut, given up -------------------------------------------------------------------------


@pytest.mark.parametrize("late_pieces", [0, 2, 50])
def test_late_sound_of_a_cut_reply_is_not_heard_and_the_next_turn_is_answered_whole(
    late_pieces: int,
) -> None:
    async def test() -> None:
        async with task(LONG, NEWT, manners=Manners(late_pieces=late_pieces)) as (talk, _):
            first = await talk.begins()
            talk.link.send(CancelReply(first))
            assert (await talk.until(ReplyDone)).status == "cancelled"
            cut = len(talk.pcm(first))
            await talk.turn(2)
            second = (await talk.until(ReplyStarted, 2)).reply_id
            await talk.until(ReplyDone, 2)
            assert len(talk.pcm(first)) == cut < 48000 * 19
            assert len(talk.pcm(second)) == 48000
            assert talk.said() == ["A newt is an amphibian."]

    run(test)


@pytest.mark.parametrize("answers", [True, False], ids=["answered", "not answered"])
def test_a_cut_of_a_reply_that_has_all_come_does_not_swallow_the_next(answers: bool) -> None:
    async def test() -> None:
        manners = Manners(idle_interrupt_ends=answers, pace=0)
        async with task(HELLO, NEWT, manners=manners) as (talk, _):
            first = await talk.exchange()
            talk.link.send(CancelReply(first))  # the device still plays it
            await talk.turn(2)
            second = (await talk.until(ReplyStarted, 2)).reply_id
            await talk.until(ReplyDone, 2)
            assert len(talk.pcm(second)) == 48000

    run(test)


def test_a_reply_that_the_model_stopped_by_itself_is_no_riddle() -> None:
    """It hears the person and says nothing of it; nor does it answer the interrupt."""

    async def test() -> None:
        manners = Manners(idle_interrupt_ends=False, late_pieces=0)
        async with task(LONG, NEWT, manners=manners) as (talk, _):
            first = await talk.begins()
            talk.says(0.3, then_silence_s=0)  # within the tail: not sent
            await asyncio.sleep(1.1)
            talk.says(0.3, then_silence_s=0)
            await asyncio.sleep(0.3)
            talk.link.send(CancelReply(first))
            await asyncio.sleep(1.0)
            talk.says(1.0)
            second = (await talk.until(ReplyStarted, 2)).reply_id
            await talk.until(ReplyDone, 2)
            assert len(talk.pcm(second)) == 48000

    run(test)


def test_nothing_comes_of_a_turn_that_was_given_up_and_the_next_is_answered() -> None:
    async def test() -> None:
        async with task(LONG, NEWT) as (talk, service):
            talk.says(then_silence_s=0)  # in mid-sentence
            await wait_until(lambda: len(sound_of(service)) >= 5)
            talk.link.send(AbandonTurn())
            await wait_until(lambda: any(is_kind(f, "interrupt") for f in service.received()))
            await asyncio.sleep(0.3)
            assert not talk.of(TurnCommitted) and not talk.of(ReplyStarted)
            assert talk.heard() == []
            reply_id = await talk.exchange()
            assert len(talk.pcm(reply_id)) == 48000
            assert talk.heard() == ["what is a newt"]

    run(test)


def test_a_committed_turn_that_is_given_up_is_not_answered() -> None:
    async def test() -> None:
        async with task(LONG, NEWT, manners=Manners(cost_first=False)) as (talk, _):
            await talk.turn()
            talk.link.send(AbandonTurn())
            await asyncio.sleep(0.5)
            for started in talk.of(ReplyStarted):  # it had begun: then it is called off by name
                talk.link.send(CancelReply(started.reply_id))
            begun = len(talk.of(ReplyStarted))
            await talk.turn(2)
            answer = (await talk.until(ReplyStarted, begun + 1)).reply_id
            await talk.until(ReplyDone, begun + 1)
            assert len(talk.pcm(answer)) == 48000

    run(test)


def test_a_turn_in_which_nobody_spoke_leaves_no_trace() -> None:
    async def test() -> None:
        async with task(NEWT) as (talk, _):
            for _ in range(20):
                talk.link.send(AppendAudio(bytes(4800)))
            talk.link.send(AbandonTurn())
            reply_id = await talk.exchange()
            assert len(talk.pcm(reply_id)) == 48000

    run(test)
