"""The default conversation: its items in order, and what a client may do to them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

from device.simulator.services.brain import Answer
from device.simulator.services.openai_audio import Format
from device.simulator.services.openai_shapes import Json, RefusalError, encoded, invalid_value


def new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(10)}"


@dataclass(eq=False)
class Item:
    """``data`` is the item as it goes over the wire, but for its audio."""

    data: Json
    audio: bytes = field(default=b"", repr=False)
    format: Format = field(default_factory=lambda: Format("pcm", 24000))
    hearing: asyncio.Task[Answer] | None = None  #: of a spoken turn: what the brain makes of it
    truncated: bool = False

    @property
    def id(self) -> str:
        return str(self.data["id"])

    @property
    def kind(self) -> str:
        return str(self.data["type"])

    @property
    def role(self) -> str:
        return str(self.data.get("role", ""))

    @property
    def audio_ms(self) -> int:
        return len(self.audio) * 1000 // self.format.bytes_per_s

    def words(self) -> str:
        """What is written in it."""
        return " ".join(str(part["text"]) for part in self.data["content"] if part.get("text"))

    def with_audio(self) -> Json:
        """As ``conversation.item.retrieve`` gives it."""
        content = [
            part | {"audio": encoded(self.audio)} if part["type"].endswith("_audio") else part
            for part in self.data.get("content", [])
        ]
        return self.data | ({"content": content} if content else {})

    def tokens(self) -> tuple[int, int, int]:
        """(text, audio, image): an estimate, as the tokenizer is not known."""
        pieces = [str(self.data.get(name) or "") for name in ("arguments", "output", "name")]
        parts = self.data.get("content", [])
        pieces += [str(part.get("text") or part.get("transcript") or "") for part in parts]
        per_s = 20 if self.role == "assistant" else 10
        images = sum(part["type"] == "input_image" for part in parts)
        return (
            sum(len(piece) + 3 for piece in pieces if piece) // 4,
            self.audio_ms * per_s // 1000,
            85 * images,
        )


class Items:
    """In order. Every method raises :class:`RefusalError` where the service would."""

    def __init__(self) -> None:
        self._items: list[Item] = []

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def last_id(self) -> str | None:
        return self._items[-1].id if self._items else None

    def get(self, item_id: str, doing: str) -> Item:
        for item in self._items:
            if item.id == item_id:
                return item
        message = f"Error {doing} item: the item with id '{item_id}' does not exist."
        code = {"truncating": "truncate", "deleting": "delete", "retrieving": "retrieve"}
        name = f"item_{code.get(doing, 'create')}_invalid_item_id"
        raise RefusalError(name, message, "item_id")

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Returns the id of the item before it; ``after`` may be "root": in front."""
        if any(other.id == item.id for other in self._items):
            raise invalid_value("item.id", f"An item with id '{item.id}' already exists.")
        place = len(self._items)
        if after == "root":
            place = 0
        elif after is not None:
            place = self._items.index(self.get(after, "adding")) + 1
        self._items.insert(place, item)
        return self._items[place - 1].id if place else None

    def delete(self, item_id: str) -> Item:
        item = self.get(item_id, "deleting")
        self._items.remove(item)
        return item

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> Item:
        """What was not played goes, and the words with it."""
        item = self.get(item_id, "truncating")
        if item.role != "assistant" or item.kind != "message":
            message = "Only model output audio messages can be truncated."
            raise invalid_value("item_id", message)
        content = item.data["content"]
        if content_index >= len(content) or not content[content_index]["type"].endswith("audio"):
            raise invalid_value("content_index", f"Content {content_index} has no audio.")
        if audio_end_ms > item.audio_ms:
            message = f"Audio content of {item.audio_ms}ms is already shorter than {audio_end_ms}ms"
            raise invalid_value("audio_end_ms", message)
        keep = audio_end_ms * item.format.rate_hz // 1000
        item.audio = item.audio[: keep * (2 if item.format.codec == "pcm" else 1)]
        item.data["content"][content_index]["transcript"] = None
        item.truncated = True
        return item

    def calls(self) -> dict[str, Item]:
        """The function calls by ``call_id``."""
        return {item.data["call_id"]: item for item in self if item.kind == "function_call"}
