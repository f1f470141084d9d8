"""`parlor doctor --microphones`: asks, listens, says the order and the line to write."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from device.cli import doctor_microphones
from device.cli.doctor_microphones import PAUSE_S, ROOM_S, SETTLING_S, TAPS_S, TRIES, Guide
from device.cli.main import main
from device.cli.microphone_frames import MicrophoneFrames, Sink
from device.ports import Samples
from device.settings import AudioSettings
from tests.array.sounds import frames
from tests.array.test_tapping import room, taps

AUDIO = AudioSettings(
    capture_channels=5, microphone_channels="1, 2, 3, 4", microphone_geometry="circle 4 x 45 mm"
)
PERIOD = 800


class Scripted:
    """A microphone that plays the stretches it is given, each when it is listened for."""

    def __init__(self, stretches: list[Samples]) -> None:
        self._periods = self._cut(stretches)
        self.stopped = False

    def _cut(self, stretches: list[Samples]) -> Iterator[Samples]:
        for stretch in stretches:
            for start in range(0, len(stretch), PERIOD):
                yield stretch[start : start + PERIOD]

    def frames(self) -> MicrophoneFrames:
        script = self

        class Frames(MicrophoneFrames):
            @property
            def waiting(self) -> bool:
                return False

            def read(self) -> Samples:
                found = next(script._periods, None)
                if found is None:
                    raise KeyboardInterrupt  # nothing more is prepared: the person gives up
                return found

        return Frames(lambda post: script)

    def start(self, sink: Sink) -> None:
        pass

    def stop(self) -> None:
        self.stopped = True


def on_card(heard: Samples) -> Samples:
    """The card's channel 0 is no microphone."""
    return np.concatenate([np.zeros((len(heard), 1), np.int16), heard], axis=1)


def quiet(seconds: float) -> Samples:
    return on_card(frames(*room(seconds)))


def tapped(place: int, wiring: tuple[int, ...]) -> Samples:
    """``wiring``: which of the four channels each place is wired to."""
    heard = taps(place)
    return on_card(frames(*(heard[wiring.index(channel)] for channel in range(4))))


def guided(*stretches: Samples) -> tuple[int, str]:
    script = Scripted([quiet(SETTLING_S), quiet(ROOM_S), *stretches])
    out = io.StringIO()
    with script.frames() as microphone:
        code = Guide(AUDIO, microphone, out).ask()
    assert script.stopped
    return code, out.getvalue()


def each_tapped(wiring: tuple[int, ...]) -> list[Samples]:
    return [part for place in range(4) for part in (tapped(place, wiring), quiet(PAUSE_S))]


def test_the_configured_order_is_confirmed() -> None:
    code, text = guided(*each_tapped((0, 1, 2, 3)))
    assert code == 0
    assert "Place 1 of 4 (x 22 mm, y 0 mm): tap at that microphone" in text
    assert "Channel 1, " in text
    assert "The microphones stand in the order that is configured." in text
    assert "microphone_channels" not in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_opposite_microphones_that_are_swapped_are_told_with_the_line_to_write() -> None:
    """No voice could tell these."""
    code, text = guided(*each_tapped((2, 1, 0, 3)))
    assert code == 1
    assert "another order than configured" in text
    assert text.endswith('[audio]\nmicrophone_channels = "3, 2, 1, 4"\n')


def test_who_missed_it_is_asked_again() -> None:
    first, *rest = each_tapped((0, 1, 2, 3))
    code, text = guided(quiet(TAPS_S), first, *rest)
    assert code == 0
    assert "Nothing was heard." in text
    assert "tap again" in text


def test_when_nobody_taps_it_ends_and_says_so() -> None:
    code, text = guided(*[quiet(TAPS_S)] * TRIES)
    assert code == 1
    assert text.count("Nothing was heard.") == TRIES
    assert "not known which channel stands at place 1" in text.replace("\n", " ")
    assert "microphone_channels" not in text


def test_one_microphone_on_two_channels_is_told_without_asking_again() -> None:
    heard = taps(0)
    heard[2] = heard[0]
    code, text = guided(on_card(frames(*heard)))
    assert code == 1
    assert "Channels 1 and 3 give the very same sound" in text


def test_a_dead_channel_is_told_before_anybody_is_asked_to_tap() -> None:
    silent = quiet(ROOM_S)
    silent[:, 2] = 0
    script = Scripted([quiet(SETTLING_S), silent])
    out = io.StringIO()
    with script.frames() as microphone:
        assert Guide(AUDIO, microphone, out).ask() == 1
    assert "Channel 2 gives only silence" in out.getvalue()
    assert "tap at" not in out.getvalue()


def test_ctrl_c_closes_the_microphone() -> None:
    script = Scripted([quiet(SETTLING_S), quiet(ROOM_S), tapped(0, (0, 1, 2, 3))])
    with pytest.raises(KeyboardInterrupt), script.frames() as microphone:
        Guide(AUDIO, microphone, io.StringIO()).ask()
    assert script.stopped


# --- the command --------------------------------------------------------------------------


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_microphones, "somebody_reads", lambda: True)


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "parlor.toml"
    path.write_text(text)
    return str(path)


def test_without_a_terminal_it_says_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["doctor", "--microphones"]) == 2
    captured = capfd.readouterr()
    assert "it needs a terminal (over SSH: ssh -t)" in captured.err
    assert captured.out == ""


def test_without_a_geometry_it_says_that_the_order_does_not_matter(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], terminal: None
) -> None:
    path = write(tmp_path, "[audio]\ncapture_channels = 4\n")
    assert main(["doctor", "--microphones", "-c", path]) == 2
    assert "nothing depends on the order of the microphones" in capfd.readouterr().err


def test_without_the_microphone_it_says_what_to_do_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], terminal: None
) -> None:
    text = (
        "[audio]\ncapture = 'hw:CARD=nowhere'\ncapture_channels = 4\n"
        "microphone_geometry = 'circle 4 x 45 mm'\n"
    )
    assert main(["doctor", "--microphones", "-c", write(tmp_path, text)]) == 1
    err = capfd.readouterr().err
    assert err.startswith("parlor: there is no microphone called hw:CARD=nowhere")
    assert err.count("\n") == 1


def test_interrupted_it_exits_as_the_shell_expects(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_path: Path | None) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor_microphones, "run", interrupted)
    assert main(["doctor", "--microphones"]) == 130
