"""How sessions of the ElevenLabs codec with the stand-in begin and end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from device.events import (
    ErrorKind,
    LinkClosed,
    LinkFailed,
    ReplyDone,
    ReplyStarted,
    ServiceTrouble,
    TurnCommitted,
)
from device.providers.base import Said
from device.simulator.services.brain import Call
from device.simulator.services.elevenlabs import ElevenLabs as Service
from device.simulator.services.elevenlabs_agent import ALL_OVERRIDES, Fault, quota_fault
from device.simulator.services.line import Trouble
from tests.link.rig import KEY, Rig
from tests.services.elevenlabs_talk import (
    NOON,
    QUICK,
    RAIN,
    SPEECH,
    ask,
    held,
    service,
    sound_of,
    two_turns,
)

# --- opening and ending ---------------------------------------------------------------------


def test_a_private_agent_is_reached_by_a_signed_address() -> None:
    agent = replace(QUICK, private=True)
    capture = held(service(NOON, RAIN, agent=agent), two_turns, signed=True)
    (request,) = capture.requests
    assert "conversation_signature=cvtkn_" in request["path"]
    assert KEY not in str(request["headers"])


def test_all_that_can_be_overridden_and_the_variables_are_what_the_agent_takes() -> None:
    agent = replace(QUICK, variables=frozenset({"room"}), client_events=frozenset())
    wanted: dict[str, Any] = {
        "llm": "gpt-5.5",
        "keywords": ("Parlor",),
        "stability": 0.4,
        "similarity_boost": 0.5,
        "speed": 1.1,
        "override_events": True,
        "dynamic_variables": ("room: kitchen",),
    }
    held(service(NOON, RAIN, agent=agent), two_turns, **wanted)


async def fails(rig: Rig, _: Service) -> None:
    await rig.until(LinkFailed)


@pytest.mark.parametrize(
    ("stand_in", "wanted", "kind", "words"),
    [
        (service(agent=replace(QUICK, private=True)), {"key": ""}, ErrorKind.KEY, "signed"),
        (
            service(agent=replace(QUICK, private=True)),
            {"key": "xi-other-key-0123456789", "signed": True},
            ErrorKind.KEY,
            "key",
        ),
        (
            service(agent=replace(QUICK, overrides=ALL_OVERRIDES - {"tts.voice_id"})),
            {"override_voice": True, "override_language": True, "voice": "v1"},
            ErrorKind.PROTOCOL,
            "elevenlabs.override_voice",
        ),
        (
            service(agent=replace(QUICK, variables=frozenset({"city"}))),
            {},
            ErrorKind.PROTOCOL,
            "city",
        ),
        (service(faults=(quota_fault(),)), {}, ErrorKind.QUOTA, "quota"),
        (service(), {"agent_id": "agent-2"}, ErrorKind.KEY, "does not exist"),
    ],
)
def test_why_there_is_no_session(
    stand_in: Service, wanted: dict[str, Any], kind: ErrorKind, words: str
) -> None:
    async def scenario(rig: Rig, _: Service) -> None:
        failed = await rig.until(LinkFailed)
        assert failed.kind is kind, failed.detail
        assert words in failed.detail
        assert "cvtkn" not in failed.detail
        assert KEY not in failed.detail

    held(stand_in, scenario, opens=False, **wanted)


def test_an_answer_that_the_agent_cannot_make_is_told_as_failed() -> None:
    async def scenario(rig: Rig, _: Service) -> None:
        rig.link.send(SPEECH)
        trouble = await rig.until(ServiceTrouble)
        assert trouble.kind is ErrorKind.SERVICE
        await rig.until(TurnCommitted)
        assert (await rig.until(ReplyDone)).status == "completed"

    held(service(NOON, faults=(Fault("llm_timeout", close=False),)), scenario)


@pytest.mark.parametrize(("fault", "status"), [("llm_timeout", "failed"), (None, "")])
def test_an_answer_that_breaks_off_with_the_session_is_told(fault: str | None, status: str) -> None:
    async def scenario(rig: Rig, _: Service) -> None:
        rig.link.send(SPEECH)
        closed = await rig.until(LinkClosed)
        assert closed.kind is ErrorKind.SERVICE
        assert [e.status for e in rig.of(ReplyDone)] == ([status] if status else [])
        assert len(rig.of(ReplyStarted)) == 1

    held(service(NOON, faults=(Fault(fault, at="reply"),)), scenario)


def test_the_longest_session_ends_in_words() -> None:
    async def scenario(rig: Rig, _: Service) -> None:
        closed = await rig.until(LinkClosed)
        assert closed.kind is ErrorKind.SERVICE
        assert "maximum duration" in closed.reason

    held(service(NOON, cap_s=0.3), scenario)


def test_an_agent_that_hangs_up_is_heard_to_its_last_word() -> None:
    async def scenario(rig: Rig, _: Service) -> None:
        rig.link.send(SPEECH)
        closed = await rig.until(LinkClosed)
        assert "ended the conversation" in closed.reason
        assert [e.status for e in rig.of(ReplyDone)] == ["completed"]
        assert sound_of(rig, "reply_1") == pytest.approx(0.5, abs=0.002)

    held(service(replace(NOON, calls=(Call("end_call"),))), scenario)


def test_an_inactive_session_that_is_hung_up_is_no_failure_of_a_reply() -> None:
    async def scenario(rig: Rig, _: Service) -> None:
        closed = await rig.until(LinkClosed)
        assert "ended the conversation" in closed.reason
        assert rig.of(ReplyStarted) == []

    held(service(NOON, agent=replace(QUICK, inactivity_s=0.3)), scenario)


def test_a_session_begins_with_what_was_said_before() -> None:
    async def scenario(rig: Rig, stand_in: Service) -> None:
        await ask(rig)
        await rig.until(ReplyStarted)
        context = stand_in.told[0]
        assert context["type"] == "contextual_update"
        assert "User: I am Ada." in context["text"]

    held(service(NOON), scenario, history=(Said("user", "I am Ada."),))


def test_a_session_that_is_lost_in_a_turn_is_followed_by_one_that_hears_it_whole() -> None:
    async def scenario(rig: Rig, _: Service) -> None:
        rig.link.send(SPEECH)
        await rig.until(LinkClosed)
        rig.link.open()
        await rig.until(TurnCommitted)
        await rig.until(ReplyDone)
        assert sound_of(rig, "reply_1") == pytest.approx(0.5, abs=0.002)

    # The metadata and a ping come first, then the transcript.
    agent = replace(QUICK, ping_interval_s=60.0)
    trouble = Trouble(abort_at=3, connections=1)
    capture = held(service(NOON, agent=agent, trouble=trouble), scenario)
    assert len(capture.requests) == 2
