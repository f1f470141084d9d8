"""The Realtime codec against the stand-in: pictures, tool servers, trouble, ends."""

from __future__ import annotations

import asyncio
import time

import pytest

from device.commands import (
    RequestReply,
    ShowImage,
)
from device.events import (
    ErrorKind,
    LinkClosed,
    LinkOpened,
    ReplyDone,
    ReplyStarted,
    ServiceTrouble,
    ServiceWorking,
    SessionExpiring,
)
from device.providers.base import Said
from device.simulator.services.line import Trouble
from device.simulator.services.openai_faults import Faults, McpServer, McpServers
from tests.link.rig import run
from tests.services.openai_talk import (
    HOME,
    LIGHTS,
    NAMES,
    PICTURE,
    SHORT,
    talking,
)

every_service = pytest.mark.parametrize("name", NAMES)


@every_service
def test_replies_on_request_pictures_and_what_was_said_before(name: str) -> None:
    async def test() -> None:
        history = (Said("user", "My name is Ada."), Said("assistant", "Hello Ada."))
        async with talking(SHORT, name=name, spec={"history": history}) as talk:
            talk.link.send(ShowImage(PICTURE))
            talk.link.send(RequestReply("Say yes."))
            assert (await talk.until(ReplyDone)).status == "completed"
            assert talk.said() == [SHORT.words]
            assert talk.of(ServiceTrouble) == []

    run(test)


@pytest.mark.parametrize(
    ("name", "approval", "follow_up"),
    [
        ("openai", "never", True),
        ("openai", "never", False),
        ("openai", "always", True),
        ("azure", "always", False),
        ("voice_live", "never", False),
        ("voice_live", "always", True),
    ],
)
def test_a_tool_server_is_asked_and_what_follows_is_the_same_reply(
    name: str, approval: str, follow_up: bool
) -> None:
    async def test() -> None:
        server = McpServer((("lights", "the lights", {"type": "object"}),))
        options = {
            "mcp_servers": (HOME,),
            "mcp_approval": approval,
            "mcp_allowed": ("lights",),
        }
        async with talking(
            LIGHTS,
            SHORT,
            name=name,
            spec={"options": options},
            mcp=McpServers({"home": server}, follow_up=follow_up),
        ) as talk:
            await asyncio.sleep(0.1)  # its tools are listed
            await talk.turn()
            done = await talk.until(ReplyDone)
            assert done.status == "completed"
            assert talk.said() == [SHORT.words]
            assert talk.pcm(done.reply_id) == SHORT.pcm
            assert len(talk.of(ReplyStarted)) == 1
            assert talk.of(ServiceTrouble) == []

    run(test)


def test_a_tool_server_that_takes_its_time_is_told_of_until_it_answers() -> None:
    async def test() -> None:
        def ponders(_called: str, _arguments: object) -> str:
            time.sleep(1.2)  # longer than a reply is waited for
            return "done"

        server = McpServer((("lights", "the lights", {"type": "object"}),), run=ponders)
        spec = {"options": {"mcp_servers": (HOME,)}, "reply_timeout_s": 0.6}
        mcp = McpServers({"home": server})
        async with talking(LIGHTS, SHORT, spec=spec, mcp=mcp) as talk:
            await asyncio.sleep(0.1)
            await talk.turn()
            assert (await talk.until(ReplyDone)).status == "completed"
            assert len(talk.of(ServiceWorking)) >= 3
            assert talk.said() == [SHORT.words]
            assert talk.of(ServiceTrouble) == []

    run(test)


def test_a_call_that_is_not_allowed_is_refused_and_the_model_says_what_it_makes_of_it() -> None:
    async def test() -> None:
        asked: list[str] = []

        def runs(called: str, _arguments: object) -> str:
            asked.append(called)
            return "done"

        server = McpServer((("lights", "the lights", {"type": "object"}),), run=runs)
        options = {"mcp_servers": (HOME,), "mcp_approval": "always"}
        mcp = McpServers({"home": server})
        async with talking(LIGHTS, SHORT, spec={"options": options}, mcp=mcp) as talk:
            await asyncio.sleep(0.1)
            await talk.turn()
            assert (await talk.until(ReplyDone)).status == "completed"
            assert talk.said() == [SHORT.words]
            assert asked == []

    run(test)


def test_a_tool_server_that_fails_is_told_of() -> None:
    async def test() -> None:
        def breaks(_called: str, _arguments: object) -> str:
            raise RuntimeError("no such lamp")

        server = McpServer((("lights", "the lights", {"type": "object"}),), run=breaks)
        options = {"mcp_servers": (HOME, "gone: https://x.y/z")}
        mcp = McpServers({"home": server})
        async with talking(LIGHTS, SHORT, spec={"options": options}, mcp=mcp) as talk:
            unlisted = await talk.until(ServiceTrouble)
            assert unlisted.detail == "the tool list of gone failed"
            await talk.turn()
            await talk.until(ReplyDone)
            assert "lights of home failed" in talk.of(ServiceTrouble)[1].detail
            assert talk.said() == [SHORT.words]

    run(test)


@every_service
def test_a_key_that_is_not_accepted(name: str) -> None:
    async def test() -> None:
        async with talking(name=name, key="another", wait=False) as talk:
            assert (await talk.fails()).kind is ErrorKind.KEY

    run(test)


@pytest.mark.parametrize(
    ("connect", "kind"),
    [
        ("quota", ErrorKind.QUOTA),
        ("rate_limit", ErrorKind.QUOTA),
        ("outage", ErrorKind.SERVICE),
        ("server", ErrorKind.SERVICE),
    ],
)
@pytest.mark.parametrize("name", ["openai", "azure"])
@pytest.mark.parametrize("early", [False, True], ids=["after", "in the hand-shake"])
def test_a_service_that_lets_nobody_in(
    name: str, connect: str, kind: ErrorKind, early: bool
) -> None:
    async def test() -> None:
        faults = Faults(connect=connect, early=early)
        async with talking(name=name, faults=faults, wait=False) as talk:
            assert (await talk.fails()).kind is kind

    run(test)


@pytest.mark.parametrize(
    ("code", "kind"),
    [("rate_limit_exceeded", ErrorKind.QUOTA), ("server_error", ErrorKind.SERVICE)],
)
@pytest.mark.parametrize("name", ["openai", "voice_live"])
def test_a_reply_that_fails(name: str, code: str, kind: ErrorKind) -> None:
    async def test() -> None:
        faults = Faults(reply=code, reply_at_piece=1)
        async with talking(name=name, faults=faults) as talk:
            await talk.turn()
            assert (await talk.until(ReplyDone)).status == "failed"
            assert (await talk.until(ServiceTrouble)).kind is kind
            faults.reply = None
            await talk.turn(2)
            assert (await talk.until(ReplyDone, 2)).status == "completed"

    run(test)


@pytest.mark.parametrize("name", ["openai", "voice_live"])
def test_a_session_says_when_it_ends_and_ends_then(name: str) -> None:
    async def test() -> None:
        ahead = time.time() - time.monotonic()
        async with talking(name=name, cap_s=2.5, wall=lambda: ahead) as talk:
            opened = talk.of(LinkOpened)[0].able
            assert opened is not None
            assert opened.session_cap_s is not None
            assert opened.session_cap_s < 4
            assert (await talk.until(SessionExpiring)).in_s < 1.5
            closed = await talk.until(LinkClosed)
            assert closed.kind is ErrorKind.SERVICE

    run(test)


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(garbage_at=4),
        Trouble(unknown_at=5),
        Trouble(twice_at=6),
        Trouble(swap_at=7),
        Trouble(slow_s=0.01),
    ],
    ids=["garbage", "unknown", "twice", "swapped", "slow"],
)
def test_a_turn_survives_trouble_on_the_line(trouble: Trouble) -> None:
    async def test() -> None:
        async with talking(SHORT, trouble=trouble) as talk:
            await talk.turn()
            assert (await talk.until(ReplyDone)).status == "completed"

    run(test)


def test_an_orderly_end() -> None:
    async def test() -> None:
        async with talking() as talk:
            talk.link.close("enough")
            assert (await talk.until(LinkClosed)).kind is None

    run(test)
