"""Mute, timers, lights, health and arbitrary storms of events."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.commands import (
    CancelReply,
    CloseCapture,
    Command,
    Cue,
    OpenCapture,
    PlayCue,
    RunVad,
    SetVolume,
    ShowLight,
    ShowStatus,
    StartUplink,
    StopCue,
    TruncateReply,
)
from device.core.phases import ALLOWED, Phase, diagram
from device.events import (
    NO_WAKE_WORD,
    ButtonEdge,
    ErrorKind,
    Event,
    LineDrained,
    LinkClosed,
    LinkFailed,
    LinkOpened,
    Part,
    PartDegraded,
    PartReady,
    PlaybackStarted,
    PlaybackStopped,
    ReplyAudioReceived,
    ReplyDone,
    ReplyStarted,
    ReplyTranscript,
    ServiceSpeechStarted,
    SpeechEnded,
    SpeechStarted,
    StopReason,
    ToolCalled,
    TurnCommitted,
    UplinkStopped,
    WakeDetected,
)
from tests.core.story import WALL, Story, kinds, sends_from


def test_holding_the_button_closes_the_microphone_and_holding_again_opens_it() -> None:
    story = Story()
    commands = story.press(held_s=1.0)
    assert CloseCapture() in commands
    assert PlayCue(Cue.MUTED) in commands
    assert story.light == "muted"
    assert StartUplink not in {type(c) for c in story.happens(WakeDetected("alexa", 0.9, 1))}
    commands = story.press(held_s=1.0)
    assert OpenCapture() in commands
    assert story.light == "idle"


def test_a_hold_shows_that_it_listens_but_sends_nothing_of_the_room() -> None:
    story = Story()
    commands = story.happens(ButtonEdge(True, story.now)) + story.passes(0.5)
    assert story.light == "listening"
    assert "OpenLink" in kinds(commands)
    commands += story.passes(0.5) + story.happens(ButtonEdge(False, story.now))
    commands += story.passes(10.0)
    assert CloseCapture() in commands
    assert sends_from(commands) is None
    assert story.reports("uplink_started") == story.reports("uplink_stopped") == []
    assert story.light == "muted"


@pytest.mark.parametrize("held_s", [0.0, 0.1, 0.75])
def test_a_short_press_sends_everything_since_the_press_when_it_is_let_go(held_s: float) -> None:
    story = Story()
    pressed_at = story.now
    commands = story.happens(ButtonEdge(True, story.now)) + story.passes(held_s)
    assert sends_from(commands) is None
    commands = story.happens(ButtonEdge(False, story.now)) + story.passes(0.03)
    assert sends_from(commands) == -round((story.now - pressed_at) * 16000)
    assert RunVad(True) in commands
    [started] = story.reports("uplink_started")
    assert started["opened_by"] == "button"
    assert story.light == "listening"


def test_a_press_that_bounces_is_let_go_once() -> None:
    story = Story()
    commands = story.happens(ButtonEdge(True, story.now), ButtonEdge(False, story.now))
    commands += story.passes(0.01) + story.happens(ButtonEdge(True, story.now))
    assert sends_from(commands + story.passes(0.2)) is None
    commands = story.happens(ButtonEdge(False, story.now)) + story.passes(0.1)
    assert sends_from(commands) == -round(0.24 * 16000)


def test_the_wake_word_within_a_hold_sends_nothing() -> None:
    story = Story()
    commands = story.happens(ButtonEdge(True, story.now)) + story.passes(0.3)
    commands += story.happens(LinkOpened("s"), WakeDetected("hey_jarvis", 0.9, 5000))
    commands += story.passes(0.6) + story.happens(ButtonEdge(False, story.now))
    commands += story.passes(10.0)
    assert CloseCapture() in commands
    assert sends_from(commands) is None
    assert sends_from(story.press(held_s=1.0)) is None


def test_the_wake_word_within_a_press_that_listens_is_sent_with_the_rest() -> None:
    story = Story()
    story.happens(ButtonEdge(True, story.now))
    story.passes(0.3)
    assert sends_from(story.happens(WakeDetected("hey_jarvis", 0.9, 5000))) is None
    assert [r["word"] for r in story.reports("wake_suppressed")] == ["hey_jarvis"]
    commands = story.happens(ButtonEdge(False, story.now)) + story.passes(0.1)
    assert sends_from(commands) == -round(0.33 * 16000)


@pytest.mark.parametrize(("held_s", "heard"), [(0.3, 5000), (1.0, None)])
def test_the_wake_word_within_a_press_that_ended_a_reply_waits_for_its_end(
    held_s: float, heard: int | None
) -> None:
    story = Story().speaking()
    story.happens(PlaybackStopped("r1", "i1", StopReason.BUTTON, 640, story.now))
    story.happens(ButtonEdge(True, story.now))
    commands = story.passes(0.2) + story.happens(WakeDetected("hey_jarvis", 0.9, 5000))
    commands += story.passes(held_s - 0.2)
    assert sends_from(commands) is None
    commands = story.happens(ButtonEdge(False, story.now)) + story.passes(0.1)
    assert sends_from(commands) == heard


def test_a_button_that_is_stuck_does_not_take_the_wake_word() -> None:
    story = Story()
    story.press(held_s=1.0)
    story.happens(ButtonEdge(True, story.now))
    story.passes(31.0)
    assert sends_from(story.happens(WakeDetected("hey_jarvis", 0.9, 5000))) == 5000


@given(st.lists(st.tuples(st.sampled_from(["wake", "speech", "down", "up"]), st.floats(0, 0.5))))
def test_nothing_is_sent_while_a_press_may_become_a_hold(
    steps: list[tuple[str, float]],
) -> None:
    story = Story()
    down_since: float | None = None
    for step, wanted_s in steps:
        commands: list[Command] = []
        pause_s = wanted_s
        if step == "wake":
            commands = story.happens(WakeDetected("hey_jarvis", 0.9, 5000))
        elif step == "speech":
            commands = story.happens(SpeechStarted(5000))
        elif (step == "down") != (down_since is not None):
            down_since = story.now if step == "down" else None
            commands = story.happens(ButtonEdge(step == "down", story.now))
            pause_s += 0.1 if step == "up" else 0.0  # believed, before it is down again
        may_be_a_hold = down_since is not None and story.now - down_since < 0.8
        if may_be_a_hold and down_since is not None:
            pause_s = min(pause_s, down_since + 0.79 - story.now)
            assert sends_from(commands + story.passes(max(0.0, pause_s))) is None
        else:
            story.passes(pause_s)


def test_a_press_in_the_follow_up_window_holds_back_what_is_said_too() -> None:
    story = Story().speaking()
    story.heard_to_the_end()
    commands = story.happens(ButtonEdge(True, story.now))
    assert RunVad(False) in commands
    assert story.happens(SpeechStarted(90000)) == []  # was on its way
    commands = story.passes(0.5) + story.happens(ButtonEdge(False, story.now))
    assert sends_from(commands + story.passes(0.1)) == -round(0.53 * 16000)


def test_the_ear_that_fails_while_listening_is_told_at_once() -> None:
    story = Story().listening()
    broke = PartDegraded(Part.WAKE, "wake word restarting", "listening failed: ValueError")
    commands = story.happens(UplinkStopped(20000), broke)
    assert PlayCue(Cue.ERROR) in commands
    assert story.phase is Phase.IDLE
    assert story.light == "error"


def test_a_press_while_muted_says_so_and_stays_muted() -> None:
    story = Story()
    story.press(held_s=1.0)
    commands = story.press()
    assert PlayCue(Cue.MUTED) in commands
    assert OpenCapture() not in commands
    assert story.light == "muted"


def test_muted_for_an_hour_is_a_named_state_and_nothing_else_happens() -> None:
    story = Story()
    story.press(held_s=1.0)
    story.happens(PartDegraded(Part.MICROPHONE, "closed", "muted"))
    assert story.passes(3600.0) == []
    assert story.core.named_states == ("muted",)
    assert story.light == "muted"


def set_timer(story: Story, seconds: int) -> None:
    story.thinking().happens(ReplyStarted("t1"))
    story.happens(
        ToolCalled("t1", "c", "set_timer", json.dumps({"seconds": seconds})),
        ReplyDone("t1", "completed"),
        ReplyStarted("t2"),
        ReplyDone("t2", "completed"),
    )


def test_a_timer_rings_until_the_button_and_the_press_does_nothing_else() -> None:
    story = Story()
    set_timer(story, 60)
    assert PlayCue(Cue.RING) in story.passes(61.0)
    assert story.light == "ringing"
    commands = story.press()
    assert StopCue(Cue.RING) in commands
    assert sends_from(commands) is None
    assert story.light == "idle"


def test_a_timer_rings_at_most_ten_minutes() -> None:
    story = Story()
    set_timer(story, 60)
    story.passes(61.0)
    assert StopCue(Cue.RING) not in story.passes(590.0)
    assert StopCue(Cue.RING) in story.passes(15.0)


def test_a_timer_rings_while_muted() -> None:
    story = Story()
    set_timer(story, 60)
    story.passes(6.0)
    story.press(held_s=1.0)
    assert PlayCue(Cue.RING) in story.passes(60.0)


def test_stop_said_over_the_ring_stops_it() -> None:
    story = Story()
    set_timer(story, 60)
    story.passes(61.0)
    assert StopCue(Cue.RING) in story.happens(WakeDetected("hey_jarvis", 0.9, 5))
    story.happens(LinkOpened("s"), ServiceSpeechStarted(), TurnCommitted("u"))
    story.happens(ReplyStarted("s1"))
    story.happens(ToolCalled("s1", "c", "stop", "{}"), ReplyDone("s1", "completed"))
    commands = story.happens(ReplyStarted("s2"), ReplyDone("s2", "completed"))
    assert PlayCue(Cue.RING) not in commands
    assert story.light == "idle"


def test_the_ring_comes_back_when_something_else_was_said() -> None:
    story = Story()
    set_timer(story, 60)
    story.passes(61.0)
    story.happens(WakeDetected("hey_jarvis", 0.9, 5), LinkOpened("s"))
    assert PlayCue(Cue.RING) in story.passes(6.0)


def test_volume_is_bounded_and_told() -> None:
    story = Story()
    story.thinking().happens(ReplyStarted("r"))
    commands = story.happens(ToolCalled("r", "c", "set_volume", '{"change": 80}'))
    assert SetVolume(100) in commands


def test_a_lost_microphone_ends_listening_and_is_named() -> None:
    story = Story().listening()
    lost = PartDegraded(Part.MICROPHONE, "no microphone", "unplugged", "plug it in")
    commands = story.happens(lost)
    assert "StopUplink" in kinds(commands)
    assert PlayCue(Cue.ERROR) in commands
    story.passes(4.0)
    assert story.light == "degraded"
    assert [c.text for c in story.said if isinstance(c, ShowStatus)][-1] == "idle; no microphone"
    story.happens(PartReady(Part.MICROPHONE))
    assert story.light == "idle"


def test_a_lost_microphone_does_not_end_a_reply() -> None:
    story = Story().speaking()
    story.happens(PartDegraded(Part.MICROPHONE, "no microphone", "unplugged"))
    assert story.phase is Phase.SPEAKING


def test_the_end_is_silent_and_dark() -> None:
    story = Story().listening()
    commands = story.core.end(story.now)
    assert "StopUplink" in kinds(commands)
    story.said += commands
    assert story.light == "off"


def test_the_diagram_shows_every_move() -> None:
    text = diagram()
    assert all(f"{a} --> {b}" in text for a, b in ALLOWED)


_IDS = st.sampled_from(["r1", "r2", "r3"])
_ITEMS = st.sampled_from(["i1", "i2"])
_AT = st.just(0.0)
_EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(WakeDetected, st.just("hey_jarvis"), st.just(0.9), st.integers(0, 10**6)),
    st.builds(SpeechStarted, st.integers(0, 10**6)),
    st.builds(SpeechEnded, st.integers(0, 10**6)),
    st.builds(UplinkStopped, st.integers(0, 10**6)),
    st.just(LinkOpened("s")),
    st.builds(LinkClosed, st.just("x"), st.sampled_from([None, *ErrorKind])),
    st.builds(LinkFailed, st.sampled_from(list(ErrorKind)), st.just("x")),
    st.just(TurnCommitted("u")),
    st.builds(LineDrained, st.integers(1, 3)),
    st.builds(ReplyStarted, _IDS),
    st.builds(ReplyAudioReceived, _IDS, _ITEMS, st.floats(0, 9000)),
    st.builds(ReplyTranscript, _IDS, _ITEMS, st.sampled_from(["hey jarvis", ""]), st.booleans()),
    st.builds(
        ToolCalled,
        _IDS,
        st.just("c"),
        st.sampled_from(["get_time", "stop", "set_timer", "nonsense"]),
        st.sampled_from(["{}", "[", '{"seconds": 5}', '{"seconds": 1e999}', "7"]),
    ),
    st.builds(ReplyDone, _IDS, st.sampled_from(["completed", "failed", "cancelled"])),
    st.builds(PlaybackStarted, _IDS, _AT),
    st.builds(PlaybackStopped, _IDS, _ITEMS, st.sampled_from(StopReason), st.just(5), _AT),
    st.builds(PartDegraded, st.sampled_from(Part), st.just("gone"), st.just("why")),
    st.builds(PartReady, st.sampled_from(Part)),
    st.builds(ButtonEdge, st.booleans(), _AT),
)


@given(st.lists(st.tuples(_EVENTS, st.floats(0, 20)), max_size=40))
def test_no_storm_of_events_breaks_the_machine(storm: list[tuple[Event, float]]) -> None:
    """Never raises, moves only as the table says, and always comes to rest."""
    story = Story()
    for event, pause_s in storm:
        before = story.phase
        edge = isinstance(event, ButtonEdge)
        happening = ButtonEdge(event.pressed, story.now) if edge else event
        story.core.handle(happening, story.now, WALL)
        assert story.phase is before or (before, story.phase) in ALLOWED
        assert story.core.conversation.uplink_open == (story.phase is Phase.LISTENING)
        story.passes(pause_s)
    story.happens(ButtonEdge(False, story.now))
    story.passes(3600.0)
    assert story.phase in (Phase.IDLE, Phase.SPEAKING)


def test_a_bounce_that_cut_the_ring_does_not_end_it() -> None:
    story = Story()
    story.press()  # its release will bounce
    story.press()
    set_timer(story, 60)
    story.happens(ButtonEdge(True, story.now))
    story.passes(61.0)
    story.happens(ButtonEdge(False, story.now))
    assert PlayCue(Cue.RING) in story.happens(ButtonEdge(True, story.now))


@given(st.data())
def test_plausible_conversations_move_only_as_the_table_says(data: st.DataObject) -> None:
    """Replies come in order and whole, playback follows them, in any interleaving."""
    story = Story().thinking()
    parts = data.draw(st.integers(1, 3))
    service: list[Event] = []
    heard: list[Event] = []
    for n in range(parts):
        reply, item = f"r{n}", f"i{n}"
        service += [ReplyStarted(reply), ReplyAudioReceived(reply, item, 500.0)]
        if n < parts - 1:
            service.append(ToolCalled(reply, f"c{n}", "get_time", "{}"))
        service.append(ReplyDone(reply, "completed"))
        heard += [
            PlaybackStarted(reply, story.now),
            PlaybackStopped(reply, item, StopReason.DONE, 500, story.now),
        ]
    while service or heard:
        ready = bool(heard) and not any(
            isinstance(e, ReplyAudioReceived) and e.reply_id == heard[0].reply_id  # type: ignore[union-attr]
            for e in service
        )
        stops = ready and isinstance(heard[0], PlaybackStopped)
        finished = stops and not any(
            isinstance(e, ReplyDone) and e.reply_id == heard[0].reply_id  # type: ignore[union-attr]
            for e in service
        )
        may_play = ready and (not stops or finished)
        from_service = bool(service) and (not may_play or data.draw(st.booleans()))
        before = story.phase
        story.happens((service if from_service else heard).pop(0))
        assert story.phase is before or (before, story.phase) in ALLOWED
    assert story.phase is Phase.FOLLOW_UP
    story.passes(10.0)
    assert story.phase is Phase.IDLE


def test_a_reply_that_cannot_be_heard_ends_the_turn_all_the_same() -> None:
    story = Story().thinking()
    story.happens(ReplyStarted("r1"), ReplyAudioReceived("r1", "i1", 500.0))
    story.happens(ReplyDone("r1", "completed"))
    story.happens(PlaybackStopped("r1", "i1", StopReason.ERROR, 0, story.now))
    assert story.phase is Phase.IDLE


# --- the speaker goes away within a reply ---------------------------------------------------

NO_SPEAKER = PartDegraded(Part.SPEAKER, "no speaker", "unplugged", "plug it in")


def lose_the_speaker(story: Story) -> list[Command]:
    stopped = PlaybackStopped("r1", "i1", StopReason.ERROR, 640, story.now)
    return story.happens(stopped, NO_SPEAKER)


def test_a_speaker_lost_in_a_reply_ends_it_and_the_service_learns_what_was_heard() -> None:
    story = Story().speaking()
    commands = lose_the_speaker(story)
    assert CancelReply("r1") in commands
    assert TruncateReply("i1", 640) in commands
    assert story.phase is Phase.IDLE
    assert story.light == "error"
    story.passes(4.0)
    assert story.light == "degraded"


def test_a_speaker_lost_in_a_reply_that_is_complete_truncates_and_cancels_nothing() -> None:
    story = Story().speaking()
    story.happens(ReplyDone("r1", "completed"))
    commands = lose_the_speaker(story)
    assert TruncateReply("i1", 640) in commands
    assert "CancelReply" not in kinds(commands)
    assert story.phase is Phase.IDLE


def test_after_a_reply_that_was_not_heard_to_its_end_speech_needs_the_wake_word() -> None:
    story = Story().speaking()
    lose_the_speaker(story)
    commands = story.passes(1.0) + story.happens(PartReady(Part.SPEAKER))
    commands += story.happens(
        ReplyAudioReceived("r1", "i1", 4000.0), ReplyDone("r1", "cancelled"), SpeechStarted(90000)
    )
    assert sends_from(commands) is None
    assert story.phase is Phase.IDLE


def test_with_the_speaker_lost_what_would_follow_a_tool_call_is_not_waited_for() -> None:
    story = Story().speaking()
    story.happens(ToolCalled("r1", "c", "get_time", "{}"), ReplyDone("r1", "completed"))
    lose_the_speaker(story)
    assert story.phase is Phase.IDLE
    assert CancelReply("r2") in story.happens(ReplyStarted("r2"))


@pytest.mark.parametrize("chapter", ["listening", "thinking"])
def test_a_late_word_of_the_lost_speaker_does_not_end_the_turn_after(chapter: str) -> None:
    story = Story().speaking()
    story.happens(WakeDetected("hey_jarvis", 0.9, 90000))
    if chapter == "thinking":
        story.happens(ServiceSpeechStarted(), TurnCommitted("u2"))
    commands = story.happens(PlaybackStopped("r1", "i1", StopReason.ERROR, 640, story.now))
    assert TruncateReply("i1", 640) in commands
    assert story.phase.value == chapter
    assert story.core.wants_reply("r1") is False
    if chapter == "thinking":
        assert "CancelReply" not in kinds(story.happens(ReplyStarted("r2")))


# --- the light while the service is not reached ----------------------------------------------

REFUSED = LinkFailed(ErrorKind.SERVICE, "HTTP 500")


def test_who_speaks_while_the_service_fails_sees_it_and_sees_when_it_is_given_up() -> None:
    story = Story()
    story.happens(WakeDetected("hey_jarvis", 0.9, 16000))
    assert story.light == "listening"
    story.passes(0.3)
    story.happens(SpeechStarted(17000), REFUSED)
    assert story.light == "listening_offline"
    story.passes(2.0)
    story.happens(REFUSED)
    story.passes(12.0)  # no attempt fails in the last seconds
    assert story.phase is Phase.LISTENING
    assert story.light == "listening_offline"
    assert PlayCue(Cue.ERROR) in story.passes(1.0)
    assert story.light == "error"
    story.passes(3.1)
    assert story.light == "offline"


def test_attempts_that_go_on_failing_are_offline_and_no_error_each() -> None:
    story = Story()
    story.happens(REFUSED)
    assert story.light == "error"
    story.passes(3.1)
    assert story.light == "offline"
    story.happens(REFUSED)
    assert story.light == "offline"
    story.happens(LinkFailed(ErrorKind.KEY, "refused"))
    assert story.light == "error"


def test_a_link_that_is_late_shows_when_its_cue_is_due_even_within_speech() -> None:
    story = Story(turn={"waiting_cue_s": 1.5})
    story.happens(WakeDetected("hey_jarvis", 0.9, 16000), SpeechStarted(17000))
    story.passes(1.4)
    assert story.light == "listening"
    assert PlayCue(Cue.WAITING) not in story.passes(0.2)
    assert story.light == "listening_offline"
    story.happens(LinkOpened("s"))
    assert story.light == "listening"


def test_a_turn_that_is_over_and_waits_for_the_link_is_not_thought_about() -> None:
    story = Story(service={"turn_detection": "device"}).listening()
    story.happens(SpeechStarted(17000), SpeechEnded(40000))
    story.passes(1.0)
    assert story.light == "thinking"
    story.happens(UplinkStopped(50000), LinkClosed("silent", ErrorKind.NETWORK))
    assert story.light == "offline"
    story.happens(LinkOpened("s2"))
    assert story.light == "thinking"


def test_a_lost_link_shows_until_the_next_one_hears_the_turn() -> None:
    story = Story().listening()
    story.happens(SpeechStarted(17000), LinkClosed("silent", ErrorKind.NETWORK))
    assert story.light == "listening_offline"
    story.happens(LinkOpened("s2"))
    assert story.light == "listening"


# --- the rule for a press ----------------------------------------------------------------


def test_one_press_that_cut_a_reply_and_stopped_a_timer_swallows_no_later_one() -> None:
    story = Story()
    set_timer(story, 60)
    story.passes(58.0)
    story.speaking()
    story.passes(3.0)  # the timer is due, its ring waits for the reply
    story.happens(PlaybackStopped("r1", "i1", StopReason.BUTTON, 640, story.now))
    commands = story.press(0.05)
    assert sends_from(commands) is None
    assert [r["reason"] for r in story.reports("timer_stopped")] == ["button"]
    assert sends_from(story.press(0.05)) is not None


def test_a_press_ends_the_wait_for_a_reply_and_the_ring_behind_it() -> None:
    story = Story()
    set_timer(story, 60)
    story.passes(58.0)
    story.thinking().happens(ReplyStarted("r5"))
    story.passes(3.0)
    commands = story.press()
    assert CancelReply("r5") in commands
    assert PlayCue(Cue.RING) not in commands + story.passes(5.0)
    assert story.phase is Phase.IDLE


@pytest.mark.parametrize(
    "lost",
    [
        PartDegraded(Part.MICROPHONE, "no microphone", "unplugged", "plug it in"),
        PartDegraded(Part.WAKE, "wake word restarting", "the engine broke"),
    ],
)
def test_a_press_without_a_microphone_says_at_once_that_nothing_is_heard(
    lost: PartDegraded,
) -> None:
    story = Story()
    story.happens(lost)
    story.passes(10.0)
    assert story.light == "degraded"
    commands = story.press()
    assert PlayCue(Cue.ERROR) in commands
    assert "StartUplink" not in kinds(commands)
    assert "listening" not in {c.light.value for c in commands if isinstance(c, ShowLight)}
    assert story.light == "error"
    assert story.reports("error")[-1]["state"] == lost.state
    story.passes(4.0)
    assert story.light == "degraded"
    story.happens(PartReady(lost.part))
    assert sends_from(story.press()) is not None


def test_a_press_without_a_microphone_still_ends_a_reply_and_complains_of_nothing() -> None:
    story = Story().speaking()
    story.happens(PartDegraded(Part.MICROPHONE, "no microphone", "unplugged"))
    story.happens(PlaybackStopped("r1", "i1", StopReason.BUTTON, 640, story.now))
    assert PlayCue(Cue.ERROR) not in story.press()
    assert PlayCue(Cue.ERROR) in story.press()


def test_without_the_wake_word_the_button_still_converses() -> None:
    story = Story()
    missing = PartDegraded(Part.WAKE, NO_WAKE_WORD, "there is no model file")
    assert PlayCue(Cue.ERROR) in story.happens(missing)
    story.passes(4.0)
    assert story.light == "degraded"
    assert sends_from(story.press()) is not None
    story.happens(missing)  # told again, of another file
    assert story.phase is Phase.LISTENING
    assert story.light == "listening"
