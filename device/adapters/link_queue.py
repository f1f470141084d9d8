"""What waits for a session, and what a session was given of the turn under way. Pure.

A session that dies takes with it what it was told. The audio of a turn is therefore
kept until the service has said that it took the turn (``TurnCommitted``) or the turn
is taken back (``ClearInput``, ``AbandonTurn``). When the session is lost before, the
audio moves back to the front, and the next session, which has heard nothing, hears the
turn from its start.

A turn of which a part is no longer here is never told to another session: without its
beginning, or with a hole, it would be taken for the whole and might mean something else.
"""

from __future__ import annotations

from device.commands import AbandonTurn, AppendAudio, ClearInput, CommitTurn, ServiceCommand
from device.providers.backlog import Backlog


class LinkQueue:
    """``audio_limit`` bounds what waits and what was given, each, in bytes of PCM: of a
    longer turn the oldest goes."""

    def __init__(self, audio_limit: int) -> None:
        self._limit = audio_limit
        self._waiting = Backlog(audio_limit)
        self._given = Backlog(audio_limit)
        self._forgotten = 0  # bytes of the turn that a session was given, and nobody keeps
        self._has_hole = False  # a part of the turn is gone
        self._is_lost = False  # with its session: the rest of it goes nowhere

    def __len__(self) -> int:
        """Commands that wait."""
        return len(self._waiting)

    @property
    def audio_bytes(self) -> int:
        """PCM that waits."""
        return self._waiting.audio_bytes

    def push(self, command: ServiceCommand) -> int:
        """Add ``command``; returns the bytes of audio that had to go."""
        if isinstance(command, ClearInput | AbandonTurn):
            self._is_lost = False
        elif self._is_lost and isinstance(command, AppendAudio | CommitTurn):
            return len(command.pcm) if isinstance(command, AppendAudio) else 0
        dropped = self._waiting.push(command)
        self._has_hole |= dropped > 0
        return dropped

    def pop(self) -> ServiceCommand:
        """Give a session the oldest command.

        Raises:
            IndexError: nothing waits.
        """
        command = self._waiting.pop()
        if isinstance(command, ClearInput | AbandonTurn):
            self._forget_turn()
        elif isinstance(command, AppendAudio | CommitTurn):
            self._forgotten += self._given.push(command)
            self._has_hole |= self._forgotten > 0
        return command

    def turn_taken(self) -> None:
        """The service has the turn: all up to the oldest commit of ours that it has not
        answered, or, when it ends the turns itself, all that it was given."""
        self._forgotten = 0
        self._has_hole = self._is_lost = False
        while self._given:
            if isinstance(self._given.pop(), CommitTurn):
                return

    def rewind(self) -> int:
        """The session is lost: what it was given of the turn waits again, in its order.

        Whatever else waited (cancel, truncate, tool results) was about the lost session.
        Returns the bytes of audio that go with it: none, or all of a turn that is not whole.
        """
        turn = [q.pop() for q in (self._given, self._waiting) for _ in iter(q.__len__, 0)]
        taken_back = (isinstance(c, ClearInput | AbandonTurn) for c in turn)
        start = max((i + 1 for i, gone in enumerate(taken_back) if gone), default=0)
        if start:  # what has a hole, or was forgotten, was taken back
            self._forget_turn()
        kept = [c for c in turn[start:] if isinstance(c, AppendAudio | CommitTurn)]
        size = sum(len(c.pcm) for c in kept if isinstance(c, AppendAudio))
        if self._has_hole or size > self._limit:
            lost = size + self._forgotten
            self._forget_turn()
            self._is_lost = lost > 0
            return lost
        for command in kept:
            self._waiting.push(command)
        return 0

    def clear(self) -> None:
        self._waiting.clear()
        self._is_lost = False
        self._forget_turn()

    def _forget_turn(self) -> None:
        """Of what a session was given."""
        self._given.clear()
        self._forgotten = 0
        self._has_hole = False
