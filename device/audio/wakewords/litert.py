"""openWakeWord's streaming pipeline on numpy and LiteRT: parlor's own wake engine.

Every 80 ms: the newest 1760 samples become eight frames of a 32-band mel
spectrogram, the newest 76 of those one 96-number embedding (Google's
speech_embedding model), the newest 16 embeddings (or what a word's model asks
for) one score per word. The algorithm is that of openWakeWord by David
Scripka (Apache-2.0); its package is the judge in ``tests/judges``. It costs a
third less CPU than the package, since nothing is kept that is not used.

Nearly all of that is the embedding's. So it may *rest* while nothing stands out of a quiet
room: only the mel spectrogram goes on then, and the first chunk that stands out has all
embeddings made up for, a few a chunk, from the spectrogram that was kept. From 0.4 s behind it
on the scores are those of an engine that never rested, to the last bit; no wake word is so short.

LiteRT's ``invoke`` releases the GIL, so another thread (the button's cut) runs
while a model does; only the numpy steps between the models hold it.
``scripts/bench_parts/hearing.py`` measures that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device.audio.levels import level_db
from device.audio.wake import CHUNK_SAMPLES, warm_up_noise
from device.audio.wakewords.models import FeatureModels, WakeModel, feature_models
from device.errors import ModelError
from device.ports import Samples

_Floats = NDArray[np.float32]
_Run = Callable[[_Floats], _Floats]

_OVERLAP = 480  # samples before the chunk that its first mel windows reach back to
_MEL_FRAMES, _MEL_BANDS, _EMBEDDING = 76, 32, 96
_NEW_MEL_FRAMES = 8  # per chunk

FLOOR_CHUNKS = 40
"""The room's floor is the quietest of so many chunks (3.2 s)."""

NOISY_DB = -50.0
"""dBFS: above such a floor it does not rest: there a word may stand out by next to nothing."""

STANDS_OUT_DB, FAINT_DB = 4.0, -66.0
"""A chunk stands out that is so much above the floor, and louder than a whisper at 5 m."""

HOLD_CHUNKS = 6
"""It goes on for so long (0.5 s) behind the last that did: the word's score comes late."""

CATCH_UP = 4
"""Embeddings at most a chunk: what it costs to catch up is spread over 0.4 s."""


@dataclass(frozen=True)
class _Word:
    name: str
    run: _Run
    embeddings: int  # how many it looks at


class LitertWake:
    """Implements :class:`device.ports.WakeEngine`; one thread at a time.

    ``rests``: it costs next to nothing while nothing stands out of a quiet room; chunks that it
    does not look at score 0. Raises :class:`ModelError` when a file is not a model of the right
    shape.
    """

    def __init__(
        self,
        models: Sequence[WakeModel],
        features: FeatureModels | None = None,
        *,
        rests: bool = False,
    ) -> None:
        features = features or feature_models()
        self._mel, _ = _load(
            features.melspectrogram,
            (1, _OVERLAP + CHUNK_SAMPLES),
            (1, 1, _NEW_MEL_FRAMES, _MEL_BANDS),
        )
        self._embed, _ = _load(
            features.embedding, (1, _MEL_FRAMES, _MEL_BANDS, 1), (1, 1, 1, _EMBEDDING)
        )
        self._words = tuple(_load_word(model) for model in models)
        history = max((word.embeddings for word in self._words), default=1)
        self._sound = np.zeros((1, _OVERLAP + CHUNK_SAMPLES), np.float32)
        kept = _MEL_FRAMES + (history - 1) * _NEW_MEL_FRAMES if rests else _MEL_FRAMES
        self._spectrum = np.ones((1, kept, _MEL_BANDS, 1), np.float32)
        self._attention = _Attention() if rests else None
        self._history, self._behind = history, 0  # chunks whose embedding is not made
        self._embeddings = np.zeros((1, history, _EMBEDDING), np.float32)
        self._state = (self._sound, self._spectrum, self._embeddings)
        noise = warm_up_noise()
        for start in range(0, len(noise), CHUNK_SAMPLES):
            self.score(noise[start : start + CHUNK_SAMPLES])
        self._warm = tuple(part.copy() for part in self._state)
        self.reset()

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(word.name for word in self._words)

    def score(self, chunk: Samples) -> dict[str, float]:
        """Score 1280 mono int16 samples at 16 kHz: word -> 0..1.

        Raises ``ValueError`` for any other number of samples.
        """
        if len(chunk) != CHUNK_SAMPLES:
            raise ValueError(f"a chunk has {CHUNK_SAMPLES} samples, not {len(chunk)}")
        sound, spectrum, embeddings = self._sound, self._spectrum, self._embeddings
        sound[0, :_OVERLAP] = sound[0, CHUNK_SAMPLES:].copy()
        sound[0, _OVERLAP:] = chunk
        spectrum[0, :-_NEW_MEL_FRAMES] = spectrum[0, _NEW_MEL_FRAMES:].copy()
        # The scaling that openWakeWord trained its models with.
        spectrum[0, -_NEW_MEL_FRAMES:, :, 0] = self._mel(sound)[0, 0] / 10 + 2
        self._behind = min(self._behind + 1, self._history)
        if self._attention is None or self._attention.wanted(chunk):
            self._catch_up()
        if self._behind:
            return dict.fromkeys(self.words, 0.0)
        return {
            word.name: float(word.run(embeddings[:, -word.embeddings :])[0, 0])
            for word in self._words
        }

    def _catch_up(self) -> None:
        """Make the embeddings that are owed, the oldest first, some of them."""
        spectrum, embeddings = self._spectrum, self._embeddings
        for _ in range(min(self._behind, CATCH_UP)):
            self._behind -= 1
            end = spectrum.shape[1] - self._behind * _NEW_MEL_FRAMES
            embeddings[0, :-1] = embeddings[0, 1:].copy()
            embeddings[0, -1] = self._embed(spectrum[:, end - _MEL_FRAMES : end])[0, 0, 0]

    def reset(self) -> None:
        """Forget what was heard: back to the state after the warm-up."""
        self._behind = 0
        if self._attention is not None:
            self._attention.reset()
        for part, warm in zip(self._state, self._warm, strict=True):
            part[:] = warm


class _Attention:
    """Whether the next chunk is worth a look."""

    def __init__(self) -> None:
        self._levels_db: deque[float] = deque(maxlen=FLOOR_CHUNKS)
        self.reset()

    def reset(self) -> None:
        """Nothing is known of the room: everything is looked at."""
        self._levels_db.clear()
        self._hold = 0

    def wanted(self, chunk: Samples) -> bool:
        level = level_db(chunk)
        self._levels_db.append(level)
        floor = min(self._levels_db)
        known = len(self._levels_db) == FLOOR_CHUNKS and floor < NOISY_DB
        if not known or level > max(floor + STANDS_OUT_DB, FAINT_DB):
            self._hold = HOLD_CHUNKS
            return True
        self._hold -= 1
        return self._hold >= 0


def check_word_model(model: WakeModel) -> None:
    """Load one word's model and run it once, some ms: raises :class:`ModelError` when it is
    not of the right shape, ImportError without LiteRT."""
    _load_word(model)


def _load_word(model: WakeModel) -> _Word:
    run, shape = _load(model.path, (1, None, _EMBEDDING), (1, 1))
    return _Word(model.word, run, shape[1])


def _load(
    path: Path, takes: tuple[int | None, ...], gives: tuple[int, ...]
) -> tuple[_Run, tuple[int, ...]]:
    """A function that runs the model, and the shape it takes (None: any)."""
    # Imported here: 34 MB that only this engine needs.
    from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415

    try:
        interpreter = Interpreter(model_path=str(path), num_threads=1)
        (into,) = interpreter.get_input_details()
        shape = tuple(
            int(has) if wants is None else wants
            for has, wants in zip(into["shape"], takes, strict=True)
        )
        # strict: a model made for another shape refuses instead of computing nonsense.
        interpreter.resize_tensor_input(into["index"], shape, strict=True)
        interpreter.allocate_tensors()
        interpreter.set_tensor(into["index"], np.zeros(shape, np.float32))
        interpreter.invoke()
        (out,) = interpreter.get_output_details()
        if tuple(interpreter.get_tensor(out["index"]).shape) != gives:
            raise ValueError(f"it gives {tuple(out['shape'])}, not {gives}")
    except (ValueError, RuntimeError) as error:
        raise ModelError(
            f"{path} is not a usable openWakeWord model: {' '.join(str(error).split())}",
            hint="replace the file: it may be damaged, or made for something else",
        ) from error
    source, target = into["index"], out["index"]

    def run(values: _Floats) -> _Floats:
        interpreter.set_tensor(source, values)
        interpreter.invoke()
        result: _Floats = interpreter.get_tensor(target)
        return result

    return run, shape
