"""Commands by pocketsphinx: trigrams of the grammar, beside a phone loop that hears anything.

The commands' decoder always answers with something near a command. A second decoder,
whose "words" are single phones, says how well *any* sequence of English sounds explains
the same audio. Where the commands explain it much worse, the speech was no command
(the phone-loop filler of word spotting: Rose and Paul, ICASSP 1990). And what was heard
must be a sentence of the grammar.

The acoustic model wants features whose mean over the utterance is zero, so an
utterance is decoded whole. Not to make the person wait for that, it is decoded at the
first pause, while the service still listens for more; only when more is said was that
in vain.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from device.local.recognition.decoder import best, make_decoder, model_folder, spoken
from device.local.recognition.frontend import Features, features
from device.local.recognition.intents import commands, understand, words_of
from device.local.recognition.port import RATE_HZ, Recognition
from device.local.recognition.pronunciations import dictionary
from device.local.recognition.verdict import Hearing, judge, settled

#: The speaker's frequencies are taken for so many times what they are: 1 first, the
#: others only for speech that was not heard surely.
WARPS: Final = (1.0, 0.93, 1.08)
PAUSE_MS: Final = 200
LEAST_SPEECH_MS: Final = 120
LONGEST_S: Final = 15
#: Speech is at least this much louder than its pauses (amplitude).
CONTRAST: Final = 2.0
#: Noise alone is at most so many times as loud as its quietest tenth.
NOISE_SWING: Final = 2.3
#: Alternatives that are tried when the best hypothesis is no sentence of the grammar.
ALTERNATIVES: Final = 60

#: What the front end makes, told to the decoder, which must not make it again.
FEATURE_PARAMETERS: Final = """-lowerf 130
-upperf 6800
-nfilt 25
-transform dct
-lifter 22
-feat 1s_c_d_dd
-svspec 0-12/13-25/26-38
-agc none
-cmn none
-varnorm no
-model ptm
"""


#: Wider beams than pocketsphinx's own, fewer words a frame: strange voices score badly at
#: first. All eight Gaussians of a mixture count, for the same reason.
SEARCH: Final = {
    "beam": 1e-60,
    "wbeam": 1e-40,
    "pbeam": 1e-60,
    "lpbeam": 1e-55,
    "lponlybeam": 1e-40,
    "maxwpf": 20,
    "topn": 8,
    "lw": 7.0,
}


class SphinxCommands:
    """Implements :class:`device.local.recognition.port.Recogniser` for the commands."""

    def __init__(self) -> None:
        model = model_folder()
        with tempfile.TemporaryDirectory(prefix="parlor-") as folder:
            words = Path(folder) / "commands.dict"
            with (model / "cmudict-en-us.dict").open(encoding="utf-8") as cmu:
                words.write_text(dictionary(commands().words(), cmu), encoding="utf-8")
            parameters = Path(folder) / "feat.params"
            parameters.write_text(FEATURE_PARAMETERS, encoding="ascii")
            shared = {
                "hmm": str(model / "en-us"),
                "featparams": str(parameters),
                "loglevel": "FATAL",
            }
            self._commands = make_decoder(
                **shared,
                dict=str(words),
                lm=str(Path(__file__).with_name("commands.lm")),
                fwdflat=False,
                bestpath=True,
                pl_window=0,
                **SEARCH,
            )
            self._phones = make_decoder(
                **shared,
                lm=None,
                allphone=str(model / "en-us-phone.lm.bin"),
                allphone_ci=True,
                beam=1e-20,
                pbeam=1e-10,
                lw=2.0,
            )
        self.begin()

    def begin(self) -> None:
        self._audio = bytearray()
        self._judged: Recognition | None = None

    def feed(self, pcm16k: bytes) -> None:
        room = LONGEST_S * RATE_HZ * 2 - len(self._audio)
        kept = pcm16k[: max(0, room)]
        # No longer than the pause that is looked for: of a long piece (kept audio that comes
        # all at once, or what was said while we decoded) the end alone could be silent.
        step = PAUSE_MS * RATE_HZ // 1000 * 2
        pauses = False
        for start in range(0, len(kept), step):
            self._audio += kept[start : start + step]
            pauses = _pauses(self._samples())
            if not pauses:
                self._judged = None
        if pauses and self._judged is None:
            self._judged = self._decode()

    def partial(self) -> str:
        return self._judged.text if self._judged else ""

    def finish(self) -> Recognition:
        judged = self._judged or self._decode()
        self.begin()
        return judged

    def _samples(self) -> np.ndarray[Any, np.dtype[np.int16]]:
        whole = len(self._audio) // 2 * 2
        return np.frombuffer(bytes(self._audio[:whole]), "<i2")

    def _decode(self) -> Recognition:
        samples = self._samples()
        if _speech_ms(samples) < LEAST_SPEECH_MS:
            return judge([])
        hearings: list[Hearing] = []
        for warp in WARPS:
            hearings.append(self._hear(features(samples, warp)))
            if settled(hearings):
                break
        return judge(hearings)

    def _hear(self, cepstra: Features) -> Hearing:
        heard = best(self._commands, cepstra)
        if heard is None:
            return Hearing("", 0.0)
        text = self._in_grammar(spoken(heard.hypstr))
        meaning = understand(text)
        if meaning is None:
            return Hearing(text, 0.0)
        phones = best(self._phones, cepstra)
        ratio = float(heard.score) / max(float(phones.score), 1e-9) if phones else 0.0
        return Hearing(text, ratio, *meaning)

    def _in_grammar(self, text: str) -> str:
        """``text``, or the likeliest alternative that is a sentence of the grammar."""
        if not text or understand(text) is not None:
            return text
        try:
            for other in itertools.islice(self._commands.nbest(), ALTERNATIVES):
                if other is None:
                    break
                candidate = spoken(other.hypstr)
                if commands().walk(words_of(candidate)) is not None:
                    return candidate
        except RuntimeError:
            return text  # pocketsphinx has no lattice for a hypothesis this short
        return text


def _levels(samples: np.ndarray[Any, np.dtype[np.int16]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Loudness (rms) of each 10 ms."""
    blocks = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(np.float64)
    levels: np.ndarray[Any, np.dtype[np.float64]] = np.sqrt((blocks**2).mean(axis=1))
    return levels


def _pauses(samples: np.ndarray[Any, np.dtype[np.int16]]) -> bool:
    """Something was said, and for ``PAUSE_MS`` nothing loud any more, or only the noise."""
    levels = _levels(samples)
    tail = PAUSE_MS // 10
    if len(levels) < 2 * tail:
        return False
    loud = float(np.percentile(levels, 95))
    noise = NOISE_SWING * float(np.percentile(levels, 10))
    return bool(levels[-tail:].max() < max(0.2 * loud, min(noise, 0.6 * loud)))


def _speech_ms(samples: np.ndarray[Any, np.dtype[np.int16]]) -> float:
    levels = _levels(samples)
    if not len(levels) or levels.max() < CONTRAST * np.percentile(levels, 10):
        return 0.0  # as loud in its pauses as in its words: a fan, not a person
    return 10.0 * float((levels > max(60.0, 0.15 * float(levels.max()))).sum())
