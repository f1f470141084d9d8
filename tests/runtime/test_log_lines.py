"""What a person reads in the log of one trouble: exactly one clear line."""

from __future__ import annotations

import logging

import pytest

from device.adapters.timeline import LogTimeline
from device.commands import Report
from device.events import ErrorKind, LinkClosed, LinkFailed, LinkOpened
from tests.core.story import Story

LOST = LinkClosed("host:1 has been silent for 20 s: connection lost", ErrorKind.NETWORK)
OVERSIZED = LinkClosed(
    "a message of more than 4194304 bytes came and was refused", ErrorKind.PROTOCOL
)


@pytest.mark.parametrize("chapter", ["listening", "thinking", "speaking"])
@pytest.mark.parametrize("closed", [LOST, OVERSIZED])
def test_a_lost_link_is_one_warning_whatever_was_under_way(
    chapter: str, closed: LinkClosed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "parlor.timeline")
    story = getattr(Story(), chapter)()
    told = len(story.said)
    story.happens(closed)
    write(story, told)
    lines = [r for r in caplog.records if closed.reason in r.getMessage()]
    assert [r.levelno for r in lines] == [logging.WARNING]


def test_a_link_that_we_close_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "parlor.timeline")
    story = Story()
    story.happens(LinkOpened("s"), LinkClosed("idle"))
    write(story, 0)
    assert {r.levelno for r in caplog.records} == {logging.INFO}
    assert "kind" not in story.reports("link_closed")[0]


def test_the_retries_after_a_lost_link_are_told_for_themselves(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "parlor.timeline")
    story = Story().speaking()
    told = len(story.said)
    refused = LinkFailed(ErrorKind.NETWORK, "host:1 refused the connection")
    story.happens(LOST, refused, refused, refused)
    write(story, told)
    assert len(caplog.records) == 2


def write(story: Story, begin: int) -> None:
    timeline = LogTimeline(lambda: True)
    for command in story.said[begin:]:
        if isinstance(command, Report):
            timeline.report(command.event, story.now, command.fields)
