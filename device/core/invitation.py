"""Does a reply invite an answer? Decided from its transcript. Pure.

After one that does, people are listened to for longer, and are asked whether they are still
there. A question mark is a question in any language; offers and requests that carry none are
known in English only. Only how the reply *ends* counts: a question that the reply answers
itself, or quotes, is no invitation. In doubt it is none: then the wake word is needed a few
seconds sooner, while a needless "are you still there?" is a nuisance.
"""

from __future__ import annotations

import re

#: ? full-width, Arabic, Armenian, Ethiopic, doubled, interrobang, and the Greek one's own code.
_MARKS = "?？؟՞፧⁇⁈⁉‽\u037e"
_OPENING, _CLOSING = '"“„«‹「『', '"”“»›」』'
_QUESTION = re.compile(rf"[{_MARKS}]+[!.…]*$")
_QUOTED_QUESTION = re.compile(rf"[{_MARKS}][!.]*[{_CLOSING}'][.!]*$")
_GREEK = re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]")
_SENTENCE_END = re.compile(rf"(?<=[.!…{_MARKS}])[{_CLOSING}')\]]*\s+|\n+|(?<=[。！？])")
#: No words: markup, brackets round the whole, marks of direction, emoji.
_DECORATION = re.compile(r"[\s*_`)\]\u200e\u200f\u2600-\u27bf\ufe0f\U0001f000-\U0001faff]+$")

#: How a reply ends is in these; the time that patterns take grows faster than the text.
_LOOKED_AT_CHARS = 600

#: What may stand before the words that count.
_LEAD = r"""^(?: (?: so|and|or|but|well|ok|okay|now|then|sure|great|alright|all\ right|also
    |otherwise|by\ the\ way|if\ so|if\ not|in\ that\ case|just|oh|hmm|yes|no ) [,:]?\ +)*"""


def _words(pattern: str, before: str = _LEAD) -> re.Pattern[str]:
    return re.compile(before + pattern, re.IGNORECASE | re.VERBOSE)


#: A question by its first words, whatever stands at its end.
_ASKS = _words(
    r"""(?:
    (?: would|do|did|can|could|are|will ) \ you\b
    |(?: shall|should|may|can|could|do|must ) \ (?: i|we )\b
    |(?: what|how ) \ about\ (?! that[.!]?$ )
    |(?: what|which|who|when|where|how|why ) (?: \ \w+ ){0,2}
        \ (?: would|do|did|should|can|could|are|will ) \ (?: you|i|we )\b
    |anything\ else\b (?! \ (?: is|was|would|can|could|will )\b )
    )"""
)
#: Asked of nobody: no answer is expected.
_RHETORICAL = _words(
    r"""(?:
    who\ (?: knew|knows|cares|would(?: \ have|'ve )\ (?: thought|guessed|known ) )
    |who'd(?: \ have|'ve )\ (?: thought|guessed|known ).*
    |how\ (?: cool|great|nice|neat|amazing|funny|lovely|sweet|about|crazy|wild )\ (?: is\ )?that
    |(?: is|are|was )n't\ (?: that|it|this|they )\ (?: \w+\ )?(?: something|nice|great|amazing|funny
        |lovely|cool|neat|wonderful|fascinating|interesting|incredible|beautiful|clever )
    |what\ could\ (?: possibly\ )?go\ wrong
    |what's\ not\ to\ (?: love|like )
    |what\ (?: are\ the\ odds|can\ i\ say )
    |why\ not
    |(?: did\ you\ know|have\ you\ ever\ wondered )\b.*
    |you\ know\ what
    |guess\ what
    )\W*$""",
    before=r"^(?: (?: [^:]{1,30}: | so | and | well | but )[,]?\ + )?",
)
_I_CAN = r"\b i (?: 'd|\ would|'ll|\ will|\ can|\ could|'m|\ am )\b (?! \ not\b )"
_IF_YOU = r"""\b if\ (?: you(?: 'd|\ would )?\ (?: like|want|wish|prefer|need )
    (?: \ (?: it|that|them|one|any|more|another|to|so ) )?
    | you're\ (?: interested|curious ) | that\ (?: helps|sounds\ good ) )
    (?= \ me\ to\b | [,;:.!)] | $ )"""
#: An offer or a request without a question mark, at the beginning of a sentence ...
_REQUESTS = _words(
    r"""(?: please\ )? (?:
    let\ me\ know
    |tell\ me
    |say\ (?: yes|no|so|the\ word|when|which|one|help|more|again|it\ again|that\ again|" )
    |you\ can\ say\ (?: yes|no )
    |ask\ (?: me|away|again )
    |(?: pick|choose )\ (?: one|between )
    |take\ your\ pick
    |go\ (?: ahead|on )[.!]?$
    |give\ me\ (?! (?: a|one|just\ a )\ (?: few|moment|minute|second|sec|bit|while|little )\b )
    |repeat\ (?: it|that|your )
    |try\ again[.!]?$
    |(?: speak|say\ it )\ (?: up|louder|slower|slowly|more|a\ little )
    |(?: it's\ )? your\ turn | over\ to\ you | knock,?\ knock
    |i\ ?(?: 'm|am )\ (?: listening|all\ ears )
    |(?: i'm\ )?ready\ when\ you\ are
    |feel\ free\ to\ (?: ask|say|tell|interrupt )
    |any\ (?: other|more )\ (?: questions|requests )
    |say\b | repeat\b | answer\b (?= .*\b(?: again|please )\b )
    )"""
)
#: ... and anywhere in it.
_OFFERS = _words(
    rf"""(?:
    \bif\ you\ (?: have|tell\ me|need )\b.*(?: i'm\ here|\bi\ can )\b
    |,?\ (?: could|can|would )\ you\ (?: please\ )?(?: repeat|say )\b
    |{_I_CAN}.*{_IF_YOU}
    |{_IF_YOU}.*{_I_CAN}
    |(?<! he\ )(?<! she\ )(?<! it\ )(?<! they\ )(?<! who\ )(?<! not\ )(?<! n't\ )(?<! to\ )
        \b(?: let\ me\ know | feel\ free\ to\ ask | just\ (?: ask|say\ (?: so|the\ word|when ) ) )\b
    |\b(?: i'm|i\ am|i'd\ be|i\ would\ be|i'll\ be )\ (?: always\ )?(?: happy|glad|here|ready )
        \ to\ help\b
    |\b i(?: 'd|\ would )\ love\ to\ (?: hear|know )
        \ (?: what|which|more|about\ your|your|how\ you )
    |\bplease\ (?: tell\ me|say|repeat|let\ me\ know|choose\ one|pick\ one|ask\ (?: me|again )
        |(?: try|ask|answer )\ again[.!]?$ )
    |\bwhat(?: ever )?\ would\ you\ like\b
    )""",
    before="",
)
#: Behind a question it says nothing of its own: it waits for the answer.
_WAITS = _words(
    r"""(?: take\ your\ time|no\ (?: rush|hurry|pressure )|i(?: 'll|\ will|\ can )\ wait
    |either\ (?: \w+\ )?is\ (?: fine|good|okay|ok )|it's\ up\ to\ you|up\ to\ you|your\ choice
    |you\ decide|thanks|thank\ you )\W*$"""
)


def invites(text: str) -> bool:
    """Whether ``text``, the whole transcript of a reply, ends in asking for an answer."""
    sentences = _sentences(text[-_LOOKED_AT_CHARS:])
    while len(sentences) > 1 and _WAITS.match(sentences[-1]):
        sentences.pop()
    if not sentences:
        return False
    last = sentences[-1]
    if _RHETORICAL.match(last):
        return False
    if _QUOTED_QUESTION.search(last):
        return _asks_with_a_quote(last)
    if _QUESTION.search(last) or (last.endswith(";") and _GREEK.search(last)):
        return True
    return bool(_ASKS.match(last) or _REQUESTS.match(last) or _OFFERS.search(last))


def _sentences(text: str) -> list[str]:
    straight = text.replace("’", "'").replace("‘", "'")
    parts = (_DECORATION.sub("", part) for part in _SENTENCE_END.split(straight))
    return [bare for part in parts if (bare := part.strip(" \t-–—•*_`(["))]


def _asks_with_a_quote(sentence: str) -> bool:
    """``sentence`` ends with a quoted question. Is it nothing but the quote, or does it ask
    something about it ("Did you mean 'what time is it?'")?"""
    body = sentence.rstrip(".!")[:-1]
    start = max(body.rfind(mark) for mark in (*_OPENING, " '"))
    before = body[: max(0, start)].strip()
    return not before or bool(_ASKS.match(before))
