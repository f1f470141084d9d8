"""The codec of OpenAI Live through the real link, against the stand-in of the service."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from device.commands import AbandonTurn, CancelReply, SendToolResult, TruncateReply
from device.events import (
    ErrorKind,
    LinkClosed,
    LinkFailed,
    LinkOpened,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyTranscript,
    ToolCalled,
    TurnCommitted,
    UsageReported,
    UserTranscript,
)
from device.providers.base import Said
from device.providers.live import OpenAILive
from device.simulator.services.brain import Answer, Call, ScriptedBrain, reply
from device.simulator.services.openai_live import Manners, Mishaps
from device.simulator.services.openai_live import OpenAILive as StandIn
from tests.judges.environment import judge_python
from tests.link.rig import run
from tests.services.captured import captured
from tests.services.duplex_talk import KEY, TOOLS, Talk, loud_ms

JUDGE = Path(__file__).resolve().parents[1] / "judges" / "openai_live_judge.py"
HELLO = reply("Hello, I am here.", heard="good morning", seconds=0.6)
STORY = reply("This goes on for quite a while.", heard="tell me a story", seconds=8.0)
ASKED = Answer(heard="what time is it", calls=(Call("get_time"),))
TOLD = reply("It is five past two.", seconds=0.6)
Conversation = Callable[[Talk], Awaitable[None]]


def service(*answers: Answer, **options: Any) -> StandIn:
    return StandIn(lambda: ScriptedBrain(*answers), key=KEY, **options)


@asynccontextmanager
async def talking(stand_in: StandIn, **spec: Any) -> AsyncIterator[Talk]:
    """With a session that is open, in the end stopped."""
    talk = Talk(stand_in, OpenAILive, **{"tools": TOOLS, **spec})
    try:
        await talk.open()
        yield talk
    finally:
        await talk.link.stop()


def converse(stand_in: StandIn, conversation: Conversation, **spec: Any) -> None:
    async def test() -> None:
        async with stand_in, talking(stand_in, **spec) as talk:
            await conversation(talk)

    run(test)


async def spoken_turn(talk: Talk) -> None:
    done = await talk.is_done(await talk.is_answered())
    assert done.status == "completed"
    assert 560 <= loud_ms(talk.sound(done.reply_id), 24000) <= 640


async def tool_call(talk: Talk) -> None:
    await talk.says()
    call = await talk.until(ToolCalled)
    talk.link.send(SendToolResult(call.call_id, '{"time": "14:05"}'))
    await talk.is_done("reply_1")
    done = await talk.is_done("reply_2")
    assert done.status == "completed"
    assert loud_ms(talk.sound("reply_2"), 24000) >= 560


def test_a_spoken_turn_is_heard_with_both_transcripts() -> None:
    async def conversation(talk: Talk) -> None:
        await spoken_turn(talk)
        assert talk.order((TurnCommitted, ReplyStarted, ReplyAudio, ReplyDone)) == [
            "TurnCommitted",
            "ReplyStarted",
            "ReplyAudio",
            "ReplyDone",
        ]
        assert [e.text for e in talk.of(UserTranscript) if e.final] == ["good morning"]
        assert [e.text for e in talk.of(ReplyTranscript) if e.final] == ["Hello, I am here."]

    converse(service(HELLO), conversation)


def test_turn_after_turn() -> None:
    async def conversation(talk: Talk) -> None:
        for _ in range(3):
            await spoken_turn(talk)

    converse(service(HELLO), conversation)


def test_a_tool_is_called_and_its_result_told() -> None:
    converse(service(ASKED, TOLD), tool_call)


def test_a_cut_reply_is_not_heard_on_and_the_next_turn_is_answered() -> None:
    stand_in = service(STORY, HELLO)

    async def conversation(talk: Talk) -> None:
        reply_id = await talk.is_answered()
        await talk.until(ReplyAudio, 5)
        talk.link.send(CancelReply(reply_id))
        talk.link.send(TruncateReply(reply_id, 300))
        assert (await talk.is_done(reply_id)).status == "cancelled"
        heard = len(talk.of(ReplyAudio))
        await asyncio.sleep(0.3)
        assert len(talk.of(ReplyAudio)) == heard
        done = await talk.is_done(await talk.is_answered())
        assert 560 <= loud_ms(talk.sound(done.reply_id), 24000) <= 640
        assert [e.text for e in talk.of(UserTranscript) if e.final] == [
            "tell me a story",
            "good morning",
        ]

    converse(stand_in, conversation)


def test_an_abandoned_turn_is_not_answered_and_the_next_one_is() -> None:
    async def conversation(talk: Talk) -> None:
        await talk.says()
        talk.link.send(AbandonTurn())
        await asyncio.sleep(0.5)
        assert talk.of(TurnCommitted) == []
        done = await talk.is_done(await talk.is_answered())
        assert done.reply_id == "reply_1"

    converse(service(HELLO), conversation)


def test_usage_is_told_and_what_was_said_before_is_carried_over() -> None:
    stand_in = service(HELLO, manners=Manners(usage_every_s=0.1))
    history = (Said("user", "my name is Ada"), Said("assistant", "hello Ada"))

    async def conversation(talk: Talk) -> None:
        await spoken_turn(talk)
        assert 1.0 < sum(e.seconds for e in talk.of(UsageReported)) < 10.0
        (session,) = stand_in.record.sessions
        assert [item["role"] for item in session["input"]] == ["user", "assistant"]

    converse(stand_in, conversation, history=history)


@pytest.mark.parametrize(
    ("mishaps", "kind"),
    [
        (Mishaps(handshake="outage"), ErrorKind.SERVICE),
        (Mishaps(handshake="rate_limit"), ErrorKind.QUOTA),
        (Mishaps(admission="credit_balance_exhausted"), ErrorKind.QUOTA),
        (Mishaps(admission="server_error"), ErrorKind.SERVICE),
    ],
)
def test_a_refusal_is_told_apart(mishaps: Mishaps, kind: ErrorKind) -> None:
    async def test() -> None:
        async with service(HELLO, mishaps=mishaps) as stand_in:
            talk = Talk(stand_in, OpenAILive)
            assert (await talk.fails()).kind is kind
            await talk.link.stop()

    run(test)


def test_a_wrong_key_is_told() -> None:
    async def test() -> None:
        async with StandIn(lambda: ScriptedBrain(HELLO), key="another") as stand_in:
            talk = Talk(stand_in, OpenAILive)
            failed = await talk.fails()
            assert failed.kind is ErrorKind.KEY
            assert KEY not in failed.detail
            await talk.link.stop()

    run(test)


def test_a_session_that_expires_is_closed_with_the_reason() -> None:
    async def conversation(talk: Talk) -> None:
        closed = await talk.until(LinkClosed)
        assert closed.kind is ErrorKind.SERVICE
        assert "expired" in closed.reason
        assert talk.of(LinkFailed) == []
        await talk.open()
        assert len(talk.of(LinkOpened)) == 2

    converse(service(HELLO, cap_s=0.3), conversation)


def test_the_end_is_orderly() -> None:
    stand_in = service(HELLO)

    async def conversation(talk: Talk) -> None:
        talk.link.close("enough")
        async with asyncio.timeout(5):
            while "session.closed" not in str(stand_in.lines[0].sent):
                await asyncio.sleep(0.01)

    converse(stand_in, conversation)


@pytest.mark.judge
def test_every_frame_of_ours_is_one_of_the_official_types(tmp_path: Path) -> None:
    async def everything(stand_in: Any) -> None:
        spec = {"voice": "marin", "instructions": "Be short.", "history": (Said("user", "hi"),)}
        async with talking(stand_in, **spec) as talk:
            await tool_call(talk)
            await spoken_turn(talk)
            talk.link.close("enough")
            await asyncio.sleep(0.2)
        async with talking(stand_in, tools=()) as talk:
            await talk.says()
            await asyncio.sleep(1.0)

    answers = iter([(ASKED, TOLD, HELLO), (ASKED, TOLD)])
    stand_in = StandIn(lambda: ScriptedBrain(*next(answers)), key=KEY)
    capture = asyncio.run(captured(stand_in, everything))
    path = capture.write(tmp_path / "capture.json")
    run_ = subprocess.run(
        [judge_python("openai"), str(JUDGE), "frames", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run_.returncode == 0, run_.stderr[-4000:]
    seen = json.loads(run_.stdout.splitlines()[-1])
    told = json.dumps(seen)
    for kind in (
        "session.start",
        "session.input_audio.append",
        "response.item.create",
        "response.create",
        "session.commentary.append",
        "session.close",
    ):
        assert kind in told
