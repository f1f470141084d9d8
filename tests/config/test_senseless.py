"""What is allowed, and together can do nothing, is said by `parlor config check` alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from device import config
from device.cli.main import main

SERVICE, DEVICE = (
    "[service]\nturn_detection = 'service'\n",
    "[service]\nturn_detection = 'device'\n",
)
MICS = "[audio]\ncapture_channels = 4\n"
ARRAY = f"{MICS}microphone_geometry = 'circle 4 x 45 mm'\nbeam_azimuth_deg = 0\n"

# (name, text of the file, key blamed, words that the message must hold)
SENSELESS: list[tuple[str, str, str, str]] = [
    (
        "an empty phrase",
        "[turn]\nslow_reply = 'phrase'\n[phrases]\nmoment = ' '\n",
        "turn.slow_reply",
        "the phrase is empty",
    ),
    (
        "a sign that is never given",
        "[turn]\nslow_reply = 'phrase'\nslow_reply_s = 0\n",
        "turn.slow_reply",
        "slow_reply_s = 0",
    ),
    (
        "a sign repeated that is never given",
        "[turn]\nslow_again_s = 3\nslow_reply_s = 0\n",
        "turn.slow_again_s",
        "slow_reply_s = 0",
    ),
    (
        "Smart Turn where the service ends turns",
        f"{SERVICE}[turn]\nsmart_turn = 'on'\n",
        "turn.smart_turn",
        "the service ends the turns",
    ),
    (
        "eagerness where the service ends turns",
        f"{SERVICE}[turn]\neagerness = 'high'\n",
        "turn.eagerness",
        "the service ends the turns",
    ),
    (
        "the service's silence where the device ends turns",
        f"{DEVICE}vad_silence_ms = 800\n",
        "service.vad_silence_ms",
        "the device ends the turns",
    ),
    (
        "Smart Turn beside a fixed silence",
        f"{DEVICE}[turn]\neagerness = 'fixed'\nsmart_turn = 'on'\n",
        "turn.smart_turn",
        "nobody asks Smart Turn",
    ),
    (
        "the shortest of one fixed silence",
        f"{DEVICE}[turn]\neagerness = 'fixed'\nshortest_silence_ms = 300\n",
        "turn.shortest_silence_ms",
        "always waits for silence_ms",
    ),
    (
        "the longest of one fixed silence",
        f"{DEVICE}[turn]\neagerness = 'fixed'\nlongest_silence_ms = 2000\n",
        "turn.longest_silence_ms",
        "always waits for silence_ms",
    ),
    (
        "the longest silence where the service ends turns",
        f"{SERVICE}[turn]\nlongest_silence_ms = 2000\n",
        "turn.longest_silence_ms",
        "the service ends the turns",
    ),
    (
        "invited where there is no follow-up",
        "[turn]\nfollow_up_s = 0\ninvited_s = 8\n",
        "turn.invited_s",
        "follow_up_s = 0",
    ),
    (
        "a number of follow-ups where there is none",
        "[turn]\nfollow_up_s = 0\nfollow_ups = 3\n",
        "turn.follow_ups",
        "follow_up_s = 0",
    ),
    (
        "invited for shorter than not invited",
        "[turn]\nfollow_up_s = 9\ninvited_s = 5\n",
        "turn.invited_s",
        "shorter than follow_up_s (9)",
    ),
    (
        "barge-in through its own echo",
        "[audio]\necho_cancellation = 'off'\n[turn]\nbarge_in = 'eager'\n",
        "turn.barge_in",
        "only wake word and button interrupt",
    ),
    (
        "an echo-cancelled uplink without cancellation",
        "[audio]\necho_cancellation = 'off'\nuplink = 'echo_cancelled'\n",
        "audio.uplink",
        "no echo is cancelled",
    ),
    (
        "a beam past what the array cancels",
        f"{ARRAY}echo_cancellation = 'hardware'\n",
        "audio.beam_azimuth_deg",
        "cancelled on board",
    ),
    (
        "listening to what is no microphone",
        f"{MICS}microphone_channels = '1, 2, 3'\n",
        "audio.microphone_channels",
        "channel 0, which is listened to (capture_channel), is not one",
    ),
    (
        "the same, with the channel named",
        f"{MICS}capture_channel = 3\nmicrophone_channels = '0, 1, 2'\n",
        "audio.capture_channel",
        "channel 3, which is listened to",
    ),
    (
        "nothing that wakes",
        "[wake]\nwords = ['alexa']\nstop_words = ['Alexa']\n",
        "wake.stop_words",
        "nothing can wake it",
    ),
    (
        "one engine named, both used",
        "[wake]\nengine = 'micro'\nconfirm = true\n",
        "wake.engine",
        "both engines listen",
    ),
]

SENSIBLE = [
    "[turn]\nslow_reply = 'phrase'\n",
    "[turn]\nslow_reply = 'sound'\n[phrases]\nmoment = ''\n",
    "[turn]\nslow_reply_s = 0\n",
    "[turn]\nslow_reply_s = 0\nslow_again_s = 0\n",
    f"{DEVICE}[turn]\nsmart_turn = 'on'\neagerness = 'high'\nlongest_silence_ms = 2000\n",
    f"{DEVICE}[turn]\neagerness = 'fixed'\nsilence_ms = 900\n",
    f"{SERVICE}[turn]\nsilence_ms = 900\n",  # of the waiting cue
    "[turn]\nsmart_turn = 'off'\n",
    "[turn]\nfollow_up_s = 0\n",
    "[turn]\nfollow_up_s = 0\ninvited_s = 0\n",
    "[turn]\nfollow_up_s = 20\n",
    "[audio]\necho_cancellation = 'off'\n",
    "[audio]\necho_cancellation = 'off'\nuplink = 'cleaned'\n[turn]\nbarge_in = 'off'\n",
    ARRAY,
    f"{MICS}echo_cancellation = 'hardware'\nmicrophone_channels = '1, 2, 3'\n",
    f"{MICS}capture_channel = 1\nmicrophone_channels = '1, 2, 3'\n",
    "[wake]\nwords = ['alexa']\nstop_words = ['alexa']\n[board]\nname = 'gpio'\n",
    "[wake]\nengine = 'micro'\n",
    "[wake]\nconfirm = true\npatience = 2\n",
]


@pytest.mark.parametrize(
    ("text", "key", "says"), [case[1:] for case in SENSELESS], ids=[case[0] for case in SENSELESS]
)
def test_what_can_do_nothing_is_said_at_its_line_with_what_to_do(
    text: str, key: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "parlor.toml"
    path.write_text(text)
    (error,) = config.check(path, {})
    assert isinstance(error, config.SenselessSettingError)
    name = key.partition(".")[2]
    (line,) = (n for n, row in enumerate(text.splitlines(), 1) if row.startswith(f"{name} ="))
    assert (error.key, error.line) == (key, line)
    assert says in str(error)
    assert error.hint
    assert main(["config", "check", str(path)]) == 2
    assert says in capsys.readouterr().err
    config.load(path)  # it runs with it all the same


@pytest.mark.parametrize("text", SENSIBLE)
def test_nothing_is_said_of_what_makes_sense_or_nobody_wrote(text: str, tmp_path: Path) -> None:
    path = tmp_path / "parlor.toml"
    path.write_text(text)
    assert config.check(path, {}) == []


def test_of_a_mistake_it_is_not_said_as_well_that_it_has_no_effect(tmp_path: Path) -> None:
    path = tmp_path / "parlor.toml"
    path.write_text("[turn]\neagerness = 'hihg'\n")
    (error,) = config.check(path, {})
    assert "did you mean" in str(error)


@pytest.mark.parametrize("name", ["microwakeword", "microWakeWord", "micro_wake_word"])
def test_the_natural_name_of_the_micro_engine_is_understood(name: str, tmp_path: Path) -> None:
    path = tmp_path / "parlor.toml"
    path.write_text(f"[wake]\nengine = '{name}'\n")
    (error,) = config.check(path, {})
    assert error.hint == 'did you mean "micro"?'


def test_the_other_engine_is_understood_in_its_own_spelling(tmp_path: Path) -> None:
    path = tmp_path / "parlor.toml"
    path.write_text("[wake]\nengine = 'openWakeWord'\n")
    (error,) = config.check(path, {})
    assert error.hint == 'did you mean "openwakeword"?'
