"""The recogniser hears synthetic speech, refuses the rest, and survives anything."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from device.local.recognition import Recogniser, Recognition, Refusal, create_recogniser
from device.local.recognition.automaton import Automaton
from device.local.recognition.frontend import CEPSTRA, features
from device.local.recognition.ngram import arpa, sentences
from tests.recognition.speech import in_room, speak

VOICE = "espeak:en-us"


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return create_recogniser("commands")


def hear(recogniser: Recogniser, pcm: bytes, piece: int = 3200) -> Recognition:
    recogniser.begin()
    for start in range(0, len(pcm), piece):
        recogniser.feed(pcm[start : start + piece])
    return recogniser.finish()


COMMANDS = ("what time is it", "tell me the time please", "what day is it today", "what can you do")


def test_plain_commands_are_heard(recogniser: Recogniser) -> None:
    answers = [hear(recogniser, speak(text, VOICE).tobytes()) for text in COMMANDS]
    assert sum(a.accepted for a in answers) >= len(COMMANDS) - 1, answers
    assert answers[0].intent == "get_time"


@pytest.mark.parametrize("snr_db", [None, 15.0, 8.0])
def test_it_is_decoded_at_the_pause_and_not_when_somebody_waits(
    recogniser: Recogniser, snr_db: float | None
) -> None:
    pcm = speak("what time is it", VOICE)
    heard = pcm if snr_db is None else in_room(pcm, snr_db, seed=3)
    recogniser.begin()
    recogniser.feed(heard.tobytes())
    assert recogniser.partial() == recogniser.finish().text != ""


def test_off_topic_speech_is_refused(recogniser: Recogniser) -> None:
    texts = (
        "the quick brown fox jumps over the lazy dog",
        "my sister bought a new bicycle last summer in denmark",
        "please call the doctor and ask about the medicine",
        "rivers flow slowly through the valley in the autumn",
    )
    answers = [hear(recogniser, speak(text, VOICE).tobytes()) for text in texts]
    assert sum(a.accepted for a in answers) <= 1, answers


def test_the_size_of_the_pieces_does_not_matter(recogniser: Recogniser) -> None:
    pcm = speak("what time is it", VOICE).tobytes()
    answers = [hear(recogniser, pcm, piece) for piece in (777, 3200, 1 << 20)]
    assert [a.intent for a in answers] == ["get_time"] * 3


@pytest.mark.parametrize(
    "pcm",
    [
        b"",
        b"\x01",
        bytes(3),
        bytes(32000),
        np.random.default_rng(0).integers(-99, 99, 16000).astype("<i2").tobytes(),
    ],
    ids=["nothing", "half a sample", "odd", "silence", "hiss"],
)
def test_no_speech_is_no_command(recogniser: Recogniser, pcm: bytes) -> None:
    answer = hear(recogniser, pcm)
    assert not answer.accepted
    assert answer.reason in (Refusal.EMPTY, Refusal.OFF_TOPIC)


def test_a_minute_of_noise_is_survived_and_the_next_command_heard(recogniser: Recogniser) -> None:
    noise = np.random.default_rng(1).normal(0, 3000, 60 * 16000).astype("<i2").tobytes()
    recogniser.begin()
    recogniser.feed(noise)
    recogniser.begin()
    assert hear(recogniser, speak("what time is it", VOICE).tobytes()).intent == "get_time"


def test_open_vocabulary_hears_words() -> None:
    answer = hear(create_recogniser("open"), speak("what time is it", VOICE).tobytes())
    assert "what" in answer.text


def noise(seconds: int, loudness: float) -> np.ndarray[Any, np.dtype[np.int16]]:
    drawn = np.random.default_rng(2).normal(0, loudness, seconds * 16_000)
    return drawn.astype(np.int16)


def test_features_do_not_depend_on_loudness() -> None:
    loud, soft = features(noise(1, 4000)), features(noise(1, 1000))
    assert loud.shape == (98, CEPSTRA)
    assert np.abs(loud - soft).max() < 0.2


def test_the_mean_of_a_short_utterance_is_not_believed_alone() -> None:
    """Else "stop", less the sound of "stop", would be silence."""
    word, speech = (np.abs(features(noise(seconds, 2000)).mean(axis=0)) for seconds in (1, 14))
    assert word.max() > 5
    assert speech.max() < word.max() / 3


def test_trigrams_of_a_tiny_grammar_add_up() -> None:
    tiny = Automaton(
        arcs=({"stop": 1, "play": 2}, {}, {"it": 1}),
        weights=({"stop": 0.5, "play": 0.5}, {}, {"it": 1.0}),
        accepting={1: "x"},
        stops={1: 1.0},
        digest="",
    )
    text = arpa(sentences(tiny, 1000, seed=1), tiny.words())
    single = [
        10 ** float(line.split("\t")[0])
        for line in text.split("\\1-grams:\n")[1].split("\n\n")[0].splitlines()
        if "<s>" not in line
    ]
    assert sum(single) == pytest.approx(1.0, abs=0.01)
    assert "play it </s>" in text


@pytest.mark.parametrize("piece_ms", [20, 100, 700, 5000])
def test_what_is_said_after_a_pause_counts_however_big_the_pieces_are(
    recogniser: Recogniser, piece_ms: int
) -> None:
    """Kept audio comes all at once: one piece holds the rest of the words and a pause."""
    begun = speak("what", VOICE)
    pause = np.zeros(16 * 320, np.int16)
    rest = np.concatenate([speak("what time is it", VOICE), pause])
    recogniser.begin()
    recogniser.feed(np.concatenate([begun, pause]).tobytes())
    pcm = rest.tobytes()
    for start in range(0, len(pcm), 32 * piece_ms):
        recogniser.feed(pcm[start : start + 32 * piece_ms])
    whole = np.concatenate([begun, pause, rest])
    assert recogniser.finish() == hear(recogniser, whole.tobytes(), 640)
