"""From samples to the cepstra that the acoustic model wants, made for hard voices.

The model (pocketsphinx's en-us) was trained on people in quiet rooms. Compared with
pocketsphinx's own front end, this one keeps five things away from it that it never met:

- steady noise: a Wiener-like gain over the mean of the utterance's quietest frames
  (spectral subtraction: Boll, IEEE TASSP 1979; there is no need to track the noise,
  since the utterance is there as a whole);
- bands without any energy, as synthetic voices have them: a floor 32 dB below the
  utterance's mean spectrum;
- the silence around the words, in the mean that is taken off;
- the mean of a single word: that of "stop" is the sound of "stop", and taking it off takes
  the word away. So the mean counts as if a second of natural speech had been heard, too
  (maximum a posteriori: Gauvain and Lee, IEEE Trans. Speech and Audio Processing 1994),
  and the deviation likewise;
- spectra that vary more, or less, than people's do: each cepstrum's deviation over the
  speech is brought most of the way to that of natural speech (Viikki and Laurila,
  "Cepstral domain segmental feature vector normalization", Speech Communication 1998).

The mel filters and the cosine transform are the model's (its feat.params: 25 filters
from 130 to 6800 Hz, 13 cepstra, lifter 22).

Pure: arrays in, arrays out.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]
Features = NDArray[np.float32]

RATE_HZ: Final = 16_000
STEP: Final = 160  #: samples from one frame to the next: 10 ms
WINDOW: Final = 410
SIZE: Final = 512
FILTERS: Final = 25
LOWEST_HZ, HIGHEST_HZ = 130.0, 6800.0
CEPSTRA: Final = 13
_WARPED_UP_TO_HZ: Final = 5200.0
LIFTER: Final = 22
PREEMPHASIS: Final = 0.97

FLOOR_DB: Final = 32.0
#: A frame this far below the loudest is no speech.
ACTIVE_DB: Final = 35.0
#: Deviation of each cepstrum over natural speech: the median of the readers in
#: recordings of people, made with this front end.
NATURAL: Final = np.array(
    [8.21, 17.84, 13.84, 18.89, 17.02, 14.01, 15.33, 13.69, 14.39, 13.98, 11.86, 10.71, 10.29]
)
#: Mean of each cepstrum over natural speech, of the same readers; the first, which is the
#: loudness, from its 90th percentile in the utterance.
NATURAL_MEAN: Final = np.array(
    [-11.35, 6.2, -0.15, 8.46, -8.44, -0.11, -8.41, -3.54, -3.35, 0.39, 1.75, -1.91, 1.96]
)
#: Natural speech counts as so many frames of the utterance.
NATURAL_FRAMES: Final = 100
#: How far, on a logarithmic scale, a deviation is moved to the natural one; and the
#: least and most that a cepstrum is scaled by.
TOWARDS_NATURAL: Final = 0.8
SCALE_RANGE: Final = (0.4, 1.2)

#: The share of an utterance's frames, the quietest, that are noise alone.
_QUIET_SHARE: Final = 0.2
_LEAST_QUIET_FRAMES: Final = 8
_SMOOTHING: Final = 0.3
_OVERSUBTRACTION: Final = 1.5
_LEAST_GAIN: Final = 0.05
_SPREAD: Final = np.array([0.1, 0.2, 0.4, 0.2, 0.1])  # over neighbouring filters


def features(samples: NDArray[np.int16], warp: float = 1.0) -> Features:
    """One utterance, mono at 16 kHz -> (frames, 13), centred and scaled as above.

    ``warp`` moves the filters to so many times their frequency, for speakers whose
    vocal tract is shorter (above 1) or longer (below 1) than the model's.
    """
    spectrum = without_noise(mel_spectrum(samples, warp) + 1.0)
    if not len(spectrum):
        return np.zeros((0, CEPSTRA), np.float32)
    power = spectrum.sum(axis=1)
    active = power > power.max() * 10 ** (-ACTIVE_DB / 10)
    spectrum = spectrum + spectrum[active].mean(axis=0) * 10 ** (-FLOOR_DB / 10)
    cepstra = (np.log(spectrum) @ _COSINES.T) * _LIFTERING
    spoken = cepstra[active]
    expected = NATURAL_MEAN.copy()
    expected[0] += np.percentile(spoken[:, 0], 90)
    share = len(spoken) / (len(spoken) + NATURAL_FRAMES)
    centred = cepstra - (share * spoken.mean(axis=0) + (1 - share) * expected)
    variance = share * centred[active].var(axis=0) + (1 - share) * NATURAL**2
    deviation = np.maximum(np.sqrt(variance), 1e-3)
    scale = np.clip((NATURAL / deviation) ** TOWARDS_NATURAL, *SCALE_RANGE)
    natural: Features = (centred * scale).astype(np.float32)
    return natural


def mel_spectrum(samples: NDArray[np.int16], warp: float = 1.0) -> Signal:
    """Power in each mel filter, (frames, 25)."""
    frames = (len(samples) - WINDOW) // STEP + 1
    if frames < 1:
        return np.zeros((0, FILTERS))
    x = samples.astype(np.float64)
    sharp = np.concatenate([x[:1], x[1:] - PREEMPHASIS * x[:-1]])
    windows = np.lib.stride_tricks.sliding_window_view(sharp, WINDOW)[::STEP][:frames]
    power = np.abs(np.fft.rfft(windows * _HAMMING, SIZE)) ** 2
    mel: Signal = power @ _mel_filters(warp).T
    return mel


def without_noise(spectrum: Signal) -> Signal:
    """Each frame times a gain that is small where the noise floor stands."""
    if not len(spectrum):
        return spectrum
    quiet = max(_LEAST_QUIET_FRAMES, int(len(spectrum) * _QUIET_SHARE))
    noise = spectrum[np.argsort(spectrum.sum(axis=1))[:quiet]].mean(axis=0)
    smooth = spectrum[0]
    cleaned = np.empty_like(spectrum)
    for number, frame in enumerate(spectrum):
        smooth = _SMOOTHING * smooth + (1 - _SMOOTHING) * frame
        gain = np.maximum(1 - _OVERSUBTRACTION * noise / smooth, _LEAST_GAIN)
        cleaned[number] = frame * np.convolve(np.pad(gain, 2, mode="edge"), _SPREAD, "valid")
    return cleaned


@cache
def _mel_filters(warp: float) -> Signal:
    """Triangles of equal area on the mel scale, edges on the transform's bins.

    Warped linearly up to ``_WARPED_UP_TO_HZ``, and from there so that the highest
    edge keeps its place.
    """

    def mel(hz: float) -> float:
        return 2595 * float(np.log10(1 + hz / 700))

    centres = np.linspace(mel(LOWEST_HZ), mel(HIGHEST_HZ), FILTERS + 2)
    step = RATE_HZ / SIZE
    hz = 700 * (10 ** (centres / 2595) - 1)
    knee, top = _WARPED_UP_TO_HZ, HIGHEST_HZ
    above = knee * warp + (hz - knee) * (top - knee * warp) / (top - knee)
    edges = np.round(np.where(hz < knee, hz * warp, above) / step) * step
    bins = np.arange(SIZE // 2 + 1) * step
    rows = []
    for left, centre, right in zip(edges, edges[1:], edges[2:], strict=False):
        rising = (bins - left) / (centre - left)
        falling = (right - bins) / (right - centre)
        rows.append(np.clip(np.minimum(rising, falling), 0, None) * 2 / (right - left))
    return np.array(rows)


def _cosines() -> Signal:
    order = np.arange(CEPSTRA)[:, None]
    places = np.arange(FILTERS)[None] + 0.5
    table: Signal = np.cos(np.pi * order * places / FILTERS) * np.sqrt(2 / FILTERS)
    table[0] = np.sqrt(1 / FILTERS)
    return table


def _liftering() -> Signal:
    weights: Signal = 1 + LIFTER / 2 * np.sin(np.arange(CEPSTRA) * np.pi / LIFTER)
    weights[0] = 1.0
    return weights


_HAMMING = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(WINDOW) / (WINDOW - 1))
_COSINES = _cosines()
_LIFTERING = _liftering()
