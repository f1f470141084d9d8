"""A trigram model of the grammar, for the decoder: ``python -m device.local.recognition.ngram``.

Decoding by trigrams is four times faster than following the grammar's own graph, and
forgives a word that was dropped or misheard; whether the result is a command is asked
of the grammar afterwards. Estimated from sentences drawn at random, most from the
grammar, some from the short list of what people say every day (``everyday.txt``), by
absolute discounting with back-off (Ney, Essen, Kneser: "On structuring probabilistic
dependences in stochastic language modelling", 1994). Run it after ``compiler.py``.
"""

from __future__ import annotations

import itertools
import math
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from device.local.recognition.automaton import Automaton
from device.local.recognition.compiler import digest
from device.local.recognition.numbers import number_to_words

Gram = tuple[str, ...]

#: Drawn from the grammar.
SENTENCES: Final = 200_000
#: So much of all that is drawn are everyday sentences.
EVERYDAY_SHARE: Final = 0.3
#: What a number is in them: the round ones are said more.
NUMBERS: Final = (*range(1, 13), 5, 10, 10, 10, 15, 15, 20, 20, 25, 30, 30, 40, 45, 50, 60, 90)
DISCOUNT: Final = 0.5
ORDER: Final = 3
#: Rarer trigrams are left to the back-off.
LEAST_COUNT: Final = {2: 1, 3: 2}
#: A word that was never drawn counts this much.
UNSEEN: Final = 0.3
_TINY: Final = 1e-20


def sentences(automaton: Automaton, count: int, seed: int) -> Iterator[list[str]]:
    """Random sentences, as probable as the grammar makes them."""
    rng = random.Random(seed)
    options = [
        (
            [*weights, ""],
            list(itertools.accumulate([*weights.values(), automaton.stops.get(state, 0.0)])),
        )
        for state, weights in enumerate(automaton.weights)
    ]
    for _ in range(count):
        words: list[str] = []
        state = 0
        while True:
            choices, odds = options[state]
            word = rng.choices(choices, cum_weights=odds)[0]
            if not word:
                break
            words.append(word)
            state = automaton.arcs[state][word]
        yield words


def paragraphs(text: str) -> list[list[str]]:
    """The lines of ``everyday.txt``, by intent."""
    kept = "\n".join(line.strip() for line in text.splitlines() if not line.startswith("#"))
    return [block.split("\n") for block in kept.strip().split("\n\n")]


def everyday(text: str, count: int, seed: int) -> Iterator[list[str]]:
    """Random sentences of ``everyday.txt``: every intent as likely as any other, and within
    it the n-th sentence with weight ``n ** -0.5``."""
    rng = random.Random(seed)
    blocks = paragraphs(text)
    for _ in range(count):
        block = rng.choice(blocks)
        [sentence] = rng.choices(block, [rank**-0.5 for rank in range(1, len(block) + 1)])
        yield sentence.replace("<n>", number_to_words(rng.choice(NUMBERS))).split()


def arpa(drawn: Iterable[list[str]], vocabulary: Iterable[str]) -> str:
    """The model in ARPA's text format."""
    counts = _count(drawn, vocabulary)
    total = sum(counts[1].values())
    shares: dict[int, dict[Gram, float]] = {1: {g: c / total for g, c in counts[1].items()}}
    shares[1]["<s>",] = _TINY  # a sentence's start is never predicted
    backoffs: dict[int, dict[Gram, float]] = {}

    def lower(gram: Gram) -> float:
        known = shares[len(gram)].get(gram)
        if known is not None or len(gram) == 1:
            return known or _TINY
        return backoffs[len(gram) - 1].get(gram[:-1], 1.0) * lower(gram[1:])

    for order in range(2, ORDER + 1):
        followers: dict[Gram, list[Gram]] = defaultdict(list)
        for gram in counts[order]:
            followers[gram[:-1]].append(gram)
        shares[order], backoffs[order - 1] = {}, {}
        for context, grams in followers.items():
            mass = sum(counts[order][gram] for gram in grams)
            for gram in grams:
                shares[order][gram] = (counts[order][gram] - DISCOUNT) / mass
            left = DISCOUNT * len(grams) / mass
            unseen = 1 - sum(lower(gram[1:]) for gram in grams)
            backoffs[order - 1][context] = left / unseen if unseen > 1e-6 else 1e-3
    return _write(shares, backoffs)


def _count(drawn: Iterable[list[str]], vocabulary: Iterable[str]) -> dict[int, Counter[Gram]]:
    counts: dict[int, Counter[Gram]] = {order: Counter() for order in range(1, ORDER + 1)}
    for words in drawn:
        bounded = ("<s>", *words, "</s>")
        for order, counter in counts.items():
            counter.update(tuple(bounded[i : i + order]) for i in range(len(bounded) - order + 1))
    single: dict[Gram, float] = dict(counts[1])
    for word in vocabulary:
        single.setdefault((word,), UNSEEN)
    single.pop(("<s>",), None)
    counts[1] = Counter(single)
    for order, least in LEAST_COUNT.items():
        counts[order] = Counter({g: c for g, c in counts[order].items() if c >= least})
    return counts


def _write(shares: dict[int, dict[Gram, float]], backoffs: dict[int, dict[Gram, float]]) -> str:
    lines = ["\\data\\", *(f"ngram {order}={len(grams)}" for order, grams in shares.items())]
    for order, grams in shares.items():
        lines += ["", f"\\{order}-grams:"]
        for gram, share in sorted(grams.items()):
            line = f"{math.log10(max(share, _TINY)):.3f}\t{' '.join(gram)}"
            if order < ORDER:
                line += f"\t{math.log10(max(backoffs[order].get(gram, 1.0), 1e-9)):.3f}"
            lines.append(line)
    return "\n".join([*lines, "", "\\end\\", ""])


def main() -> int:
    """Write ``commands.lm`` beside ``commands.fsg``."""
    from device.local.recognition.intents import commands  # noqa: PLC0415 -- reads the grammar

    automaton = commands()
    usual = Path(__file__).with_name("everyday.txt").read_text(encoding="utf-8")
    daily = round(SENTENCES * EVERYDAY_SHARE / (1 - EVERYDAY_SHARE))
    drawn = itertools.chain(sentences(automaton, SENTENCES, seed=1), everyday(usual, daily, seed=2))
    text = arpa(drawn, automaton.words())
    made_from = f"commands.gram {automaton.digest} and everyday.txt {digest(usual)}"
    header = f"made from {made_from} by ngram.py; do not edit\n\n"
    Path(__file__).with_name("commands.lm").write_text(header + text, encoding="utf-8")
    sys.stdout.write(f"commands.lm: {len(text.splitlines())} lines\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
