"""The voice worker: one thread that owns the synthesiser, for all who want something said.

Sentences are taken in the order they were asked for. A sentence takes some tens
of milliseconds, so a long reply holds up nobody: its next sentence queues again.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from device.errors import ParlorError
from device.voice.synthesis import Samples, Synthesiser

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Sentence:
    """One job. ``on_audio`` and ``on_done`` are called in the worker thread;
    ``on_done`` gets None or what went wrong, and is not called after ``stop``."""

    text: str
    voice: str
    speed: float
    on_audio: Callable[[bytes], None]
    on_done: Callable[[str | None], None]
    _stopped: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """Any thread. Nothing more is reported from here on, but for a call under way."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()


class Speaker:
    """Create, ``start``, ``say`` from any thread, ``stop``."""

    def __init__(self, create: Callable[[], Synthesiser]) -> None:
        self._create = create
        self._jobs: queue.SimpleQueue[Sentence | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="voice", daemon=True)
        self._loaded = threading.Event()
        self._failure: Exception | None = None
        self._default_voice = ""

    def start(self) -> None:
        """Load the synthesiser in its thread; ``wait_loaded`` tells when."""
        self._thread.start()

    def wait_loaded(self) -> None:
        """Blocks. Raises what loading ended in: a ModelError, as a rule."""
        self._loaded.wait()
        if self._failure is not None:
            raise self._failure

    @property
    def default_voice(self) -> str:
        """Of the loaded synthesiser; empty before."""
        return self._default_voice

    def say(self, sentence: Sentence) -> None:
        """Any thread. Where the synthesiser could not be loaded, ``on_done`` says so."""
        self._jobs.put(sentence)

    def stop(self) -> None:
        """Finish the sentence under way, free the synthesiser; waits at most 1 s."""
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join(1.0)

    def _run(self) -> None:
        synthesiser = self._load()
        while (sentence := self._jobs.get()) is not None:
            if sentence.stopped:
                continue
            if synthesiser is not None:
                _speak(synthesiser, sentence)
            else:
                sentence.on_done(str(self._failure))
        if synthesiser is not None:
            synthesiser.close()

    def _load(self) -> Synthesiser | None:
        try:
            synthesiser = self._create()
            self._default_voice = synthesiser.voices[0]
            synthesiser.speak("a", lambda _samples: True)  # warm: loads the voice's data
            return synthesiser
        except Exception as error:  # noqa: BLE001 - raised in wait_loaded, told to who asks
            self._failure = error
            return None
        finally:
            self._loaded.set()


def _speak(synthesiser: Synthesiser, sentence: Sentence) -> None:
    def sink(samples: Samples) -> bool:
        if not sentence.stopped:
            sentence.on_audio(samples.tobytes())
        return not sentence.stopped

    failure = None
    try:
        synthesiser.speak(sentence.text, sink, voice=sentence.voice, speed=sentence.speed)
    except ParlorError as error:
        failure = str(error)
    except Exception as error:
        # Whatever it was, the next sentence may go well: the voice must not die of this one.
        log.exception("the voice failed")
        failure = f"internal error: {type(error).__name__}"
    if not sentence.stopped:
        sentence.on_done(failure)
