"""Commands that wait for a session: audio is bounded by its length, all else by its number.

Pure and single-threaded; used by the link for all that is not sent yet, and by a
codec for what comes before its session is usable.
"""

from __future__ import annotations

from collections import deque

from device.commands import AbandonTurn, AppendAudio, ClearInput, CommitTurn, ServiceCommand

#: Adjacent audio is joined to messages of at most this many bytes (100 ms at 24 kHz).
JOIN_BYTES = 4800
#: Commands other than audio that may wait: far more than any stall leaves behind.
MOST_COMMANDS = 256


class Backlog:
    """First in, first out. ``audio_limit`` is the audio that may wait, in bytes of PCM.
    Beyond a limit the oldest of its kind goes."""

    def __init__(self, audio_limit: int) -> None:
        self._queue: deque[ServiceCommand] = deque()
        self._limit = audio_limit
        self._audio = 0
        self._others = 0

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def audio_bytes(self) -> int:
        """PCM that waits."""
        return self._audio

    def push(self, command: ServiceCommand) -> int:
        """Add ``command``; returns the bytes of old audio that had to go for it."""
        if isinstance(command, ClearInput):
            self._forget_uncommitted()
        elif isinstance(command, AbandonTurn):
            self._forget_turn()
        if not isinstance(command, AppendAudio):
            self._queue.append(command)
            self._others += 1
            if self._others > MOST_COMMANDS:
                del self._queue[self._oldest(audio=False)]
                self._others -= 1
            return 0
        if not command.pcm:
            return 0
        self._queue.append(command)
        self._audio += len(command.pcm)
        return self._shed()

    def pop(self) -> ServiceCommand:
        """Take the oldest command; small pieces of audio in a row come as one.

        Raises:
            IndexError: it is empty.
        """
        command = self._queue.popleft()
        if not isinstance(command, AppendAudio):
            self._others -= 1
            return command
        pieces = [command.pcm]
        size = len(command.pcm)
        while self._queue:
            following = self._queue[0]
            if not isinstance(following, AppendAudio) or size + len(following.pcm) > JOIN_BYTES:
                break
            self._queue.popleft()
            pieces.append(following.pcm)
            size += len(following.pcm)
        self._audio -= size
        return command if len(pieces) == 1 else AppendAudio(b"".join(pieces))

    def clear(self) -> None:
        self._queue.clear()
        self._audio = self._others = 0

    def _shed(self) -> int:
        """Drop the oldest audio, wherever it stands between other commands."""
        lost = 0
        while self._audio - lost > self._limit:
            index = self._oldest(audio=True)
            oldest = self._queue[index]
            assert isinstance(oldest, AppendAudio)
            lost += len(oldest.pcm)
            del self._queue[index]
        self._audio -= lost
        return lost

    def _oldest(self, *, audio: bool) -> int:
        """Where the oldest piece of audio stands, or the oldest of all else."""
        queue = enumerate(self._queue)
        return next(i for i, c in queue if isinstance(c, AppendAudio) is audio)

    def _forget_uncommitted(self) -> None:
        """Words that were never sent need not be sent only to be cleared."""
        kept: deque[ServiceCommand] = deque()
        committed = False
        for command in reversed(self._queue):
            committed = committed or isinstance(command, CommitTurn)
            if isinstance(command, AppendAudio) and not committed:
                self._audio -= len(command.pcm)
            else:
                kept.appendleft(command)
        self._queue = kept

    def _forget_turn(self) -> None:
        """Nor must a turn that was never sent be sent only to be taken back."""
        kept: deque[ServiceCommand] = deque(
            c for c in self._queue if not isinstance(c, AppendAudio | CommitTurn)
        )
        self._queue, self._audio, self._others = kept, 0, len(kept)
