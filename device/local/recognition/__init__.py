"""The offline recogniser: speech to words to intent, on the device.

:mod:`port` says what a recogniser is, :mod:`intents` what words mean, :mod:`sphinx`
hears commands and :mod:`verdict` rejects the rest; :mod:`sphinx_open` hears anything.
"""

from device.local.recognition.port import RATE_HZ, Recogniser, Recognition, Refusal
from device.local.recognition.sphinx import SphinxCommands
from device.local.recognition.sphinx_open import SphinxOpen

__all__ = ["RATE_HZ", "Recogniser", "Recognition", "Refusal", "create_recogniser"]


def create_recogniser(vocabulary: str) -> Recogniser:
    """``commands`` (sure of them) or ``open`` (anything, less surely). Raises ModelError."""
    return SphinxOpen() if vocabulary == "open" else SphinxCommands()
