"""Talked over in a difficult room: a late echo, a microphone with a clock of its own."""

from __future__ import annotations

import pytest

from tests.appliance.run import Run, simulate, undisturbed

pytestmark = pytest.mark.appliance

# The answer takes half a minute. Said over it, in this order: an agreement, a sentence.
ROOM = """
duration_s = 44
[room]
echo_gain_db = -10
echo_delay_ms = 140
clock_skew_ppm = 80
[[cue]]
at_s = 1.0
say = "hey jarvis, what can you do"
[[cue]]
after = "playback_started"
count = 1
delay_ms = 16000
say = "yeah"
[[cue]]
after = "playback_started"
count = 1
delay_ms = 20000
say = "what is the date today"
voice = "en-us+m3"
"""


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return undisturbed(lambda folder: simulate(folder, ROOM), tmp_path_factory.mktemp("duplex"))


def said(run: Run, text: str) -> float:
    return float(run.first("say", text=text)["t"])


def test_it_does_not_interrupt_itself(talk: Run) -> None:
    began = talk.first("playback_started")["t"]
    interrupted = talk.first("barge_in")["t"]
    assert interrupted - began > 19.0, talk.story()


def test_an_agreement_lowers_the_reply_which_goes_on(talk: Run) -> None:
    agreed = said(talk, "yeah")
    ducked = talk.first("ducked", agreed)
    restored = talk.first("restored", ducked["t"])
    assert restored["t"] < said(talk, "what is the date today"), talk.story()


def test_a_sentence_stops_it_and_the_service_knows_how_far_it_was_heard(talk: Run) -> None:
    spoke = said(talk, "what is the date today")
    stopped = talk.first("playback_stopped", spoke, reason="barge_in")
    assert stopped["t"] < spoke + 3.0, talk.story()
    (stop,) = [s for s in talk.summary["playback_stops"] if s["reason"] == "barge_in"]
    assert abs(stop["error_ms"]) < 30, talk.story()
    assert "conversation.item.truncate" in (talk.folder / "wire.jsonl").read_text()


def test_what_was_said_over_it_is_understood_from_its_beginning(talk: Run) -> None:
    stopped = talk.first("playback_stopped", reason="barge_in")
    uplink = talk.first("uplink_started", stopped["t"] - 0.1)
    assert uplink["opened_by"] == "barge_in", talk.story()
    heard = talk.first("user_transcript", stopped["t"], final=True)
    assert "date" in heard["text"], talk.story()
