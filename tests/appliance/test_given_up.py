"""What was taken back is never carried out, what came late breaks nothing off."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.appliance.run import simulate

pytestmark = pytest.mark.appliance


def say(at: str, words: str) -> str:
    return f'\n[[cue]]\n{at}\nsay = "{words}"\n'


def test_a_turn_that_a_press_took_back_behind_a_stalled_line_is_never_carried_out(
    tmp_path: Path,
) -> None:
    """The device had ended the turn; its audio, its end and the request waited to be sent."""
    scenario = (
        "duration_s = 20\n"
        + say("at_s = 1.0", "hey jarvis, set a timer for two minutes")
        + '\n[[cue]]\nat_s = 2.7\nfault = "stall_network"\nms = 5600\n'
        + '\n[[cue]]\nafter = "uplink_stopped"\ndelay_ms = 250\nbutton = "action"\n'
        + say('after = "uplink_stopped"\ndelay_ms = 800', "hey jarvis, what is the date today")
    )
    run = simulate(tmp_path, scenario, '[service]\nturn_detection = "device"\n')
    assert run.status == 0, run.story()
    assert [line["name"] for line in run.all("tool_called")] == ["get_date"], run.story()
    run.first("playback_stopped", reason="done")


def test_what_is_said_while_waiting_neither_breaks_off_the_answer_nor_gets_it(
    tmp_path: Path,
) -> None:
    """A pause parts them, too short for us to end the turn; both reach the service at once."""
    scenario = (
        "duration_s = 24\n"
        + say("at_s = 1.0", "hey jarvis, what is the date today")
        + '\n[[cue]]\nat_s = 1.9\nfault = "network_down"\n'
        + say("at_s = 4.6", "set a timer for nine minutes")
        + '\n[[cue]]\nat_s = 11.0\nfault = "network_up"\n'
    )
    run = simulate(tmp_path, scenario)
    assert run.status == 0, run.story()
    assert [line["name"] for line in run.all("tool_called")] == ["get_date"], run.story()
    stopped = run.first("playback_stopped")
    assert stopped["reason"] == "done", run.story()
    assert stopped["heard_ms"] > 2000, run.story()
