"""Arbitrary events in any order: the machine never breaks and moves only as its table says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from device.commands import DuckPlayback, GuardReply, RunVad, StartUplink, StopUplink
from device.core.phases import ALLOWED, Phase, diagram
from device.events import (
    ButtonEdge,
    ErrorKind,
    Event,
    LineDrained,
    LinkClosed,
    LinkFailed,
    LinkOpened,
    NearEndHeard,
    Part,
    PartDegraded,
    PartReady,
    PhraseFailed,
    PlaybackStarted,
    PlaybackStopped,
    PlaybackUnderrun,
    ReplyAudioReceived,
    ReplyDone,
    ReplyStarted,
    ReplyTranscript,
    ServiceWorking,
    SessionOpening,
    SpeechEnded,
    SpeechStarted,
    StopReason,
    ToolCalled,
    TurnCommitted,
    TurnJudged,
    UplinkStopped,
    UserTranscript,
    WakeDetected,
)
from tests.core.story import WALL, Story


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
    st.builds(
        NearEndHeard,
        st.sampled_from([1000, 90_000]),
        st.integers(0, 3000),
        st.integers(0, 3000),
        st.integers(0, 3000),
        st.sampled_from([0, 64, 480]),
        st.sampled_from([5.0, 40.0]),
        st.booleans(),
        st.sampled_from([None, -20.0, -50.0]),
    ),
    st.builds(TurnJudged, st.floats(0, 1), st.integers(0, 10**6)),
    st.builds(UserTranscript, st.sampled_from(["", "stop it now"]), st.booleans(), st.just("u")),
    st.builds(PhraseFailed, st.sampled_from(["phrase:1", "phrase:2"]), st.just("no voice")),
    st.just(LinkOpened("s")),
    st.builds(LinkClosed, st.just("x"), st.sampled_from([None, *ErrorKind])),
    st.builds(LinkFailed, st.sampled_from(list(ErrorKind)), st.just("x")),
    st.builds(SessionOpening, st.sampled_from([2.5, 15.0])),
    st.just(ServiceWorking()),
    st.builds(PlaybackUnderrun, _IDS, _AT),
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


_SERVICES = st.fixed_dictionaries(
    {
        "provider": st.sampled_from(["offline", "openai_realtime"]),
        "turn_detection": st.sampled_from(["service", "device"]),
        "fallback": st.sampled_from([(), ("gemini", "xai")]),
    }
)


@given(_SERVICES, st.lists(st.tuples(_EVENTS, st.floats(0, 20)), max_size=40))
def test_no_storm_of_events_breaks_the_machine(
    service: dict[str, object], storm: list[tuple[Event, float]]
) -> None:
    """Never raises, moves only as the table says, is never deaf where it should hear, and
    always comes to rest."""
    story = Story(service=service)
    guarded = ducked = uplink = detects = False
    for event, pause_s in storm:
        before = story.phase
        if isinstance(event, ButtonEdge):
            event = ButtonEdge(event.pressed, story.now)  # noqa: PLW2901
        commands = story.core.handle(event, story.now, WALL)
        assert story.phase is before or (before, story.phase) in ALLOWED
        assert story.core.conversation.uplink_open == (story.phase is Phase.LISTENING)
        for command in [*commands, *story.passes(pause_s)]:
            guarded = command.on if isinstance(command, GuardReply) else guarded
            ducked = command.on if isinstance(command, DuckPlayback) else ducked
            uplink = isinstance(command, StartUplink) or (
                uplink and not isinstance(command, StopUplink)
            )
            detects = command.on if isinstance(command, RunVad) else detects
        assert guarded or not ducked  # nothing is left lowered that nobody listens over
        talk = story.core.conversation
        assert uplink == (story.phase is Phase.LISTENING and talk._pressed_at is None)
        assert detects or not uplink
        if story.phase is not Phase.THINKING:
            assert guarded == (story.phase is Phase.SPEAKING)
        elif service["turn_detection"] == "device":
            assert guarded != talk._undecided
    story.button_up()
    story.passes(3600.0)
    assert story.phase in (Phase.IDLE, Phase.SPEAKING)


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
