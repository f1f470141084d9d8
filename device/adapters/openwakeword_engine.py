"""`engine = "openwakeword"`: the wake engine that is the openwakeword package itself.

Optional; ``scripts/install-openwakeword`` brings the package without its
``tflite-runtime`` pin. The package imports ``tflite_runtime.interpreter`` by
name. LiteRT is that library under its new name, with the same ``Interpreter``
class; so where tflite-runtime is not installed, LiteRT is registered under the
old name before the package loads. The package is not changed, and it is given
the same model files as parlor's own runner.

``python -m device.adapters.openwakeword_engine`` checks an installation.
"""

from __future__ import annotations

import copy
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from device.audio.wake import CHUNK_SAMPLES, warm_up_noise
from device.audio.wakewords.models import PRETRAINED, FeatureModels, WakeModel, feature_models
from device.audio.wakewords.models import find_wake_models as find
from device.errors import ModelError
from device.ports import Samples

_SPECTRUM_OVERLAP = 480  # the samples before a chunk that the package looks back at


class OpenWakeWordEngine:
    """Implements :class:`device.ports.WakeEngine`; one thread at a time.

    Raises :class:`ModelError` when the package is not installed or refuses a model.
    """

    def __init__(self, models: Sequence[WakeModel], features: FeatureModels | None = None) -> None:
        features = features or feature_models()
        # Its own name for a model is the file's; ours may be looked up by it.
        self._names = {model.path.stem: model.word for model in models}
        package = _import_package()
        try:
            self._model: Any = package.Model(
                wakeword_models=[str(model.path) for model in models],
                inference_framework="tflite",
                melspec_model_path=str(features.melspectrogram),
                embedding_model_path=str(features.embedding),
            )
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"openwakeword refuses a model: {' '.join(str(error).split())}",
                hint="replace the file: it may be damaged, or made for something else",
            ) from error
        noise = warm_up_noise()
        for start in range(0, len(noise), CHUNK_SAMPLES):
            self._model.predict(noise[start : start + CHUNK_SAMPLES])
        self._keep_warm_state()

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self._names.values())

    def score(self, chunk: Samples) -> dict[str, float]:
        """Score 1280 mono int16 samples at 16 kHz: word -> 0..1."""
        if len(chunk) != CHUNK_SAMPLES:
            raise ValueError(f"a chunk has {CHUNK_SAMPLES} samples, not {len(chunk)}")
        scores = self._model.predict(chunk)
        return {word: float(scores[name]) for name, word in self._names.items()}

    def reset(self) -> None:
        """Forget what was heard: back to the state after the warm-up.

        Not the package's own ``reset``: that fills its buffers with loud noise
        and takes a good part of a second.
        """
        buffers = self._model.preprocessor
        buffers.raw_data_buffer.clear()
        buffers.raw_data_buffer.extend(self._sound)
        buffers.melspectrogram_buffer = self._spectrum
        buffers.feature_buffer = self._embeddings
        self._model.prediction_buffer = copy.deepcopy(self._predictions)

    def _keep_warm_state(self) -> None:
        buffers = self._model.preprocessor
        self._sound = list(buffers.raw_data_buffer)[-_SPECTRUM_OVERLAP:]
        # The package replaces these two arrays at each step and never writes into them.
        self._spectrum = buffers.melspectrogram_buffer
        self._embeddings = buffers.feature_buffer
        # It reports 0 until a word has five predictions; the warm-up's count.
        self._predictions = copy.deepcopy(self._model.prediction_buffer)


def _import_package() -> ModuleType:
    if importlib.util.find_spec("openwakeword") is None:
        raise ModelError(
            "the openwakeword package is not installed",
            hint='run scripts/install-openwakeword, or set engine = "litert"',
        )
    try:
        _provide_tflite_runtime()
        import openwakeword  # noqa: PLC0415
    except ImportError as error:
        raise ModelError(
            f"the openwakeword package cannot be loaded: {error}",
            hint='run scripts/install-openwakeword again, or set engine = "litert"',
        ) from error
    package: ModuleType = openwakeword
    return package


def _provide_tflite_runtime() -> None:
    if "tflite_runtime" in sys.modules or importlib.util.find_spec("tflite_runtime"):
        return
    from ai_edge_litert import interpreter  # noqa: PLC0415

    stand_in = ModuleType("tflite_runtime", "LiteRT under the name it had before")
    stand_in.interpreter = interpreter  # type: ignore[attr-defined]
    sys.modules["tflite_runtime"] = stand_in
    sys.modules["tflite_runtime.interpreter"] = interpreter


def _check() -> None:
    """Load every pretrained word and score silence; raises when that fails."""
    engine = OpenWakeWordEngine(find(PRETRAINED))
    scores = engine.score(warm_up_noise()[:CHUNK_SAMPLES])
    if set(scores) != set(PRETRAINED) or max(scores.values()) > 0.5:
        raise ModelError(f"openwakeword scores silence {scores}")


if __name__ == "__main__":
    _check()
