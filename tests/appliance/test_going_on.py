"""Cut off in mid-sentence, on a slow line: who goes on is answered once, and to the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from device.simulator.wavfile import write_wav
from tests.appliance.run import Run, simulate, undisturbed

pytestmark = pytest.mark.appliance

DEVICE = """
[service]
turn_detection = "device"
[turn]
slow_reply = "sound"
"""


def scenario(duration_s: int, question: str, then: str) -> str:
    """Every answer takes 2 s and more: a pause of 1.2 s is over before it can sound."""
    return f"""
duration_s = {duration_s}
[[cue]]
after = "link_opened"
fault = {{network_jitter = {{delay_ms = 1000, jitter_ms = 10}}}}
[[cue]]
at_s = 1.0
say = "hey jarvis, {question}"
[[cue]]
after = "uplink_stopped"
count = 1
delay_ms = 500
{then}
"""


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Run:
    text = scenario(24, "set a timer for", 'say = "ten minutes please"')
    return undisturbed(
        lambda folder: simulate(folder, text, DEVICE), tmp_path_factory.mktemp("goes_on")
    )


@pytest.fixture(scope="module")
def cough(tmp_path_factory: pytest.TempPathFactory) -> Run:
    def run(folder: Path) -> Run:
        folder.mkdir()
        write_cough(folder / "cough.wav")
        return simulate(folder, scenario(16, "what time is it", 'play = "cough.wav"'), DEVICE)

    return undisturbed(run, tmp_path_factory.mktemp("cough"))


def write_cough(path: Path) -> None:
    """Two bursts of noise within 0.45 s, the first the louder, as coughs are."""
    rate_hz = 16_000
    rng = np.random.default_rng(7)
    sound = np.zeros(rate_hz * 45 // 100)
    for at_s, lasts_s, loud in ((0.0, 0.15, 0.4), (0.2, 0.25, 0.2)):
        count = int(lasts_s * rate_hz)
        burst = rng.standard_normal(count) * np.exp(-np.arange(count) / (0.06 * rate_hz))
        start = int(at_s * rate_hz)
        sound[start : start + count] += loud * burst
    write_wav(path, np.clip(sound * 32767, -32768, 32767).astype(np.int16), rate_hz)


def test_who_goes_on_while_the_reply_is_awaited_is_heard(talk: Run) -> None:
    ended = talk.first("uplink_stopped", reason="end_of_turn")
    again = talk.first("turn_goes_on", ended["t"])
    uplink = talk.first("uplink_started", again["t"] - 0.01)
    assert uplink["opened_by"] == "going_on", talk.story()
    assert again["t"] - ended["t"] < 2.0, talk.story()


def test_both_halves_are_one_command_that_is_obeyed_once(talk: Run) -> None:
    (call,) = talk.all("tool_called", name="set_timer")
    assert "600" in call["arguments"], talk.story()


def test_the_reply_to_the_first_half_never_sounds(talk: Run) -> None:
    again = talk.first("turn_goes_on")
    assert all(p["t"] > again["t"] for p in talk.all("playback_started")), talk.story()
    assert not talk.all("error"), talk.story()


def test_the_reply_to_the_whole_is_heard_to_its_end(talk: Run) -> None:
    said = " ".join(line["text"] for line in talk.all("reply_transcript"))
    assert "ten minutes" in said.lower() or "10 minutes" in said, talk.story()
    assert talk.all("playback_stopped", reason="done"), talk.story()


def test_a_cough_in_the_same_place_changes_nothing(cough: Run) -> None:
    assert cough.status == 0, cough.output
    coughed = cough.first("play", cough.first("uplink_stopped")["t"])["t"]
    assert coughed + 1.0 < cough.first("playback_started")["t"], cough.story()
    assert not cough.all("turn_goes_on"), cough.story()
    assert len(cough.all("uplink_started")) == 1, cough.story()
    (call,) = cough.all("tool_called")
    assert call["name"] == "get_time", cough.story()
    assert cough.all("playback_stopped", reason="done"), cough.story()


def test_neither_is_the_sign_that_the_reply_is_on_its_way(cough: Run) -> None:
    waited = cough.first("playback_started")["t"] - cough.first("uplink_stopped")["t"]
    assert waited > 1.5, cough.story()  # it is given after 1.2 s
    assert not cough.all("barge_in"), cough.story()
    assert not cough.all("ducked"), cough.story()
