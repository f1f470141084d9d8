"""From words to what is meant: the one understanding that speech and typing share.

An intent's name is the device's tool of the same name, or one of the four that
the service answers itself. Slots are what the tool needs to know:

=============  ==================================================================
intent         slots
=============  ==================================================================
get_time       --
get_date       --
set_timer      ``seconds`` (absent: it was not said, ask), ``name``
list_timers    --
cancel_timer   ``seconds`` or ``name`` of the timer that is meant (absent: all)
set_volume     ``percent`` 0-100, or ``change`` in percent points
get_status     --
repeat         --
help           --
stop           --
greet          --
thanks         --
identify       --
goodbye        --
=============  ==================================================================

Pure and deterministic; any thread.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Final

from device.local.recognition.automaton import Automaton, read_fsg
from device.local.recognition.numbers import find_duration, find_number, number_to_words

Understanding = tuple[str, Mapping[str, int | str]]

DEFAULT_CHANGE: Final = 10
"""Percent points of "louder"; "a lot louder" is twice that."""

_HARMLESS: Final = frozenset(
    [
        "um",
        "uh",
        "er",
        "hmm",
        "oh",
        "ah",
        "please",
        "just",
        "kindly",
        "now",
        "then",
        "so",
        "well",
        "okay",
        "ok",
        "hey",
        "hi",
        "jarvis",
        "the",
        "a",
        "an",
        "my",
        "and",
        "me",
        "you",
        "really",
        "also",
        "maybe",
        "actually",
        "again",
        "thanks",
        "for",
        "us",
        "here",
        "right",
        "exactly",
        "though",
        "quickly",
    ]
)
_WAKE_TAIL: Final = frozenset(("jarvis", "vis"))
_SPELLINGS: Final = {
    "ok": "okay", "min": "minutes", "mins": "minutes", "minute's": "minutes", "sec": "seconds",
    "secs": "seconds", "hr": "hour", "hrs": "hours", "vol": "volume", "whats": "what's",
    "whos": "who's", "todays": "today's", "cant": "can't", "dont": "don't", "im": "i'm",
    "didnt": "didn't", "lets": "let's", "thats": "that's", "couldnt": "couldn't", "u": "you",
    "pls": "please", "plz": "please", "tho": "though", "nevermind": "nevermind", "hows": "how's",
    "colour": "color", "timers'": "timers", "youre": "you're", "cancelled": "cancel",
}  # fmt: skip
_EXPANSIONS: Final = {
    "'s": "is", "'re": "are", "'ll": "will", "'d": "would", "'m": "am", "'ve": "have",
}  # fmt: skip
_TOKEN: Final = re.compile(r"\d+(?:\.\d+)?|%|[a-z]+(?:'[a-z]+)?")
_LOUDER: Final = frozenset(
    ["up", "louder", "higher", "raise", "increase", "boost", "amplify", "loudly", "lift", "elevate"]
)
_QUIETER: Final = frozenset(
    [
        "down",
        "quieter",
        "softer",
        "lower",
        "reduce",
        "decrease",
        "drop",
        "soften",
        "quieten",
        "quietly",
        "softly",
        "quiet",
        "cut",
    ]
)
_FULL: Final = frozenset(["max", "maximum", "full", "top", "loudest", "highest", "blast"])
_LEAST: Final = frozenset(["minimum", "min", "lowest", "quietest", "bottom"])
TIMER_NAMES: Final = frozenset(
    [
        "pasta",
        "pizza",
        "egg",
        "eggs",
        "tea",
        "coffee",
        "laundry",
        "oven",
        "bread",
        "rice",
        "chicken",
        "cake",
        "cookies",
        "washing",
        "dinner",
        "lunch",
        "breakfast",
        "bath",
        "nap",
        "workout",
        "break",
        "homework",
        "meeting",
        "study",
        "cooking",
        "potatoes",
        "soup",
        "steak",
        "sauce",
        "work",
        "exercise",
        "baking",
    ]
)
"""What a timer can be called by voice: the grammar's ``<thing>``, but for "kitchen"."""


@cache
def commands() -> Automaton:
    """The compiled command grammar."""
    return read_fsg((resources.files(__package__) / "commands.fsg").read_text(encoding="utf-8"))


def words_of(text: str) -> list[str]:
    """Lower-case words; digits as words; no punctuation; the wake word's tail removed."""
    lowered = text.lower().replace("’", "'").replace("-", " ")
    words: list[str] = []
    for token in _TOKEN.findall(lowered):
        if token == "%":
            words.append("percent")
        elif token[0].isdigit():
            words += _spoken_digits(token)
        else:
            words.append(_SPELLINGS.get(token, token))
    for at, word in enumerate(words[:3]):
        if word in _WAKE_TAIL:
            return words[at + 1 :]
    return words


def understand(text: str) -> Understanding | None:
    """What ``text`` asks for: ``(intent, slots)``, or None if it is no command.

    A little more generous than the grammar: courtesies and articles may be
    added or left out, contractions written out.
    """
    words = words_of(text)
    if not any(word not in _HARMLESS for word in words):
        only = commands().walk(words)  # "hi" and "thanks" are more than courtesies
        return understood(only, words) if only in ("greet", "thanks") else None
    for reading in (words, _expanded(words)):
        intent = commands().walk(reading) or commands().walk(reading, _HARMLESS)
        if intent is not None:
            return understood(intent, reading)
    return None


def understood(intent: str, words: Sequence[str]) -> Understanding:
    """Fill the slots of an intent that is known already."""
    match intent:
        case "set_timer" | "cancel_timer":
            return intent, _timer_slots(words)
        case "set_volume":
            return intent, _volume_slots(words)
        case _:
            return intent, {}


def _timer_slots(words: Sequence[str]) -> dict[str, int | str]:
    slots: dict[str, int | str] = {}
    duration = find_duration(words)
    if duration is not None and duration.value > 0:
        slots["seconds"] = duration.value
    name = next((w for w in words if w in TIMER_NAMES), None)
    if name is not None:
        slots["name"] = name
    return slots


def _volume_slots(words: Sequence[str]) -> dict[str, int | str]:
    said = set(words)
    number = find_number(words)
    raising = bool(said & _LOUDER)
    lowering = bool(said & _QUIETER)
    if "too" in said:  # "it's too loud" asks for less
        raising, lowering = (
            bool(said & {"quiet", "low", "soft"}),
            bool(said & {"loud", "noisy", "high"}),
        )
    if number is not None and "by" in words[: number.start] and (raising or lowering):
        return {"change": -number.value if lowering else number.value}
    if (
        number is not None
        and number.start + 1 < len(words) + 1
        and not _is_article(words, number.start)
    ):
        return {"percent": _percent(number.value, words)}
    if "mute" in said or (said & {"off"} and not raising and not lowering):
        return {"percent": 0}
    if "hear" in said:
        return {"change": DEFAULT_CHANGE}
    if said & {"half", "halfway", "middle", "medium"} and "bit" not in said:
        return {"percent": 50}
    if (said & _FULL or _has(words, "all the way") or _has(words, "loud as")) and not lowering:
        return {"percent": 100}
    if said & _LEAST or _has(words, "all the way") or _has(words, "low as"):
        return {"percent": 10}
    size = DEFAULT_CHANGE * (2 if said & {"lot", "much", "way", "lots", "double"} else 1)
    if lowering or said & {"less", "low"} or _has(words, "not so loud"):
        return {"change": -size}
    return {"change": size}


def _is_article(words: Sequence[str], at: int) -> bool:
    """The "one" of "one notch" is no percentage."""
    return words[at : at + 2] in (["one", "notch"], ["one", "step"], ["two", "notches"])


def _percent(number: int, words: Sequence[str]) -> int:
    """A bare 0-9 is meant on a scale of ten; ten and more are percent.

    On other speakers' scale ten would be full loudness: a surprise for the ears.
    """
    of_ten = number < 10 and not {"percent", "cent"} & set(words)
    return min(100, number * 10 if of_ten or _has(words, "out of ten") else number)


def _has(words: Sequence[str], phrase: str) -> bool:
    return f" {phrase} " in f" {' '.join(words)} "


def _spoken_digits(token: str) -> list[str]:
    whole, _, part = token.partition(".")
    number = int(whole)
    if number > 999:
        return [token]
    spoken = number_to_words(number).split()
    if part.rstrip("0"):
        spoken += ["point", *(number_to_words(int(d)) for d in part.rstrip("0"))]
    return spoken


def _expanded(words: Sequence[str]) -> list[str]:
    """Contractions written out: "what're" -> "what are"."""
    out: list[str] = []
    for word in words:
        ending = next((e for e in _EXPANSIONS if word.endswith(e) and word != e), None)
        out += [word[: -len(ending)], _EXPANSIONS[ending]] if ending else [word]
    return out
