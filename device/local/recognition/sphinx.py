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

from device.errors import ModelError
from device.local.recognition.frontend import Features, features
from device.local.recognition.intents import commands, understand, words_of
from device.local.recognition.port import RATE_HZ, Recognition, Refusal
from device.local.recognition.pronunciations import dictionary

#: Geometric mean of the per-frame likelihood under the commands, relative to the phone
#: loop's. Tuned on the tuning voices: scripts/bench_parts/recogniser.py reports others.
ACCEPT_RATIO: Final = 0.48
UNSURE_RATIO: Final = 0.42
PAUSE_MS: Final = 200
LEAST_SPEECH_MS: Final = 120
LONGEST_S: Final = 15
#: Speech is at least this much louder than its pauses (amplitude).
CONTRAST: Final = 2.0
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
        model = _model_folder()
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
            self._commands = _decoder(
                **shared,
                dict=str(words),
                lm=str(Path(__file__).with_name("commands.lm")),
                fwdflat=False,
                bestpath=True,
                pl_window=0,
                **SEARCH,
            )
            self._phones = _decoder(
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
        self._audio += pcm16k[: max(0, room)]
        if _pauses(self._samples()):
            if self._judged is None:
                self._judged = self._decode()
        else:
            self._judged = None

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
            return Recognition("", reason=Refusal.EMPTY)
        cepstra = features(samples)
        heard = _best(self._commands, cepstra)
        phones = _best(self._phones, cepstra)
        if heard is None or phones is None:
            return Recognition("", reason=Refusal.OFF_TOPIC)
        ratio = float(heard.score) / max(float(phones.score), 1e-9)
        confidence = float(np.clip((ratio - 0.4) / 0.5, 0.0, 1.0))
        text = self._in_grammar(_spoken(heard.hypstr))
        meaning = understand(text)
        if meaning is None or ratio < UNSURE_RATIO:
            return Recognition(text, confidence=confidence, reason=Refusal.OFF_TOPIC)
        if ratio < ACCEPT_RATIO:
            return Recognition(text, confidence=confidence, reason=Refusal.UNSURE)
        intent, slots = meaning
        return Recognition(text, intent, slots, confidence, accepted=True, reason=Refusal.NONE)

    def _in_grammar(self, text: str) -> str:
        """``text``, or the likeliest alternative that is a sentence of the grammar."""
        if not text or understand(text) is not None:
            return text
        try:
            for other in itertools.islice(self._commands.nbest(), ALTERNATIVES):
                if other is None:
                    break
                candidate = _spoken(other.hypstr)
                if commands().walk(words_of(candidate)) is not None:
                    return candidate
        except RuntimeError:
            return text  # pocketsphinx has no lattice for a hypothesis this short
        return text


class SphinxOpen:
    """Any English, less surely: the model's own trigrams, one pass."""

    def __init__(self) -> None:
        model = _model_folder()
        self._decoder = _decoder(
            hmm=str(model / "en-us"),
            lm=str(model / "en-us.lm.bin"),
            dict=str(model / "cmudict-en-us.dict"),
            loglevel="FATAL",
            fwdflat=False,
            bestpath=False,
        )
        self._open = False
        self.begin()

    def begin(self) -> None:
        if self._open:
            self._decoder.end_utt()
        self._odd = b""
        self._fed = 0
        self._decoder.start_utt()
        self._open = True

    def feed(self, pcm16k: bytes) -> None:
        data = self._odd + pcm16k
        whole = len(data) // 2 * 2
        self._odd = data[whole:]
        self._fed += whole
        if whole:
            self._decoder.process_raw(data[:whole])

    def partial(self) -> str:
        hypothesis = self._decoder.hyp()
        return str(hypothesis.hypstr) if hypothesis else ""

    def finish(self) -> Recognition:
        self._decoder.end_utt()
        self._open = False
        hypothesis = self._decoder.hyp()
        self.begin()
        if hypothesis is None or not hypothesis.hypstr:
            return Recognition("", reason=Refusal.EMPTY)
        text, confidence = str(hypothesis.hypstr), float(min(1.0, hypothesis.score))
        meaning = understand(text)
        if meaning is None:
            return Recognition(text, confidence=confidence, reason=Refusal.OFF_TOPIC)
        return Recognition(text, *meaning, confidence, accepted=True, reason=Refusal.NONE)


def _best(decoder: Any, cepstra: Features) -> Any:
    decoder.start_utt()
    decoder.process_cep(np.ascontiguousarray(cepstra).tobytes(), False, False)
    decoder.end_utt()
    return decoder.hyp()


def _spoken(hypothesis: str) -> str:
    """Words only: no fillers, no numbers of pronunciations."""
    return " ".join(w.split("(")[0] for w in hypothesis.split() if w[0] not in "<[")


def _levels(samples: np.ndarray[Any, np.dtype[np.int16]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Loudness (rms) of each 10 ms."""
    blocks = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(np.float64)
    levels: np.ndarray[Any, np.dtype[np.float64]] = np.sqrt((blocks**2).mean(axis=1))
    return levels


def _pauses(samples: np.ndarray[Any, np.dtype[np.int16]]) -> bool:
    """Something was said, and for ``PAUSE_MS`` nothing loud any more."""
    levels = _levels(samples)
    tail = PAUSE_MS // 10
    if len(levels) < 2 * tail:
        return False
    loud = float(np.percentile(levels, 95))
    return bool(levels[-tail:].max() < 0.2 * loud)


def _speech_ms(samples: np.ndarray[Any, np.dtype[np.int16]]) -> float:
    levels = _levels(samples)
    if not len(levels) or levels.max() < CONTRAST * np.percentile(levels, 10):
        return 0.0  # as loud in its pauses as in its words: a fan, not a person
    return 10.0 * float((levels > max(60.0, 0.15 * float(levels.max()))).sum())


def _decoder(**settings: Any) -> Any:
    # Imported here: only the service's process pays for it.
    from pocketsphinx import Decoder  # noqa: PLC0415

    try:
        return Decoder(**settings)
    except RuntimeError as error:
        raise ModelError(
            f"the speech recogniser cannot be loaded: {error}", hint="reinstall pocketsphinx"
        ) from error


def _model_folder() -> Path:
    from pocketsphinx import get_model_path  # noqa: PLC0415

    folder = Path(get_model_path("en-us"))
    if not folder.is_dir():
        raise ModelError(f"the speech model {folder} is missing", hint="reinstall pocketsphinx")
    return folder
