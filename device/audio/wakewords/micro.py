"""`engine = "micro"`: microWakeWord's models on LiteRT, the second wake engine.

microWakeWord (Kevin Ahrendt, Apache-2.0) was made for microcontrollers: every 10 ms forty
mel energies from TensorFlow Lite Micro's audio front end (``pymicro_features``; noise
suppression and gain control included), every 30 ms one inference per word of a streaming
network that keeps its history in its own variables. The word was said where the mean of
the latest few probabilities exceeds the model's cutoff.

Its models run on the LiteRT that openWakeWord's run on, so no second TensorFlow Lite is
loaded. Against ``pymicro_wakeword``, which brings one, single probabilities differ by up
to 0.04 (other kernels), and the decisions agree: ``tests/hearing/test_wake_micro.py``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from device.audio.wake import CHUNK_SAMPLES, RATE_HZ, LateScores, warm_up_noise
from device.audio.wakewords.micro_models import MicroModel
from device.errors import ModelError
from device.ports import Samples

_Floats = NDArray[np.float32]

_HOP = RATE_HZ // 100  # samples per set of features; the front end takes just so many
_FEATURES = 40
_WARM_UP_CHUNKS = 25  # 2 s: the front end's noise estimate and every model's history


LATE_MS = 240
"""How much later than openWakeWord it finds a word: median of 235 recordings of "alexa",
in which openWakeWord's first chunk above the threshold lies near the word's end. Without
taking it off, the uplink would begin in the question (``audio/wakewords/word_end.py``)."""


class MicroWake:
    """Implements :class:`device.ports.WakeEngine`; one thread at a time.

    Raises :class:`ModelError` when a file is not a model of the right shape, or the
    front end is not installed.
    """

    def __init__(self, models: Sequence[MicroModel]) -> None:
        self._frontend = _frontend()
        self._words = tuple(_Word(model) for model in models)
        self.reset()

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(word.name for word in self._words)

    def score(self, chunk: Samples) -> LateScores:
        """Score 1280 mono int16 samples at 16 kHz: word -> 0..1, see :func:`score_of`.

        Of the two or three inferences in a chunk the highest mean counts. Raises
        ``ValueError`` for any other number of samples.
        """
        if len(chunk) != CHUNK_SAMPLES:
            raise ValueError(f"a chunk has {CHUNK_SAMPLES} samples, not {len(chunk)}")
        best = dict.fromkeys(self.words, 0.0)
        for start in range(0, CHUNK_SAMPLES, _HOP):
            heard = self._frontend.process_samples(chunk[start : start + _HOP].tobytes())
            if heard.features:  # none for the first 20 ms: its window is 30 ms long
                features = np.array(heard.features, np.float32)
                for word in self._words:
                    best[word.name] = max(best[word.name], word.hear(features))
        return LateScores(best, LATE_MS)

    def reset(self) -> None:
        """Forget what was heard: back to the state after the warm-up (15 ms with four words)."""
        self._frontend.reset()
        for word in self._words:
            word.reset()
        noise = warm_up_noise()
        for start in range(0, _WARM_UP_CHUNKS * CHUNK_SAMPLES, CHUNK_SAMPLES):
            self.score(noise[start : start + CHUNK_SAMPLES])


def score_of(mean: float, cutoff: float) -> float:
    """A mean probability on the scale that all engines share: the model's cutoff is 0.5.

    Models differ in their cutoff (0.85 to 0.97); a threshold of 0.5 is each one's own.
    Below and above, the scale is straight: 0.25 is half the cutoff, 0.75 halfway from it
    to certainty.
    """
    if mean <= cutoff:
        return 0.5 * mean / cutoff
    return 0.5 + 0.5 * (mean - cutoff) / (1.0 - cutoff)


def check_micro_model(model: MicroModel) -> None:
    """Load one word's model and run it once: raises :class:`ModelError` when it is not of
    the right shape, ImportError without LiteRT."""
    _Word(model)


class _Word:
    """One streaming network, and the latest of its probabilities."""

    def __init__(self, model: MicroModel) -> None:
        self.name = model.word
        self._cutoff = model.cutoff
        self._run, self._forget, stride = _load(model.path)
        self._features = np.zeros((stride, _FEATURES), np.float32)
        self._waiting = 0  # of those, filled
        self._probabilities: deque[float] = deque(maxlen=model.window)

    def hear(self, features: _Floats) -> float:
        """The score after the next 10 ms; 0 where they complete no inference."""
        self._features[self._waiting] = features
        self._waiting += 1
        if self._waiting < len(self._features):
            return 0.0
        self._waiting = 0
        self._probabilities.append(self._run(self._features))
        if len(self._probabilities) < (self._probabilities.maxlen or 0):
            return 0.0
        return score_of(sum(self._probabilities) / len(self._probabilities), self._cutoff)

    def reset(self) -> None:
        self._forget()
        self._waiting = 0
        self._probabilities.clear()


class _Features(Protocol):
    """What the front end makes of 10 ms: ``features`` is empty until its window is full."""

    features: list[float]


class _Frontend(Protocol):
    """The part of ``pymicro_features.MicroFrontend`` that is used here."""

    def process_samples(self, audio: bytes) -> _Features: ...

    def reset(self) -> None: ...


def _frontend() -> _Frontend:
    try:
        # Imported here: only this engine needs it.
        from pymicro_features import (  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415
            MicroFrontend,
        )
    except ImportError as error:
        raise ModelError(
            f"microWakeWord's audio front end cannot be loaded: {error}",
            hint="run scripts/run again, it installs what is missing (pymicro-features)",
        ) from error
    frontend: _Frontend = MicroFrontend()
    return frontend


def _load(path: Path) -> tuple[Callable[[_Floats], float], Callable[[], None], int]:
    """What runs the model on (stride, 40) features, what makes it forget, and its stride."""
    from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 -- 34 MB

    try:
        interpreter = Interpreter(model_path=str(path), num_threads=1)
        (into,), (out,) = interpreter.get_input_details(), interpreter.get_output_details()
        shape = tuple(int(size) for size in into["shape"])
        if len(shape) != 3 or shape[0] != 1 or shape[2] != _FEATURES:
            raise ValueError(f"it takes {shape}, not (1, any, {_FEATURES})")
        if into["dtype"] not in (np.int8, np.uint8) or out["dtype"] not in (np.int8, np.uint8):
            raise ValueError("it is not quantized to 8 bits")
        interpreter.allocate_tensors()
        interpreter.set_tensor(into["index"], np.zeros(shape, into["dtype"]))
        interpreter.invoke()
        gives = interpreter.get_tensor(out["index"]).shape
        if gives != (1, 1):
            raise ValueError(f"it gives {tuple(gives)}, not one probability")
    except (ValueError, RuntimeError) as error:
        raise ModelError(
            f"{path} is not a usable microWakeWord model: {' '.join(str(error).split())}",
            hint="replace the file: it may be damaged, or made for something else",
        ) from error
    kind = into["dtype"]
    limits = np.iinfo(kind)
    (in_scale, in_zero), (out_scale, out_zero) = into["quantization"], out["quantization"]

    def run(features: _Floats) -> float:
        # Not np.clip, whose overhead is more than the inference itself.
        quantized = np.rint(features / in_scale + in_zero)
        quantized = np.minimum(np.maximum(quantized, limits.min), limits.max)
        interpreter.set_tensor(into["index"], quantized.astype(kind)[None])
        interpreter.invoke()
        value = int(interpreter.get_tensor(out["index"])[0, 0])
        return float((value - out_zero) * out_scale)

    return run, interpreter.reset_all_variables, shape[1]
