"""What both recognisers need of pocketsphinx."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from device.errors import ModelError
from device.local.recognition.frontend import Features

#: Frames decoded in one call. pocketsphinx holds the GIL meanwhile: the service's other
#: threads (a cancel, a ping) wait no longer than these take.
_FRAMES_A_CALL: Final = 25


def make_decoder(**settings: Any) -> Any:
    """A ``pocketsphinx.Decoder``. Raises ModelError."""
    # Imported here: only the service's process pays for it.
    from pocketsphinx import Decoder  # noqa: PLC0415

    try:
        return Decoder(**settings)
    except RuntimeError as error:
        raise ModelError(
            f"the speech recogniser cannot be loaded: {error}", hint="reinstall pocketsphinx"
        ) from error


def model_folder() -> Path:
    """Where the wheel keeps its English model. Raises ModelError."""
    from pocketsphinx import get_model_path  # noqa: PLC0415

    folder = Path(get_model_path("en-us"))
    if not folder.is_dir():
        raise ModelError(f"the speech model {folder} is missing", hint="reinstall pocketsphinx")
    return folder


def best(decoder: Any, cepstra: Features) -> Any:
    """The best hypothesis for one utterance, or None."""
    decoder.start_utt()
    for start in range(0, len(cepstra), _FRAMES_A_CALL):
        piece = np.ascontiguousarray(cepstra[start : start + _FRAMES_A_CALL])
        decoder.process_cep(piece.tobytes(), False, False)
    decoder.end_utt()
    return decoder.hyp()


def spoken(hypothesis: str) -> str:
    """Words only: no fillers, no numbers of pronunciations."""
    return " ".join(w.split("(")[0] for w in hypothesis.split() if w[0] not in "<[")
