"""Which replies belong to the conversation. Pure.

A service answers late, answers what was abandoned, and says one reply in
several parts (speech, tool call, speech). This ledger knows which are wanted.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class _Reply:
    has_audio: bool = False
    done: bool = False
    heard: bool = False
    continued: bool = False  # a tool result was promised: another reply follows


class Replies:
    """The replies of the current exchange."""

    def __init__(self) -> None:
        self._current: dict[str, _Reply] = {}
        self._expected = 0

    @property
    def awaited(self) -> bool:
        """More is to come: an unfinished reply, or one that has not begun."""
        return self._expected > 0 or any(not r.done for r in self._current.values())

    @property
    def promised(self) -> bool:
        """One that has not begun is to come."""
        return self._expected > 0

    @property
    def unheard(self) -> bool:
        """A reply that is complete has not been played to its end."""
        return any(r.has_audio and r.done and not r.heard for r in self._current.values())

    @property
    def to_be_heard(self) -> bool:
        """Samples have come that were not played to their end."""
        return any(r.has_audio and not r.heard for r in self._current.values())

    @property
    def to_be_finished(self) -> list[str]:
        """Replies of which samples have come, and may be expected to come."""
        return [reply_id for reply_id, r in self._current.items() if r.has_audio and not r.done]

    @property
    def any_heard(self) -> bool:
        """Something of this exchange was played to its end."""
        return any(r.heard for r in self._current.values())

    def expect(self) -> None:
        """A turn was committed: exactly one reply will begin, older ones are over."""
        self._current.clear()
        self._expected = 1

    def expect_phrase(self, phrase_id: str) -> None:
        """The device says something itself: the whole of it is on its way, as it were."""
        self._current.clear()
        self._expected = 0
        self._current[phrase_id] = _Reply(has_audio=True, done=True)

    @property
    def may_go_on(self) -> bool:
        """The last exchange was answered, and nobody has said anything since or stopped it."""
        return self._expected == 0 and any(r.done for r in self._current.values())

    def expect_more(self) -> None:
        """What was taken for the end of the answer was none."""
        self._expected = 1

    def expect_after(self, reply_id: str) -> None:
        """A tool was called in ``reply_id``: one more reply follows, however many calls."""
        reply = self._current[reply_id]
        if not reply.continued:
            reply.continued = True
            self._expected += 1

    def started(self, reply_id: str) -> bool:
        """False when nobody waits for it."""
        if self._expected == 0:
            return False
        self._expected -= 1
        self._current[reply_id] = _Reply()
        return True

    def is_current(self, reply_id: str) -> bool:
        return reply_id in self._current

    def first_audio(self, reply_id: str) -> bool:
        """True the first time."""
        reply = self._current[reply_id]
        first = not reply.has_audio
        reply.has_audio = True
        return first

    def done(self, reply_id: str) -> bool:
        """The service has finished it; returns whether it has audio to be heard."""
        reply = self._current[reply_id]
        reply.done = True
        return reply.has_audio and not reply.heard

    def heard(self, reply_id: str) -> None:
        reply = self._current.get(reply_id)
        if reply is not None:
            reply.heard = True

    def forget_awaited(self) -> None:
        """The link is gone: nothing more will come."""
        self._expected = 0
        for reply in self._current.values():
            reply.done = True

    def abandon(self) -> list[str]:
        """Nobody wants them any more; returns those the service must be told to cancel."""
        unfinished = [reply_id for reply_id, r in self._current.items() if not r.done]
        self._current.clear()
        self._expected = 0
        return unfinished
