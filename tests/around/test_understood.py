"""When the appliance says that it understood nothing, and when it had better not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.core.understood import FORGOTTEN_S, SPEECH_MS, Understood, has_words

WORDS = """
yes; Mhm.; Mm-hmm; mmhmm; uh-huh; Uh-uh.; nuh-uh; no; It's noon; 9; what?; um, the lamp; あの; да
Hi!; [music] turn it down; (laughs) stop
♪ turn it down; Thank you.; thank you for watching the dog; B
"""
NO_WORDS = """
...; Um.; uhh; Hmm...; hm hm; uh, um; Ah!; ha ha; [inaudible]; (music playing); ♪ la la ♪; ♪
*coughs*; <noise>; [BLANK_AUDIO]; Thanks for watching!; You; ähm
Subtitles by the Amara.org community; —; ?
"""


@pytest.mark.parametrize("text", WORDS.strip().replace("\n", "; ").split("; "))
def test_there_are_words(text: str) -> None:
    assert has_words(text)


@pytest.mark.parametrize("text", ["", " ", *NO_WORDS.strip().replace("\n", "; ").split("; ")])
def test_there_are_none(text: str) -> None:
    assert not has_words(text)


def vain(understood: Understood, now: float = 0.0, *, meant: bool = False) -> bool:
    ms = SPEECH_MS if meant else 300
    return understood.not_taken(now, addressed=meant, speech_ms=ms)


def test_a_cough_is_passed_over_and_a_second_is_told() -> None:
    understood = Understood(service_says_so=False)
    assert not vain(understood)
    assert vain(understood)


def test_it_is_never_said_twice_in_a_row() -> None:
    understood = Understood(service_says_so=False)
    assert [vain(understood, meant=True) for _ in range(5)] == [True, False, True, False, True]


def test_a_sentence_behind_the_wake_word_is_told_at_once() -> None:
    assert vain(Understood(service_says_so=False), meant=True)


@pytest.mark.parametrize(
    ("addressed", "speech_ms"), [(True, None), (True, SPEECH_MS - 1), (False, 5000)]
)
def test_what_may_not_have_been_meant_for_it_is_passed_over(
    addressed: bool, speech_ms: int | None
) -> None:
    understood = Understood(service_says_so=False)
    assert not understood.not_taken(0.0, addressed=addressed, speech_ms=speech_ms)


def test_what_was_understood_between_two_coughs_separates_them() -> None:
    understood = Understood(service_says_so=False)
    vain(understood)
    understood.understood()
    assert not vain(understood)


def test_a_cough_yesterday_does_not_count() -> None:
    understood = Understood(service_says_so=False)
    vain(understood, 0.0)
    assert not vain(understood, FORGOTTEN_S + 1)
    assert vain(understood, FORGOTTEN_S + 2)


def heard(understood: Understood, text: str, *, begun: bool = False) -> bool:
    return understood.transcript(
        text, 0.0, reply_has_begun=begun, addressed=True, speech_ms=SPEECH_MS
    )


def test_an_answer_to_no_words_is_a_guess_and_is_given_up() -> None:
    assert heard(Understood(service_says_so=False), "")
    assert heard(Understood(service_says_so=False), "Hmm.")


def test_words_are_answered() -> None:
    assert not heard(Understood(service_says_so=False), "yes")


def test_a_reply_that_has_begun_is_not_taken_away() -> None:
    understood = Understood(service_says_so=False)
    assert not heard(understood, "", begun=True)
    assert heard(understood, "")


def test_a_service_that_says_so_itself_is_left_to_do_it() -> None:
    assert not heard(Understood(service_says_so=True), "")


def test_a_service_that_takes_no_turn_says_nothing_so_the_appliance_does() -> None:
    assert vain(Understood(service_says_so=True), meant=True)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["not_taken", "empty", "words"]),
            st.booleans(),
            st.integers(0, 4000),
            st.floats(0, 30),
        )
    )
)
def test_whatever_happens_it_never_repeats_itself(
    story: list[tuple[str, bool, int, float]],
) -> None:
    understood, now, said = Understood(service_says_so=False), 0.0, False
    for what, addressed, speech_ms, passed in story:
        now += passed
        text = "turn it off" if what == "words" else ""
        if what == "not_taken":
            says = understood.not_taken(now, addressed=addressed, speech_ms=speech_ms)
        else:
            says = understood.transcript(
                text, now, reply_has_begun=False, addressed=addressed, speech_ms=speech_ms
            )
        assert not (says and said)
        assert not (says and what == "words")
        said = says


@given(st.text())
def test_no_transcript_breaks_it(text: str) -> None:
    has_words(text)
    assert has_words(text + " turn on the lamp")
