"""The whole appliance against stand-ins of services: it does not notice which one it is.

The longer conversation, on every service: ``parlor simulate --demo --service all``.
"""

from __future__ import annotations

import pytest

from device.cli.simulate_services import names
from tests.appliance.run import Run, simulate, undisturbed

pytestmark = pytest.mark.appliance

#: One of each kind: as many again would show little more, and take as long again.
PICKED = ("gemini", "wiro")

LONG = "hey jarvis, what can you do"
INTERRUPTION = "what is the date today"
TALK = f"""
duration_s = 29
[[cue]]
at_s = 3.0
say = "{LONG}"
[[cue]]
after = "playback_started"
count = 1
delay_ms = 2500
say = "{INTERRUPTION}"
[[cue]]
after = "playback_started"
count = 2
delay_ms = 1000
button = "action"
"""


@pytest.fixture(scope="module", params=[name for name in PICKED if name in names()])
def talk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    options = ("--service", request.param)
    return undisturbed(
        lambda folder: simulate(folder, TALK, options=options),
        tmp_path_factory.mktemp(request.param),
    )


def test_a_conversation_on_a_service(talk: Run) -> None:
    assert talk.status == 0, talk.story()
    assert not talk.all("error"), talk.story()
    service = talk.summary["service"]
    words = {answer["item_id"]: answer["words"] for answer in service["answers"]}
    turns = {turn["text"]: turn for turn in talk.summary["turns"]}

    # A question in one breath with the wake word, by way of a tool; nothing of it is lost.
    assert "time" in words[turns[LONG]["item_id"]], talk.story()
    if service["device_tools"]:
        assert talk.all("tool_called", name="help"), talk.story()
    [question] = [row for row in talk.summary["utterances"] if row["text"] == LONG]
    assert (question["word_leak_ms"] or 0) <= 50, question
    assert (question["question_lost_ms"] or 0) <= 100, question

    # Who talks over the reply silences it and is answered with something else.
    stop = talk.first("playback_stopped", reason="barge_in")
    assert turns[INTERRUPTION]["t"] > stop["t"], talk.story()
    assert "Today is" in words[turns[INTERRUPTION]["item_id"]], talk.story()

    # The button silences that too, and what was on its way is never heard.
    talk.first("playback_stopped", stop["t"], reason="button")
    [cut] = talk.summary["cuts"]
    assert cut["cut_ms"] < 250, talk.story()  # a frozen machine; scripts/bench measures it
    pressed = talk.first("button_pressed")["t"]
    assert talk.summary["quiet_at_end_s"] > 29 - pressed - 0.5, talk.story()

    # The recordings, the costs and the key of the run are the run's alone.
    assert (talk.folder / "service_key").stat().st_mode & 0o777 == 0o600
    key = (talk.folder / "service_key").read_text()
    kept = [p for p in talk.folder.iterdir() if p.suffix in (".jsonl", ".json", ".toml", ".log")]
    assert kept
    assert not [path.name for path in kept if key in path.read_text(errors="replace")]
