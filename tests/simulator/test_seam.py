"""How much of the wake word was sent, and how much of the question was not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from device.simulator.evidence import Spoken
from device.simulator.report import Report
from device.simulator.scenario import At, Cue, Play, RoomSpec, Say, Scenario
from device.simulator.seam import Ear, end_in_text, judge, wake_words, words_of
from device.simulator.speech import Utterance, render
from device.simulator.timeline import Entry
from device.simulator.wavfile import resample, to_int16, write_wav
from tests.simulator.by_hand import ROOM_HZ, T0, Stage, uplink_of

# The word from 2.0 to 2.6 s, the question from 2.7 to 4.0 s.
SPOKEN = Spoken("hey jarvis, what", T0 + 2.0, T0 + 4.0, T0 + 2.6, T0 + 2.7)


def sent(starts_t: float, ends_t: float, **more: Any) -> dict[str, Any]:
    """A row of the report; what is sent late is sent when the word is over."""
    row = {"t": max(starts_t, 2.65), "starts_t": starts_t, "ends_t": ends_t, "matched": True}
    return {**row, "duration_ms": (ends_t - starts_t) * 1000, **more}


def heard(events: list[tuple[str, float, str]]) -> Ear:
    return Ear.of([Entry(T0 + t, event, {"opened_by": by}) for event, t, by in events])


@pytest.mark.parametrize(
    ("starts_t", "leak_ms", "lost_ms"),
    [
        (2.60, 0.0, 0.0),
        (2.65, 0.0, 0.0),
        (2.53, 70.0, 0.0),
        (1.50, 600.0, 0.0),  # the whole word, and what was before it
        (2.84, 0.0, 140.0),
    ],
)
def test_the_seam_is_measured(starts_t: float, leak_ms: float, lost_ms: float) -> None:
    row = judge(SPOKEN, [sent(starts_t, 4.5)], T0)
    assert row["t"] == 2.0
    assert row["word_leak_ms"] == pytest.approx(leak_ms, abs=0.1)
    assert row["question_lost_ms"] == pytest.approx(lost_ms, abs=0.1)


def test_what_was_never_sent_is_lost_whole() -> None:
    assert judge(SPOKEN, [], T0)["question_lost_ms"] == pytest.approx(1300, abs=0.1)
    others = [sent(0.2, 1.0, t=0.3), sent(6.0, 7.0)]
    row = judge(SPOKEN, others, T0)
    assert row["question_lost_ms"] == pytest.approx(1300, abs=0.1)
    assert row["word_leak_ms"] == 0.0


def test_an_uplink_that_was_open_before_leaks_no_wake_word() -> None:
    for opened_t, opener in (
        (1.1, "follow_up"),
        (2.2, "follow_up"),
        (1.5, "wake"),
        (2.7, "button"),
    ):
        ear = heard([("uplink_started", opened_t, opener), ("uplink_stopped", 4.6, "")])
        row = judge(SPOKEN, [sent(opened_t - 0.1, 4.5)], T0, ear)
        assert (row["word_leak_ms"], row["question_lost_ms"]) == (None, 0.0), opener
    # Woken before the word was out: that is a leak.
    ear = heard([("uplink_started", 2.5, "wake"), ("uplink_stopped", 4.6, "")])
    early = judge(SPOKEN, [sent(2.4, 4.5, t=2.5)], T0, ear)
    assert early["word_leak_ms"] == pytest.approx(200, abs=0.1)
    # What was opened and closed before, or opens long after, explains nothing.
    for opened_t, closed_t in ((0.5, 1.9), (3.7, 4.6)):
        other = [("uplink_started", opened_t, "button"), ("uplink_stopped", closed_t, "")]
        row = judge(SPOKEN, [sent(2.4, 4.5)], T0, heard(other))
        assert row["word_leak_ms"] == pytest.approx(200, abs=0.1)


def test_a_stall_makes_the_wire_late_and_no_leak() -> None:
    """A follow-up began with the word; its audio passed the wire only when all was said."""
    ear = heard(
        [
            ("uplink_started", 2.1, "follow_up"),
            ("uplink_stopped", 2.7, ""),
            ("uplink_started", 2.7, "wake"),
            ("uplink_stopped", 4.6, ""),
        ]
    )
    row = judge(SPOKEN, [sent(2.05, 2.8, t=4.5), sent(2.6, 4.5, t=4.6)], T0, ear)
    assert (row["word_leak_ms"], row["question_lost_ms"]) == (None, 0.0)
    assert words_of(row) == ""


def test_what_is_said_while_muted_is_neither_lost_nor_leaked() -> None:
    ear = heard([("muted", 1.0, ""), ("unmuted", 5.0, "")])
    row = judge(SPOKEN, [], T0, ear)
    assert (row["word_leak_ms"], row["question_lost_ms"]) == (None, None)
    assert words_of(row) == "“hey jarvis, what”: said while muted, nothing was sent"
    leak = judge(SPOKEN, [sent(2.4, 4.5)], T0, ear)  # the grave case keeps its numbers
    assert leak["word_leak_ms"] == pytest.approx(200, abs=0.1)
    over = heard([("muted", 0.5, ""), ("unmuted", 1.5, "")])
    assert judge(SPOKEN, [], T0, over)["question_lost_ms"] == pytest.approx(1300, abs=0.1)
    still = heard([("muted", 1.0, "")])
    assert judge(SPOKEN, [], T0, still)["muted"] is True


def test_where_nothing_is_known_nothing_is_said() -> None:
    unlike = {"t": 2.7, "duration_ms": 1500.0, "matched": False}
    clip = Spoken("clip.wav", T0 + 2.0, T0 + 4.0)
    elsewhere = sent(2.6, 4.5, blocks=30, unlike_blocks=20)
    for spoken, uplink in (
        (SPOKEN, [unlike]),
        (SPOKEN, [elsewhere]),
        (clip, [sent(2.6, 4.5)]),
    ):
        row = judge(spoken, uplink, T0)
        assert (row["word_leak_ms"], row["question_lost_ms"]) == (None, None)
    scrap = {**unlike, "duration_ms": 30.0}
    assert judge(SPOKEN, [sent(2.6, 4.0), scrap], T0)["question_lost_ms"] == 0.0
    word_only = Spoken("hey jarvis", T0 + 2.0, T0 + 2.6, T0 + 2.6)
    row = judge(word_only, [sent(2.6, 4.5)], T0)
    assert (row["word_leak_ms"], row["question_lost_ms"]) == (0.0, None)


def test_only_what_is_worth_it_is_shown() -> None:
    assert words_of(judge(SPOKEN, [sent(2.56, 4.5)], T0)) == ""
    assert words_of(judge(SPOKEN, [sent(2.79, 4.5)], T0)) == ""
    assert "71 ms of the wake word were sent" in words_of(judge(SPOKEN, [sent(2.529, 4.5)], T0))
    late = words_of(judge(SPOKEN, [sent(2.83, 4.5)], T0))
    assert late == "“hey jarvis, what”: 130 ms of the question were not sent"


def test_it_comes_out_of_the_recordings() -> None:
    """The uplink of a report begins 250 ms behind the question's first sound."""
    stage = Stage()
    noise = np.random.default_rng(3).standard_normal(20 * 12_000) * 0.05
    stage.mic = to_int16(resample(noise, 12_000, ROOM_HZ))
    run = uplink_of(stage, 2.95, 6.0, late_s=0.01)
    clip = Spoken("clip.wav", T0 + 9, T0 + 10)
    summary = stage.report(uplink=[run], spoken=[SPOKEN, clip]).summary()
    first, second = summary["utterances"]
    assert first["question_lost_ms"] == pytest.approx(250, abs=0.2)
    assert first["word_leak_ms"] == 0.0
    assert (second["word_leak_ms"], second["question_lost_ms"]) == (None, None)
    assert summary["question_lost_ms"]["n"] == 1
    assert summary["uplink_lost_samples"] == 0  # counts from where the uplink began


def test_a_stretch_from_inside_the_word_is_a_leak() -> None:
    stage = Stage()
    noise = np.random.default_rng(3).standard_normal(20 * 12_000) * 0.05
    stage.mic = to_int16(resample(noise, 12_000, ROOM_HZ))
    run = uplink_of(stage, 2.45, 6.0, late_s=0.3)
    report: Report = stage.report(uplink=[run], spoken=[SPOKEN])
    [row] = report.utterances
    assert row["word_leak_ms"] == pytest.approx(150, abs=0.2)
    assert row["question_lost_ms"] == 0.0


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("hey jarvis, what time is it", ", what time is it"),
        ("  Hey Jarvis what", " what"),
        ("hey, jarvis", ""),
        ("OK nabu stop", " stop"),
        ("Okay, Nabu: stop", ": stop"),
        ("hey jarvision", None),
        ("say hey jarvis", None),
        ("", None),
    ],
)
def test_the_wake_word_in_a_text(text: str, rest: str | None) -> None:
    end = end_in_text(text, ("hey jarvis", "okay nabu"))
    assert (None if end is None else text[end:]) == rest


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, ("hey jarvis",)),
        ({"wake": {"threshold": 0.4}}, ("hey jarvis",)),
        ({"wake": {"words": ["okay_nabu", "Alexa"]}}, ("okay nabu", "alexa")),
        ({"wake": {"words": "hey-mycroft"}}, ("hey mycroft",)),
        ({"wake": {"words": ["models/hey_house_v0.1.tflite"]}}, ("hey house",)),
        ({"wake": {"words": [3, "___", "9"]}}, ("9",)),
        ({"wake": 7}, ("hey jarvis",)),
    ],
)
def test_the_words_of_a_configuration(config: dict[str, Any], words: tuple[str, ...]) -> None:
    assert wake_words(config) == words


def test_espeak_tells_where_the_wake_word_ends(tmp_path: Any) -> None:
    write_wav(tmp_path / "clip.wav", np.full(800, 5000, np.int16), 16_000)
    texts = ("hey jarvis, what time is it", "hey jarvis", "what is hey jarvis")
    cues = (*(Cue(At(0), Say(text)) for text in texts), Cue(At(0), Play(tmp_path / "clip.wav")))
    made = render(Scenario(9.0, RoomSpec(rate_hz=16_000), cues), ("hey jarvis",))
    word, paused = made[1], made[0]
    assert paused.word_end is not None
    assert paused.question is not None
    assert abs(paused.word_end - word.last_loud) < 0.1 * 16_000  # said alone it ends alike
    assert paused.question - paused.word_end > 0.05 * 16_000  # the comma
    between = paused.samples[paused.word_end + 1 : paused.question]
    assert np.abs(between.astype(int)).max() < 0.02 * np.abs(paused.samples.astype(int)).max() + 1
    assert (word.word_end, word.question) == (word.last_loud, None)
    for other in (made[2], made[3]):
        assert (other.word_end, other.question) == (None, None)


def test_a_seam_in_silence() -> None:
    quiet = Utterance.of(np.zeros(100, np.int16), 50)
    assert (quiet.word_end, quiet.question) == (None, None)
