"""The loop, the two planes and the mailbox, on fakes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from device.commands import (
    AbandonTurn,
    AppendAudio,
    CancelReply,
    ClearInput,
    Cue,
    Light,
    TruncateReply,
)
from device.core.appliance import Appliance
from device.core.phases import Phase
from device.core.start_up import StartUp
from device.events import (
    ButtonEdge,
    CueFinished,
    Event,
    LinkOpened,
    Part,
    PartDegraded,
    PartReady,
    PlaybackStarted,
    PlaybackStopped,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ServiceSpeechStarted,
    SpeechEnded,
    SpeechStarted,
    StopReason,
    Tick,
    TurnCommitted,
    UplinkAudio,
    UplinkStopped,
    WakeDetected,
)
from device.fakes import (
    FakeClock,
    FakeEar,
    FakePanel,
    FakePhraseSpeaker,
    FakePlayback,
    FakeSession,
    FakeTimeline,
)
from device.fakes_link import FakeSessions
from device.mailbox import Mailbox
from device.runtime import Runtime
from device.session import capabilities
from device.settings import Settings


class House:
    """A runtime among fakes; ``settle`` lets the loop do all that waits."""

    def __init__(self, *before: Event, parts: frozenset[Part] = frozenset()) -> None:
        """``before`` is posted before the runtime starts, and ``parts`` are waited for."""
        self.loop = asyncio.new_event_loop()
        self.mailbox = Mailbox()
        self.clock = FakeClock()
        self.ear = FakeEar(self.mailbox.post)
        self.playback = FakePlayback(self.mailbox.post)
        self.panel = FakePanel()
        self.link = FakeSession()
        self.phrases = FakePhraseSpeaker(self.mailbox.post)
        self.timeline = FakeTimeline()
        self.statuses: list[str] = []
        self.ready: list[tuple[str, ...]] = []
        start_up = StartUp(parts, self.clock.now + 2.5)
        self.core = Appliance(Settings(), self.clock.now, start_up, able=capabilities(Settings()))
        for event in before:
            self.mailbox.post(event)
        self.runtime = Runtime(
            self.core,
            mailbox=self.mailbox,
            clock=self.clock,
            ear=self.ear,
            playback=self.playback,
            panel=self.panel,
            link=self.link,
            phrases=self.phrases,
            timeline=self.timeline,
            downlink_rate_hz=24000,
            sessions=FakeSessions(),
            show_status=self.statuses.append,
            tell_ready=self.ready.append,
        )
        self.runtime.start(self.loop)

    def happens(self, *events: Event) -> None:
        for event in events:
            self.mailbox.post(event)
        self.settle()

    def settle(self) -> None:
        async def rest() -> None:
            for _ in range(20):
                await asyncio.sleep(0)

        self.loop.run_until_complete(rest())

    def speaking(self) -> None:
        self.happens(WakeDetected("hey_jarvis", 0.9, 4000), LinkOpened("s"))
        self.happens(ServiceSpeechStarted(), TurnCommitted("u"))
        self.happens(ReplyStarted("r1"), ReplyAudio("r1", "i1", b"\1\0" * 2400))
        self.happens(PlaybackStarted("r1", self.clock.now))


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.runtime.stop()
    house.loop.close()


def test_a_wake_reaches_ear_link_and_light(house: House) -> None:
    house.happens(WakeDetected("hey_jarvis", 0.9, 4000))
    assert house.ear.uplink_from == 4000
    assert house.ear.vad
    assert house.link.wanted
    assert house.panel.light is Light.LISTENING
    assert house.statuses[-1] == "listening"


def test_a_press_when_idle_is_sent_from_the_press_on_once_it_is_let_go(house: House) -> None:
    house.happens(ButtonEdge(True, house.clock.now))
    assert house.ear.uplink_from is None
    assert house.link.wanted
    house.clock.now += 0.1
    house.happens(ButtonEdge(False, house.clock.now))
    house.clock.now += 0.04
    house.happens(Tick())
    assert house.ear.uplink_from == -round(0.14 * 16000)  # so many frames ago


def test_samples_go_to_the_link_untouched(house: House) -> None:
    house.happens(UplinkAudio(b"\1\2", 0, 1))
    assert house.link.sent == [AppendAudio(b"\1\2")]


def test_audio_of_an_abandoned_turn_is_dropped_until_the_ear_has_stopped(house: House) -> None:
    house.happens(WakeDetected("hey_jarvis", 0.9, 4000), LinkOpened("s"))
    house.link.sent.clear()
    house.ear.post = lambda _event: None  # the ear's answer is late
    house.happens(WakeDetected("hey_jarvis", 0.9, 9000), UplinkAudio(b"old", 8000, 9500))
    house.happens(UplinkStopped(9500), UplinkAudio(b"new", 9000, 9600))
    sent = [c.pcm for c in house.link.sent if isinstance(c, AppendAudio)]
    assert sent == [b"new"]


def unanswered(house: House) -> None:
    """Somebody spoke, and the service is silent: the ear was just told to stop."""
    house.happens(WakeDetected("hey_jarvis", 0.9, 4000), LinkOpened("s"))
    house.happens(SpeechStarted(5000), SpeechEnded(9000))
    house.ear.post = lambda _event: None  # the ear's answer is late
    house.clock.now += 5.0
    house.happens(Tick())
    assert house.core.conversation.phase is Phase.THINKING


def test_a_verdict_that_crosses_the_end_of_a_long_pause_counts(house: House) -> None:
    unanswered(house)
    house.happens(UplinkAudio(b"rest", 8000, 9500), TurnCommitted("u"), UplinkStopped(9500))
    house.happens(ReplyStarted("r1"))
    assert house.core.wants_reply("r1")
    sent = [c for c in house.link.sent if isinstance(c, AppendAudio | ClearInput)]
    assert sent[:2] == [AppendAudio(b"rest"), ClearInput()]


def test_but_not_when_another_turn_has_begun(house: House) -> None:
    unanswered(house)
    house.happens(WakeDetected("hey_jarvis", 0.9, 90_000), TurnCommitted("of the first"))
    assert house.core.conversation.phase is Phase.LISTENING


def test_a_line_that_is_drained_ends_the_wait(house: House) -> None:
    house.link.post = house.mailbox.post
    unanswered(house)
    house.clock.now += 1.0
    house.happens(Tick())
    assert house.core.conversation.phase is Phase.IDLE
    assert house.playback.cues[-1] is Cue.GAVE_UP


def test_a_wanted_reply_is_played_and_measured(house: House) -> None:
    house.speaking()
    assert house.playback.enqueued == [("r1", "i1", b"\1\0" * 2400)]
    assert "reply_audio_received" in house.timeline.events()


def test_an_unwanted_reply_is_not_played(house: House) -> None:
    house.happens(LinkOpened("s"), ReplyStarted("r9"), ReplyAudio("r9", "i9", b"\0\0"))
    assert house.playback.enqueued == []
    assert house.link.sent == [CancelReply("r9")]


def test_audio_of_a_cut_reply_is_discarded_on_arrival(house: House) -> None:
    house.speaking()
    house.playback.heard_ms = 55
    house.playback.cut(StopReason.BUTTON)
    house.happens(ReplyAudio("r1", "i1", b"\1\0" * 2400))
    assert len(house.playback.enqueued) == 1
    assert house.playback.discarded == 1
    assert TruncateReply("i1", 55) in house.link.sent


def test_an_error_in_one_event_is_told_and_the_next_is_handled(house: House) -> None:
    def broken(_pcm: object) -> None:
        raise ZeroDivisionError("planted")

    house.link.send, send = broken, house.link.send  # type: ignore[method-assign,assignment]
    house.happens(UplinkAudio(b"", 0, 0))
    assert (
        "error",
        house.clock.now,
        {"kind": "internal", "detail": "while handling UplinkAudio"},
    ) in (house.timeline.lines)
    house.link.send = send  # type: ignore[method-assign]
    house.happens(UplinkAudio(b"x", 0, 0))
    assert house.link.sent == [AppendAudio(b"x")]


def collect(loop: asyncio.AbstractEventLoop, mailbox: Mailbox, until: Callable[[], bool]) -> None:
    async def wait() -> None:
        while not until():
            await asyncio.sleep(0.001)

    loop.run_until_complete(asyncio.wait_for(wait(), 10))


def test_events_of_each_thread_come_once_and_in_order() -> None:
    loop, mailbox, seen = asyncio.new_event_loop(), Mailbox(), []
    mailbox.bind(loop, seen.append)

    def post_many(who: int) -> None:
        for n in range(500):
            mailbox.post(WakeDetected(str(who), 0.0, n))

    threads = [threading.Thread(target=post_many, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    collect(loop, mailbox, lambda: len(seen) == 2000)
    for who in range(4):
        assert [e.at_frame for e in seen if e.word == str(who)] == list(range(500))
    loop.close()


def test_when_too_much_uplink_waits_the_oldest_goes_and_no_event_does() -> None:
    loop, mailbox, seen = asyncio.new_event_loop(), Mailbox(most_uplink=10), []
    for n in range(25):
        mailbox.post(UplinkAudio(b"", n, n + 1))
        mailbox.post(WakeDetected("w", 0.0, n))
    mailbox.post(UplinkStopped(25))
    mailbox.bind(loop, seen.append)
    collect(loop, mailbox, lambda: isinstance(seen[-1] if seen else None, UplinkStopped))
    assert [e.first_frame for e in seen if isinstance(e, UplinkAudio)] == list(range(15, 25))
    assert [e.at_frame for e in seen if isinstance(e, WakeDetected)] == list(range(25))
    assert mailbox.dropped_uplink == 15
    loop.close()


def test_the_wake_word_in_the_follow_up_turn_drops_the_audio_that_is_on_its_way(
    house: House,
) -> None:
    """Speech opened the uplink; it was the wake word. What it sent is taken back, what the
    ear has queued is dropped, and from the ear's answer on the new turn is sent whole."""
    house.speaking()
    house.happens(ReplyDone("r1", "completed"))
    house.happens(PlaybackStopped("r1", "i1", StopReason.DONE, 100, house.clock.now))
    house.happens(SpeechStarted(90_000))
    assert house.ear.uplink_from == 90_000
    house.link.sent.clear()
    house.ear.post = lambda _event: None  # the ear's answer is late
    house.happens(UplinkAudio(b"hey", 90_000, 91_000), WakeDetected("hey_jarvis", 0.9, 99_000))
    assert house.ear.uplink_from == 99_000
    house.happens(UplinkAudio(b"jarvis", 91_000, 99_500), UplinkStopped(99_500))
    house.happens(UplinkAudio(b"what", 99_000, 100_000))
    assert house.link.sent == [AppendAudio(b"hey"), AbandonTurn(), AppendAudio(b"what")]


def test_a_second_wake_before_the_ear_answered_the_first_drops_both_turns_audio(
    house: House,
) -> None:
    house.happens(LinkOpened("s"), WakeDetected("hey_jarvis", 0.9, 4000))
    house.ear.post = lambda _event: None
    house.happens(WakeDetected("hey_jarvis", 0.9, 9000), WakeDetected("hey_jarvis", 0.9, 14_000))
    house.link.sent.clear()
    house.happens(UplinkAudio(b"1", 4000, 9000), UplinkStopped(9000))
    house.happens(UplinkAudio(b"2", 9000, 14_000), UplinkStopped(14_000))
    house.happens(UplinkAudio(b"3", 14_000, 15_000))
    assert house.link.sent == [AppendAudio(b"3")]


def test_a_commit_that_lay_in_the_mailbox_at_the_wake_does_not_end_the_new_turn(
    house: House,
) -> None:
    """The codec cannot call it back. The ear's answer comes after it, and before any word of
    the new turn is sent."""
    house.happens(WakeDetected("hey_jarvis", 0.9, 4000), LinkOpened("s"))
    house.happens(
        WakeDetected("hey_jarvis", 0.9, 9000), ServiceSpeechStarted(), TurnCommitted("old")
    )
    assert house.core.conversation.phase is Phase.LISTENING
    assert house.ear.uplink_from == 9000
    house.happens(UplinkAudio(b"new", 9000, 9600), TurnCommitted("new"))
    assert house.core.conversation.phase is Phase.THINKING


def test_a_cue_in_an_open_uplink_is_masked_in_the_ear(house: House) -> None:
    house.happens(ButtonEdge(True, house.clock.now), ButtonEdge(False, house.clock.now))
    broken = PartDegraded(Part.CONFIGURATION, "mistake in the configuration", "line 3")
    house.happens(broken)
    assert house.playback.cues == [Cue.ERROR]
    assert house.ear.masked
    house.clock.now += 0.2
    house.happens(CueFinished("error"))
    house.clock.now += 0.4
    house.happens(Tick())
    assert not house.ear.masked


# --- READY ------------------------------------------------------------------------------


def test_ready_is_told_after_every_fact_of_the_start_has_been_handled() -> None:
    """However the facts lie in the mailbox: the core itself says that it has them all."""
    mistake = PartDegraded(Part.CONFIGURATION, "mistake in the configuration", "line 3")
    noise = [Tick()] * 200  # more than the loop takes in one go
    house = House(*noise, mistake, parts=frozenset({Part.CONFIGURATION, Part.SPEAKER}))
    house.settle()
    assert house.ready == []
    house.happens(PartDegraded(Part.SPEAKER, "no speaker", "unplugged"))
    assert house.ready == [("mistake in the configuration", "no speaker")]
    house.happens(PartReady(Part.SPEAKER), PartReady(Part.CONFIGURATION))
    assert len(house.ready) == 1
    house.runtime.stop()
    house.loop.close()


def test_what_has_started_before_the_loop_runs_is_not_told_as_starting() -> None:
    house = House(
        PartReady(Part.OFFLINE_SERVICE, "ws://127.0.0.1:1"), parts=frozenset({Part.OFFLINE_SERVICE})
    )
    house.clock.now += 60.0  # the start took its time
    house.settle()
    assert house.ready == [()]
    assert house.timeline.events().count("part_degraded") == 0
    house.runtime.stop()
    house.loop.close()


def test_with_nothing_to_wait_for_ready_is_told_at_once(house: House) -> None:
    assert house.ready == [()]
