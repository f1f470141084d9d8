"""Does what was said sound finished? A thread of its own, because the answer takes long.

On a server core a check takes some 70 ms, on a Raspberry Pi several times that: the ear
cannot wait. A question that comes while another is worked on replaces one that still waits; an
answer that comes late is for the core to ignore.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from device.errors import ModelError
from device.events import TurnJudged
from device.ports import Post, Samples

log = logging.getLogger(__name__)


class Judge(Protocol):
    """What tells it from sound (``audio/finished/verdict.py``)."""

    def probability(self, samples: Samples) -> float:
        """That the turn is over, 0 to 1, after ``samples``: mono int16 at 16 kHz."""
        ...


class TurnJudgeThread:
    """Implements :class:`device.adapters.ear.Judge`. ``load`` is called in the thread, once;
    where it raises ModelError nothing is ever judged, and the journal says so."""

    def __init__(self, load: Callable[[], Judge], post: Post) -> None:
        self._load, self._post = load, post
        self._waiting: tuple[Samples, int] | None = None
        self._bell = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to load the model."""
        self._thread = threading.Thread(target=self._run, name="turn-judge", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Nothing is posted afterwards, unless a check takes longer than a second."""
        with self._bell:
            self._stopping = True
            self._bell.notify()
        if self._thread is not None:
            self._thread.join(timeout=1.0)

    def ask(self, samples: Samples, to_frame: int) -> None:
        """Ear thread. ``samples`` may be none: then there is nothing to judge."""
        if not len(samples):
            return
        with self._bell:
            self._waiting = (samples, to_frame)
            self._bell.notify()

    def _run(self) -> None:
        try:
            judge = self._load()
        except ModelError as error:
            log.warning(
                "the end of a turn is told by silence alone: %s%s",
                error,
                f" ({error.hint})" if error.hint else "",
            )
            return
        while (question := self._next()) is not None:
            samples, to_frame = question
            try:
                finished = judge.probability(samples)
            except Exception:  # whatever it is, silence ends the turns as well
                log.exception("the end of a turn is told by silence alone from now on")
                return
            self._post(TurnJudged(finished, to_frame))

    def _next(self) -> tuple[Samples, int] | None:
        with self._bell:
            self._bell.wait_for(lambda: self._stopping or self._waiting is not None)
            question, self._waiting = self._waiting, None
            return None if self._stopping else question
