"""Any English, less surely than the commands: pocketsphinx's own trigrams, in one pass."""

from __future__ import annotations

from device.local.recognition.decoder import make_decoder, model_folder
from device.local.recognition.intents import understand
from device.local.recognition.port import Recognition, Refusal


class SphinxOpen:
    """Implements :class:`device.local.recognition.port.Recogniser`; decodes while it hears."""

    def __init__(self) -> None:
        model = model_folder()
        self._decoder = make_decoder(
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
