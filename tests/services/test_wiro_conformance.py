"""What the documents of Wiro's realtime runs claim, claim by claim, against the stand-in.

Each check drives the stand-in with a plain client. In the documents' order: how a run is started
(A1), the socket (A2). Audio, interruption and the end (A3 to A5) are in test_wiro_conversation, the
models' parameters (A6) in test_wiro_models, the agents' channel (B) in test_wiro_agent.
"""

from __future__ import annotations

import time

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from device.simulator.services.wiro_account import signature
from device.simulator.services.wiro_manners import Manners
from tests.services.test_wiro_client import (
    GPT,
    HELLO,
    KEY,
    PARAMETERS,
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


# --- A1: start --------------------------------------------------------------------------


@claim("A1: a run with the key alone gives taskid and socketaccesstoken at the top level")
async def _() -> None:
    async with running(wiro()) as service:
        answer = await run(service)
        assert answer.keys() == {"result", "errors", "taskid", "socketaccesstoken"}
        assert answer["errors"] == []
        assert isinstance(answer["taskid"], str)
        assert isinstance(answer["socketaccesstoken"], str)


@claim("A1: samples of the service's own read them from a nested object")
async def _() -> None:
    async with running(wiro(manners=Manners(nested=True))) as service:
        answer = await run(service)
        assert answer.keys() == {"result", "errors", "data"}
        assert answer["data"].keys() == {"taskid", "socketaccesstoken"}


@claim("A1: a project with signatures wants key, nonce and HMAC(key, secret + nonce) in hex")
async def _() -> None:
    async with running(wiro(secret="hush")) as service:
        nonce = str(int(time.time()))
        right = signature("stand-in-key", "hush", nonce)
        for signed, status in [
            (right, 200),
            (signature("hush", "stand-in-key", nonce), 401),  # the roles the usual way round
            (signature("stand-in-key", nonce, "hush"), 401),
            (right.upper(), 401),
        ]:
            headers = {**KEY, "x-nonce": nonce, "x-signature": signed}
            got, answer = await post(
                service.http_origin, f"/v1/Run/{GPT}", PARAMETERS[GPT], headers
            )
            assert (got, answer["result"]) == (status, status == 200), answer


@claim("A1: a project with signatures does not take the key alone")
async def _() -> None:
    async with running(wiro(secret="hush")) as service:
        status, answer = await post(service.http_origin, f"/v1/Run/{GPT}", PARAMETERS[GPT])
        assert (status, codes(answer)) == (401, [98])


@claim("A1: callbackUrl and projectid are fields of every run")
async def _() -> None:
    async with running(wiro()) as service:
        await run(service, callbackUrl="https://example.org/done", projectid="7")


@claim("A1: a failure is HTTP 200 with result false and errors of code and message")
async def _() -> None:
    async with running(wiro()) as service:
        for path, body, code in [(GPT, {}, 0), ("openai/gpt-9", {}, 1)]:
            status, answer = await post(service.http_origin, f"/v1/Run/{path}", body)
            assert (status, answer["result"], codes(answer)) == (200, False, [code])
            assert all(error.keys() == {"code", "message"} for error in answer["errors"])


@claim("A1: codes are text in places")
async def _() -> None:
    async with running(wiro(manners=Manners(text_codes=True))) as service:
        _, answer = await post(service.http_origin, "/v1/Run/openai/gpt-9", {})
        assert answer["errors"][0]["code"] == "1"


@claim("A1: authentication fails with 401 and code 98 or 99")
async def _() -> None:
    async with running(wiro()) as service:
        for headers, code in [({}, 98), ({"x-api-key": "another"}, 99)]:
            status, answer = await post(service.http_origin, f"/v1/Run/{GPT}", {}, headers)
            assert (status, answer["result"], codes(answer)) == (401, False, [code])


@claim("A1: a wrong address is 404")
async def _() -> None:
    async with running(wiro()) as service:
        for path in ["/v1/Run/openai", "/v1/Runs/a/b", "/v2/Run/a/b", "/v1/Task/Remove"]:
            status, answer = await post(service.http_origin, path, {})
            assert (status, answer["result"]) == (404, False), path


@claim("A1: a run needs half a dollar, else code 97")
async def _() -> None:
    async with running(wiro(balance_usd=0.49)) as service:
        status, answer = await post(service.http_origin, f"/v1/Run/{GPT}", PARAMETERS[GPT])
        assert (status, codes(answer)) == (200, [97])
        service.account.balance_usd = 0.50
        await run(service)


@claim("A1: a tenth of the balance in tasks at once, one at least, no limit above $250")
async def _() -> None:
    service = wiro()
    for balance_usd, tasks in [(0.5, 1), (19.99, 1), (20, 2), (250, 25), (250.01, float("inf"))]:
        service.account.balance_usd = balance_usd
        assert service.account.concurrency == tasks


@claim("A1: a run counts until task_postprocess_end; one too many is code 96")
async def _() -> None:
    async with running(wiro(balance_usd=15)) as service, session(service) as client:
        path = f"/v1/Run/{GPT}"
        status, answer = await post(service.http_origin, path, PARAMETERS[GPT])
        assert (status, codes(answer)) == (200, [96])
        await client.say("task_session_end", tasktoken=client.name)
        await client.until("task_postprocess_end")
        await run(service)


@claim("A1: a run that is cancelled in the queue counts no more")
async def _() -> None:
    async with running(wiro(balance_usd=15)) as service:
        task = await run(service)
        await post(service.http_origin, "/v1/Task/Cancel", {"taskid": task["taskid"]})
        await run(service)


# --- A2: the socket ---------------------------------------------------------------------


@claim("A2: the socket wants no headers and no query; another path is not there")
async def _() -> None:
    async with running(wiro()) as service:
        for url in [f"{service.url}?token=1", f"{service.origin}/", f"{service.url}/x"]:
            with pytest.raises(InvalidStatus) as refused:
                await connect(url, proxy=None)
            assert refused.value.response.status_code == 404
        async with session(service):
            assert service.faults == []


@claim("A2: the first frame is task_info with the token of the run as tasktoken")
async def _() -> None:
    async with running(wiro()) as service:
        token = (await run(service))["socketaccesstoken"]
        for first in [
            '{"type": "task_info"}',
            '{"type": "task_info", "tasktoken": "no such"}',
            '{"type": "hello"}',
            "what?",
            "[]",
            b"\x00",
        ]:
            async with connect(service.url, proxy=None) as socket:
                client = Client(socket, token)
                await socket.send(first)
                assert kinds_of(await client.rest()) == ["error"]
        async with connect(service.url, proxy=None) as socket:
            client = Client(socket, token)
            await client.say("task_info", tasktoken=token)
            await client.until("task_queue")


@claim("A2: the life cycle goes through the queue, in order, to task_stream_ready")
async def _() -> None:
    async with running(wiro()) as service, session(service) as client:
        assert client.kinds() == [
            "task_queue",
            "task_accept",
            "task_preprocess_start",
            "task_preprocess_end",
            "task_assign",
            "task_start",
            "task_stream_ready",
        ]


@claim("A2: each text frame has type, id, tasktoken and result; ids are text")
async def _() -> None:
    async with (
        running(wiro(HELLO, manners=Manners(pace=0))) as service,
        session(service) as client,
    ):
        await one_turn(client)
        await client.say("task_session_end", tasktoken=client.name)
        await client.until("task_postprocess_end")
        for message in client.got:
            if isinstance(message, dict):
                assert message.keys() >= {"type", "id", "tasktoken", "result"}
                assert isinstance(message["id"], str)
                assert message["tasktoken"] == client.name


@claim("A2: task_stream_end ends a turn, not the session")
async def _() -> None:
    async with running(wiro(HELLO)) as service, session(service) as client:
        for _ in range(3):
            assert kinds_of(await one_turn(client))[-1] == "task_stream_end"
        assert await client.quiet()


@claim("A2: transcripts are strings of task_output, with marks of 16 and 14 characters")
async def _() -> None:
    async with running(wiro(HELLO)) as service, session(service) as client:
        await one_turn(client)
        user, ai = client.transcripts()
        assert (user[:16], user[16:]) == ("TRANSCRIPT_USER:", "hello you")
        assert (ai[:14], ai[14:]) == ("TRANSCRIPT_AI:", "Hello there, I am here.")


@claim("A2: other strings of task_output are the model's own output")
async def _() -> None:
    async with (
        running(wiro(HELLO, manners=Manners(pace=0))) as service,
        session(service) as client,
    ):
        await one_turn(client)
        assert client.kinds().count("task_output") > len(client.transcripts())


@claim("A2: transcripts may be repeated")
async def _() -> None:
    async with (
        running(wiro(HELLO, manners=Manners(pace=0, repeated=True))) as service,
        session(service) as client,
    ):
        await one_turn(client)
        assert client.transcripts()[:2] == [
            "TRANSCRIPT_USER:hello",
            "TRANSCRIPT_USER:hello you",
        ]


@claim("A2: task_cost has turnCost and cumulativeCost as numbers and the provider's usage")
async def _() -> None:
    async with running(wiro(HELLO)) as service, session(service) as client:
        costs = []
        for _ in range(3):
            messages = await one_turn(client)
            costs += [m for m in messages if isinstance(m, dict) and m["type"] == "task_cost"]
        assert len(costs) == 3
        assert all(cost["turnCost"] > 0 and cost["usage"] for cost in costs)
        total = sum(cost["turnCost"] for cost in costs)
        assert costs[-1]["cumulativeCost"] == pytest.approx(total)
        assert service.account.balance_usd == pytest.approx(100 - total)


@claim("A2: the order of task_cost and task_stream_end is not known: both can be had")
async def _() -> None:
    for cost_first in (True, False):
        manners = Manners(pace=0, cost_first=cost_first)
        async with (
            running(wiro(HELLO, manners=manners)) as service,
            session(service) as client,
        ):
            await client.turn()
            first = await client.until("task_cost", "task_stream_end")
            second = await client.until("task_cost", "task_stream_end")
            assert (first["type"] == "task_cost") == cost_first
            assert first["type"] != second["type"]


@claim("A2: task_error is a line of stderr and not fatal")
async def _() -> None:
    async with (
        running(wiro(HELLO, manners=Manners(pace=0, stderr="careful"))) as service,
        session(service) as client,
    ):
        for _ in range(2):
            assert "task_error" in kinds_of(await one_turn(client))


@claim("A2: the logs come after the exit, task_end before the post-processing, its end last")
async def _() -> None:
    async with (
        running(wiro(HELLO, manners=Manners(pace=0, stderr="careful"))) as service,
        session(service) as client,
    ):
        await one_turn(client)
        await client.say("task_session_end", tasktoken=client.name)
        assert kinds_of(await client.rest()) == [
            "task_output_full",
            "task_error_full",
            "task_end",
            "task_postprocess_start",
            "task_postprocess_end",
        ]


@claim("A2: success is pexit in older documents, success and exitCode in newer ones")
async def _() -> None:
    for style, wanted in [
        ("old", {"pexit": "0"}),
        ("new", {"success": True, "exitCode": 0}),
        ("both", {"pexit": "0", "success": True, "exitCode": 0}),
        ("none", {}),
    ]:
        manners = Manners(pace=0, flags=style)  # type: ignore[arg-type]
        async with (
            running(wiro(HELLO, manners=manners)) as service,
            session(service) as client,
        ):
            await client.say("task_session_end", tasktoken=client.name)
            last = await client.until("task_postprocess_end")
            about = {"tasktoken": client.name}
            _, answer = await post(service.http_origin, "/v1/Task/Detail", about)
            for told in (last, answer["tasklist"][0]):
                names = told.keys() & {"pexit", "success", "exitCode"}
                assert {name: told[name] for name in names} == wanted


@pytest.mark.parametrize("text", CLAIMS)
def test_the_stand_in_does_as_the_documents_claim(text: str) -> None:
    going(CLAIMS[text])
