"""What the documents of Wiro's realtime runs claim of audio (A3), interruption (A4) and the end
(A5), claim by claim, against the stand-in; the rest of the table is in test_wiro_conformance."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.client import connect

from device.simulator.services.brain import ScriptedBrain, reply, tone
from device.simulator.services.wiro_manners import Manners
from tests.services.test_wiro_client import (
    CHUNK,
    HELLO,
    Check,
    Client,
    codes,
    going,
    keeper_of,
    kinds_of,
    one_turn,
    post,
    run,
    running,
    session,
    wiro,
)

CLAIMS: dict[str, Check] = {}
claim = keeper_of(CLAIMS)


# --- A3: audio --------------------------------------------------------------------------


@claim("A3: audio is token, bar and s16le at 24 kHz both ways, in frames of 200 ms")
async def _() -> None:
    brain = ScriptedBrain(HELLO)
    service = wiro()
    service.brain = lambda: brain
    async with running(service), session(service) as client:
        await client.turn(0.4)
        await client.until("task_stream_end")
        pcm, rate_hz = brain.turns[0]
        assert rate_hz == 24_000
        assert tone(0.4)[:9_600] in pcm
        head = client.name.encode() + b"|"
        frames = [m for m in client.got if isinstance(m, bytes)]
        assert [len(frame) for frame in frames] == [len(head) + CHUNK] * 5
        assert all(frame.startswith(head) for frame in frames)
        assert len(client.audio()) == len(HELLO.pcm)


@claim("A3: samples contain bars, so only the first one cuts; they may begin at an odd offset")
async def _() -> None:
    async with running(wiro(HELLO)) as service, session(service) as client:
        await one_turn(client)
        frames = [m for m in client.got if isinstance(m, bytes)]
        assert all(frame.count(b"|") > 1 for frame in frames)
        assert len(client.name + "|") % 2 == 1


@claim("A3: chunks of another length than 200 ms are not ruled out")
async def _() -> None:
    async with running(wiro(HELLO)) as service, session(service) as client:
        pcm = tone(0.4) + bytes(48_000)
        for at in range(0, len(pcm), 960):
            await client.socket.send(client.name.encode() + b"|" + pcm[at : at + 960])
        await client.until("task_stream_end")
        assert service.faults == []


@claim("A3: some frames may have no token before them, some that of another run")
async def _() -> None:
    manners = Manners(pace=0, bare_every=2, foreign_every=3)
    async with running(wiro(HELLO, manners=manners)) as service, session(service) as client:
        await one_turn(client)
        frames = [m for m in client.got if isinstance(m, bytes)]
        own = [f for f in frames if f.startswith(client.name.encode() + b"|")]
        foreign = [f for f in frames if f[32:33] == b"|" and f not in own]
        assert (len(own), len(foreign), len(frames)) == (3, 1, 6)


# --- A4: interruption -------------------------------------------------------------------


@claim("A4: after an interrupt some audio and task_stream_end still come; the session goes on")
async def _() -> None:
    async with (
        running(wiro(HELLO, manners=Manners(pace=1, late_pieces=2))) as service,
        session(service) as client,
    ):
        await client.turn()
        await client.sound()
        await client.say("task_session_interrupt", tasktoken=client.name)
        before = len(client.got)
        await client.until("task_stream_end")
        assert kinds_of(client.got[before:]).count("audio") >= 2
        assert len(client.audio()) < len(HELLO.pcm)
        assert await client.quiet()
        await client.turn()
        await client.sound()


@claim("A4: models stop by themselves when the person speaks, and no event says so")
async def _() -> None:
    long = reply("A very long answer indeed.", heard="tell me", seconds=10)
    async with (
        running(wiro(long, HELLO, manners=Manners(pace=0.3, chatter=False))) as service,
        session(service) as client,
    ):
        await client.turn()
        await client.sound()
        await client.speak(tone(0.4))
        while not await client.quiet():
            await asyncio.sleep(0)
        kinds = client.kinds()
        assert "task_stream_end" not in kinds
        assert "task_cost" not in kinds
        await client.speak(bytes(48_000))
        await client.until("task_stream_end")
        assert client.transcripts()[-1] == "TRANSCRIPT_AI:Hello there, I am here."


@claim("A4: other models do not, and finish what they were saying first")
async def _() -> None:
    manners = Manners(pace=0.1, natural=False, chatter=False)
    async with (
        running(wiro(reply("One."), reply("Two."), manners=manners)) as service,
        session(service) as client,
    ):
        await client.turn()
        await client.sound()
        await client.turn()
        await client.until("task_stream_end")
        await client.until("task_stream_end")
        assert client.transcripts() == ["TRANSCRIPT_AI:One.", "TRANSCRIPT_AI:Two."]
        assert len(client.audio()) == 2 * 48_000


# --- A5: the end ------------------------------------------------------------------------


@claim("A5: task_session_end leads to task_postprocess_end, also in the middle of a reply")
async def _() -> None:
    async with (
        running(wiro(HELLO, manners=Manners(pace=1))) as service,
        session(service) as client,
    ):
        await client.turn()
        await client.sound()
        await client.say("task_session_end", tasktoken=client.name)
        rest = await client.rest()
        assert kinds_of(rest)[-1] == "task_postprocess_end"
        assert "task_cost" in kinds_of(rest)
        assert client.socket.close_code == 1000


@claim("A5: a client that goes away ends the session, and there is no way back to it")
async def _() -> None:
    async with running(wiro()) as service:
        async with session(service) as client:
            token = client.name
        while service.desk.running:
            await asyncio.sleep(0.01)
        async with connect(service.url, proxy=None) as socket:
            again = Client(socket, token)
            await again.say("task_info", tasktoken=token)
            assert kinds_of(await again.rest()) == ["error"]


@claim("A5: an empty wallet ends it, with a last task_cost and task_end")
async def _() -> None:
    manners = Manners(pace=0.1, usd_per_s=0.5)
    async with (
        running(wiro(reply("x", seconds=20), balance_usd=1.0, manners=manners)) as service,
        session(service) as client,
    ):
        await client.turn()
        kinds = kinds_of(await client.rest())
        assert kinds.index("task_cost") < kinds.index("task_end")
        assert kinds[-1] == "task_postprocess_end"
        assert service.account.balance_usd <= 0


@claim("A5: Task/Detail finds a run by tasktoken and by taskid")
async def _() -> None:
    async with running(wiro()) as service:
        task = await run(service)
        for about in [
            {"tasktoken": task["socketaccesstoken"]},
            {"taskid": task["taskid"]},
            {"taskid": int(task["taskid"])},
        ]:
            _, answer = await post(service.http_origin, "/v1/Task/Detail", about)
            assert answer["tasklist"][0]["status"] == "task_queue"
        _, answer = await post(service.http_origin, "/v1/Task/Detail", {"taskid": "0"})
        assert codes(answer) == [1]


@claim("A5: Task/Cancel is for the queue, Task/Kill for what runs, by either name of it")
async def _() -> None:
    async with running(wiro()) as service:
        async with session(service) as client:
            about = {"socketaccesstoken": client.name}
            number = {"taskid": service.desk.tasks[0].id}
            _, answer = await post(service.http_origin, "/v1/Task/Cancel", number)
            assert codes(answer) == [0]
            _, answer = await post(service.http_origin, "/v1/Task/Kill", about)
            assert answer["result"] is True
            assert kinds_of(await client.rest()) == ["task_cancel"]
        queued = {"taskid": (await run(service))["taskid"]}
        _, answer = await post(service.http_origin, "/v1/Task/Kill", queued)
        assert codes(answer) == [0]
        _, answer = await post(service.http_origin, "/v1/Task/Cancel", queued)
        assert answer["result"] is True


@claim("A5: a run that is cancelled while its socket waits in the queue ends with task_cancel")
async def _() -> None:
    async with (
        running(wiro(manners=Manners(ready_after_s=60))) as service,
        session(service, ready=False) as client,
    ):
        await client.until("task_queue")
        about = {"taskid": service.desk.tasks[0].id}
        await post(service.http_origin, "/v1/Task/Cancel", about)
        assert kinds_of(await client.rest()) == ["task_cancel"]


@pytest.mark.parametrize("text", CLAIMS)
def test_the_stand_in_talks_as_the_documents_claim(text: str) -> None:
    going(CLAIMS[text])
