"""What is asked of a talk when it is over, or at a moment of it."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable
from typing import Any

from device.events import (
    Event,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyTranscript,
    ServiceSpeechStarted,
    ToolCalled,
    TurnCommitted,
    UsageReported,
    UserTranscript,
)
from device.simulator.services.brain import RATE_HZ, converted
from tests.contract.laws import BrokenError
from tests.contract.talk import Reply, Talk
from tests.contract.voices import Question, is_whole, without_silence


def must(holds: object, law: str, *about: object) -> None:
    if not holds:
        raise BrokenError(f"{law}: {', '.join(map(repr, about))}")


def words(text: str) -> str:
    return " ".join(text.split())


def is_reply(talk: Talk, reply: Reply, said: str, pcm: bytes) -> None:
    must(reply.status == "completed", "a reply that nobody cut is complete", reply)
    rate_hz = talk.case.rates_hz[1]
    pcm = converted(pcm, RATE_HZ, rate_hz)
    heard = without_silence(reply.pcm) if talk.case.pads else reply.pcm
    must(is_whole(heard, pcm, rate_hz), "its sound is whole and in order", len(heard), len(pcm))
    if not talk.case.tells_words:
        return
    told = words(reply.whole or reply.parts)
    must(told == said, "its words are told", told, said)
    if reply.whole and reply.parts:
        must(words(reply.parts) == told, "the parts are the whole", reply.parts, reply.whole)


async def is_answered(talk: Talk, question: Question, count: int) -> None:
    """The ``count``-th reply is the answer to it, and its words were understood."""
    reply = await talk.done(count)
    is_reply(talk, reply, question.answer.words, question.answer.pcm)
    await is_understood(talk, question)


async def is_understood(talk: Talk, question: Question) -> None:
    if talk.case.able.transcribes_user:
        await talk.until(UserTranscript, 1)
        async with asyncio.timeout(talk.patience_s):
            while question.answer.heard not in talk.understood():
                await talk.until(UserTranscript, len(talk.of(UserTranscript)) + 1)


def order(talk: Talk, *questions: Question) -> None:
    """Every turn is heard before it is committed, and committed before its reply begins; and what
    it was is told when the core can still make something of it."""
    tells = "ServiceSpeechStarted" in talk.case.expected(device_ends=talk.device_ends)
    committed = heard = 0
    for event in talk.events:
        heard += isinstance(event, ServiceSpeechStarted)
        if isinstance(event, TurnCommitted):
            committed += 1
            must(heard > 0 or not tells, "speech is heard before a turn is taken")
            heard = 0
        if isinstance(event, ReplyStarted):
            must(committed > 0, "a turn is committed before it is answered")
            committed -= 1
    for count, question in enumerate(questions, start=1):
        order_of_words(talk, question, count)


def order_of_words(talk: Talk, question: Question, count: int) -> None:
    """Of the ``count``-th turn and reply. The core asks whether a turn was understood once it is
    taken, and calls its answer off only as long as nothing of it sounds; and a session that takes
    the conversation over is told what was said in the order in which it came."""
    if not talk.case.able.transcribes_user:
        return
    told = at(talk, UserTranscript, lambda e: e.final and e.text == question.answer.heard)
    taken = nth(talk, TurnCommitted, count)
    must(taken < told < math.inf, "a turn is taken before its words are final", question)
    names = {getattr(talk.events[int(place)], "item_id", "") for place in (taken, told)} - {""}
    must(len(names) < 2, "its words are of the turn that was taken", names)
    reply_id = talk.of(ReplyStarted)[count - 1].reply_id
    for kind in () if talk.case.late_words else (ReplyAudio, ToolCalled):
        answer = at(talk, kind, lambda e: e.reply_id == reply_id)
        must(told < answer, "what was understood is told before its answer", kind.__name__)
    final = at(talk, ReplyTranscript, lambda e: e.final and e.reply_id == reply_id)
    must(told < final, "who spoke first is told first", question)


def order_of_usage(talk: Talk) -> None:
    """The meter tells what a turn took when its reply is over: what the service tells before that
    is not told later; and no reply waits for what is told after it."""
    first = talk.case.usage == "first"
    used = over = False
    for event in talk.events:
        if isinstance(event, UsageReported):
            must(not (first and over), "its usage is told before a reply is over")
            used = True
        elif isinstance(event, ReplyDone):
            must(used is first, "its usage is told in its place around the end of a reply")
            over, used = True, False
        elif isinstance(event, TurnCommitted):
            over = used = False


def names_by_reply(talk: Talk) -> list[set[str]]:
    """Of the events up to the end of each reply."""
    found: list[set[str]] = [set()]
    for event in talk.events:
        found[-1].add(type(event).__name__)
        if isinstance(event, ReplyDone):
            found.append(set())
    return found


def at(talk: Talk, kind: type[Event], fits: Callable[[Any], bool]) -> float:
    """The place of the first such event; infinite: there is none."""
    events = enumerate(talk.events)
    return next((n for n, e in events if isinstance(e, kind) and fits(e)), math.inf)


def nth(talk: Talk, kind: type[Event], count: int) -> float:
    """The place of the ``count``-th."""
    places = [n for n, event in enumerate(talk.events) if isinstance(event, kind)]
    return places[count - 1] if len(places) >= count else math.inf


def was_told(talk: Talk, words: str) -> bool:
    """Whether ``words`` stand in anything that the service received, but for the spaces."""
    wanted = "".join(words.split())
    return any(wanted in "".join(text.split()) for text in texts(talk))


def texts(talk: Talk) -> list[str]:
    """All that the service received, but for sound: messages, bodies, addresses."""
    told = [data for data in talk.service.received() if isinstance(data, str)]
    told += [json.dumps(body) for _path, body in talk.service.posted]
    return told + [request.path for request in talk.service.requests]
