"""Whatever goes wrong on the line, on every service: nothing raises, the laws hold, and it ends in
a named kind or goes on.

All troubles of a service are made at once, each on a stand-in of its own: most of the time is
spent waiting for what does not come.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from device.events import ErrorKind, LinkClosed, LinkFailed, LinkOpened, ReplyDone
from device.simulator.services.line import Trouble
from tests.contract.cases import CASES, Case
from tests.contract.laws import BrokenError
from tests.contract.talk import Room, Talk
from tests.contract.test_contract import play
from tests.contract.voices import RAIN, TIME

#: Which message of the service: in the hand-shake, in the turn, in the reply.
AT = (1, 3, 6)
PATIENCE_S = 1.2

#: After these a conversation goes on as if nothing had been.
HARMLESS = {
    "unknown": [Trouble(unknown_at=at) for at in AT],
    "garbage": [Trouble(garbage_at=at) for at in AT],
    "slow": [Trouble(slow_s=0.005)],
}
#: After these it may.
HARMFUL = {
    "twice": [Trouble(twice_at=at) for at in AT],
    "swapped": [Trouble(swap_at=at) for at in AT],
    "stalled": [Trouble(stall_at=at) for at in AT],
}
#: After these it cannot.
FATAL = {
    "aborted": [Trouble(abort_at=at) for at in AT],
    "half_open": [Trouble(half_open_at=at) for at in AT],
}


def room_of(case: Case, patience_s: float = PATIENCE_S) -> Room:
    return Room(case, case.ends[0], patience_s=patience_s)


async def conversation(talk: Talk) -> None:
    await talk.until(LinkOpened)
    talk.say(TIME)
    await talk.until(ReplyDone)
    talk.say(RAIN)
    await talk.until(ReplyDone, 2)


async def endured(room: Room, trouble: Trouble) -> tuple[Talk, list[LinkClosed | LinkFailed]]:
    """What became of a conversation, and how it ended if it did so by itself; that it did not
    come to its end is no mistake."""
    async with room.talking(open_it=False, options={"trouble": trouble}) as talk:
        try:
            await conversation(talk)
        except BrokenError as broken:
            assert "no " in str(broken), broken
        ends = [event for event in talk.events if isinstance(event, LinkClosed | LinkFailed)]
    assert all(isinstance(end.kind, ErrorKind) for end in ends), (trouble, ends)
    return talk, ends


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_odd_message_or_a_slow_line_changes_nothing(case: Case) -> None:
    async def all_of_them(room: Room) -> None:
        troubles = [trouble for some in HARMLESS.values() for trouble in some]
        talks = await asyncio.gather(*(endured(room, trouble) for trouble in troubles))
        for trouble, (talk, _) in zip(troubles, talks, strict=True):
            assert len(talk.of(ReplyDone)) == 2, (trouble, talk.events[-5:])

    play(all_of_them, room_of(case, 6.0))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_whatever_is_lost_or_mixed_up_it_ends_in_a_named_kind_or_goes_on(case: Case) -> None:
    async def all_of_them(room: Room) -> None:
        troubles = [trouble for some in HARMFUL.values() for trouble in some]
        await asyncio.gather(*(endured(room, trouble) for trouble in troubles))

    play(all_of_them, room_of(case))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_connection_that_dies_is_noticed(case: Case) -> None:
    async def all_of_them(room: Room) -> None:
        troubles = [trouble for some in FATAL.values() for trouble in some]
        talks = await asyncio.gather(*(endured(room, trouble) for trouble in troubles))
        for trouble, (talk, over) in zip(troubles, talks, strict=True):
            if trouble.abort_at is not None:
                assert over, (trouble, talk.events[-3:])
                assert over[0].kind is ErrorKind.NETWORK, (trouble, over)
            elif over:
                assert over[0].kind in (ErrorKind.NETWORK, ErrorKind.PROTOCOL), (trouble, over)

    play(all_of_them, room_of(case))


def test_troubles_are_what_they_are_called() -> None:
    made = {**HARMLESS, **HARMFUL, **FATAL}
    for troubles in made.values():
        assert all(trouble != replace(trouble, **vars_of(Trouble())) for trouble in troubles)


def vars_of(trouble: Trouble) -> dict[str, object]:
    return {name: getattr(trouble, name) for name in Trouble.__dataclass_fields__}
