"""Where wake-word models come from, what they are called, what their licence allows.

The pretrained ones are the files in ``pyopen-wakeword``'s wheel, which is
installed for them alone and never imported (it would load a TensorFlow Lite of
its own).
"""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from device.errors import ModelError

PRETRAINED = ("alexa", "hey_jarvis", "hey_mycroft", "hey_rhasspy", "okay_nabu")
"""The words that need no file of one's own."""

PRETRAINED_LICENCE = "CC BY-NC-SA 4.0"

MICRO_PRETRAINED = ("alexa", "hey_jarvis", "hey_mycroft", "okay_nabu")
"""Those of them that microWakeWord has a model for as well (``wake_micro_models``)."""

MICRO_LICENCE = "Apache-2.0"

LICENCE_NOTICE = (
    f"openWakeWord's pretrained wake words ({', '.join(PRETRAINED)}) are licensed "
    f"{PRETRAINED_LICENCE}: free for private and other non-commercial use, not for a product "
    'that is sold or a kiosk that serves customers. For those, choose engine = "micro" '
    "without confirm, or train a model of your own and name its .tflite file in [wake] words."
)
"""Shown wherever a user chooses wake words."""

MICRO_NOTICE = (
    f'microWakeWord\'s pretrained wake words ({", ".join(MICRO_PRETRAINED)}; engine = "micro") '
    f"are licensed {MICRO_LICENCE}: they may be part of what is sold. Whether a name such as "
    "Alexa may be used in a product is a matter of its owner's trade mark."
)
"""Shown beside it."""

_PACKAGE = "pyopen_wakeword"
_REINSTALL = "run scripts/run again, it installs the models (pyopen-wakeword)"


@dataclass(frozen=True)
class WakeModel:
    """One word's classifier. ``licence`` is empty for files of the user's own."""

    word: str
    path: Path
    licence: str = ""


@dataclass(frozen=True)
class FeatureModels:
    """The two models that all words share: sound to mel spectrogram to embedding."""

    melspectrogram: Path
    embedding: Path


def feature_models() -> FeatureModels:
    """Raises :class:`ModelError` when the files are not installed."""
    folder = _models_folder()
    return FeatureModels(
        _existing(folder / "melspectrogram.tflite"), _existing(folder / "embedding_model.tflite")
    )


def find_wake_models(words: Sequence[str]) -> tuple[WakeModel, ...]:
    """The models for ``words``: names of :data:`PRETRAINED` or paths of .tflite files.

    A name may be written "Hey Jarvis"; a file's word is its name without the
    suffix. Raises :class:`ModelError` for an unknown name, a missing file, or
    two models for one word.
    """
    if not words:
        raise ModelError(
            "no wake word is configured",
            hint=f"choose from {', '.join(PRETRAINED)} in [wake] words",
        )
    return refuse_doubles(tuple(_find(word) for word in words))


_Model = TypeVar("_Model", bound=WakeModel)


def refuse_doubles(models: tuple[_Model, ...]) -> tuple[_Model, ...]:
    """``models``; raises :class:`ModelError` when two are of one word."""
    names = [model.word for model in models]
    for name in names:
        if names.count(name) > 1:
            raise ModelError(
                f"two wake-word models are called {name}",
                hint="rename one of the files, or remove one from [wake] words",
            )
    return models


def is_own(word: str) -> bool:
    """Whether ``word`` is the path of a model of the user's own."""
    return word.endswith(".tflite") or "/" in word


def own_model(word: str) -> WakeModel | None:
    """The user's own model that ``word`` is the path of; None: it is a name.

    Raises :class:`ModelError` when there is no such file.
    """
    if not is_own(word):
        return None
    path = Path(word).expanduser()
    if not path.is_file():
        raise ModelError(
            f"there is no wake-word model file {path}",
            hint="correct the path in [wake] words, and check that parlor may read it",
        )
    return WakeModel(path.stem, path)


def word_name(word: str) -> str:
    """``Hey Jarvis`` may be written as people say it."""
    return word.strip().lower().replace(" ", "_").replace("-", "_")


def _find(word: str) -> WakeModel:
    if (own := own_model(word)) is not None:
        return own
    name = word_name(word)
    if name not in PRETRAINED:
        raise ModelError(f"there is no wake word called {word}", hint=_suggestion(name))
    return WakeModel(name, _existing(_models_folder() / f"{name}.tflite"), PRETRAINED_LICENCE)


def _suggestion(name: str) -> str:
    near = difflib.get_close_matches(name, PRETRAINED, n=1, cutoff=0.5)
    did_you_mean = f"did you mean {near[0]}? " if near else ""
    return f"{did_you_mean}choose from {', '.join(PRETRAINED)}, or give the path of a .tflite file"


def _models_folder() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelError("the wake-word models are not installed", hint=_REINSTALL)
    return Path(spec.origin).parent / "models"


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ModelError(f"the wake-word model {path} is missing", hint=_REINSTALL)
    return path
