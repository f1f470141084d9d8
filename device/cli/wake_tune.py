"""``parlor wake tune``: hear how well the wake word is heard here, and get a threshold for it."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

import numpy as np

from device import config
from device.audio.wakewords.trial import (
    Proposal,
    Try,
    judge_try,
    level_dbfs,
    propose,
    scores_of,
    sustained,
)
from device.cli.microphone_frames import Capture
from device.cli.options import Subparsers, add_config_option
from device.cli.score_plot import level_bar, plot
from device.cli.wake_recording import Microphone, channels_of, read_wav
from device.doctor.quiet import native_stderr_silenced
from device.hearing_factory import make_wake_engine
from device.ports import Post, Samples, WakeEngine
from device.settings import AudioSettings, WakeSettings

COUNTDOWN = 3
TRIES, ROOM_S = 5, 20.0
TRY_S = 3.0
_MOST_TRIES = 20


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "wake",
        help="tune the wake word to this room",
        description="See also: parlor wake-words, which lists the words.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    tune = actions.add_parser(
        "tune",
        help="record a few tries, show their scores, propose a threshold",
        description="Say the word a few times when asked, from where you usually are; then let "
        "the room be as it usually is (television on, if it is). Nothing is kept.",
    )
    tune.add_argument("word", nargs="?", metavar="WORD", help="default: the first of [wake] words")
    tune.add_argument("--tries", type=_tries, metavar="N", help=f"default: {TRIES}")
    tune.add_argument(
        "--room-s",
        type=_room_s,
        metavar="SECONDS",
        help="how long to listen to the room without the word; 0: not at all "
        f"(default: {ROOM_S:.0f})",
    )
    tune.add_argument(
        "--file",
        type=Path,
        nargs="+",
        default=[],
        metavar="WAV",
        help="recordings of the word, one try each, instead of the microphone",
    )
    tune.add_argument(
        "--room-file",
        type=Path,
        nargs="+",
        default=[],
        metavar="WAV",
        help="with --file: recordings in which the word is not said",
    )
    add_config_option(tune)


def run(args: argparse.Namespace) -> int:
    """Exit 0 with a proposal, 1 without one, 2 for options that do not go together. Raises
    ParlorError: no microphone, no such word, no recording."""
    if clash := _clash(args):
        print(f"parlor wake tune: {clash}", file=sys.stderr)
        return 2
    settings = config.load(args.config)
    wake = replace(settings.wake, words=(args.word or settings.wake.words[0],))
    tries = [(path, read_wav(path)) for path in args.file]
    rooms = [(path, read_wav(path)) for path in args.room_file]
    with native_stderr_silenced():
        engine = make_wake_engine(wake)
    session = Session(engine, wake, sys.stdout)
    if tries:
        print(f"{session.heading}, from {len(tries)} recording{'s' * (len(tries) != 1)}")
        for path, samples in tries:
            session.hear_try(_named(path), samples)
        for path, samples in rooms:
            session.hear_room(_named(path), samples)
        return session.conclude()
    # ALSA's own lines about a card that is not there would stand before the message.
    with (
        native_stderr_silenced(),
        Microphone(settings.audio, _alsa(settings.audio)) as microphone,
    ):
        for _ in microphone.chunks(0.1):  # it is there, or says why not
            pass
        print(f"{session.heading}, through {settings.audio.capture}")
        count = TRIES if args.tries is None else args.tries
        room_s = ROOM_S if args.room_s is None else args.room_s
        from_microphone(session, microphone.chunks, count, room_s)
    return session.conclude()


def _clash(args: argparse.Namespace) -> str:
    """Which options do not go together, and what to do; empty when all do."""
    if args.room_file and not args.file:
        return (
            "--room-file goes with --file: name recordings of the word, too; or leave it away, "
            "then the microphone hears the word and the room"
        )
    unheard = [
        option
        for option, value in (("--tries", args.tries), ("--room-s", args.room_s))
        if value is not None
    ]
    if args.file and unheard:
        options = " and ".join(unheard)
        verb = "is" if len(unheard) == 1 else "are"
        return f"{options} {verb} for the microphone, which --file leaves alone; leave one away"
    return ""


def _named(path: Path) -> str:
    channels = channels_of(path)
    if channels == 1:
        return path.name
    return f"{path.name} (the first of its {channels} channels)"


def from_microphone(
    session: Session, chunks: Callable[[float], Iterator[Samples]], tries: int, room_s: float
) -> None:
    """Ask for ``tries`` tries, then listen to the room. The microphone is the clock."""
    for number in range(1, tries + 1):
        print(f"\nTry {number} of {tries}: say {session.spoken!r} after the countdown.")
        for left in range(COUNTDOWN, 0, -1):
            print(f"{left} ... ", end="", flush=True)
            for _ in chunks(1.0):
                pass
        print("now")
        session.hear_try(f"Try {number}", _listen(chunks(TRY_S), session.out))
    if room_s > 0:
        print(
            f"\nNow {room_s:.0f} s without the word: let the room be as it usually is, "
            "television and all."
        )
        session.hear_room("The room", _listen(chunks(room_s), session.out))


def _listen(chunks: Iterator[Samples], out: TextIO) -> Samples:
    """The chunks as one, with a live level on a terminal."""
    heard = []
    for chunk in chunks:
        heard.append(chunk)
        if out.isatty():
            print(f"\r{level_bar(level_dbfs(chunk))}", end="", file=out, flush=True)
    if out.isatty():
        print("\r" + " " * 60 + "\r", end="", file=out)
    return np.concatenate(heard) if heard else np.zeros(0, np.int16)


@dataclass
class Session:
    """One word, one engine: hears tries and the room, says what it makes of them."""

    engine: WakeEngine
    wake: WakeSettings
    out: TextIO

    def __post_init__(self) -> None:
        [self.word] = self.engine.words
        self._tries: list[Try] = []
        self._room: list[float] = []

    @property
    def spoken(self) -> str:
        return self.word.replace("_", " ")

    @property
    def heading(self) -> str:
        engines = "both engines (confirm)" if self.wake.confirm else f"engine {self.wake.engine}"
        return f"Wake word {self.word}, {engines}, threshold now {self.wake.threshold:g}"

    def hear_try(self, name: str, samples: Samples) -> None:
        """Score, draw and judge one recording of the word."""
        found = judge_try(self.engine, samples, self.word)
        self._tries.append(found)
        verdict, best = self._verdict(found.scores)
        self._say(f"{name}: {verdict}, best score {best:.2f}, loudest {found.level_dbfs:.0f} dB")
        self._draw(found.scores)
        if found.trouble:
            self._tell(f"Not counted, {found.trouble}.")

    def hear_room(self, name: str, samples: Samples) -> None:
        """Score and draw a stretch without the word."""
        scores = scores_of(self.engine, samples, self.word)
        self._room += scores
        verdict, best = self._verdict(scores)
        told = "this would have been a false wake" if verdict == "heard" else "no false wake"
        self._say(f"{name}: {told}, best score {best:.2f}")
        self._draw(scores)

    def conclude(self) -> int:
        """Say what to configure; the exit code."""
        good = [found.scores for found in self._tries if not found.trouble]
        proposal = propose(good, self._room, confirmed=self.wake.confirm)
        self._say("")
        if proposal.threshold is None:
            self._tell(f"No threshold can be proposed: {proposal.reason}.")
            if proposal.advice:
                self._tell(f"{proposal.advice}.")
            return 1
        self._tell(f"Proposal, from {len(good)} of {len(self._tries)} tries: {proposal.reason}.")
        self._say(self._change(proposal))
        return 0

    def _change(self, proposal: Proposal) -> str:
        now = (self.wake.threshold, self.wake.patience)
        if now == (proposal.threshold, proposal.patience):
            return "What is configured fits; nothing needs to be changed."
        lines = ["In the configuration, then `sudo systemctl reload parlor`:", "", "[wake]"]
        lines.append(f"threshold = {proposal.threshold:g}")
        if proposal.patience != self.wake.patience:
            lines.append(f"patience = {proposal.patience}")
        return "\n".join(lines)

    def _verdict(self, scores: Sequence[float]) -> tuple[str, float]:
        heard = sustained(scores, self.wake.patience) >= self.wake.threshold
        return "heard" if heard else "not heard", max(scores, default=0.0)

    def _draw(self, scores: Sequence[float]) -> None:
        for line in plot(scores, self.wake.threshold):
            self._say(line)

    def _tell(self, text: str) -> None:
        for line in textwrap.wrap(text, 78, break_long_words=False, break_on_hyphens=False):
            self._say(line)

    def _say(self, line: str) -> None:
        print(line, file=self.out)


def _alsa(audio: AudioSettings) -> Callable[[Post], Capture]:
    """Builds the capture adapter."""
    # Imported here: recordings need no ALSA.
    from device.adapters.alsa_capture import AlsaCapture  # noqa: PLC0415

    return lambda post: AlsaCapture(audio, post=post)


def _tries(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= _MOST_TRIES:
        raise argparse.ArgumentTypeError(f"expected 1 to {_MOST_TRIES}, found {text}")
    return int(text)


def _room_s(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 600:
        raise argparse.ArgumentTypeError(f"expected 0 to 600 seconds, found {text}")
    return seconds
