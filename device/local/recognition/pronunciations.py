"""How the words of the grammar are said: the model's dictionary, and British beside American.

pocketsphinx's dictionary (CMU) is American. Many who speak to the device are not: they
drop the r of "four" and "timer", and say "stop" and "what" with a rounded vowel. The
rules are the textbook differences (Wells, "Accents of English", 1982): no r but before
a vowel, a centring glide in its place, LOT rounded, BATH broad. They only *add*
pronunciations; the American ones stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

Phones = tuple[str, ...]

VOWELS: Final = frozenset(
    ["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"]
)
#: Vowels that glide to a schwa where an r was dropped: "here", "air", "hour".
_GLIDING: Final = frozenset(["EH", "IH", "UH", "AY", "AW"])
#: Words that the model's dictionary does not have.
_MISSING: Final[dict[str, tuple[str, ...]]] = {
    "hiya": ("HH AY Y AH",),
    "loudness": ("L AW D N AH S",),
    "quieten": ("K W AY AH T AH N",),
    "shush": ("SH UH SH", "SH AH SH"),
    "uptime": ("AH P T AY M",),
    "vis": ("V AH S", "V IH S"),
}
#: British words that follow no rule below.
_BRITISH: Final[dict[str, tuple[str, ...]]] = {
    "ask": ("AA S K",),
    "bath": ("B AA TH",),
    "can't": ("K AA N T",),
    "half": ("HH AA F",),
    "last": ("L AA S T",),
    "pasta": ("P AE S T AH",),
    "was": ("W AO Z",),
    "what": ("W AO T",),
    "what's": ("W AO T S",),
}


def dictionary(words: Iterable[str], cmu: Iterable[str]) -> str:
    """The lines of a pocketsphinx dictionary for ``words`` alone.

    ``cmu`` are the lines of the model's own. A tenth of the time to load it whole.
    """
    wanted = set(words)
    known: dict[str, list[Phones]] = {}
    for line in cmu:
        entry, _, phones = line.partition(" ")
        word = entry.split("(", 1)[0]
        if word in wanted and word not in _MISSING:
            known.setdefault(word, []).append(tuple(phones.split()))
    for word in wanted & _MISSING.keys():
        known[word] = [tuple(phones.split()) for phones in _MISSING[word]]
    return "".join(_lines(known))


def british(word: str, phones: Phones) -> Phones:
    """``phones``, American, as southern England says them."""
    said: list[str] = []
    for place, phone in enumerate(phones):
        following = phones[place + 1] if place + 1 < len(phones) else ""
        before_vowel = following in VOWELS
        if phone == "R" and not before_vowel and place and phones[place - 1] in VOWELS:
            if phones[place - 1] in _GLIDING:
                said.append("AH")
        elif phone == "ER":
            said += ["AH", "R"] if before_vowel else ["AH"]
        elif phone == "AA" and "o" in word and following != "R":
            said.append("AO")
        else:
            said.append(phone)
    return tuple(said)


def _lines(known: dict[str, list[Phones]]) -> Iterator[str]:
    for word, american in known.items():
        ways = [*american, *(british(word, phones) for phones in american)]
        ways += [tuple(phones.split()) for phones in _BRITISH.get(word, ())]
        for number, phones in enumerate(dict.fromkeys(ways), start=1):
            yield f"{word}{f'({number})' if number > 1 else ''} {' '.join(phones)}\n"
