"""What each wake word does: wake, wake somebody else, or stop. From the settings; pure.

``[wake] words`` lists what is listened for. Three more lists speak of those words by name:
``stop_words``, and ``personas`` and ``persona_voices``, whose entries read ``"word: text"``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from device.settings import WakeSettings


@dataclass(frozen=True, slots=True)
class WakeAction:
    """What is to be done when a word was heard.

    ``stops``: cut and end what is going on, listen to nothing. Else wake; ``instructions``
    and ``voice`` are those of the word's own persona, empty where the service's hold.
    """

    stops: bool = False
    instructions: str = ""
    voice: str = ""

    @property
    def has_persona(self) -> bool:
        return bool(self.instructions or self.voice)


WAKE = WakeAction()
"""The action of a word that the settings say nothing of."""


def wake_actions(wake: WakeSettings) -> Mapping[str, WakeAction]:
    """By the name that ``WakeDetected.word`` carries, for each of ``wake.words``.

    What ``device.config_wake`` objects to is left out: an entry without a colon, a word
    that is not listed, the persona of a stop word; of two entries the first counts.
    """
    stops = {word_name(word) for word in wake.stop_words}
    personas, voices = _by_word(wake.personas), _by_word(wake.persona_voices)
    return {
        name: WakeAction(stops=True)
        if name in stops
        else WakeAction(instructions=personas.get(name, ""), voice=voices.get(name, ""))
        for name in map(word_name, wake.words)
    }


def word_name(word: str) -> str:
    """The word's own name. ``Hey Jarvis`` may be written as people say it; a model of one's
    own is called as its file."""
    if word.endswith(".tflite"):
        return PurePath(word).stem
    return word.strip().lower().replace(" ", "_").replace("-", "_")


def split_entry(entry: str) -> tuple[str, str] | None:
    """``"word: text"`` as (name, text); None when a part is missing."""
    word, _, text = entry.partition(":")
    return (word_name(word), text.strip()) if word.strip() and text.strip() else None


def _by_word(entries: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in entries:
        if parts := split_entry(entry):
            found.setdefault(*parts)
    return found
