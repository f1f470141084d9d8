"""Pulled plugs: each gives a clear word, light and cue, and is survived."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from device.audio.wakewords.models import find_wake_models
from tests.appliance.run import simulate

pytestmark = pytest.mark.appliance

ASK = '\n[[cue]]\nat_s = {at}\nsay = "hey jarvis, what time is it"\n'


def fault(at: float, name: str) -> str:
    return f'\n[[cue]]\nat_s = {at}\nfault = "{name}"\n'


def test_an_unplugged_microphone_is_told_and_heard_again_after_replugging(tmp_path: Path) -> None:
    scenario = (
        "duration_s = 18\n"
        + fault(1.0, "unplug_mic")
        + fault(5.0, "replug_mic")
        + fault(8.0, "xrun_mic")
        + ASK.format(at=9.5)
    )
    run = simulate(tmp_path, scenario)
    assert run.status == 0, run.story()
    run.first("light", 1.0, pattern="degraded")
    run.first("part_ready", 5.0, part="microphone")
    assert run.first("playback_started", 9.5)["t"] < 16


def test_an_unplugged_speaker_mid_reply_and_the_next_reply_is_heard(tmp_path: Path) -> None:
    scenario = (
        "duration_s = 26\n"
        + '[[cue]]\nat_s = 1.0\nsay = "hey jarvis, what can you do"\n'
        + '[[cue]]\nafter = "playback_started"\ndelay_ms = 1500\nfault = "unplug_speaker"\n'
        + fault(10.0, "replug_speaker")
        + ASK.format(at=15.0)
    )
    run = simulate(tmp_path, scenario)
    assert run.status == 0, run.story()
    assert run.first("playback_stopped")["reason"] == "error", run.story()
    run.first("playback_started", 15.0)


def test_the_offline_service_killed_mid_reply_comes_back(tmp_path: Path) -> None:
    scenario = (
        "duration_s = 24\n"
        + '[[cue]]\nat_s = 1.0\nsay = "hey jarvis, what can you do"\n'
        + '[[cue]]\nafter = "playback_started"\ndelay_ms = 300\nfault = "kill_service"\n'
        + ASK.format(at=14.0)
    )
    run = simulate(tmp_path, scenario)
    assert run.status == 0, run.story()
    assert len(run.all("service_started")) == 2, run.story()
    run.first("link_closed")
    assert run.first("tool_called", 14.0)["name"] == "get_time", run.story()


def test_a_dead_network_is_told_and_the_next_question_after_it_is_answered(tmp_path: Path) -> None:
    scenario = (
        "duration_s = 40\n"
        + fault(0.5, "network_down")
        + ASK.format(at=1.0)
        + fault(22.0, "network_up")
        + ASK.format(at=28.0)
    )
    run = simulate(tmp_path, scenario)
    assert run.status == 0, run.story()
    error = run.first("error", 1.0)
    assert error["kind"] == "network"
    assert "did not answer within 8 s" in error["detail"], run.story()
    asked = run.first("uplink_started")
    assert run.first("uplink_stopped")["reason"] == "long_pause", run.story()
    given_up = run.first("light", asked["t"] + 14.5, pattern="error")
    assert given_up["t"] < asked["t"] + 17.0, run.story()
    assert run.first("phrase", given_up["t"] - 0.5)["phrase"] == "no_service", run.story()
    run.first("light", given_up["t"], pattern="offline")
    run.first("playback_started", 28.0)


def test_a_question_asked_while_the_network_is_down_is_answered_when_it_comes_back(
    tmp_path: Path,
) -> None:
    scenario = (
        "duration_s = 24\n"
        + fault(0.5, "network_down")
        + ASK.format(at=1.0)
        + fault(12.0, "network_up")
    )
    run = simulate(tmp_path, scenario)
    assert run.status == 0, run.story()
    opened = run.first("link_opened")
    assert opened["t"] > 12.0, run.story()
    run.first("tool_called", opened["t"], name="get_time")
    run.first("playback_started", opened["t"])
    assert len(run.all("wake_detected")) == 1


def test_a_link_that_died_in_silence_between_two_questions_costs_neither(tmp_path: Path) -> None:
    scenario = (
        "duration_s = 34\n"
        + ASK.format(at=1.0)
        + fault(13.0, "network_down")
        + ASK.format(at=13.2)
        + fault(20.0, "network_up")
    )
    run = simulate(tmp_path, scenario)
    assert run.status == 0, run.story()
    asked_again = run.first("wake_detected", 13.0)
    closed = run.first("link_closed", 13.0)
    assert "did not answer within 2.5 s" in closed["reason"], run.story()
    assert closed["t"] - asked_again["t"] < 5, run.story()
    opened = run.first("link_opened", 20.0)
    run.first("tool_called", opened["t"], name="get_time")
    run.first("playback_started", opened["t"])


def test_a_stalled_event_loop_delays_neither_the_cut_nor_the_samples(tmp_path: Path) -> None:
    scenario = (
        "duration_s = 22\n"
        + '[[cue]]\nat_s = 1.0\nsay = "hey jarvis, what can you do"\n'
        + '[[cue]]\nafter = "playback_started"\ndelay_ms = 1000\nfault = "stall_loop"\n'
        + '[[cue]]\nafter = "playback_started"\ndelay_ms = 2000\nbutton = "action"\n'
        + ASK.format(at=13.0)
    )
    run = simulate(tmp_path, scenario)
    assert run.status == 0, run.story()
    [cut] = run.summary["cuts"]
    assert cut["cut_ms"] < 250, run.story()  # the loop was busy for 1000 ms more
    run.first("playback_started", 13.0)


def test_a_bad_scenario_is_refused_with_its_line(tmp_path: Path) -> None:
    import subprocess
    import sys

    (tmp_path / "s.toml").write_text("duration_s = 5\n\n[[cue]]\nat_s = 1\nsey = 'x'\n")
    command = [sys.executable, "-m", "device.cli.main", "simulate", "s.toml", "--out", "o"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "line 5" in done.stderr
    assert "say" in done.stderr


def test_the_waiting_cue_is_not_taken_for_speech(tmp_path: Path) -> None:
    """Pressed while the network is down, nobody speaks: there is nothing to answer."""
    scenario = (
        "duration_s = 12\n[room]\necho_gain_db = -6\n"
        + fault(0.5, "network_down")
        + '\n[[cue]]\nat_s = 1.0\nbutton = "action"\n'
        + fault(4.5, "network_up")
    )
    run = simulate(tmp_path, scenario)
    assert run.status == 0, run.story()
    assert run.first("link_opened")["t"] < run.first("uplink_stopped")["t"], run.story()
    assert not run.all("speech_started"), run.story()
    assert not run.all("user_transcript"), run.story()
    assert not run.all("playback_started"), run.story()
    assert run.first("uplink_stopped")["reason"] == "no_speech", run.story()


def test_without_the_wake_words_model_the_button_works_and_the_word_when_it_comes(
    tmp_path: Path,
) -> None:
    [stock] = find_wake_models(("hey_jarvis",))
    model = tmp_path / "hey_jarvis.tflite"
    scenario = (
        "duration_s = 28\n"
        + '[[cue]]\nat_s = 1.0\nbutton = "action"\n'
        + '[[cue]]\nat_s = 1.5\nsay = "what time is it"\n'
        + ASK.format(at=21.0)
    )
    arrival = threading.Timer(14.0, shutil.copy, (stock.path, model))
    arrival.start()
    try:
        run = simulate(tmp_path, scenario, f'[wake]\nwords = ["{model}"]\n')
    finally:
        arrival.cancel()
    assert run.status == 0, run.story()
    [told] = run.all("error")
    assert (told["kind"], told["state"]) == ("wake", "no wake word"), run.story()
    assert run.first("ready")["state"] == "no wake word"
    answered = run.first("tool_called", name="get_time")
    run.first("light", answered["t"], pattern="degraded")
    ready = run.first("part_ready", answered["t"], part="wake")
    wake = run.first("wake_detected", ready["t"])
    run.first("tool_called", wake["t"], name="get_time")
    # The microphone was never touched for it.
    assert not run.all("part_ready", part="microphone"), run.story()
