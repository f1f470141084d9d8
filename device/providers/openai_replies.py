"""The ledger of a session's replies: what began, what was called off, what was received.

Pure. "Reply" is our word for the protocol's response. The ledger answers four
questions: may this still be emitted, how much of an item was received, has this
call been seen, and is it time to ask for the reply that follows tool results.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from device.providers.openai_frames import BYTES_PER_MS

#: Older entries are forgotten: nothing of a reply so long ago is on its way any more, and a
#: session that is kept all day must not grow.
REMEMBERED = 256
MOST_CHARACTERS = 20_000
"""Of the words of one item."""
MOST_CALLS = 64
"""Of one reply, that wait for an answer at the same time."""


@dataclass(slots=True)
class Item:
    """One piece of a reply: speech or a function call."""

    item_id: str
    reply_id: str
    named: bool = True  #: False when the service gave no id, so it cannot be truncated
    content_index: int = 0
    received_bytes: int = 0
    limit_ms: int | None = None  #: what an earlier truncation left of it
    odd: bytes = b""  #: half a sample, waiting for its other half
    call_id: str = ""
    call_name: str = ""
    pieces: list[str] = field(default_factory=list)  #: of its words, so far
    characters: int = 0  #: in them

    @property
    def received_ms(self) -> int:
        """Whole milliseconds, rounded down: never more than the service has."""
        received = self.received_bytes // BYTES_PER_MS
        return received if self.limit_ms is None else min(received, self.limit_ms)

    @property
    def words(self) -> str:
        """So far, for a service that does not repeat them in the end."""
        return "".join(self.pieces)

    def say(self, words: str) -> bool:
        """More of its words; False: so many are no speech, and these are not told."""
        if not words or self.characters + len(words) > MOST_CHARACTERS:
            return False
        self.pieces.append(words)
        self.characters += len(words)
        return True

    def said(self) -> None:
        """All of its words were told."""
        self.pieces, self.characters = [], 0

    def take(self, audio: bytes) -> bytes:
        """Account for a delta; returns whole samples, keeping half a one for the next."""
        whole = self.odd + audio
        cut = len(whole) - len(whole) % 2
        self.odd = whole[cut:]
        self.received_bytes += cut
        return whole[:cut]


@dataclass(slots=True)
class Reply:
    reply_id: str
    announced: bool = False  #: ReplyStarted was emitted
    done: bool = False
    status: str = ""
    cancelled: bool = False  #: we called it off
    disowned: bool = False  #: it answers an abandoned turn: nobody is told of it
    foreign: bool = False  #: it is no part of the conversation
    metered: bool = False  #: what it took was told
    called: bool = False  #: it asked for at least one tool
    asks_servers: bool = False  #: the last of it is a call of a tool server
    told_as: str = ""  #: it goes on with the reply of this name
    unanswered: set[str] = field(default_factory=set)

    @property
    def active(self) -> bool:
        return self.announced and not self.done

    @property
    def name(self) -> str:
        """Under which it is told of."""
        return self.told_as or self.reply_id


class ReplyLedger:
    """Every reply of one session."""

    def __init__(self) -> None:
        self._replies: dict[str, Reply] = {}
        self._open: dict[str, Reply] = {}  # those of them that may be under way
        self._items: dict[str, Item] = {}
        self._calls: dict[str, Reply] = {}  # call id -> the reply that asked

    @property
    def active(self) -> list[Reply]:
        for over in [reply for reply in self._open.values() if reply.done]:
            del self._open[over.reply_id]
        return [reply for reply in self._open.values() if reply.announced]

    def entry(self, reply_id: str) -> Reply:
        """The reply, new if it has not been heard of."""
        reply = self._replies.get(reply_id)
        if reply is None:
            reply = self._replies[reply_id] = self._open[reply_id] = Reply(reply_id)
            _forget_oldest(self._replies)
            _forget_oldest(self._open)
        return reply

    def carrier(self, name: str) -> Reply:
        """The reply that is told of under ``name`` now."""
        return next((r for r in self.active if r.name == name), None) or self.entry(name)

    def item(self, reply: Reply, item_id: str) -> Item:
        """The item, new if it has not been heard of; it may lack an id of its own."""
        key = item_id or f"{reply.reply_id}/unnamed"
        item = self._items.get(key)
        if item is None or item.reply_id != reply.reply_id:
            item = self._items[key] = Item(key, reply.reply_id, named=bool(item_id))
            _forget_oldest(self._items)
        return item

    def find_item(self, item_id: str) -> Item | None:
        return self._items.get(item_id)

    def items_of(self, reply: Reply) -> list[Item]:
        return [item for item in self._items.values() if item.reply_id == reply.reply_id]

    def is_complete(self, item: Item) -> bool:
        """The service sent all of it, so that what was received is all there is."""
        reply = self._replies.get(item.reply_id)
        return reply is not None and reply.done and reply.status == "completed"

    # --- tools ------------------------------------------------------------------

    def call(self, reply: Reply, call_id: str) -> bool:
        """Note a call; False when it was known already, or one too many."""
        if call_id in self._calls or len(reply.unanswered) >= MOST_CALLS:
            return False
        self._calls[call_id] = reply
        _forget_oldest(self._calls)
        reply.called = True
        reply.unanswered.add(call_id)
        return True

    def answer(self, call_id: str) -> Reply | None:
        """Note an answer; None when no such call is open."""
        reply = self._calls.get(call_id)
        if reply is None or call_id not in reply.unanswered:
            return None
        reply.unanswered.remove(call_id)
        return reply

    @staticmethod
    def wants_continuation(reply: Reply) -> bool:
        """Every call is answered and the reply is over, by itself: another is due."""
        over = reply.done and not reply.cancelled and reply.status in ("completed", "incomplete")
        return over and reply.called and not reply.unanswered


def _forget_oldest(table: dict[str, Reply] | dict[str, Item]) -> None:
    if len(table) > REMEMBERED:
        del table[next(iter(table))]
