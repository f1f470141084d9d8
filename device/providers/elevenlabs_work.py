"""Tools of an ElevenLabs agent's own that are at work: what it says goes on behind them. Pure.

They are told of in two ways. ``mcp_tool_call`` tells begin and end. ``agent_tool_request`` and
``agent_tool_response`` are two client events, of which the agent's owner may have switched off the
second: until one was seen, the agent's next words end the work as well.
"""

from __future__ import annotations

from device.providers.at_work import AtWork
from device.providers.base import Output, SessionSpec

NOT_WAITED_FOR = frozenset({"client", "system"})
"""Kinds of tools: the device's own, which it answers; and those that change the conversation,
of which nothing may follow (``skip_turn``)."""


class Work:
    """Of one session. No work is believed in for longer than ``longest_work_s``."""

    def __init__(self, spec: SessionSpec) -> None:
        self._telling = AtWork(spec.reply_timeout_s)
        self._longest_s = spec.longest_work_s
        self._calls: dict[str, int | None] = {}  # the event of a request, by the call's id
        self._until = 0.0
        self._responds = False  # the end of a request has been told of

    @property
    def goes_on(self) -> bool:
        return bool(self._calls)

    @property
    def due(self) -> float | None:
        """When to look again, while it goes on."""
        tell_at = self._telling.due
        return self._until if tell_at is None else min(tell_at, self._until)

    def begins(self, call_id: str, now: float, event_id: int | None = None) -> None:
        """``event_id``: of a request, whose end may not be told."""
        if not self._calls:
            self._until = now + self._longest_s
        self._calls.setdefault(call_id, event_id)

    def ends(self, call_id: str, *, responds: bool = False) -> bool:
        """Whether it was the last."""
        self._responds |= responds
        if call_id not in self._calls:
            return False
        del self._calls[call_id]
        return self._over()

    def words(self, event_id: int | None) -> None:
        """The agent says what it knows now."""
        if self._responds or event_id is None:
            return
        requests = [c for c, at in self._calls.items() if at is not None and at < event_id]
        for call_id in requests:
            del self._calls[call_id]
        if requests:
            self._over()

    def is_too_long(self, now: float) -> bool:
        return bool(self._calls) and now >= self._until

    def tell(self, now: float) -> list[Output]:
        """To the core, which awaits the reply."""
        return self._telling.tell(now)

    def stop(self) -> None:
        """Nobody waits for what comes of it."""
        self._calls.clear()
        self._telling.over()

    def _over(self) -> bool:
        if not self._calls:
            self._telling.over()
        return not self._calls
