"""One service, the whole appliance: its sessions end, break and are cut off, and nobody hears it.

One run, read by several tests. The service ends each session after 20 s; its connections are
reset once, and once there is no network.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.appliance.life import Life, live

pytestmark = pytest.mark.appliance

TIMER = "hey jarvis, set a timer for nine minutes"
DATE = "hey jarvis, what is the date today"
TIME = "hey jarvis, what time is it"
CAP_S = 20.0
RESET_S, GONE_S, BACK_S = 29.5, 36.0, 41.0

SCENARIO = f"""
duration_s = 50
[[cue]]
at_s = 4.0
say = "{TIMER}"
[[cue]]
at_s = 15.6
say = "{DATE}"
[[cue]]
at_s = 28.0
say = "{TIME}"
[[cue]]
at_s = {RESET_S}
fault = "reset_network"
[[cue]]
at_s = {GONE_S}
fault = "wifi_down"
[[cue]]
at_s = {GONE_S + 1}
say = "{DATE}"
[[cue]]
at_s = {BACK_S}
fault = "wifi_up"
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Life:
    folder: Path = tmp_path_factory.mktemp("life")
    return live(folder, SCENARIO, ("openai_realtime",), cap_s=CAP_S)


def items(run: Life, session: int) -> list[tuple[str, str]]:
    """(role, text) of what a session was told of the conversation before anything was said."""
    told = []
    for line in run.told("openai_realtime", session).splitlines():
        message = json.loads(line)
        if message["type"].startswith("input_audio_buffer"):
            break
        item = message.get("item", {})
        told += [(item["role"], part["text"]) for part in item.get("content", ())]
    return told


def reply_to(run: Life, text: str, number: int = 0) -> float:
    """How much of the answer was heard, in ms: to its end."""
    [turn] = [turn for turn in run.summary["turns"] if turn["text"] == text][number : number + 1]
    stop = run.first("playback_stopped", turn["t"])
    assert stop["reason"] == "done", run.story()
    return float(stop["heard_ms"])


def test_all_is_answered_and_nobody_is_asked_to_say_it_again(run: Life) -> None:
    assert run.status == 0, run.story()
    names = [called["name"] for called in run.all("tool_called")]
    assert names == ["set_timer", "get_date", "get_time", "get_date"], run.story()
    assert not run.summary["unanswered"], run.story()
    assert not run.all("phrase"), run.story()


def test_no_sample_of_the_microphones_is_lost_or_doubled(run: Life) -> None:
    overruns = run.summary["room"]["mic_xruns"]
    assert run.summary["uplink_doubled_samples"] == 0, run.summary["uplink"]
    assert overruns or run.summary["uplink_lost_samples"] == 0, run.summary["uplink"]
    for asked in run.summary["utterances"]:
        assert (asked["question_lost_ms"] or 0) <= 100, asked


def test_before_its_time_is_up_the_next_session_takes_over_unheard(run: Life) -> None:
    """The reply that sounds meanwhile is heard to its end, as it is without."""
    first, second = run.all("link_opened")[:2]
    assert second["t"] < first["t"] + CAP_S + 2, run.story()
    between = [line for line in run.timeline if first["t"] < line["t"] <= second["t"]]
    assert not [line for line in between if line["event"] == "error"], run.story()
    assert run.all("session_expiring") or run.all("rollover"), run.story()
    assert abs(reply_to(run, DATE, 0) - reply_to(run, DATE, 1)) < 60, run.story()


def test_the_next_session_is_told_what_was_said_and_answered(run: Life) -> None:
    told = max((items(run, n) for n in range(len(run.stand_ins["openai_realtime"].lines))), key=len)
    said = [(by, text.lower()) for by, text in told]
    assert said[0] == ("user", "set a timer for nine minutes"), told
    assert [by for by, _ in said[:4]] == ["user", "assistant", "user", "assistant"], told
    assert "date" in said[2][1] and "today is" in said[3][1], told


def test_the_session_that_is_asked_next_knows_all_of_it(run: Life) -> None:
    """Whichever way it came to be: at the question about the time it has heard of the date."""
    asked_at = run.first("say", text=TIME)["t"]
    appended = [
        row["connection"]
        for row in run.wire(direction="up", type="input_audio_buffer.append")
        if asked_at < row["t"] < RESET_S
    ]
    rows = run.wire(direction="down", type="handshake")
    assert appended and rows
    order = sorted({row["connection"] for row in run.wire(type="connected")})
    session = order.index(appended[-1])
    assert any("date" in text.lower() for by, text in items(run, session) if by == "user")


def test_a_question_in_which_the_connection_breaks_is_heard_from_its_start(run: Life) -> None:
    lost = run.first("link_closed", RESET_S - 0.1, kind="network")
    run.first("link_opened", lost["t"])
    assert run.answered_by(TIME) == "openai_realtime"
    assert len(run.all("wake_detected")) == 4, run.story()


def test_a_question_without_a_network_is_answered_when_it_is_back(run: Life) -> None:
    refused = run.first("error", GONE_S, kind="network")
    assert refused["t"] < BACK_S, run.story()
    back = run.first("fault", fault="wifi_up")
    opened = run.first("link_opened", back["t"])
    assert run.first("tool_called", opened["t"])["name"] == "get_date", run.story()
