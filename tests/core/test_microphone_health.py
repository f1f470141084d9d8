"""A microphone that sounds wrong degrades the appliance and stops nothing."""

from __future__ import annotations

from device.commands import Cue, PlayCue, ShowStatus
from device.core.appliance import Appliance
from device.core.phases import Phase
from device.core.start_up import StartUp
from device.events import (
    ButtonEdge,
    Part,
    PartDegraded,
    PartReady,
    SpeakerLocated,
    SpeechStarted,
    Tick,
)
from device.session import capabilities
from device.settings import Settings
from tests.core.story import WALL, Story, reports, wake

FAULTY = PartDegraded(
    Part.ARRAY, "microphone faulty", "the microphone hums at 50 Hz", "keep its cable away"
)


def test_a_faulty_microphone_shows_in_light_and_status_until_it_is_well() -> None:
    story = Story()
    commands = story.happens(FAULTY)
    (told,) = reports(commands, "error")
    assert (told["kind"], told["detail"]) == ("array", FAULTY.detail)
    assert told["hint"] == FAULTY.hint
    assert PlayCue(Cue.ERROR) not in commands, "it is heard with all the same"
    story.passes(4.0)
    assert story.light == "degraded"
    status = [c.text for c in story.said if isinstance(c, ShowStatus)][-1]
    assert status == "idle; microphone faulty"
    story.happens(PartReady(Part.ARRAY, "the microphone is well again"))
    assert story.light == "idle"
    assert story.reports("part_ready")[-1]["detail"] == "the microphone is well again"


def test_it_is_not_deaf_a_turn_goes_on_and_another_can_begin() -> None:
    story = Story().listening()
    story.happens(FAULTY)
    assert story.phase is Phase.LISTENING
    story = Story()
    story.happens(FAULTY)
    story.happens(wake())
    assert story.phase is Phase.LISTENING
    story = Story()
    story.happens(FAULTY)
    story.press()
    assert story.phase is Phase.LISTENING


def test_ready_does_not_wait_for_it_but_names_what_was_told_by_then() -> None:
    parts = frozenset(Part) - {Part.ARRAY}
    core = Appliance(Settings(), 100.0, StartUp(parts, 102.5), able=capabilities(Settings()))
    for part in parts:
        core.handle(PartReady(part), 100.0, WALL)
    assert core.started
    assert core.named_states == ()
    core = Appliance(Settings(), 100.0, StartUp(parts, 102.5), able=capabilities(Settings()))
    core.handle(FAULTY, 100.0, WALL)
    core.handle(Tick(), 102.5, WALL)
    assert "microphone faulty" in core.named_states


def test_where_somebody_spoke_is_reported_and_changes_nothing() -> None:
    story = Story().listening()
    commands = story.happens(SpeechStarted(17_000), SpeakerLocated(130, 0.42, 17_000))
    assert reports(commands, "speaker_located") == [{"azimuth_deg": 130, "confidence": 0.42}]
    assert story.phase is Phase.LISTENING


def test_an_ear_that_is_behind_refuses_the_button_at_once() -> None:
    story = Story()
    behind = PartDegraded(Part.WAKE, "hearing is behind", "it waits for seconds", "see top")
    assert PlayCue(Cue.ERROR) in story.happens(behind)
    commands = story.happens(ButtonEdge(True, story.now))
    assert PlayCue(Cue.ERROR) in commands
    assert story.phase is Phase.IDLE
    story.happens(PartReady(Part.WAKE))
    story.happens(ButtonEdge(False, story.now))
    story.passes(1.0)
    story.press()
    assert story.phase is Phase.LISTENING
