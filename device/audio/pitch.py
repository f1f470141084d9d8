"""Is there a voice's pitch in this sound? The strength of its best period.

P. Boersma, "Accurate short-term analysis of the fundamental frequency and the
harmonics-to-noise ratio of a sampled sound", Proc. Inst. Phonetic Sciences 17, 1993: the
autocorrelation of a windowed piece, divided by that of the window, is 1 at the period of a
periodic sound however few periods the piece holds. Pure.
"""

from __future__ import annotations

import numpy as np

from device.ports import Samples

RATE_HZ = 16_000

PIECE_SAMPLES = 640
"""40 ms: nearly three periods of the lowest voice."""

LOWEST_HZ = 70
HIGHEST_HZ = 400

VOICED = 0.45
"""From this strength on a sound counts as voiced (Boersma's voicing threshold)."""

_FFT = 2048
_WINDOW = np.hanning(PIECE_SAMPLES + 2)[1:-1]
_LAGS = np.arange(RATE_HZ // HIGHEST_HZ, RATE_HZ // LOWEST_HZ + 1)


def _autocorrelation(piece: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Samples:
    spectrum = np.fft.rfft(piece, _FFT)
    return np.asarray(np.fft.irfft(np.abs(spectrum) ** 2)[: _LAGS[-1] + 1])


_OF_WINDOW = _autocorrelation(_WINDOW)[_LAGS] / _autocorrelation(_WINDOW)[0]


def harmonicity(piece: Samples) -> float:
    """How periodic 640 samples of mono sound at 16 kHz are within 70-400 Hz, 0 to 1.

    0 for silence. Raises ``ValueError`` for any other number of samples.
    """
    if len(piece) != PIECE_SAMPLES:
        raise ValueError(f"{len(piece)} samples are not {PIECE_SAMPLES}")
    sound = piece.astype(np.float64)
    found = _autocorrelation((sound - sound.mean()) * _WINDOW)
    if found[0] <= 0.0:
        return 0.0
    best = float((found[_LAGS] / found[0] / _OF_WINDOW).max())
    return min(1.0, max(0.0, best))
