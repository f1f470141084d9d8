"""What the ear tells of its own troubles, in words."""

from __future__ import annotations

import logging

from device.errors import ModelError
from device.events import NO_WAKE_WORD, WAKE_WORD_MISSING, Part, PartDegraded

log = logging.getLogger(__name__)


def tell_of_losses(periods: int) -> None:
    """In a thread of its own."""
    log.warning(
        "hearing: %d periods of microphone sound were dropped unheard, because wake word and "
        "speech detection fell too far behind: see with `top` what keeps the processor busy",
        periods,
    )


def ear_degraded(error: Exception, backoff_s: float) -> PartDegraded:
    return PartDegraded(
        Part.WAKE,
        "wake word restarting",
        f"listening failed: {type(error).__name__}: {error}",
        f"it is tried again in {backoff_s:g} s",
    )


def no_wake_word(error: Exception, words: tuple[str, ...]) -> PartDegraded:
    """``words`` are those that are heard all the same."""
    state = WAKE_WORD_MISSING if words else NO_WAKE_WORD
    hint = f"meanwhile use {', '.join(words) or 'the button'}; the model is tried again by itself"
    return PartDegraded(Part.WAKE, state, str(error), hint)


def echo_stays(error: ModelError) -> PartDegraded:
    """It would take its own voice for a person's: only word and button interrupt."""
    return PartDegraded(
        Part.ECHO,
        "own voice not cancelled",
        f"{error.args[0]}; only the wake word and the button interrupt",
        error.hint,
    )


def fallen_behind() -> PartDegraded:
    """Nothing is heard in time, and some of it never: whoever speaks now speaks in vain."""
    return PartDegraded(
        Part.WAKE,
        "hearing is behind",
        "the microphone's sound waits for seconds before it is listened to, and some of it is lost",
        "see with `top` what keeps the processor busy; it goes on by itself when it has caught up",
    )
