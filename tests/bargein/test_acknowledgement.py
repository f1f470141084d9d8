"""Words that ask for nothing, and words that do."""

from __future__ import annotations

import pytest

from device.core.acknowledgement import other_words, says_something


@pytest.mark.parametrize(
    "text",
    [
        "mhm",
        "Uh-huh.",
        "yeah",
        "Right, okay.",
        "I see",
        "oh really?",
        "got it, thank you",
        "Mm-hmm",
    ],
)
def test_acknowledgements_have_no_other_words(text: str) -> None:
    assert other_words(text) == 0
    assert says_something(text)


@pytest.mark.parametrize(
    ("text", "others"),
    [("stop", 1), ("no wait", 2), ("yeah but why", 2), ("I see a problem", 2), ("I want", 2)],
)
def test_other_words_are_counted(text: str, others: int) -> None:
    assert other_words(text) == others


def test_the_beginning_of_a_phrase_is_not_counted_before_more_comes() -> None:
    assert other_words("I") == 0
    assert other_words("yeah, thank") == 0


def test_punctuation_says_nothing() -> None:
    assert not says_something(" … ")
    assert other_words("") == 0
