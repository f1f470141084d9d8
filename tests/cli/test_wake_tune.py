"""`parlor wake tune`: from recordings and from a microphone that is not there."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from device.cli.main import main
from device.cli.microphone_frames import Sink
from device.cli.score_plot import COLUMNS, level_bar, plot
from device.cli.wake_recording import Microphone, read_wav
from device.cli.wake_tune import Session, from_microphone
from device.errors import AudioError
from device.events import Part, PartDegraded
from device.ports import Post, Samples
from device.settings import AudioSettings, WakeSettings
from tests.hearing.clips import say
from tests.hearing.fakes import LOUD, FakeWake


def write_wav(path: Path, samples: Samples, rate_hz: int = 16_000, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.tobytes())
    return path


def spoken(text: str) -> Samples:
    silence = np.zeros(12_000, np.int16)
    return np.concatenate([silence, say(text), silence])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "parlor.toml"
    path.write_text('[wake]\nwords = ["hey_jarvis"]\nthreshold = 0.5\n')
    return path


def test_recordings_of_the_word_lead_to_a_proposal(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    word = write_wav(tmp_path / "word.wav", spoken("hey jarvis"))
    faint = write_wav(tmp_path / "faint.wav", (spoken("hey jarvis") // 500).astype(np.int16))
    room = write_wav(tmp_path / "room.wav", spoken("set a timer for five minutes"))
    line = ["wake", "tune", "-c", str(config), "--file", str(word), str(faint)]
    assert main([*line, "--room-file", str(room)]) == 0
    out = capsys.readouterr().out
    assert "word.wav: heard" in out
    assert "Not counted, too quiet" in out
    assert "room.wav: no false wake" in out
    assert "Proposal, from 1 of 2 tries" in out
    assert "nothing needs to be changed" in out
    assert all(len(row) <= 80 for row in out.splitlines())


def test_a_word_that_was_not_said_gets_no_threshold(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_wav(tmp_path / "other.wav", spoken("the quick brown fox"))
    assert main(["wake", "tune", "alexa", "-c", str(config), "--file", str(other)]) == 1
    out = capsys.readouterr().out
    assert "Wake word alexa" in out
    assert "No threshold can be proposed" in out


def test_without_a_microphone_it_says_what_to_do(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "parlor.toml"
    path.write_text('[audio]\ncapture = "hw:CARD=nowhere"\n')
    assert main(["wake", "tune", "-c", str(path)]) == 1
    captured = capfd.readouterr()
    assert "parlor: there is no microphone called hw:CARD=nowhere" in captured.err
    assert "parlor devices" in captured.err
    assert captured.err.startswith("parlor: "), "nothing of ALSA's own before it"
    assert captured.err.count("\n") == 1
    assert "Try 1" not in captured.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--room-file", "room.wav"], "--room-file goes with --file: name recordings of the word"),
        (["--file", "word.wav", "--tries", "3"], "--tries is for the microphone"),
        (["--file", "a.wav", "--tries", "3", "--room-s", "0"], "--tries and --room-s are for"),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_anything_is_opened(
    words: list[str], says: str, config: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["wake", "tune", "-c", str(config), *words]) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"parlor wake tune: {says}")
    assert captured.err.count("\n") == 1


def wav_bytes(count: int, rate_hz: int = 16_000, width: int = 2, channels: int = 1) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate_hz)
        file.writeframes(bytes(count * width * channels))
    return out.getvalue()


def float_wav() -> bytes:
    """As programs for sound write it: format 3, which the wave module does not know."""
    data = bytearray(wav_bytes(16_000, width=4))
    data[20] = 3
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "says", "do"),
    [
        (None, "cannot be read: No such file", "name a WAV file"),
        (b"", "is no recording: it is empty", "arecord"),
        (b"RIFF", "is no recording: it ends too early", "arecord"),
        (b"some text\n" * 50, "is no WAV file, whatever its name says", "sox"),
        (wav_bytes(0), "is empty: it holds no sound", "arecord"),
        (wav_bytes(4000), "lasts 0.25 s, shorter than any wake word", "arecord"),
        (wav_bytes(16_000, 8000), "was recorded at 8000 Hz, which lacks", "record it at 16000"),
        (wav_bytes(16_000, width=3), "holds 24-bit samples, expected 16-bit", "sox"),
        (wav_bytes(16_000, width=1), "holds 8-bit samples, expected 16-bit", "sox"),
        (float_wav(), "not of 16-bit samples without compression", "sox"),
        (wav_bytes(601 * 16_000), "is longer than 600 s", "cut it"),
    ],
)
def test_what_is_no_recording_is_told_in_one_line(
    data: bytes | None,
    says: str,
    do: str,
    tmp_path: Path,
    config: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "x.wav"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(AudioError, match=says) as caught:
        read_wav(path)
    assert do in caught.value.hint
    assert main(["wake", "tune", "-c", str(config), "--file", str(path)]) == 1
    captured = capfd.readouterr()
    assert captured.out == "", "it is said before anything else"
    assert captured.err.startswith(f"parlor: {path} ")
    assert captured.err.count("\n") == 1


def test_a_recording_that_was_piped_is_read_though_its_head_promises_two_gigabytes(
    tmp_path: Path,
) -> None:
    data = bytearray(wav_bytes(16_000))
    data[4:8] = data[40:44] = (0x7FFFFFFF).to_bytes(4, "little")
    path = tmp_path / "x.wav"
    path.write_bytes(data)
    assert len(read_wav(path)) == 16_000


def test_of_a_recording_with_two_channels_it_says_that_the_first_is_heard(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    word = spoken("hey jarvis")
    stereo = np.stack([word, np.zeros_like(word)], axis=1)
    path = write_wav(tmp_path / "two.wav", stereo, channels=2)
    main(["wake", "tune", "-c", str(config), "--file", str(path)])
    assert "two.wav (the first of its 2 channels): heard" in capsys.readouterr().out


def test_a_recording_of_other_rate_and_channels_is_converted(tmp_path: Path) -> None:
    left = (np.sin(np.arange(48_000) * 0.05) * 8000).astype(np.int16)
    stereo = np.stack([left, np.zeros_like(left)], axis=1)
    found = read_wav(write_wav(tmp_path / "x.wav", stereo, 48_000, channels=2))
    assert len(found) == 16_000
    assert abs(int(found.max()) - 8000) < 300


@pytest.mark.parametrize("words", [["--tries", "0"], ["--tries", "x"], ["--room-s", "-1"]])
def test_impossible_numbers_are_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["wake", "tune", *words])
    assert caught.value.code == 2


# --- the drawing --------------------------------------------------------------------------


def test_bars_reach_the_line_of_the_threshold_exactly_when_they_count() -> None:
    rows = plot([0.69, 0.71, 1.0], threshold=0.7)
    [marked] = [row for row in rows if row.startswith("0.70")]
    assert marked == "0.70 |-##"


def test_a_long_stretch_is_squeezed_and_keeps_its_peak() -> None:
    scores = [0.0] * 1000
    scores[500] = 1.0
    rows = plot(scores, 0.5)
    assert max(map(len, rows)) <= COLUMNS + 8 <= 80
    assert rows[0].count("#") == 1


def test_a_level_has_a_bar() -> None:
    assert level_bar(-60.0).count("#") == 0
    assert level_bar(0.0).count("#") == 40
    assert level_bar(-30.0).count("#") == 20


# --- the microphone -----------------------------------------------------------------------


class FakeCapture:
    """Delivers ``sound`` as two-channel frames at once; the second channel is the good one."""

    def __init__(self, sound: Samples, post: Post, degraded: PartDegraded | None = None) -> None:
        self._sound, self._post, self._degraded = sound, post, degraded
        self.stopped = False

    def start(self, sink: Sink) -> None:
        if self._degraded is not None:
            self._post(self._degraded)
        frames = np.stack([np.zeros_like(self._sound), self._sound], axis=1)
        self._sink, self._frames = sink, frames

    def deliver(self) -> None:
        for start in range(0, len(self._frames), 160):
            self._sink(start, self._frames[start : start + 160])

    def stop(self) -> None:
        self.stopped = True


def microphone(
    sound: Samples, degraded: PartDegraded | None = None
) -> tuple[Microphone, FakeCapture]:
    made: list[FakeCapture] = []

    def make(post: Post) -> FakeCapture:
        made.append(FakeCapture(sound, post, degraded))
        return made[0]

    audio = AudioSettings(capture_channels=2, capture_channel=1)
    return Microphone(audio, make), made[0]


def test_the_microphone_gives_80_ms_of_the_configured_channel() -> None:
    sound = np.arange(3000, dtype=np.int16)
    ears, capture = microphone(sound)
    with ears:
        chunks = ears.chunks(0.16)
        capture.deliver()
        assert np.array_equal(np.concatenate(list(chunks)), sound[:2560])
        assert not capture.stopped
    assert capture.stopped


def test_what_waited_unread_is_not_part_of_the_next_try() -> None:
    ears, capture = microphone(np.full(1280, 7, np.int16))
    with ears:
        capture.deliver()  # during the countdown
        chunks = ears.chunks(0.08)
        capture._frames = capture._frames + 1
        capture.deliver()
        assert np.array_equal(next(chunks), np.full(1280, 8, np.int16))


def test_a_microphone_that_is_busy_says_who_may_hold_it() -> None:
    busy = PartDegraded(Part.MICROPHONE, "busy", "another program holds it", "stop that program")
    ears, _ = microphone(np.zeros(0, np.int16), busy)
    with ears, pytest.raises(AudioError, match="another program holds it") as caught:
        list(ears.chunks(0.08))
    assert "systemctl stop parlor" in caught.value.hint


# --- a session ----------------------------------------------------------------------------


def test_a_session_counts_down_listens_and_judges(capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    session = Session(FakeWake(), WakeSettings(words=("word",), threshold=0.9), out)
    said = np.zeros(20 * 1280, np.int16)
    said[10 * 1280 : 12 * 1280 : 2] = LOUD
    calls: list[float] = []

    def chunks(seconds: float) -> Iterator[Samples]:
        calls.append(seconds)
        sound = said if seconds == 3.0 else np.zeros_like(said)
        yield from sound.reshape(-1, 1280)

    from_microphone(session, chunks, tries=2, room_s=10.0)
    assert calls == [1.0, 1.0, 1.0, 3.0] * 2 + [10.0]
    assert capsys.readouterr().out.count("3 ... 2 ... 1 ... now") == 2
    assert session.conclude() == 0
    text = out.getvalue()
    assert text.count("heard, best score 1.00") == 2
    assert "The room: no false wake, best score 0.00" in text
    assert "threshold = 0.5" in text
    assert "systemctl reload parlor" in text
