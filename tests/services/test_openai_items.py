"""The Realtime stand-in's items, truncation, and responses beside the conversation."""

from __future__ import annotations

import base64

import pytest

from device.simulator.services.brain import Answer, ScriptedBrain, reply
from device.simulator.services.openai_shapes import encoded
from tests.services.openai_wire import (
    LONG,
    audio_of,
    kinds,
    run,
    talk,
    text_item,
)

PNG = "data:image/png;base64," + encoded(b"\x89PNG\r\n\x1a\n" + bytes(20))


def test_items_are_created_in_order_retrieved_and_deleted() -> None:
    async def go() -> None:
        async with talk() as (wire, stand_in):
            sound = {"type": "input_audio", "audio": encoded(bytes(4800))}
            image = {"type": "input_image", "image_url": PNG, "detail": "low"}
            mixed = {"type": "message", "role": "user", "content": [sound, image], "id": "two"}
            first = text_item("first") | {"id": "one"}
            for item in (first, mixed):
                await wire.send("conversation.item.create", item=item)
                await wire.expect("conversation.item.done")
            assert wire.seen[-1]["previous_item_id"] == "one"
            system = text_item("Be kind.", "system")
            await wire.send("conversation.item.create", item=system, previous_item_id="root")
            assert (await wire.expect("conversation.item.added"))["previous_item_id"] is None
            said = {"type": "output_text", "text": "yes"}
            item = {"type": "message", "role": "assistant", "content": [said]}
            await wire.send("conversation.item.create", item=item, previous_item_id="one")
            assert (await wire.expect("conversation.item.added"))["previous_item_id"] == "one"
            await wire.send("conversation.item.retrieve", item_id="two")
            got = (await wire.expect("conversation.item.retrieved"))["item"]
            assert got["content"] == [sound, image]
            assert await wire.refused("conversation.item.create", item=first) == "invalid_value"
            await wire.send("conversation.item.delete", item_id="two")
            assert (await wire.expect("conversation.item.deleted"))["item_id"] == "two"
            code = await wire.refused("conversation.item.retrieve", item_id="two")
            assert code == "item_retrieve_invalid_item_id"
            await wire.send("response.create")
            await wire.expect("response.done")
            brain = stand_in.brain()
            assert isinstance(brain, ScriptedBrain)
            assert brain.turns == ["first"]  # the deleted turn is not answered

    run(go())


@pytest.mark.parametrize(
    "url", ["https://example.org/a.png", "data:image/png;base64,AAAA", "data:image/gif;base64,AA=="]
)
def test_an_image_must_be_one(url: str) -> None:
    async def go() -> None:
        async with talk() as (wire, _):
            item = text_item("") | {"content": [{"type": "input_image", "image_url": url}]}
            assert await wire.refused("conversation.item.create", item=item) == "invalid_value"

    run(go())


def test_a_reply_is_cut_where_it_was_heard_to_and_loses_its_words() -> None:
    async def go() -> None:
        async with talk() as (wire, _):
            await wire.write("hello")
            item_id = (await wire.expect("response.done"))["response"]["output"][0]["id"]
            cut = {"item_id": item_id, "content_index": 0}
            await wire.send("conversation.item.truncate", **cut, audio_end_ms=601)
            error = await wire.error()
            assert error["param"] == "audio_end_ms"
            assert "already shorter" in error["message"]
            await wire.send("conversation.item.truncate", **cut, audio_end_ms=250)
            assert (await wire.expect("conversation.item.truncated"))["audio_end_ms"] == 250
            await wire.send("conversation.item.retrieve", item_id=item_id)
            part = (await wire.expect("conversation.item.retrieved"))["item"]["content"][0]
            assert len(base64.b64decode(part["audio"])) == 250 * 48
            assert part["transcript"] is None
            code = await wire.refused("conversation.item.truncate", **cut, audio_end_ms=251)
            assert code == "invalid_value"
            user = wire.seen[1]["item"]["id"]
            wrong = {"item_id": user, "content_index": 0, "audio_end_ms": 0}
            assert await wire.refused("conversation.item.truncate", **wrong) == "invalid_value"

    run(go())


def test_one_response_at_a_time_but_any_number_beside_the_conversation() -> None:
    async def go() -> None:
        say = reply("The tea is ready.", seconds=0.2)
        async with talk(LONG, say) as (wire, stand_in):
            await wire.write("tell")
            active = (await wire.expect("response.created"))["response"]["id"]
            await wire.expect("response.output_audio.delta")
            code = await wire.refused("response.create")
            assert code == "conversation_already_has_active_response"
            beside = {
                "conversation": "none",
                "input": [],
                "instructions": "Say: the tea is ready.",
                "metadata": {"topic": "tea"},
            }
            start = len(wire.seen)
            await wire.send("response.create", response=beside)
            done = (await wire.expect("response.done"))["response"]
            assert done["metadata"] == {"topic": "tea"}
            assert done["conversation_id"] is None
            ours = [e for e in wire.seen[start:] if e.get("response_id") == done["id"]]
            assert len(audio_of(ours)) == len(say.pcm)
            assert not any(e["type"].startswith("conversation.item") for e in wire.seen[start:])
            await wire.send("response.cancel", response_id=active)
            done = (await wire.expect("response.done"))["response"]
            assert done["id"] == active
            assert done["status_details"]["reason"] == "client_cancelled"
            assert await wire.refused("response.cancel") == "response_cancel_not_active"
            brain = stand_in.brain()
            assert isinstance(brain, ScriptedBrain)
            assert brain.turns == ["tell", "Say: the tea is ready."]

    run(go())


def test_out_of_band_input_may_refer_to_items_of_the_conversation() -> None:
    async def go() -> None:
        async with talk() as (wire, stand_in):
            item = text_item("what is it?") | {"id": "one"}
            await wire.send("conversation.item.create", item=item)
            reference = {"type": "item_reference", "id": "one"}
            params = {"conversation": "none", "output_modalities": ["text"]}
            await wire.send("response.create", response=params | {"input": [reference]})
            events = await wire.until("response.done")
            assert "response.output_text.delta" in kinds(events)
            await wire.send("response.create", response=params | {"input": [text_item("2+2")]})
            await wire.expect("response.done")
            brain = stand_in.brain()
            assert isinstance(brain, ScriptedBrain)
            assert brain.turns == ["what is it?", "2+2"]
            code = await wire.refused(
                "response.create", response=params | {"input": [reference | {"id": "no"}]}
            )
            assert code == "item_create_invalid_item_id"

    run(go())


def test_instructions_and_system_messages_are_answered_where_nobody_spoke() -> None:
    async def go() -> None:
        async with talk() as (wire, stand_in):
            await wire.send("response.create", response={"instructions": "Greet."})
            await wire.expect("response.done")
            await wire.send("conversation.item.create", item=text_item("The timer rang.", "system"))
            await wire.send("response.create")
            done = (await wire.expect("response.done"))["response"]
            assert done["usage"]["input_tokens"] > 30
            brain = stand_in.brain()
            assert isinstance(brain, ScriptedBrain)
            assert brain.turns == ["Greet.", "The timer rang."]

    run(go())


def test_a_reply_without_words_is_empty() -> None:
    async def go() -> None:
        async with talk(Answer()) as (wire, _):
            await wire.write("psst")
            assert (await wire.expect("response.done"))["response"]["output"] == []

    run(go())
