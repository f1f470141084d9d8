"""The Deepgram codec against the stand-in, through the real link; its frames before the judge.

What every service must do is in ``tests/contract``; here is what only this one does.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

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
    ToolCalled,
    UserTranscript,
)
from device.providers.base import Said, SessionSpec
from device.simulator.services.deepgram import DeepgramStandIn
from device.simulator.services.deepgram_manner import Fault, Manner
from device.simulator.services.stand_in import HttpAnswer, StandIn
from tests.contract.cases import CASES, KEY
from tests.contract.scenarios import is_answered
from tests.contract.talk import Room, Talk
from tests.contract.voices import CLOCK, ON_REQUEST, RAIN, STORY, TIME, Brain
from tests.judges.environment import judge_python
from tests.providers.deepgram_driver import device_ends, sent
from tests.services.captured import Capture, captured

(CASE,) = (case for case in CASES if case.name == "deepgram")
CHECK = Path(__file__).resolve().parents[1] / "judges" / "deepgram_frames_check.py"
Act = Callable[[Talk], Awaitable[None]]


def converse(act: Act, *, by_device: bool = True, open_it: bool = True, **options: Any) -> Capture:
    """``options``: of the session, and of the stand-in (``manner``, ``trouble``, ``cap_s``)."""
    made = {name: options.pop(name) for name in ("manner", "cap_s") if name in options}
    brain = Brain()
    stand_in = CASE.stand_in(lambda: brain, **made)

    async def conversation(service: StandIn) -> None:
        talk = Room(CASE, by_device).talk(service, brain, **options)
        try:
            talk.link.open()
            if open_it:
                await talk.until(LinkOpened)
            await act(talk)
        finally:
            await talk.link.stop()

    return asyncio.run(captured(stand_in, conversation))


async def everything(talk: Talk) -> None:
    """Every kind of frame that the codec sends, but for the keep-alive."""
    await talk.answer(TIME)
    talk.say(CLOCK)
    await talk.until(ToolCalled)
    await talk.done(3)
    talk.say(STORY)
    await talk.until(ReplyStarted, 4)
    talk.send(CancelReply(talk.replies()[-1].reply_id), TruncateReply("reply_4", 20))
    await talk.done(4)
    talk.send(RequestReply(words="Good bye."))
    await talk.done(5)
    talk.sound(TIME.spoken())
    await asyncio.sleep(0.1)
    talk.send(AbandonTurn())
    await asyncio.sleep(0.1)
    talk.send(RequestReply(words="Hello again."))
    await talk.done(6)
    talk.say(RAIN)
    await talk.done(7)


def test_a_phrase_over_a_reply_that_was_cut_is_heard_whole_and_alone() -> None:
    async def act(talk: Talk) -> None:
        talk.say(STORY)
        await talk.until(ReplyAudio)
        talk.send(CancelReply("reply_1"), RequestReply(words="Good bye."))
        reply = await talk.done(2)
        assert reply.status == "completed"
        assert reply.whole == "Good bye."
        assert reply.pcm == ON_REQUEST.pcm

    converse(act)


def test_late_audio_of_an_interrupted_reply_is_never_heard() -> None:
    async def act(talk: Talk) -> None:
        talk.say(STORY)
        await talk.until(ReplyAudio)
        await asyncio.sleep(0.05)
        talk.say(RAIN)
        await talk.until(ReplyInterrupted)
        await is_answered(talk, RAIN, 2)

    capture = converse(act, by_device=False, manner=Manner(late_pieces=20))
    kinds = [one.kind for one in capture.frames if one.side == "service"]
    names = [
        one.data["type"] if one.kind == "json" else "audio"
        for one in capture.frames
        if one.side == "service"
    ]
    broken = names.index("UserStartedSpeaking", names.index("audio"))
    assert names[broken + 1 : broken + 21] == ["audio"] * 20
    assert "binary" in kinds


def test_a_service_that_does_not_say_that_it_thinks_is_understood_too() -> None:
    async def act(talk: Talk) -> None:
        talk.say(STORY)
        await talk.until(ReplyAudio)
        talk.send(CancelReply("reply_1"))
        await talk.done(1)
        talk.say(RAIN)
        await is_answered(talk, RAIN, 2)

    converse(act, manner=Manner(thinks=False))


@pytest.mark.parametrize("by_device", [True, False])
def test_a_function_is_run_though_the_word_before_it_is_over(by_device: bool) -> None:
    async def act(talk: Talk) -> None:
        talk.say(CLOCK)
        called = await talk.until(ToolCalled)
        assert called.reply_id == "reply_2"
        assert (await talk.done(1)).whole == "Let me see."
        assert (await talk.done(3)).status == "completed"
        assert [r.status for r in talk.replies()] == ["completed"] * 3

    converse(act, by_device=by_device, manner=Manner(filler="Let me see."))


@pytest.mark.parametrize("by_device", [True, False])
def test_a_turn_that_the_service_ends_first_is_answered_once(by_device: bool) -> None:
    async def act(talk: Talk) -> None:
        talk.sound(TIME.spoken() + bytes(48000))
        await asyncio.sleep(0.1)
        if by_device:
            assert talk.of(UserTranscript) == []
            talk.say(TIME, 0.0)
        await is_answered(talk, TIME, 1)

    capture = converse(act, by_device=by_device)
    assert not [f for f in capture.of("client") if f["type"] == "ForceEndTurn"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault("INVALID_AUTH", at="settings"), ErrorKind.KEY),
        (Fault("INSUFFICIENT_PERMISSIONS", at="settings"), ErrorKind.KEY),
        (Fault("TOO_MANY_REQUESTS", at="settings"), ErrorKind.QUOTA),
        (Fault("INVALID_SETTINGS", at="settings"), ErrorKind.PROTOCOL),
        (Fault("FAILED_TO_THINK", at="turn"), ErrorKind.SERVICE),
        (Fault("FAILED_TO_SPEAK", at="reply"), ErrorKind.SERVICE),
        (Fault("INTERNAL_SERVER_ERROR", at="reply"), ErrorKind.SERVICE),
    ],
)
def test_an_error_ends_the_session_as_what_it_is(fault: Fault, kind: ErrorKind) -> None:
    async def act(talk: Talk) -> None:
        if fault.at == "settings":
            assert (await talk.until(LinkFailed)).kind is kind
            return
        await talk.until(LinkOpened)
        talk.say(STORY)
        assert (await talk.until(LinkClosed)).kind is kind

    converse(act, open_it=False, manner=Manner(fault=fault))


def test_a_warning_changes_nothing() -> None:
    async def act(talk: Talk) -> None:
        talk.say(TIME)
        await is_answered(talk, TIME, 1)

    converse(act, manner=Manner(fault=Fault("SLOW", fatal=False)))


@pytest.mark.parametrize(("status", "kind"), [(402, ErrorKind.QUOTA), (503, ErrorKind.SERVICE)])
def test_a_hand_shake_that_is_refused_says_why(status: int, kind: ErrorKind) -> None:
    brain = Brain()
    service = CASE.stand_in(lambda: brain)
    assert isinstance(service, DeepgramStandIn)
    service.refusal = HttpAnswer(status, {"err_code": "X", "err_msg": KEY})

    async def act() -> None:
        async with service:
            talk = Room(CASE, True).talk(service, brain)
            talk.link.open()
            failed = await talk.until(LinkFailed)
            await talk.link.stop()
        assert failed.kind is kind
        assert KEY not in failed.detail

    asyncio.run(act())


def test_the_longest_session_ends_as_the_services_will_with_or_without_an_error() -> None:
    async def act(talk: Talk) -> None:
        assert (await talk.until(LinkClosed)).kind is ErrorKind.SERVICE

    converse(act, cap_s=0.2)
    converse(act, cap_s=0.2, manner=Manner(cap_error="SESSION_DURATION_EXCEEDED"))


def test_a_stored_agent_is_asked_for_by_its_id() -> None:
    async def act(talk: Talk) -> None:
        talk.say(TIME)
        await is_answered(talk, TIME, 1)

    agent = {
        "listen": {"provider": {"type": "deepgram", "version": "v1", "model": "nova-3"}},
        "think": {"provider": {"type": "open_ai", "model": "gpt-4o-mini"}},
        "speak": {"provider": {"type": "deepgram", "model": "aura-2-thalia-en"}},
    }
    capture = converse(act, options={"agent": "abc"}, manner=Manner(stored={"abc": agent}))
    (settings,) = (f for f in capture.of("client") if f["type"] == "Settings")
    assert settings["agent"] == "abc"


def test_nothing_is_sent_too_early_and_no_keep_alive_needlessly() -> None:
    async def act(talk: Talk) -> None:
        talk.say(TIME)  # before the session is usable
        await is_answered(talk, TIME, 1)
        (session,) = talk.service.sessions  # type: ignore[attr-defined]
        assert session.error is None
        assert session.counts["needless_keep_alive"] == 0
        assert session.counts["stray_result"] == 0

    converse(act, open_it=False, manner=Manner(welcome_s=0.05, apply_s=0.1))


@pytest.mark.judge
def test_every_frame_is_what_the_official_models_know(tmp_path: Path) -> None:
    history = (Said("user", "my name is Ada"), Said("assistant", "hello Ada"))
    frames: list[Any] = list(converse(everything, history=history).of("client"))
    frames += converse(everything, by_device=False).of("client")
    quiet = device_ends()
    frames += sent(quiet.waits(10.0))
    for options in (
        {"listen_model": "flux-general-multi", "keyterms": ("parlor",), "temperature": 0.2},
        {"agent": "stored"},
    ):
        codec = CASE.make(SessionSpec(url="wss://x", key="k", options=options))
        codec.start(0.0)
        codec.opened(0.0)
        frames += sent(codec.received('{"type":"Welcome","request_id":"r"}', 0.0))
    path = tmp_path / "frames.json"
    path.write_text(json.dumps(frames), encoding="utf-8")
    command = [str(judge_python("deepgram")), str(CHECK), str(path)]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stderr
    assert set(json.loads(judged.stdout)) == {
        "Settings",
        "KeepAlive",
        "ForceEndTurn",
        "FunctionCallResponse",
        "InjectAgentMessage",
    }


def test_the_talk_of_the_proof_is_complete() -> None:
    """It is what the judge sees."""

    async def act(talk: Talk) -> None:
        await everything(talk)
        done = talk.of(ReplyDone)
        assert [event.status for event in done].count("cancelled") == 1
        assert len(done) == 7

    converse(act)
