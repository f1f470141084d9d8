"""A wake word in what the device itself says does not wake it, whatever it is that it says."""

from __future__ import annotations

from device.commands import SpeakPhrase
from device.core.phases import Phase
from device.core.selfwake import MS_PER_CHARACTER, TAIL_S, OwnWords, SelfWakeGuard
from device.events import (
    PlaybackStarted,
    PlaybackStopped,
    ReplyAudioReceived,
    ReplyDone,
    ReplyStarted,
    ReplyTranscript,
    StopReason,
    ToolCalled,
    WakeDetected,
)
from tests.core.story import Story, wake

MOMENT = "One moment, hey Jarvis is thinking."


def sign_sounds(text: str = MOMENT, **wake_words: object) -> tuple[Story, str]:
    """The reply is slow, so a phrase is said meanwhile; its first sample is heard."""
    story = Story(turn={"slow_reply": "phrase"}, phrases={"moment": text}, wake=dict(wake_words))
    story.thinking()
    (sign,) = [c for c in story.passes(1.5) if isinstance(c, SpeakPhrase)]
    story.happens(PlaybackStarted(sign.phrase_id, story.now))
    return story, sign.phrase_id


def test_a_sign_that_the_reply_is_on_its_way_does_not_wake_it() -> None:
    story, _ = sign_sounds()
    story.passes(1.0)
    story.happens(wake())
    assert story.phase is Phase.THINKING
    assert story.reports("wake_suppressed")


def test_nor_does_its_last_word_just_after_it() -> None:
    story, phrase = sign_sounds("One moment, says Jarvis")
    story.passes(1.6)
    story.happens(PlaybackStopped(phrase, "", StopReason.DONE, 1600, story.now))
    story.passes(0.2)
    story.happens(wake())
    assert story.reports("wake_suppressed")


def test_the_wake_word_is_heard_again_when_the_sign_is_over() -> None:
    story, phrase = sign_sounds()
    story.passes(1.6)
    story.happens(PlaybackStopped(phrase, "", StopReason.DONE, 1600, story.now))
    story.passes(TAIL_S + 0.1)
    story.happens(wake())
    assert story.phase is Phase.LISTENING


def test_a_person_wakes_it_over_a_sign_without_the_word() -> None:
    story, _ = sign_sounds("One moment, please.")
    story.happens(wake())
    assert story.phase is Phase.LISTENING


def test_a_stop_word_in_a_sign_does_not_stop_it() -> None:
    words = {"words": ("hey_jarvis", "okay_nabu"), "stop_words": ("okay_nabu",)}
    story, _ = sign_sounds("Okay Nabu is looking it up.", **words)
    story.passes(0.5)
    story.happens(WakeDetected("okay_nabu", 0.9, 1))
    assert story.phase is Phase.THINKING
    assert story.reports("wake_suppressed")


def test_a_sign_that_is_still_said_counts_when_the_reply_has_begun_to_arrive() -> None:
    story, _ = sign_sounds()
    story.happens(ReplyStarted("r1"), ReplyAudioReceived("r1", "i1", 400.0))
    story.happens(ReplyTranscript("r1", "i1", "It is noon", False))
    story.passes(0.5)
    story.happens(wake())
    assert story.phase is Phase.THINKING
    assert story.reports("wake_suppressed")


def test_the_last_word_of_a_reply_does_not_wake_it_after_the_reply() -> None:
    story = Story().thinking()
    story.happens(ReplyStarted("r1"), ReplyAudioReceived("r1", "i1", 1500.0))
    story.happens(ReplyTranscript("r1", "i1", "just say hey jarvis", True))
    story.happens(ReplyDone("r1", "completed"), PlaybackStarted("r1", story.now))
    story.passes(1.5)
    story.playback_stops(StopReason.DONE, 1500)
    assert story.phase is Phase.FOLLOW_UP
    story.passes(0.1)
    story.happens(wake())
    assert story.phase is Phase.FOLLOW_UP
    story.passes(TAIL_S)
    story.happens(wake())
    assert story.phase is Phase.LISTENING


def test_the_first_part_of_a_reply_counts_while_the_second_arrives() -> None:
    story = Story().thinking()
    story.happens(ReplyStarted("r1"), ReplyAudioReceived("r1", "i1", 2000.0))
    story.happens(ReplyTranscript("r1", "i1", "I am jarvis and look it up", True))
    story.happens(PlaybackStarted("r1", story.now), ToolCalled("r1", "c", "get_time", "{}"))
    story.happens(ReplyDone("r1", "completed"), ReplyStarted("r2"))
    story.happens(ReplyTranscript("r2", "i2", "It is noon", False))
    story.passes(0.5)
    story.happens(wake())
    assert story.phase is Phase.SPEAKING
    assert story.reports("wake_suppressed")


# --- the ledger ------------------------------------------------------------------------------


def test_words_count_only_while_they_are_heard() -> None:
    words = OwnWords()
    words.begins("phrase:1", "hey jarvis")
    assert not words.hold("hey_jarvis", 100.0)
    words.of("phrase:1").sounds(100.0)
    assert words.hold("hey_jarvis", 100.5)
    words.of("phrase:1").falls_silent(100.8)
    assert words.hold("hey_jarvis", 100.8 + TAIL_S)
    assert not words.hold("hey_jarvis", 100.9 + TAIL_S)


def test_a_word_late_in_a_long_phrase_is_expected_late() -> None:
    text = "this takes a good while, " * 8 + "says jarvis"
    words = OwnWords()
    words.begins("phrase:1", text)
    words.of("phrase:1").sounds(0.0)
    assert words.hold("hey_jarvis", len(text) * MS_PER_CHARACTER / 1000)


def test_what_is_said_twice_begins_anew() -> None:
    words = OwnWords()
    words.begins("r1", "jarvis")
    words.of("r1").sounds(0.0)
    words.begins("r1", "good morning")
    words.of("r1").sounds(1.0)
    assert not words.hold("hey_jarvis", 1.2)


def test_a_stranger_is_forgotten_and_so_is_what_was_said_long_ago() -> None:
    words = OwnWords()
    words.of("nobody").sounds(0.0)
    assert words.of("nobody") == SelfWakeGuard()
    words.begins("old", "jarvis")
    words.of("old").sounds(0.0)
    for number in range(20):
        words.begins(f"r{number}", "good morning")
    assert not words.hold("hey_jarvis", 0.5)
