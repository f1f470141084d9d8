"""The recognition worker: one thread that owns the recogniser, for all connections.

It hears an utterance while it is being spoken. Audio of other utterances waits;
when the present one has been silent for a while and another one waits, the
worker turns to that, and later hears the first again from its beginning (its
audio is kept for that). Decoding is several times faster than speech.

Whatever the recogniser raises ends that one utterance: it is logged when it happens,
its audio is not decoded any further, and whoever waits for its end is told why.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from device.local.recognition.port import Recogniser, Recognition

PATIENCE_S = 1.0
"""An utterance that gets no audio for this long makes room for a waiting one."""

log = logging.getLogger("parlor.local")

OnDone = Callable[[Recognition | None, str], None]
"""(recognition, "") or (None, why not); called in the worker thread."""


class Heard:
    """One utterance. Created by :meth:`Listener.begin`; all methods: any thread."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.audio = bytearray()
        self.taken = 0  #: bytes the recogniser has heard since its ``begin``
        self.on_done: OnDone | None = None
        self.changed_at = 0.0
        self.failure = ""  #: why it cannot be recognised; the worker's alone

    def feed(self, pcm16k: bytes) -> None:
        with self._listener.condition:
            self.audio += pcm16k
            self._touch()

    def finish(self, on_done: OnDone) -> None:
        """No more audio comes; ``on_done`` is called once."""
        with self._listener.condition:
            self.on_done = on_done
            self._touch()

    def forget(self) -> None:
        """It is not wanted any more. ``on_done`` may still be called, if the worker is at it."""
        self._listener.remove(self)

    @property
    def has_work(self) -> bool:
        return self.taken < len(self.audio) or self.on_done is not None

    def _touch(self) -> None:
        self.changed_at = time.monotonic()
        self._listener.condition.notify()


class Listener:
    """Create, ``start``, ``begin`` utterances from any thread, ``stop``."""

    def __init__(self, create: Callable[[], Recogniser], patience_s: float = PATIENCE_S) -> None:
        self._create = create
        self._patience_s = patience_s
        self.condition = threading.Condition()
        self._open: list[Heard] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="recogniser", daemon=True)
        self._loaded = threading.Event()
        self._failure: Exception | None = None

    def start(self) -> None:
        """Load the recogniser in its thread; ``wait_loaded`` tells when."""
        self._thread.start()

    def wait_loaded(self) -> None:
        """Blocks. Raises what loading ended in: a ModelError, as a rule."""
        self._loaded.wait()
        if self._failure is not None:
            raise self._failure

    def begin(self) -> Heard:
        heard = Heard(self)
        with self.condition:
            self._open.append(heard)
        return heard

    def remove(self, heard: Heard) -> None:
        with self.condition:
            if heard in self._open:
                self._open.remove(heard)

    def stop(self) -> None:
        """Waits at most 1 s for the decoder."""
        with self.condition:
            self._stopping = True
            self.condition.notify()
        if self._thread.is_alive():
            self._thread.join(1.0)

    def _run(self) -> None:
        try:
            recogniser = self._create()
        except Exception as error:  # noqa: BLE001 - raised in wait_loaded
            self._failure = error
            return
        finally:
            self._loaded.set()
        current: Heard | None = None
        while True:
            with self.condition:
                chosen = self._wait_for_work(current)
                if chosen is None:
                    return
                fresh = chosen is not current
                if fresh:
                    chosen.taken = 0
                piece = bytes(chosen.audio[chosen.taken :])
                chosen.taken += len(piece)
                on_done = chosen.on_done
                if on_done is not None:
                    self._open.remove(chosen)
            recognition = _decode(recogniser, chosen, piece, fresh=fresh, last=on_done is not None)
            # What has failed has no claim on the recogniser any more.
            current = None if on_done is not None or chosen.failure else chosen
            if on_done is not None:
                _report(on_done, recognition, chosen.failure)

    def _wait_for_work(self, current: Heard | None) -> Heard | None:
        """The utterance to go on with; None when stopping. Holds the condition."""
        while not self._stopping:
            here = current if current is not None and current in self._open else None
            if here is not None and here.has_work:
                return here
            waiting = next((h for h in self._open if h.has_work and h is not here), None)
            if waiting is not None:
                if here is None:
                    return waiting
                idle = time.monotonic() - here.changed_at
                if idle >= self._patience_s:
                    return waiting
                self.condition.wait(self._patience_s - idle)
            else:
                self.condition.wait()
        return None


def _decode(
    recogniser: Recogniser, heard: Heard, piece: bytes, *, fresh: bool, last: bool
) -> Recognition | None:
    """The recognition when this is the ``last`` piece. None: more comes, or it failed."""
    if heard.failure:
        return None
    try:
        if fresh:
            recogniser.begin()
        if piece:
            recogniser.feed(piece)
        return recogniser.finish() if last else None
    except Exception as error:  # noqa: BLE001 - the engine is foreign code; the worker must live on
        heard.failure = f"{type(error).__name__}: {error}"
        log.error("recognition failed: %s", heard.failure)
        return None


def _report(on_done: OnDone, recognition: Recognition | None, failure: str) -> None:
    try:
        on_done(recognition, failure)
    except Exception:
        log.exception("the end of an utterance could not be told")
