"""The timeline in the log: one clear line a cause, again only after it went away or a while."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from device.adapters.journal import MaskSecrets
from device.adapters.timeline import SAME_CAUSE_S, JsonLinesTimeline, LogTimeline, TimelineFan
from device.secrets import Secret

REFUSED = {"kind": "network", "detail": "host:1 refused the connection"}


@pytest.fixture
def timeline(caplog: pytest.LogCaptureFixture) -> LogTimeline:
    caplog.set_level(logging.INFO, "parlor.timeline")
    return LogTimeline(lambda: False)


def test_a_cause_that_stays_is_told_once(
    timeline: LogTimeline, caplog: pytest.LogCaptureFixture
) -> None:
    for attempt in range(1, 9):
        timeline.report("error", float(attempt), {**REFUSED, "attempt": attempt})
    assert caplog.messages == ["error kind=network detail=host:1 refused the connection attempt=1"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_it_is_told_again_after_a_while_with_how_often_it_came(
    timeline: LogTimeline, caplog: pytest.LogCaptureFixture
) -> None:
    for at in (0.0, 10.0, 20.0, SAME_CAUSE_S + 1):
        timeline.report("error", at, dict(REFUSED))
    assert caplog.messages[1:] == [
        "error kind=network detail=host:1 refused the connection (2 more times before)"
    ]


def test_another_cause_is_told_at_once_and_the_old_one_still_counts(
    timeline: LogTimeline, caplog: pytest.LogCaptureFixture
) -> None:
    other = {"kind": "key", "detail": "no key"}
    for at, fields in enumerate([REFUSED, other, REFUSED, other]):
        timeline.report("error", float(at), dict(fields))
    assert len(caplog.messages) == 2


def test_what_recovered_and_failed_again_is_told_again(
    timeline: LogTimeline, caplog: pytest.LogCaptureFixture
) -> None:
    timeline.report("error", 0.0, dict(REFUSED))
    timeline.report("link_opened", 1.0, {"session_id": "s"})
    timeline.report("error", 2.0, dict(REFUSED))
    assert len([m for m in caplog.messages if m.startswith("error")]) == 2


def test_a_part_that_recovers_frees_only_its_own_causes(
    timeline: LogTimeline, caplog: pytest.LogCaptureFixture
) -> None:
    gone = {"kind": "microphone", "state": "no microphone", "detail": "unplugged"}
    timeline.report("error", 0.0, dict(REFUSED))
    timeline.report("error", 0.0, dict(gone))
    timeline.report("part_ready", 1.0, {"part": "microphone"})
    timeline.report("error", 2.0, dict(gone))
    timeline.report("error", 2.0, dict(REFUSED))
    told = [m for m in caplog.messages if m.startswith("error")]
    assert [("microphone" in m) for m in told] == [False, True, True]


def test_mistakes_in_the_configuration_have_lines_of_their_own(
    timeline: LogTimeline, caplog: pytest.LogCaptureFixture
) -> None:
    timeline.report("error", 0.0, {"kind": "configuration", "detail": "line 3: x"})
    assert caplog.messages == []


def test_a_session_that_was_lost_is_one_warning(
    timeline: LogTimeline, caplog: pytest.LogCaptureFixture
) -> None:
    timeline.report("link_closed", 0.0, {"reason": "too big", "kind": "protocol"})
    timeline.report("error", 0.0, {"kind": "protocol", "detail": "too big"})
    timeline.report("link_closed", 9.0, {"reason": "idle"})
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "link closed reason=too big kind=protocol"),
        ("INFO", "link closed reason=idle"),
    ]


def test_what_was_said_is_withheld_and_odd_values_do_no_harm(
    timeline: LogTimeline, caplog: pytest.LogCaptureFixture
) -> None:
    timeline.report("user_transcript", 0.0, {"text": "secret", "final": True})
    timeline.report("error", 0.0, {"kind": ["x"], "detail": {"y": 1}})
    assert caplog.messages == ["user transcript final=True", "error kind=['x'] detail={'y': 1}"]


def test_it_forgets_causes_beyond_a_bound(timeline: LogTimeline) -> None:
    for number in range(10_000):
        timeline.report("error", 0.0, {"kind": "network", "detail": str(number)})
    assert timeline.remembered <= 256


DIED = {"kind": "offline_service", "state": "restarting", "detail": "exit status -9"}
LOST = {"kind": "network", "reason": "the connection was lost (1006)"}


@pytest.mark.parametrize("order", [("error", "link_closed"), ("link_closed", "error")])
def test_the_offline_services_death_is_one_warning_whoever_notices_first(
    order: tuple[str, str], timeline: LogTimeline, caplog: pytest.LogCaptureFixture
) -> None:
    for at, event in enumerate(order):
        timeline.report(event, at / 100, dict(DIED if event == "error" else LOST))
    timeline.report("error", 0.5, {**REFUSED, "attempt": 1})
    timeline.report("error", 0.6, {"kind": "service", "detail": "HTTP 503"})
    warnings = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert any("exit status -9" in message for message in caplog.messages)


def test_when_the_offline_service_is_back_the_link_is_believed_again(
    timeline: LogTimeline, caplog: pytest.LogCaptureFixture
) -> None:
    timeline.report("error", 0.0, dict(DIED))
    timeline.report("error", 0.5, dict(REFUSED))
    timeline.report("part_ready", 1.0, {"part": "offline_service"})
    timeline.report("error", 9.0, dict(REFUSED))
    timeline.report("error", 90.0, dict(DIED))
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert [w.split()[1] for w in warnings] == [
        "kind=offline_service",
        "kind=network",
        "kind=offline_service",
    ]


def test_a_refused_key_is_no_sign_of_the_services_death(
    timeline: LogTimeline, caplog: pytest.LogCaptureFixture
) -> None:
    timeline.report("error", 0.0, dict(DIED))
    timeline.report("error", 0.5, {"kind": "key", "detail": "refused"})
    assert [r.levelno for r in caplog.records] == [logging.WARNING, logging.WARNING]


@pytest.mark.parametrize("event", ["user_transcript", "reply_transcript", "not_understood"])
def test_what_was_said_is_not_in_the_log(
    timeline: LogTimeline, caplog: pytest.LogCaptureFixture, event: str
) -> None:
    timeline.report(event, 0.0, {"text": "my secret", "final": True})
    assert "my secret" not in caplog.text
    assert event.replace("_", " ") in caplog.text


def test_no_timeline_is_told_a_secret_however_deep_it_is(tmp_path: Path) -> None:
    mask = MaskSecrets()
    mask.register(Secret("wss://host/talk?token=tok_9f8e7d6c5b4a"))
    path = tmp_path / "timeline"
    fan = TimelineFan([JsonLinesTimeline(path)], mask.mask)
    detail = "tok_9f8e7d6c5b4a is used by someone"
    fan.report("error", 1.0, {"detail": detail, "all": [{"of": detail}, 7], "n": 2})
    assert json.loads(path.read_text()) == {
        "t_monotonic": 1.0,
        "event": "error",
        "detail": "*** is used by someone",
        "all": [{"of": "*** is used by someone"}, 7],
        "n": 2,
    }
