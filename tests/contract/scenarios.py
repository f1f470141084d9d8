"""What every service's codec must do. Each scenario is played through the real link."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from device.commands import AbandonTurn, CancelReply, RequestReply, TruncateReply
from device.events import (
    ErrorKind,
    LinkClosed,
    LinkFailed,
    LinkOpened,
    ReplyAudio,
    ReplyDone,
    ReplyInterrupted,
    ReplyStarted,
    ServiceSpeechStarted,
    SessionOpening,
    SessionResumable,
    ToolCalled,
    TurnCommitted,
    UsageReported,
)
from device.providers.base import Said
from device.simulator.services.stand_in import HttpAnswer
from tests.contract.judging import (
    is_answered,
    is_reply,
    is_understood,
    must,
    names_by_reply,
    order,
    order_of_usage,
    order_of_words,
    texts,
    was_told,
)
from tests.contract.quiet import falls_silent, left_alone, pinged, told_late
from tests.contract.talk import Reply, Room, Talk
from tests.contract.voices import (
    AFTER_TOOL,
    CLOCK,
    ON_REQUEST,
    RAIN,
    RESULT,
    STORY,
    TIME,
    TOOL,
)

Scenario = Callable[[Room], Awaitable[None]]

SAY = RequestReply(
    f'Say exactly this, and nothing else: "{ON_REQUEST.words}"', words=ON_REQUEST.words
)


# --- conversation -----------------------------------------------------------------------


async def spoken_turns(room: Room) -> None:
    """Two of them: words both ways, sound whole and in order; then an orderly end."""
    async with room.talking() as talk:
        opened = talk.of(LinkOpened)[0]
        must(opened.able is not None, "it says what it can do")
        for count, question in enumerate((TIME, RAIN), start=1):
            talk.say(question)
            await is_answered(talk, question, count)
            if room.case.usage:
                await talk.until(UsageReported, count)
        order(talk, TIME, RAIN)
        if room.case.usage:
            order_of_usage(talk)
        must(len(talk.of(TurnCommitted)) == 2, "each turn is committed once")
        wanted = room.case.expected(device_ends=room.device_ends)
        for seen in names_by_reply(talk)[:2]:
            must(wanted <= seen, "what it tells of every turn", wanted - seen)
        must(len(talk.of(ReplyStarted)) == 2, "nothing is said unasked")
        shown = talk.of(SessionOpening) or not talk.service.posted
        must(shown, "a session that is asked for first shows that it is being made")
        asked = [question.hz for question in talk.brain.asked]
        must(asked == [TIME.hz, RAIN.hz], "it heard each turn once", asked)
        for words in room.case.told:
            must(was_told(talk, words), "the service is told it", words)
        await orderly_end(talk)


async def orderly_end(talk: Talk) -> None:
    talk.link.close("over")
    closed = await talk.until(LinkClosed)
    must(closed.kind is None, "closed by us", closed)
    async with asyncio.timeout(talk.patience_s):
        while any(line.socket.state.name != "CLOSED" for line in talk.service.lines):
            await asyncio.sleep(0.005)


async def tool_call(room: Room) -> None:
    async with room.talking() as talk:
        talk.say(CLOCK)
        called = await talk.until(ToolCalled)
        must(called.name == TOOL, "the tool's name", called)
        must(json.loads(called.arguments) == {"zone": "here"}, "its arguments", called)
        await talk.done(2)
        first, second = talk.replies()
        must(first.status == "completed", "the reply that asked is over", first)
        is_reply(talk, second, AFTER_TOOL.words, AFTER_TOOL.pcm)
        results = [tuple(map(json.loads, one)) for one in talk.brain.results]
        must(results == [(json.loads(RESULT),)], "the result reached the model", results)
        order_of_words(talk, CLOCK, 1)
        seen = set[str]().union(*names_by_reply(talk))
        must(room.case.calls <= seen, "what it tells of a call", room.case.calls - seen)
        done = next(i for i, e in enumerate(talk.events) if isinstance(e, ReplyDone))
        asked = talk.events.index(called)
        must(asked < done, "a tool is asked for within its reply")
        talk.say(TIME)
        await is_answered(talk, TIME, 3)


async def phrase(room: Room) -> None:
    """The service's own voice says what it is told."""
    async with room.talking() as talk:
        said = f'Say exactly this, and nothing else: "{ON_REQUEST.words}"'
        talk.send(RequestReply(said, words=ON_REQUEST.words))
        reply = await talk.done(1)
        is_reply(talk, reply, ON_REQUEST.words, ON_REQUEST.pcm)
        must(ON_REQUEST.words in "".join(talk.brain.written_to), "it was told the words")
        must(was_told(talk, room.case.told_to_speak), "its answer can be told from others")


async def phrase_given_up(room: Room) -> None:
    """What it was to say, and nobody wants any more, is no answer to the next turn."""
    async with room.talking() as talk:
        talk.send(SAY, AbandonTurn())
        await asyncio.sleep(0.1)
        talk.sound(RAIN.spoken())
        await asyncio.sleep(0.1)  # no turn is as short as one that is sent all at once
        talk.end_turn()
        await only_rain(talk)
        if room.case.told_to_forget:
            await forgotten(talk)


async def forgotten(talk: Talk) -> None:
    """What the service has said first, and nobody has heard, goes from the conversation."""
    sent = [json.loads(one) for one in talk.service.lines[-1].sent]
    first = next(one["response"] for one in sent if one["type"] == "response.done")
    for item in first["output"]:
        about = item["id"], talk.case.told_to_forget
        async with asyncio.timeout(talk.patience_s):
            while not any(all(part in text for part in about) for text in texts(talk)):
                await asyncio.sleep(0.005)


# --- cuts ---------------------------------------------------------------------------------


async def cut(room: Room) -> None:
    """Of a reply that is called off nothing is heard any more, and of the next one all."""
    async with room.talking() as talk:
        talk.say(STORY)
        await talk.until(ReplyAudio)
        story = talk.replies()[-1]
        talk.send(CancelReply(story.reply_id), TruncateReply(story.item_id, 40))
        await talk.until(ReplyDone)
        at = len(talk.events)
        must(talk.replies()[-1].status == "cancelled", "its end says so", talk.replies()[-1])
        await asyncio.sleep(0.02)
        talk.say(RAIN)
        await is_answered(talk, RAIN, 2)
        late = [e for e in talk.events[at:] if getattr(e, "reply_id", "") == story.reply_id]
        must(not late, "nothing of it comes late", late[:3])
        if room.case.able.truncates:
            must(was_told(talk, "truncate"), "the service is told what was heard")
        must(was_told(talk, room.case.told_of_cuts), "the service is told of the cut")


async def cut_twice(room: Room) -> None:
    """The cut of a second reply is no other than that of the first."""
    async with room.talking() as talk:
        for count in (1, 2):
            before = len(talk.of(ReplyAudio))
            talk.say(STORY)
            await talk.until(ReplyAudio, before + 1)
            talk.send(CancelReply(talk.replies()[-1].reply_id))
            await talk.until(ReplyDone, count)
        talk.say(TIME)
        await is_answered(talk, TIME, 3)


async def broken_off(room: Room) -> None:
    """The service hears the user over its reply: it says so, and answers the turn."""
    async with room.talking() as talk:
        talk.say(STORY)
        await talk.until(ReplyAudio)
        await asyncio.sleep(0.02)  # for what was taken back of the turn
        talk.say(RAIN)
        broken = await talk.until(ReplyInterrupted)
        begun = talk.events.index(broken)
        story = await talk.done(1)
        must(story.reply_id == broken.reply_id, "the reply that was under way")
        must(story.status == "cancelled", "its end says so", story)
        await is_answered(talk, RAIN, 2)
        if "ServiceSpeechStarted" in room.case.expected(device_ends=room.device_ends):
            heard = [n for n, e in enumerate(talk.events) if isinstance(e, ServiceSpeechStarted)]
            must(begun < heard[-1], "who interrupts is heard in the turn that the core opens then")


# --- turns that are given up ----------------------------------------------------------------


async def given_up_before_its_end(room: Room) -> None:
    async with room.talking() as talk:
        talk.sound(TIME.spoken())
        talk.send(AbandonTurn())
        await asyncio.sleep(0.05)
        talk.say(RAIN)
        await only_rain(talk)


async def given_up_after_its_end(room: Room) -> None:
    async with room.talking() as talk:
        talk.say(TIME)
        talk.send(AbandonTurn())
        await asyncio.sleep(0.1)
        talk.say(RAIN)
        await only_rain(talk)


async def only_rain(talk: Talk) -> None:
    """The second turn alone is answered, and the first one never."""
    done = 0
    while not complete(talk):  # the first one's reply may have begun, and is called off
        done += 1
        await talk.until(ReplyDone, done)
    (reply,) = complete(talk)
    is_reply(talk, reply, RAIN.answer.words, RAIN.answer.pcm)
    await is_understood(talk, RAIN)
    await asyncio.sleep(0.02)
    must(len(complete(talk)) == 1, "one answer", complete(talk))


def complete(talk: Talk) -> list[Reply]:
    return [reply for reply in talk.replies() if reply.status == "completed"]


# --- ends ------------------------------------------------------------------------------------


async def wrong_key(room: Room) -> None:
    async with room.talking(open_it=False, key="another-key") as talk:
        failed = await talk.until(LinkFailed)
        must(failed.kind is ErrorKind.KEY, "a wrong key is told as one", failed)


async def no_quota(room: Room) -> None:
    refusal = HttpAnswer(429, {"error": {"code": "insufficient_quota", "message": "too much"}})
    async with room.talking(open_it=False, options={"key": "unused"}) as talk:
        _refuse(talk.service, refusal)
        failed = await talk.until(LinkFailed)
        must(failed.kind is ErrorKind.QUOTA, "a used-up quota is told as one", failed)


def _refuse(stand_in: Any, answer: HttpAnswer) -> None:
    """Every request and hand-shake, from now on."""
    stand_in.refuse = lambda _request: answer
    stand_in.answer_get = lambda _path, _headers: answer
    stand_in.answer_post = lambda _path, _headers, _body: answer


async def outage_in_a_reply(room: Room) -> None:
    async with room.talking() as talk:
        talk.say(STORY)
        await talk.until(ReplyAudio)
        talk.service.lines[-1].socket.transport.abort()
        closed = await talk.until(LinkClosed)
        must(closed.kind is ErrorKind.NETWORK, "a lost connection is told as one", closed)


async def failure_in_a_reply(room: Room) -> None:
    async with room.talking() as talk:
        talk.say(STORY)
        await talk.until(ReplyAudio)
        await talk.service.lines[-1].close(1011, "something went wrong")
        closed = await talk.until(LinkClosed)
        must(closed.kind is ErrorKind.SERVICE, "the service's failure is told as one", closed)


async def session_cap(room: Room) -> None:
    async with room.talking(options={"cap_s": 0.3}) as talk:
        closed = await talk.until(LinkClosed)
        must(closed.kind is ErrorKind.SERVICE, "it ended by the service's will", closed)


# --- what is carried over ------------------------------------------------------------------


async def history(room: Room) -> None:
    """A new session is told what was said before, and goes on from there."""
    said = (Said("user", "my name is Ada"), Said("assistant", "hello dear Ada"))
    async with room.talking(history=said) as talk:
        talk.say(TIME)
        await is_answered(talk, TIME, 1)
        for line in said:
            must(was_told(talk, line.text), "the service was told", line)
        must(len(talk.of(ReplyStarted)) == 1, "nothing of it is answered")


async def resumption(room: Room) -> None:
    async with room.talking() as talk:
        talk.say(TIME)
        await is_answered(talk, TIME, 1)
        async with asyncio.timeout(talk.patience_s):
            while not (handles := [e.handle for e in talk.of(SessionResumable) if e.handle]):
                await asyncio.sleep(0.005)
        talk.link.close("moving")
        await talk.until(LinkClosed)
        again = room.talk(talk.service, talk.brain, resume=handles[-1])
        again.link.open()
        try:
            await again.until(LinkOpened)
            must(was_told(again, handles[-1]), "the session is taken up by its handle")
            again.say(RAIN)
            await is_answered(again, RAIN, 1)
        finally:
            await again.link.stop()


# --- which are for whom ------------------------------------------------------------------------

ALWAYS = (
    spoken_turns,
    cut,
    cut_twice,
    given_up_before_its_end,
    given_up_after_its_end,
    outage_in_a_reply,
    failure_in_a_reply,
)

IF: Mapping[Scenario, Callable[[Room], bool]] = {
    tool_call: lambda room: room.case.able.calls_tools,
    phrase: lambda room: room.case.able.says_on_request,
    phrase_given_up: lambda room: room.case.able.says_on_request,
    broken_off: lambda room: room.case.breaks_off and not room.device_ends,
    resumption: lambda room: room.case.able.resumes,
    left_alone: lambda room: bool(room.case.sign_of_life),
    falls_silent: lambda room: room.case.ends_silence and not room.device_ends,
}

#: Who ends the turns makes no difference to these.
ONCE: Mapping[Scenario, Callable[[Room], bool]] = {
    wrong_key: lambda room: room.case.checks_key,
    no_quota: lambda room: True,
    session_cap: lambda room: room.case.caps,
    history: lambda room: room.case.carries_history,
    pinged: lambda room: bool(room.case.pings),
    told_late: lambda room: bool(room.case.over_late),
}


def scenarios_of(room: Room) -> list[Scenario]:
    """Those that the service is able to play."""
    chosen = [*ALWAYS, *(one for one, fits in IF.items() if fits(room))]
    if room.device_ends == room.case.ends[0]:
        chosen += [one for one, fits in ONCE.items() if fits(room)]
    return chosen
