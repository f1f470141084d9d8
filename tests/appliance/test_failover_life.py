"""The whole appliance with three services: whoever fails, the person asks once and is answered.

One long run, in which each kind of failure comes in its turn; each test reads one off it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from device.core.failover import FIRST_REST_S
from tests.appliance.life import Life, live

pytestmark = pytest.mark.appliance

TIME = "hey jarvis, what time is it"
DATE = "hey jarvis, what is the date today"
TIMER = "hey jarvis, set a timer for nine minutes"
SERVICES = ("openai_realtime", "xai", "gemini")
RESET_S = 25.0


def say(at_s: float, text: str) -> str:
    return f'\n[[cue]]\nat_s = {at_s}\nsay = "{text}"\n'


def fault(at_s: float, name: str, service: int = 1) -> str:
    number = f"service = {service}\n" if name.startswith("service_") else ""
    return f'\n[[cue]]\nat_s = {at_s}\nfault = "{name}"\n{number}'


SCENARIO = (
    "duration_s = 84\n"
    + fault(0.2, "service_slow")
    + fault(0.2, "service_hangs", service=2)
    + say(4.0, TIME)  # the busiest machine listens by now
    + fault(20.0, "service_well")
    + say(23.0, DATE)
    + fault(RESET_S, "reset_network")  # in the middle of the question
    + fault(37.0, "service_refuses", service=3)
    + say(38.0, TIMER)
    + say(76.0, TIME)  # a minute after the first service failed
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Life:
    folder: Path = tmp_path_factory.mktemp("failover")
    return live(folder, SCENARIO, SERVICES, offline_last=True)


def test_every_question_is_asked_once_and_answered(run: Life) -> None:
    assert run.status == 0, run.story()
    assert len(run.all("wake_detected")) == 4, run.story()
    tools = [called["name"] for called in run.all("tool_called")]
    assert tools == ["get_time", "get_date", "set_timer", "get_time"], run.story()
    assert len(run.all("playback_stopped", reason="done")) == 4, run.story()
    assert not run.all("phrase"), "nobody is asked to say it again"


def test_a_service_that_does_not_answer_is_left_for_the_next(run: Life) -> None:
    assert run.first("link_opened")["service"] == "openai_realtime", run.story()
    left = run.first("failover")
    assert (left["instead_of"], left["kind"]) == ("openai_realtime", "service"), run.story()
    assert left["service"] == "xai", run.story()


def test_a_service_that_does_not_open_is_left_for_the_next(run: Life) -> None:
    """Of the same question: it goes from hand to hand."""
    left = run.first("failover", service="gemini")
    assert (left["instead_of"], left["kind"]) == ("xai", "network"), run.story()
    assert run.all("link_opened")[1]["service"] == "gemini", run.story()
    assert run.answered_by(TIME) == "gemini"


def test_what_two_services_did_not_answer_reaches_the_third_whole(run: Life) -> None:
    asked = next(u for u in run.summary["utterances"] if u["text"] == TIME)
    assert (asked["question_lost_ms"] or 0) <= 100, asked
    assert (asked["word_leak_ms"] or 0) <= 50, asked
    heard = [a["heard"] for a in run.summary["service"]["answers"] if a["service"] == "gemini"]
    assert heard[0] == "what time is it", heard


def test_a_connection_that_is_lost_in_mid_turn_is_taken_up_again_by_its_handle(run: Life) -> None:
    lost = run.first("link_closed", RESET_S - 0.1, kind="network")
    assert run.first("link_opened", lost["t"])["service"] == "gemini", run.story()
    assert run.answered_by(DATE) == "gemini"
    assert '"sessionResumption":{"handle":' in run.told("gemini", 1), run.told("gemini", 1)


def test_a_quota_that_is_used_up_leaves_the_built_in_service(run: Life) -> None:
    left = run.first("failover", service="offline")
    assert (left["instead_of"], left["kind"]) == ("gemini", "quota"), run.story()
    called = run.first("tool_called", left["t"])
    assert called["name"] == "set_timer", run.story()
    assert "540" in called["arguments"], run.story()  # the whole of what was said


def test_it_goes_back_to_the_first_when_that_is_well_again_and_nobody_is_spoken_to(
    run: Life,
) -> None:
    failed, back = run.first("failover"), run.first("failover", service="openai_realtime")
    assert back["t"] - failed["t"] > FIRST_REST_S - 0.1, run.story()
    assert run.first("link_opened", back["t"])["service"] == "openai_realtime", run.story()
    assert run.answered_by(TIME, 1) == "openai_realtime"
    said = run.told("openai_realtime", -1)
    assert "set a timer for nine minutes" in said, "it is told what was said to the others"
