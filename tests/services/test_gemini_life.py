"""The Gemini Live stand-in's sessions: handles, the end, token counts, failures."""

from __future__ import annotations

import asyncio

from device.simulator.services.brain import Answer, ScriptedBrain, reply
from device.simulator.services.gemini import ENDED, Failures, GeminiStandIn
from device.simulator.services.gemini_access import INTERNAL
from device.simulator.services.gemini_messages import go_away, parcels
from device.simulator.services.gemini_session import Limits
from tests.services.gemini_client import (
    ASKS,
    MODEL,
    QUICK,
    SLOW,
    Client,
    Message,
    at,
    kinds,
    refused,
    run,
    serving,
    sound,
    talking,
)

FIRST = reply("First.", seconds=0.3)
SECOND = reply("Second.", seconds=0.3, hz=880.0)


def resume(handle: str) -> Message:
    return {"sessionResumption": {"handle": handle}}


async def handle_of(client: Client) -> str:
    """The next handle that the service gives."""
    while True:
        update = (await client.until("sessionResumptionUpdate"))[-1]["sessionResumptionUpdate"]
        if update["resumable"]:
            assert update["newHandle"]
            return str(update["newHandle"])
        assert "newHandle" not in update


def test_a_handle_leads_to_the_same_conversation_on_a_new_connection() -> None:
    async def talk() -> None:
        brains = [ScriptedBrain(FIRST, SECOND), ScriptedBrain(FIRST)]
        given = iter(brains)
        async with GeminiStandIn(lambda: next(given), manner=QUICK) as stand_in:
            async with talking(stand_in, sessionResumption={}) as client:
                assert await handle_of(client)
                await client.realtime(text="one")
                turn = await client.turn()
                assert at(turn[0], "sessionResumptionUpdate", "resumable") is False
                handle = await handle_of(client)
            async with talking(stand_in, **resume(handle)) as client:
                await client.realtime(text="two")
                assert sound(await client.turn()) == SECOND.pcm
            async with talking(stand_in) as client:
                await client.realtime(text="somebody else")
                assert sound(await client.turn()) == FIRST.pcm
                assert "sessionResumptionUpdate" not in kinds(client.got)
            assert [brain.turns for brain in brains] == [["one", "two"], ["somebody else"]]

    run(talk())


def test_a_handle_that_is_unknown_too_old_or_of_another_model_is_refused() -> None:
    async def talk() -> None:
        async with serving(FIRST) as stand_in:
            async with talking(stand_in, sessionResumption={}) as client:
                handle = await handle_of(client)
            other = {"model": "models/gemini-3.1-flash-live-preview", **resume(handle)}
            assert (await refused(stand_in, {"setup": other})).code == 1007
            stand_in.handle_life_s = 0.0
            async with talking(stand_in, **resume(handle)) as client:
                old = await handle_of(client)
            for wrong in (old, "unheard of"):
                closed = await refused(stand_in, {"setup": {"model": MODEL, **resume(wrong)}})
                assert (closed.code, closed.reason[:27]) == (1008, "BidiGenerateContent session")

    run(talk())


def test_an_exclusive_session_is_not_resumed_while_it_is_connected() -> None:
    async def talk() -> None:
        async with serving(FIRST) as stand_in, talking(stand_in, sessionResumption={}) as client:
            handle = await handle_of(client)
            async with talking(stand_in, **resume(handle)):
                pass
            stand_in.exclusive = True
            closed = await refused(stand_in, {"setup": {"model": MODEL, **resume(handle)}})
            assert closed.code == 1011

    run(talk())


def test_a_session_cannot_be_resumed_amid_a_call_and_counts_messages_when_asked() -> None:
    async def talk() -> None:
        setup = {"sessionResumption": {"transparent": True}}
        async with serving(ASKS, FIRST) as stand_in, talking(stand_in, **setup) as client:
            await handle_of(client)
            await client.realtime(text="one")
            messages = await client.until("toolCall")
            update = messages[0]["sessionResumptionUpdate"]
            assert update["resumable"] is False
            assert update["lastConsumedClientMessageIndex"] in {"0", "1"}
            [call] = messages[-1]["toolCall"]["functionCalls"]
            answer = {"id": call["id"], "name": call["name"], "response": {"output": "1"}}
            await client.send(toolResponse={"functionResponses": [answer]})
            await client.turn()
            last = (await client.until("sessionResumptionUpdate"))[-1]["sessionResumptionUpdate"]
            assert last["lastConsumedClientMessageIndex"] == "2"

    run(talk())


def test_a_connection_ends_after_a_warning_that_says_how_long_is_left() -> None:
    async def talk() -> None:
        async with serving(cap_s=0.1) as stand_in, talking(stand_in) as client:
            closed = await client.ended()
            assert client.got[1:] == [{"goAway": {"timeLeft": "0.05s"}}]
            assert closed.code == 1008
            assert closed.reason == ENDED[1]
        assert go_away(50.0) == {"goAway": {"timeLeft": "50s"}}

    run(talk())


def test_without_compression_the_audio_of_a_conversation_is_limited() -> None:
    async def talk() -> None:
        limits = Limits(audio_s=1.0, with_video_s=0.2)
        async with serving(FIRST, limits=limits) as stand_in:
            async with talking(stand_in) as client:
                await client.say(0, silence_ms=1200)
                assert (await client.ended()).code == 1008
            async with talking(stand_in) as client:
                await client.realtime(video={"data": "AAAA", "mimeType": "image/jpeg"})
                await client.say(0, silence_ms=400)
                assert (await client.ended()).code == 1008
            compression = {"contextWindowCompression": {"slidingWindow": {}}}
            async with talking(stand_in, **compression) as client:
                await client.say(0, silence_ms=1200)
                await client.realtime(text="still there?")
                assert sound(await client.turn()) == FIRST.pcm

    run(talk())


def usage_of(turn: list[Message]) -> Message:
    [usage] = [message["usageMetadata"] for message in turn if "usageMetadata" in message]
    assert isinstance(usage, dict)
    return usage


def test_tokens_are_counted_by_modality_and_the_context_grows_until_it_is_compressed() -> None:
    async def talk() -> None:
        window = {"triggerTokens": "60", "slidingWindow": {"targetTokens": 10}}
        setup = {"contextWindowCompression": window}
        long = reply("A second.", seconds=2.0)
        async with serving(long) as stand_in, talking(stand_in, **setup) as client:
            prompts = []
            for _ in range(3):
                await client.realtime(text="twelve chars")
                usage = usage_of(await client.turn())
                assert usage["responseTokenCount"] == 50
                assert usage["responseTokensDetails"] == [{"modality": "AUDIO", "tokenCount": 50}]
                parts = {one["modality"]: one["tokenCount"] for one in usage["promptTokensDetails"]}
                assert sum(parts.values()) == usage["promptTokenCount"]
                assert usage["totalTokenCount"] == usage["promptTokenCount"] + 50
                prompts.append(usage["promptTokenCount"])
            assert prompts[:2] == [3, 56]
            assert prompts[2] < 20

    run(talk())


def test_a_failure_amid_a_reply_closes_the_connection() -> None:
    async def talk() -> None:
        async with (
            serving(FIRST, failures=Failures(reply=INTERNAL)) as stand_in,
            talking(stand_in) as client,
        ):
            await client.realtime(text="hello")
            closed = await client.ended()
            assert (closed.code, closed.reason) == INTERNAL
            assert 0 < len(sound(client.got)) < len(FIRST.pcm)

    run(talk())


class Thinker(ScriptedBrain):
    """Thinks until it is allowed to answer."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__(*answers)
        self.may_answer = asyncio.Event()
        self.thinking = self.most = 0

    async def written(self, text: str) -> Answer:
        self.thinking += 1
        self.most = max(self.most, self.thinking)
        try:
            await self.may_answer.wait()
            return await super().written(text)
        finally:
            self.thinking -= 1


def test_while_it_thinks_it_can_be_interrupted_and_is_never_asked_two_things_at_once() -> None:
    async def talk() -> None:
        brain = Thinker(FIRST, SECOND)
        stand_in = GeminiStandIn(lambda: brain, manner=QUICK)
        async with stand_in, talking(stand_in) as client:
            await client.realtime(text="one")
            while not brain.thinking:
                await asyncio.sleep(0.001)
            await client.realtime(text="two")
            assert kinds(await client.turn())[0] == "interrupted"
            brain.may_answer.set()
            assert sound(await client.turn()) == SECOND.pcm
            assert (brain.turns, brain.most) == (["one", "two"], 1)
            brain.may_answer.clear()
            await client.realtime(text="three")
            while not brain.thinking:
                await asyncio.sleep(0.001)
        assert brain.thinking == 0  # it was stopped with its last connection

    run(talk())


class Broken(ScriptedBrain):
    async def written(self, text: str) -> Answer:
        raise RuntimeError(text)


def test_an_answer_that_fails_is_the_services_internal_error() -> None:
    async def talk() -> None:
        async with GeminiStandIn(Broken, manner=QUICK) as stand_in, talking(stand_in) as client:
            await client.realtime(text="on purpose")
            closed = await client.ended()
            assert (closed.code, closed.reason) == INTERNAL

    run(talk())


def test_the_client_may_end_it_and_gets_an_orderly_close_amid_a_reply() -> None:
    async def talk() -> None:
        async with serving(FIRST, manner=SLOW) as stand_in, talking(stand_in) as client:
            await client.realtime(text="hello")
            await client.until("serverContent", "modelTurn")
            await client.socket.close(1000, "bye")
            assert client.socket.close_code == 1000

    run(talk())


def test_the_url_takes_the_shape_that_was_asked_for() -> None:
    async def talk() -> None:
        async with serving(version="v1") as stand_in:
            assert stand_in.url.endswith(
                "/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent"
            )

    run(talk())


def test_a_text_in_parcels_gives_itself_again() -> None:
    for text in ("", "one", "one two  three ", " a b"):
        for count in range(1, 7):
            assert "".join(parcels(text, count)) == text
            assert len(parcels(text, count)) == count
