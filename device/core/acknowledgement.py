"""Words that say "go on" and ask for nothing: who says only these over a reply wants it on.

Conversation analysis calls them backchannels (V. Yngve, "On getting a word in edgewise",
1970). English; in another language words decide nothing and the other evidence does.
"""

from __future__ import annotations

import re

_WORDS = frozenset(
    (
        *("ah", "aha", "ha", "hm", "hmm", "huh", "mhm", "mm", "mmhm", "mmhmm", "mmm", "oh", "uh"),
        *("uhhuh", "um", "umhum", "wow", "ya", "yeah", "yep", "yes", "yup", "ok", "okay"),
        *("alright", "cool", "exactly", "great", "indeed", "nice", "right", "sure"),
    )
)
_PHRASES = (
    ("all", "right"),
    ("i", "see"),
    ("got", "it"),
    ("of", "course"),
    ("oh", "really"),
    ("thank", "you"),
    ("uh", "huh"),
    ("mm", "hmm"),
    ("i", "know"),
    ("makes", "sense"),
)


def other_words(text: str) -> int:
    """How many words of ``text`` are no acknowledgement. What begins like one of the phrases
    and is not finished yet ("I", then "I see") is not counted: more of it may come."""
    words = re.findall(r"\w+", text.lower().replace("'", "").replace("-", ""))
    at = found = 0
    while at < len(words):
        phrase = next((p for p in _PHRASES if tuple(words[at : at + len(p)]) == p), None)
        unfinished = at == len(words) - 1 and any(p[0] == words[at] for p in _PHRASES)
        if phrase is not None:
            at += len(phrase)
            continue
        found += words[at] not in _WORDS and not unfinished
        at += 1
    return found


def says_something(text: str) -> bool:
    """Whether there is any word in it."""
    return re.search(r"\w", text) is not None
