"""The Gemini codec, through the real link, against the stand-in; its frames before the judge."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from device.commands import (
    AbandonTurn,
    CancelReply,
    ClearInput,
    CommitTurn,
    SendToolResult,
    ShowImage,
    TruncateReply,
)
from device.events import (
    LinkClosed,
    LinkOpened,
    ReplyAudio,
    ReplyInterrupted,
    ReplyStarted,
    ReplyTranscript,
    ServiceTrouble,
    SessionResumable,
    ToolCalled,
    TurnCommitted,
    UsageReported,
)
from device.providers.base import Said
from device.simulator.services.brain import Answer, Call, ScriptedBrain, reply
from device.simulator.services.gemini import GeminiStandIn
from device.simulator.services.gemini_messages import Manner
from tests.judges.environment import judge_python
from tests.link.rig import KEY
from tests.link.rig import run as run_on_loop
from tests.services.captured import Capture, captured
from tests.services.gemini_person import ANSWER, MANUAL, QUICK, SPEC, made, talking

JUDGE = Path(__file__).resolve().parents[1] / "judges" / "gemini_frames_check.py"
#: A reply lasts long enough to be cut, and goes on being said for a while after that.
LATE = Manner(pace=1.0, piece_ms=100, late_pieces=3, setup_s=0.005)
#: All is said at once, and the service waits for it to be played.
PLAYED = Manner(pace=60.0, playback=1.0, setup_s=0.005)
LONG = reply("A long story about nothing at all.", heard="tell me", seconds=8.0, hz=880.0)
ASKS = Answer("what time is it", calls=(Call("get_time", {"zone": "here"}), Call("get_date")))
Scenario = Callable[[Any], Awaitable[None]]


async def _spoken(stand_in: GeminiStandIn) -> None:
    async with talking(stand_in, **MANUAL) as person:
        for count in (1, 2):
            person.asks()
            name = await person.answered(count)
            assert person.heard(name) == ANSWER.pcm
        assert person.statuses == ["completed", "completed"]
        assert person.transcripts == ["what time is it"] * 2
        final = [e.text for e in person.rig.of(ReplyTranscript) if e.final]
        assert final == ["It is five past two."] * 2
        await person.rig.until(UsageReported, 2)
        used = person.rig.of(UsageReported)[0]
        assert (used.audio_in, used.audio_out) == (25, 12)
        assert not person.rig.of(ServiceTrouble)
        person.rig.link.send(ShowImage("data:image/jpeg;base64,/9j/AAAA"))
        person.asks()
        await person.answered(3)
        person.rig.link.send(TruncateReply("reply_3", 100))
        person.rig.link.close("goodbye")
        assert (await person.rig.until(LinkClosed)).kind is None


async def _on_vertex(stand_in: GeminiStandIn) -> None:
    model = "projects/p/locations/l/publishers/google/models/gemini-3.8-live"
    async with talking(stand_in, **MANUAL, model=model) as person:
        person.asks()
        assert person.heard(await person.answered()) == ANSWER.pcm


async def _by_service(stand_in: GeminiStandIn) -> None:
    async with talking(stand_in, **SPEC) as person:
        for count in (1, 2):
            person.says(silence_s=1.0)
            await person.rig.until(TurnCommitted, count)
            person.rig.link.send(ClearInput())
            name = await person.answered(count)
            assert person.heard(name) == ANSWER.pcm
        order = [type(e) for e in person.rig.events if isinstance(e, TurnCommitted | ReplyStarted)]
        assert order == [TurnCommitted, ReplyStarted] * 2
        assert person.transcripts == ["what time is it"] * 2


async def _pause(stand_in: GeminiStandIn) -> None:
    """Nobody sends the silence that would end the turn."""
    async with talking(stand_in, **SPEC) as person:
        person.says()
        assert person.heard(await person.answered()) == ANSWER.pcm
        assert len(person.rig.of(TurnCommitted)) == 1


async def _tools(stand_in: GeminiStandIn) -> None:
    async with talking(stand_in, **MANUAL) as person:
        person.asks()
        await person.rig.until(ToolCalled, 2)
        first, second = person.rig.of(ToolCalled)
        assert (first.name, json.loads(first.arguments)) == ("get_time", {"zone": "here"})
        assert (second.name, second.arguments) == ("get_date", "{}")
        person.rig.link.send(SendToolResult(second.call_id, '"today"'))
        person.rig.link.send(SendToolResult(first.call_id, '{"time": "nine"}'))
        assert person.heard(await person.answered(2)) == ANSWER.pcm
        brain = stand_in.sessions[0].conversation.brain
        assert isinstance(brain, ScriptedBrain)
        assert brain.turns[1] == ('{"time": "nine"}', '"today"')


def _cut(spec: dict[str, Any], *, at_once: bool = False) -> Scenario:
    """``at_once``: the next turn is over before the service can have heard of the cut."""

    async def cut(stand_in: GeminiStandIn) -> None:
        async with talking(stand_in, **spec) as person:
            person.says(silence_s=1.0)
            person.rig.link.send(CommitTurn())
            begun = await person.rig.until(ReplyAudio, 3)
            person.rig.link.send(AbandonTurn())
            person.rig.link.send(CancelReply(begun.reply_id))
            assert await person.answered() == begun.reply_id
            at_cut = person.heard(begun.reply_id)
            if not at_once:
                await asyncio.sleep(0.25)  # what is said now must not be heard
            person.says(silence_s=1.0)
            person.rig.link.send(CommitTurn())
            name = await person.answered(2)
            assert person.heard(name) == ANSWER.pcm
            assert person.heard(begun.reply_id) == at_cut
            assert person.statuses == ["cancelled", "completed"]
            assert not person.rig.of(ReplyInterrupted)

    return cut


def _abandoned(spec: dict[str, Any], *, committed: bool) -> Scenario:
    async def abandoned(stand_in: GeminiStandIn) -> None:
        async with talking(stand_in, **spec) as person:
            await person.rig.until(LinkOpened)
            person.says(silence_s=1.0 if committed and spec is SPEC else 0.0)
            if committed:
                person.rig.link.send(CommitTurn())
            await asyncio.sleep(0.1)
            person.rig.link.send(AbandonTurn())
            for event in person.rig.of(ReplyStarted):  # it may have begun by now
                person.rig.link.send(CancelReply(event.reply_id))
            await asyncio.sleep(0.2)
            before = len(person.rig.of(ReplyStarted))
            person.says(silence_s=1.0)
            person.rig.link.send(CommitTurn())
            name = await person.answered(before + 1)
            assert person.heard(name) == ANSWER.pcm
            assert person.statuses[-1] == "completed"

    return abandoned


async def _barge_in(stand_in: GeminiStandIn) -> None:
    async with talking(stand_in, **SPEC) as person:
        person.says(silence_s=1.0)
        begun = await person.rig.until(ReplyAudio, 2)
        person.rig.link.send(ClearInput())
        person.says(silence_s=1.0)
        assert (await person.rig.until(ReplyInterrupted)).reply_id == begun.reply_id
        at_cut = person.heard(begun.reply_id)
        name = await person.answered(2)
        assert person.heard(name) == ANSWER.pcm
        assert person.heard(begun.reply_id) == at_cut
        assert person.statuses == ["cancelled", "completed"]


async def _over_the_end(stand_in: GeminiStandIn) -> None:
    """The service takes the reply for still being played when the next turn begins."""
    async with talking(stand_in, **MANUAL) as person:
        for count in (1, 2):
            person.asks()
            assert person.heard(await person.answered(count)) == ANSWER.pcm
        assert person.statuses == ["completed", "completed"]


async def _told_history(stand_in: GeminiStandIn) -> None:
    history = (Said("user", "I am Ann."), Said("assistant", "Hello Ann."))
    async with talking(stand_in, **MANUAL, history=history) as person:
        person.asks()
        assert person.heard(await person.answered()) == ANSWER.pcm
    said = stand_in.sessions[0].conversation.history
    assert [turn["role"] for turn in said] == ["user", "model"]


async def _resumed(stand_in: GeminiStandIn) -> None:
    history = (Said("user", "hello"),)
    async with talking(stand_in, **MANUAL) as person:
        person.asks()
        await person.answered()
        handle = (await person.rig.until(SessionResumable, 2)).handle
    async with talking(stand_in, **MANUAL, history=history, resume=handle) as person:
        person.asks()
        await person.answered()
    first, second = stand_in.sessions
    assert first.conversation is second.conversation
    assert not first.conversation.history


PLAIN = dataclasses.replace(QUICK, binary=False, finished=False, interim=False)
RICH = dataclasses.replace(QUICK, combined=True, thoughts=True, cached=True)
SCENARIOS: dict[str, tuple[Callable[[], GeminiStandIn], Scenario]] = {
    "a spoken turn": (lambda: made(ANSWER), _spoken),
    "in text frames, with plain transcripts": (lambda: made(ANSWER, manner=PLAIN), _spoken),
    "several fields in a message": (lambda: made(ANSWER, manner=RICH), _spoken),
    "on Vertex": (lambda: made(ANSWER, vertex=True), _on_vertex),
    "the service ends the turns": (lambda: made(ANSWER), _by_service),
    "it does not say when": (lambda: made(ANSWER, manner=PLAIN), _by_service),
    "nobody sends silence": (lambda: made(ANSWER), _pause),
    "tools": (lambda: made(ASKS, ANSWER), _tools),
    "a cut": (lambda: made(LONG, ANSWER, manner=LATE), _cut(MANUAL)),
    "a cut, the service ends turns": (lambda: made(LONG, ANSWER, manner=LATE), _cut(SPEC)),
    "a cut, several fields in a message": (
        lambda: made(LONG, ANSWER, manner=dataclasses.replace(LATE, combined=True)),
        _cut(MANUAL),
    ),
    "a cut, and the next turn at once": (
        lambda: made(LONG, ANSWER, manner=dataclasses.replace(LATE, combined=True)),
        _cut(MANUAL, at_once=True),
    ),
    "a turn given up": (
        lambda: made(ANSWER, manner=LATE),
        _abandoned(MANUAL, committed=False),
    ),
    "a committed turn given up": (
        lambda: made(ANSWER, manner=LATE),
        _abandoned(MANUAL, committed=True),
    ),
    "a turn given up, the service ends turns": (
        lambda: made(ANSWER, manner=LATE),
        _abandoned(SPEC, committed=False),
    ),
    "a committed one": (lambda: made(ANSWER, manner=LATE), _abandoned(SPEC, committed=True)),
    "a barge-in": (lambda: made(LONG, ANSWER, manner=LATE), _barge_in),
    "over the end": (lambda: made(ANSWER, manner=PLAYED), _over_the_end),
    "history": (lambda: made(ANSWER), _told_history),
    "a session taken up again": (lambda: made(ANSWER, exclusive=True), _resumed),
}


async def held(name: str) -> Capture:
    make, conversation = SCENARIOS[name]
    return await captured(make(), conversation)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_conversation_is_held(name: str) -> None:
    async def talk() -> None:
        capture = await held(name)
        assert all(len(frame) == 1 for frame in capture.of("client"))
        shown = json.dumps([request["path"] for request in capture.requests])
        assert KEY not in shown

    run_on_loop(talk)


# --- the judge ----------------------------------------------------------------------------------


def _judged(python: Path, *captures: str) -> subprocess.CompletedProcess[str]:
    command = [str(python), str(JUDGE), *captures]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.judge
def test_the_official_types_accept_every_frame(tmp_path: Path) -> None:
    python = judge_python("gemini")
    files = []
    for number, name in enumerate(SCENARIOS):
        capture = asyncio.run(held(name))
        files.append(str(capture.write(tmp_path / f"{number}.json")))
    done = _judged(python, *files)
    assert done.returncode == 0, done.stderr[-4000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert {
        "setup",
        "clientContent",
        "realtimeInput.activityStart",
        "realtimeInput.activityEnd",
        "realtimeInput.audio",
        "realtimeInput.audioStreamEnd",
        "realtimeInput.video",
        "toolResponse",
    } == set(seen)
    odd = {"side": "client", "kind": "json", "data": {"realtimeInput": {"activityBegin": {}}}}
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps({"frames": [odd]}))
    assert "extra_forbidden" in _judged(python, str(bad)).stderr
