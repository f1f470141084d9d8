"""The client's ``conversation.item.*`` events, and the items it sends with a response."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence

import numpy as np

from device.audio.resample import resample
from device.local import protocol
from device.local.conversation import Conversation, Item
from device.local.effects import Hear, Outbox, Understand
from device.local.item_reader import read_item
from device.local.respondent import Respondent
from device.local.shape import Json, RequestError, as_list, as_object, as_text, as_whole, require
from device.local.wire_audio import Decoder, Encoder
from device.voice.synthesis import RATE_HZ as PCM_RATE_HZ

RECOGNISER_RATE_HZ = 16_000


class ItemRequests:
    """Create, retrieve, truncate and delete items of one conversation."""

    def __init__(
        self,
        outbox: Outbox,
        conversation: Conversation,
        respondent: Respondent,
        cancel_item: Callable[[str, float], None],
    ) -> None:
        self._out = outbox
        self._conversation = conversation
        self._respondent = respondent
        self._cancel_item = cancel_item

    def create(self, event: Json, audio_format: str) -> None:
        item = self.read(require(event, "item"), "item", audio_format)
        after = event.get("previous_item_id")
        if after is not None:
            after = as_text(after, "previous_item_id")
        before = self._conversation.add(item, after)
        self.understand(item)
        self._out.send(protocol.item_added(item.to_json(), before))
        self._out.send(protocol.item_done(item.to_json(), before))

    def read(self, value: object, param: str, audio_format: str) -> Item:
        """One item as a client sent it."""

        def decode(data: bytes) -> bytes:
            return Decoder(audio_format).decode(data, last=True)

        return read_item(value, param, decode, self._out.new_id)

    def read_input(self, value: object, audio_format: str) -> list[Item]:
        """``response.input``: items of its own, or references to the conversation's."""
        items = []
        for index, entry in enumerate(as_list(value, "response.input")):
            param = f"response.input[{index}]"
            raw = as_object(entry, param)
            if raw.get("type") == "item_reference":
                item_id = as_text(require(raw, "id", param), f"{param}.id")
                items.append(self._conversation.get(item_id, "invalid_item_reference"))
            else:
                item = self.read(raw, param, audio_format)
                self.understand(item)
                items.append(item)
        return items

    def understand(self, item: Item) -> None:
        """Let the recogniser hear the audio that came inside an item."""
        if item.role != "user" or not item.audio_bytes:
            return
        for part in item.parts:
            samples = np.frombuffer(bytes(part.audio), np.int16)
            if samples.size:
                pcm16k = resample(samples, PCM_RATE_HZ, RECOGNISER_RATE_HZ).tobytes()
                self._out.add(Hear(item.id, pcm16k))
        self._respondent.expect(item.id)
        self._out.add(Understand(item.id))

    def retrieve(self, event: Json, formats: tuple[str, str]) -> None:
        """``formats``: the session's (input, output) audio formats."""
        item_id = as_text(require(event, "item_id"), "item_id")
        item = self._conversation.get(item_id, "item_retrieve_invalid_item_id")
        encoder = Encoder(formats[0] if item.role == "user" else formats[1])
        audio: Sequence[str | None] = [
            base64.b64encode(encoder.encode(bytes(part.audio), last=True)).decode("ascii")
            if part.is_audio
            else None
            for part in item.parts
        ]
        self._out.send(protocol.item_retrieved(item.to_json(list(audio))))

    def truncate(self, event: Json, now: float) -> None:
        """Cutting an item that is still being spoken also stops the response: nobody
        wants audio after the cut."""
        item_id = as_text(require(event, "item_id"), "item_id")
        index = as_whole(require(event, "content_index"), "content_index", 0, 1000)
        end_ms = as_whole(require(event, "audio_end_ms"), "audio_end_ms", 0, 10**9)
        self._conversation.check_truncation(item_id, index, end_ms)
        self._cancel_item(item_id, now)
        self._conversation.truncate(item_id, index, end_ms)
        self._out.send(protocol.item_truncated(item_id, index, end_ms))

    def delete(self, event: Json, now: float) -> None:
        item_id = as_text(require(event, "item_id"), "item_id")
        item = self._conversation.get(item_id, "item_delete_invalid_item_id")
        if item.status == "in_progress":
            self._cancel_item(item_id, now)
        self._conversation.delete(item_id)
        self._respondent.forget(item_id)
        self._out.send(protocol.item_deleted(item_id))


def refuse_over_websocket() -> None:
    """``output_audio_buffer.clear``: there is no such buffer here."""
    raise RequestError(
        "'output_audio_buffer.clear' is for WebRTC and SIP; over WebSocket, the client owns "
        "playback."
    )
