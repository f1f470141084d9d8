"""Which models the [wake] settings ask for, of both engines."""

from __future__ import annotations

from collections.abc import Sequence

from device.audio.wakewords.micro_models import MicroModel, find_micro_models
from device.audio.wakewords.models import (
    MICRO_PRETRAINED,
    WakeModel,
    find_wake_models,
    is_own,
    word_name,
)
from device.settings import WakeSettings


def first_models(wake: WakeSettings) -> tuple[WakeModel, ...]:
    """openWakeWord's models; none where microWakeWord listens alone. Raises ModelError."""
    return () if listens_alone(wake) else find_wake_models(wake.words)


def second_models(wake: WakeSettings) -> tuple[MicroModel, ...]:
    """microWakeWord's: of all words where it listens alone, of those that it is to confirm,
    or none. Raises ModelError."""
    if listens_alone(wake):
        return find_micro_models(wake.words)
    return find_micro_models(confirmed_words(wake.words)) if wake.confirm else ()


def noise_models(wake: WakeSettings) -> tuple[MicroModel, ...]:
    """microWakeWord's, of the words that it is to find as well where it is loud
    (``wakewords/noise.py``): those that both know. None where it listens anyway. Raises
    ModelError."""
    if listens_alone(wake) or wake.confirm:
        return ()
    common = [word for word in confirmed_words(wake.words) if word_name(word) in MICRO_PRETRAINED]
    return find_micro_models(common)


def wake_models(wake: WakeSettings) -> tuple[WakeModel, ...]:
    """Every model that these settings load, with its licence. Raises ModelError."""
    return (*first_models(wake), *second_models(wake), *noise_models(wake))


def listens_alone(wake: WakeSettings) -> bool:
    """Whether microWakeWord is the only engine. With ``confirm`` both listen, whichever is
    chosen."""
    return wake.engine == "micro" and not wake.confirm


def confirmed_words(words: Sequence[str]) -> tuple[str, ...]:
    """Those of ``words`` that a second engine is asked about: all but files of one's own,
    which only one engine knows."""
    return tuple(word for word in words if not is_own(word))
