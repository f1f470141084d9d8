"""The Gemini codec, through the real link, against the stand-in: when something is wrong."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from device.commands import (
    ClearInput,
    CommitTurn,
)
from device.events import (
    ErrorKind,
    LinkClosed,
    LinkFailed,
    LinkOpened,
    ReplyDone,
    SessionExpiring,
    SessionResumable,
    TurnCommitted,
)
from device.providers.base import Codec, Said, SessionSpec
from device.providers.gemini import GeminiLive
from device.simulator.services.brain import Answer
from device.simulator.services.gemini import Failures
from device.simulator.services.gemini_access import INTERNAL, QUOTA
from device.simulator.services.line import Trouble
from tests.link.rig import KEY, Rig
from tests.link.rig import run as run_on_loop
from tests.services.gemini_person import ANSWER, MANUAL, SPEC, Person, made, talking


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"failures": Failures(setup=QUOTA)}, ErrorKind.QUOTA),
        ({"failures": Failures(setup=INTERNAL)}, ErrorKind.SERVICE),
        ({"failures": Failures(handshake=429)}, ErrorKind.QUOTA),
        ({"failures": Failures(handshake=503)}, ErrorKind.SERVICE),
    ],
)
def test_why_there_is_no_session_is_told(options: dict[str, Any], kind: ErrorKind) -> None:
    async def talk() -> None:
        async with made(ANSWER, **options) as stand_in, talking(stand_in, **MANUAL) as person:
            assert (await person.rig.until(LinkFailed)).kind is kind

    run_on_loop(talk)


@pytest.mark.parametrize("wrong_key", ["close", "http"])
def test_a_wrong_key_is_told_as_such_and_never_shown(wrong_key: Any) -> None:
    async def talk() -> None:
        async with (
            made(ANSWER, wrong_key=wrong_key) as stand_in,
            talking(stand_in, **MANUAL | {"key": "AIza-wrong"}) as person,
        ):
            failed = await person.rig.until(LinkFailed)
            assert failed.kind is ErrorKind.KEY
            assert "AIza-wrong" not in repr(person.rig.events)

    run_on_loop(talk)


def test_a_short_lived_token_opens_a_session() -> None:
    async def talk() -> None:
        token = f"auth_tokens/{KEY}"
        async with made(ANSWER) as stand_in, talking(stand_in) as _:
            address = f"{stand_in.origin}/"
            async with talking(stand_in, **MANUAL | {"key": token, "url": address}) as person:
                person.asks()
                await person.answered()

    run_on_loop(talk)


def test_a_reply_that_fails_ends_the_session() -> None:
    async def talk() -> None:
        failures = Failures(reply=INTERNAL)
        async with (
            made(ANSWER, failures=failures) as stand_in,
            talking(stand_in, **MANUAL) as person,
        ):
            person.asks()
            assert (await person.rig.until(LinkClosed)).kind is ErrorKind.SERVICE

    run_on_loop(talk)


def test_a_turn_that_is_not_answered_says_why() -> None:
    async def talk() -> None:
        failures = Failures(rejected="RESPONSE_REJECTED")
        async with (
            made(ANSWER, failures=failures) as stand_in,
            talking(stand_in, **MANUAL) as person,
        ):
            person.asks()
            ended = await person.rig.until(ReplyDone)
            assert (ended.status, ended.detail) == ("failed", "RESPONSE_REJECTED")

    run_on_loop(talk)


def test_a_service_with_nothing_to_say_is_not_waited_for() -> None:
    async def talk() -> None:
        async with made(Answer()) as stand_in, talking(stand_in, **MANUAL) as person:
            person.asks()
            assert (await person.rig.until(ReplyDone)).status == "completed"

    run_on_loop(talk)


def test_the_end_of_a_session_is_warned_of_and_comes() -> None:
    async def talk() -> None:
        async with made(ANSWER, cap_s=0.6) as stand_in, talking(stand_in, **MANUAL) as person:
            assert (await person.rig.until(SessionExpiring)).in_s == 0.3
            assert (await person.rig.until(LinkClosed)).kind is ErrorKind.SERVICE

    run_on_loop(talk)


def test_a_handle_that_nobody_knows_is_given_up_and_the_history_told_instead() -> None:
    async def talk() -> None:
        history, known = (Said("user", "I am Ann."),), ["never given"]
        async with made(ANSWER) as stand_in:

            def make(basis: SessionSpec) -> Codec:
                resume = known[-1]
                return GeminiLive(replace(basis, **MANUAL, history=history, resume=resume))

            rig = Rig(stand_in.url, codec=make)
            post = rig.post

            def noted(event: Any) -> None:
                if isinstance(event, SessionResumable):
                    known.append(event.handle)
                post(event)

            rig.link._post = noted
            rig.link.open()
            failed = await rig.until(LinkFailed)
            assert failed.kind is ErrorKind.SERVICE
            await rig.until(LinkOpened)
            assert known[:2] == ["never given", ""]
            person = Person(rig)
            person.asks()
            await person.answered()
            assert len(stand_in.sessions[0].conversation.history) == 1
            await rig.link.stop()

    run_on_loop(talk)


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(garbage_at=4),
        Trouble(unknown_at=4),
        Trouble(twice_at=4),
        Trouble(slow_s=0.005),
    ],
)
def test_odd_messages_cost_no_word(trouble: Trouble) -> None:
    async def talk() -> None:
        async with made(ANSWER, trouble=trouble) as stand_in, talking(stand_in, **MANUAL) as person:
            person.asks()
            assert person.heard(await person.answered()) == ANSWER.pcm

    run_on_loop(talk)


@pytest.mark.parametrize("number", range(2, 22, 3))
@pytest.mark.parametrize("spec", [MANUAL, SPEC])
def test_two_messages_that_change_places_cost_no_later_turn(
    number: int, spec: dict[str, Any]
) -> None:
    async def talk() -> None:
        trouble = Trouble(swap_at=number)
        async with made(ANSWER, trouble=trouble) as stand_in, talking(stand_in, **spec) as person:
            for _ in (1, 2, 3):
                before = len(person.rig.of(ReplyDone))
                person.says(silence_s=1.0)
                person.rig.link.send(CommitTurn())
                await person.rig.until(TurnCommitted, before + 1)
                if spec is SPEC:
                    person.rig.link.send(ClearInput())
                name = await person.answered(before + 1)
                await asyncio.sleep(0.03)
            assert person.heard(name) == ANSWER.pcm

    run_on_loop(talk)
