"""The brain of the stand-ins, as a client of a server that is strict about its protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest

from device.errors import SimulatorError
from device.simulator.services.book import Book
from device.simulator.services.brain import RATE_HZ, Answer, Call, ScriptedBrain, reply, tone
from device.simulator.services.offline_brain import OfflineBrain, Tools
from device.simulator.services.openai_realtime import OpenAIRealtime

TOOL = {
    "type": "function",
    "name": "get_time",
    "description": "the time",
    "parameters": {"type": "object", "properties": {}},
}
HELLO = reply("Hello, I am here.", heard="good morning", seconds=0.3)
ASKS = Answer("what time is it", calls=(Call("get_time", {"zone": "here"}),))
NOON = reply("It is noon.", seconds=0.2, hz=600)


@asynccontextmanager
async def talk(
    *answers: Answer, run: Callable[[str, str], str] | None = None
) -> AsyncIterator[tuple[OfflineBrain, ScriptedBrain, Book]]:
    """A brain, who answers it, and its book."""
    behind, book = ScriptedBrain(*answers), Book()
    # Of the four, only Azure's way in takes the key in the address.
    server = OpenAIRealtime(lambda: behind, dialect="azure")
    server.pace = 50.0
    async with server:
        url = f"{server.url}?api-key={server.key}&model=any"
        brain = OfflineBrain(url, Tools([TOOL], run), book)
        try:
            yield brain, behind, book
        finally:
            await brain.close()


def seconds(pcm: bytes, rate_hz: int = RATE_HZ) -> float:
    return len(pcm) / 2 / rate_hz


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000])
def test_a_spoken_turn_of_any_rate_is_heard_whole_and_answered_in_words_and_sound(
    rate_hz: int,
) -> None:
    async def main() -> None:
        async with talk(HELLO) as (brain, behind, _):
            answer = await brain.spoken(tone(2.5, rate_hz=rate_hz), rate_hz)
            assert (answer.heard, answer.words) == ("good morning", "Hello, I am here.")
            assert answer.pcm == HELLO.pcm
            assert not answer.calls
            [(pcm, heard_hz)] = behind.turns
            assert seconds(pcm, heard_hz) == pytest.approx(2.5, abs=0.02)

    asyncio.run(main())


def test_calls_are_handed_on_and_their_results_lead_to_the_answer() -> None:
    async def main() -> None:
        async with talk(ASKS, NOON) as (brain, behind, _):
            asked = await brain.spoken(tone(0.5), RATE_HZ)
            assert asked.calls == (Call("get_time", {"zone": "here"}),)
            assert asked.heard == "what time is it"
            assert not asked.pcm
            answer = await brain.tools_done(['{"time": "noon"}'])
            assert answer.words == "It is noon."
            assert behind.turns[1] == ('{"time": "noon"}',)

    asyncio.run(main())


def test_for_a_service_without_tools_the_brain_runs_them_itself() -> None:
    ran: list[tuple[str, str]] = []

    def run(name: str, arguments: str) -> str:
        ran.append((name, arguments))
        return '{"time": "noon"}'

    async def main() -> None:
        async with talk(ASKS, NOON, run=run) as (brain, behind, book):
            answer = await brain.spoken(tone(0.5), RATE_HZ)
            assert not answer.calls
            assert (answer.heard, answer.words) == ("what time is it", "It is noon.")
            assert ran == [("get_time", '{"zone": "here"}')]
            assert behind.turns[1] == ('{"time": "noon"}',)
            assert len(book.entries) == 1

    asyncio.run(main())


def test_who_goes_on_talking_is_asked_about_anew_on_another_connection() -> None:
    async def main() -> None:
        async with talk(HELLO) as (brain, _, book):
            first = asyncio.ensure_future(brain.spoken(tone(0.5), RATE_HZ))
            await asyncio.sleep(0)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            answer = await brain.spoken(tone(0.5), RATE_HZ)
            assert answer.words == "Hello, I am here."
            assert [asked.answer.words for asked in book.entries] == ["Hello, I am here."]

    asyncio.run(main())


def test_a_service_that_is_not_there_is_said_to_be_so() -> None:
    async def main() -> None:
        with pytest.raises(SimulatorError, match="offline service"):
            await OfflineBrain("ws://127.0.0.1:1/v1", Tools(), Book()).spoken(tone(0.2), RATE_HZ)

    asyncio.run(main())


def test_silence_that_the_appliance_made_is_nothing_that_was_recorded() -> None:
    book = Book()
    noise = np.random.default_rng(5).integers(-40, 40, RATE_HZ).astype("<i2")
    noise[0] = 40
    pcm = bytes(2 * RATE_HZ // 4) + noise.tobytes()
    book.note(book.opened(), (10.0, 10.5), NOON, (pcm, RATE_HZ))
    book.note(1, (20.0, 20.5), NOON, (bytes(4800), RATE_HZ))
    [turn, nothing] = book.uplink()
    assert np.array_equal(turn.samples, noise)
    assert turn.start == pytest.approx(9.0)
    assert len(nothing.samples) == 2400


def test_the_book_gives_runs_as_the_wire_would() -> None:
    book = Book()
    first = book.opened()
    book.note(first, (10.0, 10.5), ASKS, (tone(1.0, rate_hz=16_000), 16_000))
    book.note(first, (10.6, 11.0), NOON)
    book.note(first, (20.0, 21.0), HELLO, (tone(0.5), RATE_HZ))
    [turn, later] = book.uplink()
    assert turn.start == pytest.approx(9.0, abs=0.01)
    assert len(turn.samples) == pytest.approx(RATE_HZ, abs=100)
    assert later.chunks[0].at == 20.0
    [noon, hello] = book.downlink()
    assert (noon.key, noon.start, hello.key) == ("answer1", 11.0, "answer2")
    assert np.array_equal(noon.samples, np.frombuffer(NOON.pcm, np.int16))
    heard = [book.heard_before(asked) for _, asked in book.answers()]
    assert heard == ["what time is it", "good morning"]
