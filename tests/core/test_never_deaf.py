"""A person, a service and a loudspeaker in any interleaving: it hears where it should, always."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from device.commands import (
    AbandonTurn,
    CancelReply,
    Command,
    CommitTurn,
    CutPlayback,
    GuardReply,
    RunVad,
    StartUplink,
    StopUplink,
)
from device.core.going_on import MOST_TIMES
from device.core.phases import ALLOWED, Phase
from device.events import (
    ErrorKind,
    Event,
    LinkClosed,
    LinkOpened,
    NearEndHeard,
    PlaybackStarted,
    PlaybackStopped,
    ReplyAudioReceived,
    ReplyDone,
    ReplyStarted,
    SpeechEnded,
    SpeechStarted,
    StopReason,
    TurnCommitted,
    UplinkStopped,
)
from tests.core.cut_off import RATE_HZ
from tests.core.story import Story, wake


class World:
    """Ear, service and loudspeaker, as simple as they can be; the core decides."""

    def __init__(self) -> None:
        self.story = Story(service={"turn_detection": "device"}, turn={"slow_reply_s": 0.0})
        self.uplink = self.vad = self.guarded = False
        self.answers: list[Event] = []  # that the service has yet to say
        self.plays = ""  # the reply that sounds
        self.to_play: list[str] = []
        self.replies = 0
        self.obey(self.story.happens(LinkOpened("s")))

    def now_frame(self) -> int:
        return round(self.story.now * RATE_HZ)

    def tell(self, event: Event) -> None:
        before = self.story.phase
        self.obey(self.story.happens(event))
        assert self.story.phase is before or (before, self.story.phase) in ALLOWED

    def obey(self, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case StartUplink():
                    self.uplink = True
                case StopUplink():
                    self.uplink = False
                    self.tell(UplinkStopped(self.now_frame()))
                case RunVad(on):
                    self.vad = on
                case GuardReply(on):
                    self.guarded = on
                case CommitTurn():
                    self._answer()
                case AbandonTurn():
                    self.answers = [e for e in self.answers if isinstance(e, ReplyDone)]
                case CancelReply(reply):
                    self.answers = [
                        e for e in self.answers if getattr(e, "reply_id", reply) != reply
                    ]
                case CutPlayback(reason):
                    stopped, self.plays, self.to_play = self.plays, "", []
                    if stopped:
                        self.tell(PlaybackStopped(stopped, "i", reason, 100, self.story.now))
                case _:
                    pass

    def _answer(self) -> None:
        self.replies += 1
        reply = f"r{self.replies}"
        self.answers += [
            TurnCommitted(f"u{self.replies}"),
            ReplyStarted(reply),
            ReplyAudioReceived(reply, "i", 2000.0),
            ReplyDone(reply, "completed"),
        ]

    # --- what may happen -----------------------------------------------------------------

    def speak(self, for_ms: int) -> None:
        """Somebody speaks; the ear tells of it what it was asked to tell."""
        since = self.now_frame()
        detected = False
        for lasted in range(32, for_ms + 1, 32):
            self.passes(0.032)
            if self.vad and not detected and lasted >= 64:
                self.tell(SpeechStarted(since))
                detected = True
            detected &= self.vad
            if self.guarded:
                self.tell(NearEndHeard(since, lasted, lasted, lasted, 0, 30.0, True))
        self.passes(0.256)
        if detected and self.vad:
            self.tell(SpeechEnded(self.now_frame() - 4096, -20.0))

    def wakes(self) -> None:
        """Somebody says the wake word."""
        self.tell(wake(self.now_frame()))

    def passes(self, seconds: float) -> None:
        self.obey(self.story.passes(seconds))

    def service(self) -> None:
        """It says the next thing."""
        if not self.answers:
            return
        event = self.answers.pop(0)
        wanted = isinstance(event, ReplyStarted)
        self.tell(event)
        if wanted and self.story.core.wants_reply(event.reply_id):  # type: ignore[union-attr]
            self.to_play.append(event.reply_id)  # type: ignore[union-attr]

    def loudspeaker(self) -> None:
        """A reply begins to sound, or ends."""
        done = not any(isinstance(e, ReplyDone) for e in self.answers)
        if self.plays and done:
            stopped, self.plays = self.plays, ""
            self.tell(PlaybackStopped(stopped, "i", StopReason.DONE, 2000, self.story.now))
        elif self.to_play and not self.plays:
            has_audio = not any(isinstance(e, ReplyAudioReceived) for e in self.answers)
            if has_audio and self.story.core.wants_reply(self.to_play[0]):
                self.plays = self.to_play.pop(0)
                self.tell(PlaybackStarted(self.plays, self.story.now))

    def line_drops(self) -> None:
        self.answers.clear()
        self.tell(LinkClosed("gone", ErrorKind.NETWORK))
        self.tell(LinkOpened("s"))

    def hears_where_it_should(self) -> None:
        talk = self.story.core.conversation
        listens = self.story.phase is Phase.LISTENING
        assert self.uplink == listens
        assert self.vad == (self.story.phase in (Phase.LISTENING, Phase.FOLLOW_UP))
        match self.story.phase:
            case Phase.SPEAKING:
                assert self.guarded
            case Phase.THINKING:
                assert self.guarded or talk._went_on >= MOST_TIMES
            case _:
                assert not self.guarded


_STEPS = st.one_of(
    st.tuples(st.just("speak"), st.sampled_from([96, 320, 480, 800, 1600])),
    st.tuples(st.just("speak"), st.just(900)),
    st.tuples(st.just("passes"), st.sampled_from([0.1, 0.3, 0.8, 2.0])),
    st.tuples(st.just("service")),
    st.tuples(st.just("service")),
    st.tuples(st.just("loudspeaker")),
    st.tuples(st.just("wakes")),
    st.tuples(st.just("line_drops")),
)


def talk(*steps: tuple[object, ...]) -> World:
    """Wake word and a sentence, then this."""
    world = World()
    world.wakes()
    world.speak(1600)
    for name, *arguments in steps:
        getattr(world, str(name))(*arguments)
        world.hears_where_it_should()
    return world


@given(st.lists(_STEPS, max_size=25))
def test_it_hears_where_it_should_and_comes_to_rest(steps: list[tuple[object, ...]]) -> None:
    world = talk(*steps)
    for _ in range(40):  # everybody has their say
        world.passes(0.7)
        world.service()
        world.loudspeaker()
        world.hears_where_it_should()
    world.passes(60.0)
    assert world.story.phase is Phase.IDLE
    world.wakes()
    assert world.story.phase is Phase.LISTENING
    world.hears_where_it_should()


def test_in_this_world_a_turn_can_go_on() -> None:
    world = talk(("passes", 0.8), ("service",), ("speak", 900))
    assert world.story.reports("turn_goes_on")
    assert world.story.phase is Phase.LISTENING


def test_in_this_world_a_reply_can_be_talked_over() -> None:
    answered = [("service",)] * 3
    world = talk(("passes", 0.8), *answered, ("loudspeaker",), ("passes", 0.8), ("speak", 900))
    assert world.story.reports("barge_in")
    assert world.story.phase is Phase.LISTENING


def test_in_this_world_a_reply_can_be_heard_to_its_end() -> None:
    world = talk(("passes", 0.8), *[("service",)] * 4, ("loudspeaker",), ("loudspeaker",))
    assert world.story.phase is Phase.FOLLOW_UP
