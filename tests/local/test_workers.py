"""The worker threads: who is heard when, and what stopping means."""

from __future__ import annotations

import queue
import threading

import pytest

from device.errors import ModelError
from device.local.listener import Listener
from device.local.recognition.port import Recognition
from device.voice.speaker import Sentence, Speaker
from device.voice.synthesis import Samples, Sink
from tests.local.fakes import FakeRecogniser, FakeSynthesiser

Answers = queue.Queue[tuple[Recognition | None, str]]


def second(of: bytes = b"\x00\x00") -> bytes:
    return of * 16_000


@pytest.fixture
def recogniser() -> FakeRecogniser:
    return FakeRecogniser("hello")


def start(recogniser: FakeRecogniser, patience_s: float = 60.0) -> Listener:
    listener = Listener(lambda: recogniser, patience_s)
    listener.start()
    listener.wait_loaded()
    return listener


def test_an_utterance_is_heard_in_full_and_answered(recogniser: FakeRecogniser) -> None:
    listener, answers = start(recogniser), Answers()
    heard = listener.begin()
    heard.feed(second())
    heard.feed(second())
    heard.finish(lambda r, why: answers.put((r, why)))
    recognition, why = answers.get(timeout=5)
    assert recognition is not None
    assert (recognition.text, why, recogniser.heard) == ("hello", "", [2000])
    listener.stop()


def test_an_empty_utterance_is_answered_too(recogniser: FakeRecogniser) -> None:
    listener, answers = start(recogniser), Answers()
    listener.begin().finish(lambda r, why: answers.put((r, why)))
    assert answers.get(timeout=5)[0] is not None
    assert recogniser.heard == [0]
    listener.stop()


def test_a_stalled_utterance_makes_room_and_is_heard_again_from_its_beginning(
    recogniser: FakeRecogniser,
) -> None:
    listener, answers = start(recogniser, patience_s=0.0), Answers()
    stalled, other = listener.begin(), listener.begin()
    stalled.feed(second())
    other.feed(second() + second())
    other.finish(lambda r, why: answers.put((r, why)))
    assert answers.get(timeout=5)[0] is not None
    stalled.feed(second())
    stalled.finish(lambda r, why: answers.put((r, why)))
    assert answers.get(timeout=5)[0] is not None
    assert recogniser.heard == [2000, 2000]
    listener.stop()


def test_a_forgotten_utterance_is_not_answered(recogniser: FakeRecogniser) -> None:
    listener, answers = start(recogniser), Answers()
    forgotten, other = listener.begin(), listener.begin()
    forgotten.feed(second())
    forgotten.forget()
    other.finish(lambda r, why: answers.put((r, why)))
    assert answers.get(timeout=5)[0] is not None
    assert recogniser.heard == [0]
    assert answers.empty()
    listener.stop()


def test_a_failure_is_told_and_the_next_is_heard() -> None:
    listener, answers = start(FakeRecogniser(RuntimeError("broken"), "hello")), Answers()
    for _ in range(2):
        listener.begin().finish(lambda r, why: answers.put((r, why)))
    assert answers.get(timeout=5) == (None, "RuntimeError: broken")
    assert answers.get(timeout=5)[0] is not None
    listener.stop()


class Breaking(FakeRecogniser):
    """Breaks in ``begin`` or ``feed`` of the first utterance, and goes on as if nothing was."""

    def __init__(self, where: str) -> None:
        super().__init__("hello")
        self.where = where
        self.fed = 0
        self.broke = threading.Event()

    def begin(self) -> None:
        if self.where == "begin":
            self.where = ""
            self.broke.set()
            raise MemoryError("no room")
        super().begin()

    def feed(self, pcm16k: bytes) -> None:
        self.fed += 1
        if self.where == "feed":
            self.where = ""
            self.broke.set()
            raise ValueError("odd")
        super().feed(pcm16k)


@pytest.mark.parametrize(
    ("where", "why"), [("begin", "MemoryError: no room"), ("feed", "ValueError: odd")]
)
def test_a_failure_in_the_middle_is_told_at_the_end_and_logged_once(
    where: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    breaking = Breaking(where)
    listener, answers = start(breaking), Answers()
    broken = listener.begin()
    broken.feed(second())
    assert breaking.broke.wait(5)
    broken.feed(second())
    broken.finish(lambda r, why: answers.put((r, why)))
    assert answers.get(timeout=5) == (None, why)
    assert breaking.fed == (where == "feed")  # nothing was decoded after it
    listener.begin().finish(lambda r, why: answers.put((r, why)))
    assert answers.get(timeout=5)[0] is not None
    assert [r.getMessage() for r in caplog.records] == [f"recognition failed: {why}"]
    listener.stop()


def test_a_failed_utterance_keeps_nobody_waiting() -> None:
    """Its speaker may talk on: others have the recogniser at once."""
    listener, answers = start(Breaking("feed")), Answers()
    broken, other = listener.begin(), listener.begin()
    broken.feed(second())
    other.feed(second())
    other.finish(lambda r, why: answers.put((r, why)))
    recognition, _ = answers.get(timeout=5)
    assert recognition is not None
    listener.stop()


def test_the_worker_survives_who_cannot_be_told(caplog: pytest.LogCaptureFixture) -> None:
    listener, answers = start(FakeRecogniser("hello")), Answers()
    told: list[Recognition | None] = []

    def fail(recognition: Recognition | None, _why: str) -> None:
        told.append(recognition)
        raise RuntimeError("Event loop is closed")

    listener.begin().finish(fail)
    listener.begin().finish(lambda r, why: answers.put((r, why)))
    assert answers.get(timeout=5)[0] is not None
    assert len(told) == 1
    assert "could not be told" in caplog.text
    listener.stop()


def test_an_engine_that_cannot_be_loaded_is_told_to_whoever_waits() -> None:
    def fail() -> FakeRecogniser:
        raise ModelError("no model")

    def fail_too() -> FakeSynthesiser:
        raise ModelError("no voice")

    listener, speaker = Listener(fail), Speaker(fail_too)
    listener.start()
    speaker.start()
    with pytest.raises(ModelError, match="no model"):
        listener.wait_loaded()
    with pytest.raises(ModelError, match="no voice"):
        speaker.wait_loaded()
    speaker.stop()
    listener.stop()


class Endless(FakeSynthesiser):
    """Speaks until it is told to stop."""

    def speak(self, text: str, sink: Sink, *, voice: str = "", speed: float = 1.0) -> None:
        if text == "fail":
            raise ModelError("no breath")
        going = True

        def watched(samples: Samples) -> bool:
            nonlocal going
            going = sink(samples)
            return going

        super().speak(text, watched, voice=voice, speed=speed)
        while text == "endless" and going:
            super().speak(text, watched, voice=voice, speed=speed)


def test_a_sentence_stops_and_the_next_is_said() -> None:
    speaker = Speaker(Endless)
    speaker.start()
    speaker.wait_loaded()
    pieces: queue.Queue[bytes] = queue.Queue()
    ended: queue.Queue[str | None] = queue.Queue()
    endless = Sentence("endless", "", 1.0, pieces.put, ended.put)
    speaker.say(endless)
    pieces.get(timeout=5)
    endless.stop()
    speaker.say(Sentence("two words", "", 1.0, lambda _pcm: None, ended.put))
    assert ended.get(timeout=5) is None
    speaker.say(Sentence("fail", "", 1.0, lambda _pcm: None, ended.put))
    assert ended.get(timeout=5) == "no breath"
    assert ended.empty()  # the stopped one reported nothing
    speaker.stop()


def test_a_sentence_stopped_before_its_turn_is_not_begun() -> None:
    speaker = Speaker(FakeSynthesiser)
    ended: queue.Queue[str | None] = queue.Queue()
    pieces: queue.Queue[bytes] = queue.Queue()
    skipped = Sentence("never", "", 1.0, pieces.put, ended.put)
    skipped.stop()
    speaker.say(skipped)
    speaker.say(Sentence("now", "", 1.0, lambda _pcm: None, ended.put))
    speaker.start()
    assert ended.get(timeout=5) is None
    assert pieces.empty()
    speaker.stop()


def test_the_voice_survives_any_failure_of_a_sentence() -> None:
    class Fragile(FakeSynthesiser):
        def speak(self, text: str, sink: Sink, *, voice: str = "", speed: float = 1.0) -> None:
            if text == "bad":
                raise OSError("no memory")
            super().speak(text, sink, voice=voice, speed=speed)

    done: queue.Queue[str | None] = queue.Queue()
    speaker = Speaker(Fragile)
    speaker.start()
    speaker.wait_loaded()
    for text in ("bad", "good"):
        speaker.say(Sentence(text, "", 1.0, lambda _pcm: None, done.put))
    assert done.get(timeout=5) == "internal error: OSError"
    assert done.get(timeout=5) is None
    speaker.stop()
