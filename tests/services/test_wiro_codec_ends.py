"""How sessions with Wiro's models end, and what goes wrong, through the real link."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from device.events import (
    ErrorKind,
    LinkClosed,
    LinkFailed,
    LinkOpened,
    ServiceTrouble,
    UsageReported,
)
from device.providers.base import Said
from device.simulator.services.line import Trouble
from device.simulator.services.stand_in import HttpAnswer
from device.simulator.services.wiro_account import Code
from device.simulator.services.wiro_manners import Manners
from tests.link.rig import KEY, run, wait_until
from tests.services.wiro_link import (
    LONG,
    last_of,
    task,
)

#: Nothing listens there.
SOCKET = {"socket_url": "ws://127.0.0.1:1/v1"}

# --- how it ends ---------------------------------------------------------------------------


def test_the_orderly_end_waits_for_the_task_and_frees_the_account() -> None:
    async def test() -> None:
        async with task(balance_usd=5.0) as (talk, service):
            await talk.exchange()
            talk.link.close("goodnight")
            await wait_until(lambda: service.desk.running == 0)
            assert service.lines[0].sent[-1] == last_of(service, "task_postprocess_end")
            talk.link.open()
            await talk.until(LinkOpened, 2)

    run(test)


def test_what_the_last_reply_cost_is_told_behind_the_end_that_cut_it_short() -> None:
    async def test() -> None:
        async with task(LONG) as (talk, service):
            await talk.begins()
            talk.link.close("goodnight")
            cost = await talk.until(UsageReported)
            assert cost.cost_usd == pytest.approx(service.desk.tasks[0].cost_usd, abs=1e-5)
            assert cost.service == "wiro"
            assert type(talk.events[-2]) is LinkClosed and talk.events[-1] is cost

    run(test)


# --- a run that is not wanted -----------------------------------------------------------------


def test_a_run_that_is_given_up_before_its_token_came_is_ended_at_wiro() -> None:
    async def test() -> None:
        async with task(wait=False, balance_usd=5.0) as (talk, service):
            answer = service.answer_post
            asked = threading.Event()

            def late(path: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> HttpAnswer:
                asked.set()
                time.sleep(0.1 if path.startswith("/v1/Run/") else 0)
                return answer(path, headers, body)

            service.answer_post = late  # type: ignore[method-assign]
            await wait_until(asked.is_set)
            talk.link.close("not needed")
            await wait_until(lambda: bool(service.desk.tasks) and service.desk.running == 0)
            talk.link.open()
            await talk.until(LinkOpened)  # the account may run one at a time
            assert talk.of(LinkFailed) == []

    run(test)


def test_a_run_whose_socket_cannot_be_reached_is_ended_at_wiro() -> None:
    async def test() -> None:
        async with task(wait=False, balance_usd=5.0, spec={"options": SOCKET}) as (talk, service):
            assert (await talk.until(LinkFailed)).kind is ErrorKind.NETWORK
            assert service.desk.running == 0

    run(test)


def test_a_run_whose_socket_refuses_is_ended_at_wiro() -> None:
    async def test() -> None:
        async with task(wait=False, balance_usd=5.0) as (talk, service):
            service.refuse = lambda _request: HttpAnswer(503, {})  # type: ignore[method-assign]
            assert (await talk.until(LinkFailed)).kind is ErrorKind.SERVICE
            assert service.desk.running == 0

    run(test)


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (Code.GENERAL, ErrorKind.SERVICE),
        (Code.NOT_FOUND, ErrorKind.PROTOCOL),
        (Code.CONCURRENCY, ErrorKind.SERVICE),
        (Code.BALANCE, ErrorKind.QUOTA),
        (Code.SIGN_IN, ErrorKind.KEY),
        (Code.TOKEN, ErrorKind.KEY),
    ],
)
def test_what_wiro_refuses_has_its_kind(code: Code, kind: ErrorKind) -> None:
    async def test() -> None:
        async with task(wait=False, key="another") as (talk, service):
            service.account.key, service.account.refusing = KEY, code
            failed = await talk.until(LinkFailed)
            assert failed.kind is kind and KEY not in failed.detail

    run(test)


def test_a_wrong_key_and_an_outage() -> None:
    async def test() -> None:
        async with task(wait=False, key="another") as (talk, _):
            assert (await talk.until(LinkFailed)).kind is ErrorKind.KEY
        async with task(wait=False) as (talk, service):
            service.account.outage = 503
            assert (await talk.until(LinkFailed)).kind is ErrorKind.SERVICE

    run(test)


def test_a_project_with_signatures() -> None:
    async def test() -> None:
        async with task(secret="the-secret", spec={"secret": "the-secret"}) as (talk, _):
            await talk.exchange()
        async with task(secret="the-secret", spec={"secret": "wrong"}, wait=False) as (talk, _):
            assert (await talk.until(LinkFailed)).kind is ErrorKind.KEY

    run(test)


def test_an_empty_account_ends_the_session_and_is_billed_once() -> None:
    async def test() -> None:
        manners = Manners(usd_per_s=0.1)
        async with task(LONG, balance_usd=0.6, manners=manners) as (talk, service):
            await talk.turn()
            closed = await talk.until(LinkClosed)
            assert closed.kind is ErrorKind.SERVICE
            told = sum(e.cost_usd or 0.0 for e in talk.of(UsageReported))
            assert told == pytest.approx(service.desk.tasks[0].cost_usd)
            assert (await talk.fails()).kind is ErrorKind.QUOTA

    run(test)


def test_a_model_that_dies_ends_the_session() -> None:
    async def test() -> None:
        async with task(LONG, manners=Manners(crash_at=2)) as (talk, _):
            await talk.turn()
            closed = await talk.until(LinkClosed)
            assert closed.kind is ErrorKind.SERVICE and "exit code 1" in closed.reason

    run(test)


def test_a_session_that_has_lasted_as_long_as_it_may_is_followed_by_another() -> None:
    async def test() -> None:
        async with task(cap_s=0.3) as (talk, service):
            assert (await talk.until(LinkClosed)).kind is ErrorKind.SERVICE
            service.cap_s = None
            talk.link.open()
            await talk.until(LinkOpened, 2)
            await talk.exchange()

    run(test)


def test_what_was_said_before_goes_into_the_instructions_of_the_next_session() -> None:
    async def test() -> None:
        spec = {"history": (Said("user", "I am Ann."), Said("assistant", "Hello Ann."))}
        async with task(spec=spec) as (_, service):
            told = service.desk.tasks[0].parameters["system_instructions"]
            assert str(told).endswith("The conversation so far:\nUser: I am Ann.\nYou: Hello Ann.")

    run(test)


def test_a_log_line_of_the_model_is_trouble_that_ends_nothing() -> None:
    async def test() -> None:
        async with task(manners=Manners(stderr="out of tune")) as (talk, _):
            await talk.exchange()
            (trouble,) = talk.of(ServiceTrouble)
            assert "out of tune" in trouble.detail and not trouble.fatal

    run(test)


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(unknown_at=9),
        Trouble(garbage_at=9),
        Trouble(twice_at=8),
        Trouble(swap_at=2),
        Trouble(slow_s=0.02),
    ],
    ids=["unknown", "garbage", "twice", "swapped", "slow"],
)
def test_odd_messages_change_nothing(trouble: Trouble) -> None:
    async def test() -> None:
        async with task(trouble=trouble) as (talk, _):
            reply_id = await talk.exchange()
            assert 0 < len(talk.pcm(reply_id)) <= 28800 + 9600

    run(test)


def test_a_connection_that_is_lost_in_a_reply_is_said_to_be() -> None:
    async def test() -> None:
        async with task(LONG, trouble=Trouble(abort_at=14)) as (talk, _):
            await talk.turn()
            assert (await talk.until(LinkClosed)).kind is ErrorKind.NETWORK

    run(test)
