"""The main job, whole: the unmodified appliance on real ALSA in the simulated room."""

from __future__ import annotations

import pytest

from tests.appliance.run import Run, simulate, undisturbed

pytestmark = pytest.mark.appliance

DAY = """
duration_s = 50
[room]
echo_gain_db = -20
[[cue]]
at_s = 1.0
say = "hey jarvis, what time is it"
[[cue]]
at_s = 14.0
say = "hey jarvis, set a timer for two minutes"
[[cue]]
at_s = 28.0  # the window for a follow-up, in which no wake word is needed, is over
say = "hey jarvis, what can you do"
[[cue]]
after = "playback_started"
count = 3
delay_ms = 800  # whatever it was taken for, the answer is longer
button = "action"
[[cue]]
at_s = 41.0
button = "action"
hold_ms = 1200
[[cue]]
at_s = 44.0
say = "hey jarvis, what time is it"
[[cue]]
at_s = 47.0
button = "action"
hold_ms = 1200
"""


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return undisturbed(lambda folder: simulate(folder, DAY), tmp_path_factory.mktemp("day"))


def test_it_ran_to_the_end(day: Run) -> None:
    assert day.status == 0, day.story()


def test_a_question_in_one_breath_is_answered(day: Run) -> None:
    wake = day.first("wake_detected")
    assert 1.0 < wake["t"] < 3.0
    tool = day.first("tool_called", wake["t"])
    assert tool["name"] == "get_time", day.story()
    day.first("playback_started", tool["t"])


def test_a_timer_is_set(day: Run) -> None:
    tool = day.first("tool_called", 10.0)
    assert tool["name"] == "set_timer", day.story()
    assert "120" in tool["arguments"]


def test_the_button_cuts_and_the_heard_part_is_true(day: Run) -> None:
    stop = day.first("playback_stopped", reason="button")
    assert 400 < stop["heard_ms"] < 2500
    [cut] = day.summary["cuts"]
    assert cut["cut_ms"] < 250  # a frozen machine; scripts/bench measures it
    assert abs(day.summary["heard_error_ms"]["median"]) < 60


def test_nothing_said_before_the_wake_words_end_was_sent_and_nothing_after_was_lost(
    day: Run,
) -> None:
    if day.summary["room"]["mic_xruns"] == 0:  # a frozen machine loses them before we see them
        assert day.summary["uplink_lost_samples"] == 0, day.summary["uplink"]
    assert day.summary["uplink_doubled_samples"] == 0, day.summary["uplink"]
    questions = [row for row in day.summary["utterances"] if row["t"] < 41.0]  # then it is muted
    assert len(questions) == 3
    for row in questions:
        assert row["word_leak_ms"] <= 50, questions
        assert row["question_lost_ms"] <= 100, questions
    assert len(day.all("uplink_started")) == len(day.all("uplink_stopped"))


def test_mute_closes_the_microphone_for_good(day: Run) -> None:
    muted = day.first("muted")
    assert not [w for w in day.all("wake_detected") if w["t"] > muted["t"]], day.story()
    assert day.first("unmuted")["t"] > 43.0
    day.first("light", muted["t"] - 0.5, pattern="muted")


def test_the_light_listens_exactly_while_the_uplink_is_open(day: Run) -> None:
    lights = day.all("light")
    for start, stop in zip(day.all("uplink_started"), day.all("uplink_stopped"), strict=True):
        during = [li["pattern"] for li in lights if start["t"] + 0.05 < li["t"] < stop["t"] - 0.05]
        assert set(during) <= {"listening"}, day.story()
    for start in day.all("uplink_started"):
        shown = [li["pattern"] for li in lights if li["t"] < start["t"] + 0.05]
        assert shown[-1] == "listening", day.story()
