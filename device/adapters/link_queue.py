"""What waits for a session, and what a session was given of the turn under way. Pure.

A session that dies takes with it what it was told. The audio of a turn is therefore
kept until the service has said that it took the turn (``TurnCommitted``) or the turn
is taken back (``ClearInput``). When the session is lost before, the audio moves back
to the front, and the next session, which has heard nothing, hears the turn from its start.
"""

from __future__ import annotations

from device.commands import AppendAudio, ClearInput, CommitTurn, ServiceCommand
from device.providers.backlog import Backlog


class LinkQueue:
    """``audio_limit`` bounds what waits and what was given, each, in bytes of PCM: of a
    longer turn the oldest goes."""

    def __init__(self, audio_limit: int) -> None:
        self._waiting = Backlog(audio_limit)
        self._given = Backlog(audio_limit)

    def __len__(self) -> int:
        """Commands that wait."""
        return len(self._waiting)

    @property
    def audio_bytes(self) -> int:
        """PCM that waits."""
        return self._waiting.audio_bytes

    def push(self, command: ServiceCommand) -> int:
        """Add ``command``; returns the bytes of old audio that had to go for it."""
        dropped = self._waiting.push(command)
        if dropped:
            self._given.clear()  # the end of a turn makes sense, a turn with a hole does not
        return dropped

    def pop(self) -> ServiceCommand:
        """Give a session the oldest command.

        Raises:
            IndexError: nothing waits.
        """
        command = self._waiting.pop()
        if isinstance(command, ClearInput):
            self._given.clear()
        elif isinstance(command, AppendAudio | CommitTurn):
            self._given.push(command)
        return command

    def turn_taken(self) -> None:
        """The service has the turn: all up to the oldest commit of ours that it has not
        answered, or, when it ends the turns itself, all that it was given."""
        while self._given:
            if isinstance(self._given.pop(), CommitTurn):
                return

    def rewind(self) -> int:
        """The session is lost: what it was given of the turn waits again, in its order.

        Whatever else waited (cancel, truncate, tool results) was about the lost session.
        Returns the bytes of old audio that had to go.
        """
        turn = [q.pop() for q in (self._given, self._waiting) for _ in iter(q.__len__, 0)]
        dropped = 0
        for command in turn:
            if isinstance(command, ClearInput):
                self._waiting.clear()
            elif isinstance(command, AppendAudio | CommitTurn):
                dropped += self._waiting.push(command)
        return dropped

    def clear(self) -> None:
        self._waiting.clear()
        self._given.clear()
