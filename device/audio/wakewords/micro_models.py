"""microWakeWord's models: where they come from, and what each counts as its word.

The pretrained ones are the files in ``pymicro-wakeword``'s wheel, which is installed
for them alone and never imported (it would load a TensorFlow Lite of its own). Beside
each model stands a JSON file, whose format is microWakeWord's (version 2): it names the
cutoff, and over how many probabilities the mean is taken that is held against it.
"""

from __future__ import annotations

import difflib
import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from device.audio.wakewords.models import (
    MICRO_LICENCE,
    MICRO_PRETRAINED,
    PRETRAINED,
    WakeModel,
    own_model,
    refuse_doubles,
    word_name,
)
from device.errors import ModelError

_PACKAGE = "pymicro_wakeword"
_REINSTALL = "run scripts/run again, it installs the models (pymicro-wakeword)"
_MOST_PROBABILITIES = 100  # a mean over more than 3 s would hear no word


@dataclass(frozen=True)
class MicroModel(WakeModel):
    """``window`` probabilities, one per inference, are averaged; the word was said where
    their mean exceeds ``cutoff`` (between 0 and 1, both excluded)."""

    cutoff: float = 0.9
    window: int = 5


def find_micro_models(words: Sequence[str]) -> tuple[MicroModel, ...]:
    """The models for ``words``: names of :data:`MICRO_PRETRAINED` or paths of .tflite files,
    which want their .json file beside them.

    Raises :class:`ModelError` for a word without a model, a missing or unusable file, or
    two models for one word.
    """
    return refuse_doubles(tuple(_find(word) for word in words))


def _find(word: str) -> MicroModel:
    if (own := own_model(word)) is not None:
        return _described(own)
    name = word_name(word)
    if name not in MICRO_PRETRAINED:
        raise ModelError(f"microWakeWord has no model for {word}", hint=_suggestion(name))
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelError("microWakeWord's models are not installed", hint=_REINSTALL)
    path = Path(spec.origin).parent / "models" / f"{name}.tflite"
    if not path.is_file():
        raise ModelError(f"the wake-word model {path} is missing", hint=_REINSTALL)
    return _described(WakeModel(name, path, MICRO_LICENCE))


def _suggestion(name: str) -> str:
    if name in PRETRAINED:
        return f'choose from {", ".join(MICRO_PRETRAINED)}, or engine = "litert" without confirm'
    near = difflib.get_close_matches(name, MICRO_PRETRAINED, n=1, cutoff=0.5)
    did_you_mean = f"did you mean {near[0]}? " if near else ""
    known = ", ".join(MICRO_PRETRAINED)
    return f"{did_you_mean}choose from {known}, or give the path of a .tflite file"


def _described(model: WakeModel) -> MicroModel:
    """With what its JSON file says of it."""
    path = model.path.with_suffix(".json")
    hint = "put the .json file that belongs to the model beside it; microWakeWord makes both"
    if not path.is_file():
        raise ModelError(f"there is no {path}, which describes {model.path.name}", hint=hint)
    try:
        micro = json.loads(path.read_text(encoding="utf-8"))["micro"]
        cutoff, window = float(micro["probability_cutoff"]), int(micro["sliding_window_size"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} does not describe a microWakeWord model", hint=hint) from error
    if not (0.0 < cutoff < 1.0 and 1 <= window <= _MOST_PROBABILITIES):
        raise ModelError(
            f"{path} says probability_cutoff {cutoff:g} and sliding_window_size {window}; "
            f"expected a cutoff between 0 and 1, and 1 to {_MOST_PROBABILITIES} probabilities",
            hint=hint,
        )
    return MicroModel(model.word, model.path, model.licence, cutoff, window)
