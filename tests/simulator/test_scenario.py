"""Scenario files: what is read, and how every mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.errors import ScenarioError
from device.simulator import scenario as sc

HEAD = "duration_s = 20\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "clip.wav").write_bytes(b"RIFF")
    return tmp_path / "s.toml"


def test_the_contracts_own_example(place: Path) -> None:
    text = """\
duration_s = 20                           # all times count from READY
[room]            # all optional
echo_gain_db = -10
[[cue]]
at_s = 1.0
say = "hey jarvis, what time is it"
[[cue]]
at_s = 1.0
play = "clip.wav"
[[cue]]
after = "playback_started"
delay_ms = 800
button = "action"
[[cue]]
at_s = 9.0
fault = "unplug_mic"
"""
    read = sc.parse(text, place)
    assert read.duration_s == 20
    assert read.room == sc.RoomSpec(echo_gain_db=-10)
    assert [c.trigger for c in read.cues] == [
        sc.At(1.0),
        sc.At(1.0),
        sc.After("playback_started", 1, 800.0),
        sc.At(9.0),
    ]
    assert [c.action for c in read.cues] == [
        sc.Say("hey jarvis, what time is it"),
        sc.Play(place.parent / "clip.wav"),
        sc.Button("action"),
        sc.Fault("unplug_mic"),
    ]
    assert [c.line for c in read.cues] == [6, 9, 13, 16]


def test_a_scenario_may_have_nothing_but_a_duration(place: Path) -> None:
    assert sc.parse("duration_s = 0.5", place) == sc.Scenario(0.5, sc.RoomSpec(), (), place)


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('at_s = 1\nfault = "stall_network"\nms = 500', {"ms": 500.0}),
        ("at_s = 1\nfault = {stall_network = {ms = 500}}", {"ms": 500.0}),
        ('at_s = 1\nfault = "stall_network"\nstall_network = {ms = 500}', {"ms": 500.0}),
        (
            'at_s = 1\nfault = "network_jitter"\ndelay_ms = 20\njitter_ms = 80\nrate_kbps = 256',
            {"delay_ms": 20.0, "jitter_ms": 80.0, "rate_kbps": 256.0},
        ),
        (
            'at_s = 1\nfault = "network_jitter"\njitter_ms = 100',
            {"delay_ms": 0.0, "jitter_ms": 100.0, "rate_kbps": 0.0},
        ),
        (
            'after = "link_opened"\ndelay_ms = 300\nfault = {network_jitter = {delay_ms = 9}}',
            {"delay_ms": 9.0, "jitter_ms": 0.0, "rate_kbps": 0.0},
        ),
        (
            'after = "link_opened"\ndelay_ms = 300\nfault = "network_jitter"\njitter_ms = 5',
            {"delay_ms": 0.0, "jitter_ms": 5.0, "rate_kbps": 0.0},
        ),
    ],
)
def test_faults_with_arguments(place: Path, text: str, arguments: dict[str, float]) -> None:
    (cue,) = sc.parse(HEAD + "[[cue]]\n" + text, place).cues
    assert isinstance(cue.action, sc.Fault)
    assert cue.action.arguments == arguments
    if isinstance(cue.trigger, sc.After):
        assert cue.trigger.delay_ms == 300


def test_every_fault_of_the_contract_is_accepted(place: Path) -> None:
    for kind in sc.FAULTS:
        extra = "\nms = 1" if kind == "stall_network" else ""
        (cue,) = sc.parse(f'{HEAD}[[cue]]\nat_s = 1\nfault = "{kind}"{extra}', place).cues
        assert isinstance(cue.action, sc.Fault)
        assert cue.action.kind == kind


# (text, line at fault, a word that the message must contain)
MISTAKES = [
    ("", None, "duration_s is missing"),
    ("duration_s = 'long'", 1, "number"),
    ("duration_s = 0", 1, "0.1"),
    ("duration_s = true", 1, "number"),
    ("duration_s = inf", 1, "inf"),
    ("duration_s = = 3", 1, "TOML"),
    ("duration_s = 20\n\n[room\n", 3, "TOML"),
    ("duration = 20", 1, "did you mean 'duration_s'"),
    (HEAD + "[rooms]\n", 2, "did you mean 'room'"),
    (HEAD + "[room]\necho_gain = -3", 3, "did you mean 'echo_gain_db'"),
    (HEAD + "[room]\n\nrate_hz = 44100", 4, "16000, 48000"),
    (HEAD + "[room]\nmic_channels = 9", 3, "1 to 8"),
    (HEAD + "[room]\nmic_channels = 1.5", 3, "whole"),
    (HEAD + "[room]\nnoise_db = 3", 3, "-120 to 0"),
    (HEAD + "room = 3", 2, "table"),
    (HEAD + "[cue]\nat_s = 1", 2, "[[cue]]"),
    (HEAD + "[[cue]]\nat_s = 1", 2, "exactly one of"),
    (HEAD + "[[cue]]\nat_s = 1\nsay = 'a'\nbutton = 'action'", 2, "say and button"),
    (HEAD + "[[cue]]\nsay = 'a'", 2, "either at_s or after"),
    (HEAD + "[[cue]]\nat_s = 1\nafter = 'ready'\nsay = 'a'", 2, "either at_s or after"),
    (HEAD + "[[cue]]\nat_s = -1\nsay = 'a'", 3, "0 to"),
    (HEAD + "[[cue]]\nat_s = 20\nsay = 'a'", 3, "behind the end"),
    (HEAD + "[[cue]]\nat_s = 1\ncount = 2\nsay = 'a'", 4, "after"),
    (HEAD + "[[cue]]\nafter = 'ready'\ncount = 0\nsay = 'a'", 4, "1 to"),
    (HEAD + "[[cue]]\nafter = 'playback_start'\nsay = 'a'", 3, "did you mean 'playback_started'"),
    (HEAD + "[[cue]]\nat_s = 1\ndelay_ms = 5\nsay = 'a'", 4, "does not go with 'say'"),
    (HEAD + "[[cue]]\nat_s = 1\nsay = ''", 4, "text"),
    (HEAD + "[[cue]]\nat_s = 1\nsay = 7", 4, "text"),
    (HEAD + "[[cue]]\nat_s = 1\nsay = 'a'\nspeed_wpm = 20", 5, "80 to 450"),
    (HEAD + "[[cue]]\nat_s = 1\nsay = 'a'\nhold_ms = 20", 5, "does not go with 'say'"),
    (HEAD + "[[cue]]\nat_s = 1\nsays = 'a'", 4, "did you mean 'say'"),
    (HEAD + "[[cue]]\nat_s = 1\nplay = 'none.wav'", 4, "no such file"),
    (HEAD + "[[cue]]\nat_s = 1\nplay = 'clip.wav'\nvoice = 'en'", 5, "does not go"),
    (HEAD + "[[cue]]\nat_s = 1\nbutton = 'actoin'", 4, "did you mean 'action'"),
    (HEAD + "[[cue]]\nat_s = 1\nbutton = 'action'\nhold_ms = 0", 5, "1 to"),
    (HEAD + "[[cue]]\nat_s = 1\nfault = 'unplug_mike'", 4, "did you mean 'unplug_mic'"),
    (HEAD + "[[cue]]\nat_s = 1\nfault = 'stall_network'", 4, "needs ms"),
    (HEAD + "[[cue]]\nat_s = 1\nfault = 'network_up'\nms = 5", 5, "does not go"),
    (HEAD + "[[cue]]\nat_s = 1\nfault = {stall_network = {mss = 5}}", 4, "did you mean 'ms'"),
    (HEAD + "[[cue]]\nat_s = 1\nfault = {network_up = {}, network_down = {}}", 4, "one fault"),
    (
        HEAD + "[[cue]]\nat_s=1\nsay='a'\n[[cue]]\nat_s=2\nsay='a'\n[[cue]]\nat_s='x'\nsay='a'",
        9,
        "x",
    ),
]


@pytest.mark.parametrize(("text", "line", "word"), MISTAKES)
def test_a_mistake_names_its_line(place: Path, text: str, line: int | None, word: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        sc.parse(text, place)
    assert caught.value.line == line
    assert word in str(caught.value)
    assert str(place) in str(caught.value)


def test_lines_are_found_behind_long_values(place: Path) -> None:
    text = '''\
duration_s = 20
[[cue]]
at_s = 1
say = """hey jarvis
[room]
at_s = 99
"""
[[cue]]  # the second
"at_s" = 2
"say" = 'x # = "'
spede_wpm = 3
'''
    with pytest.raises(ScenarioError) as caught:
        sc.parse(text, place)
    assert caught.value.line == 11


def test_an_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"cannot be read"):
        sc.load(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "line", "name"),
    [
        ("duration_s = 3\n[[cue]]\nat_s = 1\nsay = 'a'\nat_s = 2\n", 5, "'cue.at_s' stands twice"),
        ("duration_s = 3\nduration_s = 4\n", 2, "'duration_s' stands twice"),
        ("duration_s = 3\n[room]\n[room]\n", 3, "'room' stands twice"),
        ("duration_s = \n", 1, "not valid TOML: Invalid value"),
    ],
)
def test_a_key_that_stands_twice_is_named(text: str, line: int, name: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        sc.parse(text, Path("s.toml"))
    assert caught.value.line == line
    assert name in str(caught.value)
