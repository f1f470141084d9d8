"""The first sign that somebody speaks over a reply: 20 ms of something that is no echo.

A voice-activity model wants 50 ms and more of a voice. The canceller's output says it
sooner, because in a reply it is nearly silent: whatever stands out of the room's own noise
*and* of what the canceller usually leaves of the echo was not played by the device. It need
not be a person; being wrong here costs a short dip in the reply. Pure; ear thread only.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

BLOCK_MS = 10

OVER_NOISE_DB = 14.0
"""Above the room's noise. Of steady noise 10 ms vary by 3 dB or so."""

UNDER_MICROPHONE_DB = 30.0
"""Of what is heard while the device speaks, a canceller that knows the room takes more away
than this. Nearer to it the output is a person's."""

OVER_LEFTOVER_DB = 4.0
"""Above what the linear filter usually leaves. A person comes through the filter at once and
through the suppressor behind it, which opens by 1 dB a millisecond, 20 to 60 ms later."""

UNCERTAIN_DB = 10.0
"""So much more is wanted of both while the canceller is still learning."""

OVER_RESIDUAL_DB = 6.0
"""Above the canceller's own estimate of what it leaves."""

BLOCKS = 2
"""So many in a row: a click alone is no onset."""

SUM_DB = 15.0
"""And by so much in all: a block of 14 dB and one of 2 dB will do, two of 7 dB will not
(a cumulative sum, E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954)."""

DOUBT_DB = 5.0
"""After an onset that was nobody, more is wanted for a while: each one adds this, so a room
or speaker that the canceller cannot model (a clipping one) lowers the reply rarely."""

MOST_DOUBT_DB = 15.0
DOUBT_S = 30.0
"""Time in which that is forgotten to 1/e."""

ECHO_TAIL_BLOCKS = 8
"""The echo of what was loud 80 ms ago may still be heard."""

_FLOOR_BLOCKS = 50
_FLOOR_WINDOWS = 4
_FLOOR_BIAS_DB = 2.0
_FIRST_BLOCKS = 10
_FIRST_LEFTOVER_DB = -10.0
_EXCEEDED = 0.02
_STEP_DB = 0.5
_QUICK_BLOCKS = 1000
_LATER_BLOCKS = 40
_FORGETTING = BLOCK_MS / 1000 / DOUBT_S


@dataclass(frozen=True, slots=True)
class EchoLevels:
    """What the canceller knows of one block of 10 ms, in dBFS.

    ``linear_db`` is behind the linear filter and before the suppressor, ``residual_db`` how
    much echo is expected to be left in the output: None where the canceller does not say.
    ``certain``: it knows the room.
    """

    microphone_db: float
    linear_db: float | None
    residual_db: float | None
    certain: bool


class NoiseFloor:
    """The level of the room's noise: the lowest smoothed level of the last 2 s.

    Minimum statistics (R. Martin, "Noise power spectral density estimation based on optimal
    smoothing and minimum statistics", IEEE Trans. SAP 9, 2001), of the whole band: between
    words and phrases the level falls to the noise, whoever speaks.
    """

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=3)
        self._minima: deque[float] = deque(maxlen=_FLOOR_WINDOWS)
        self._count = 0
        self.db = 0.0

    def update(self, level_db: float) -> None:
        self._recent.append(level_db)
        smooth = sum(self._recent) / len(self._recent)
        if self._count % _FLOOR_BLOCKS == 0:
            self._minima.append(smooth)
        self._minima[-1] = min(self._minima[-1], smooth)
        self._count += 1
        self.db = min(self._minima) + _FLOOR_BIAS_DB

    @property
    def known(self) -> bool:
        return self._count >= _FIRST_BLOCKS


class Leftover:
    """How much of the microphone the linear filter leaves when only echo is heard, in dB: the
    level that one block in fifty exceeds.

    The quantile is followed by steps (H. Robbins and S. Monro, "A stochastic approximation
    method", 1951): up by 0.5 dB with each block above it, down by 0.01 dB with each below.
    """

    def __init__(self) -> None:
        self.db = _FIRST_LEFTOVER_DB
        self._count = 0
        self._waiting: deque[float] = deque()

    def update(self, ratio_db: float) -> None:
        """Counts in 0.4 s, unless it turns out by then that somebody speaks."""
        self._waiting.append(ratio_db)
        if len(self._waiting) > _LATER_BLOCKS:
            self._follow(self._waiting.popleft())

    def somebody_speaks(self) -> None:
        self._waiting.clear()

    def _follow(self, ratio_db: float) -> None:
        self._count += 1
        step = _STEP_DB if self._count > _QUICK_BLOCKS else 4 * _STEP_DB
        self.db += step * (1 - _EXCEEDED) if ratio_db > self.db else -step * _EXCEEDED


class Onset:
    """Levels of blocks in, "this one stands out" out."""

    def __init__(self) -> None:
        self.floor = NoiseFloor()
        self._linear_floor = NoiseFloor()
        self._leftover = Leftover()
        self._microphone: deque[float] = deque(maxlen=ECHO_TAIL_BLOCKS)
        self._doubt_db = 0.0
        self._run = 0
        self._sum_db = 0.0

    def update(self, level_db: float, echo: EchoLevels, *, speech: bool = False) -> bool:
        """The next block of the canceller's output has this level: is it an onset?
        ``speech``: somebody is known to speak, so nothing is learnt of the echo."""
        self.floor.update(level_db)
        self._microphone.append(echo.microphone_db)
        self._doubt_db *= 1 - _FORGETTING
        margin_db = self._doubt_db + (0.0 if echo.certain else UNCERTAIN_DB)
        excess_db = level_db - self._usual_output_db(echo, margin_db)
        if echo.linear_db is not None:
            excess_db = max(excess_db, self._excess_behind_filter_db(echo, margin_db, speech))
        stands_out = self.floor.known and excess_db > 0
        self._run = self._run + 1 if stands_out else 0
        self._sum_db = self._sum_db + excess_db if stands_out else 0.0
        return self._run >= BLOCKS and self._sum_db >= SUM_DB

    def _usual_output_db(self, echo: EchoLevels, margin_db: float) -> float:
        usual = max(
            self.floor.db + OVER_NOISE_DB, max(self._microphone) - UNDER_MICROPHONE_DB + margin_db
        )
        if echo.residual_db is not None:
            usual = max(usual, echo.residual_db + OVER_RESIDUAL_DB + margin_db)
        return usual

    def _excess_behind_filter_db(self, echo: EchoLevels, margin_db: float, speech: bool) -> float:
        assert echo.linear_db is not None
        self._linear_floor.update(echo.linear_db)
        loudest = max(self._microphone)
        noise = self._linear_floor.db + OVER_NOISE_DB
        usual = loudest + self._leftover.db + OVER_LEFTOVER_DB + margin_db
        if speech:
            self._leftover.somebody_speaks()
        elif loudest > noise:
            self._leftover.update(echo.linear_db - loudest)
        return echo.linear_db - max(usual, noise)

    def was_nobody(self) -> None:
        """The last onset came to nothing."""
        self._doubt_db = min(self._doubt_db + DOUBT_DB, MOST_DOUBT_DB)

    def restart(self) -> None:
        """What comes next does not join what came before; the room is the same."""
        self._microphone.clear()
        self._run, self._sum_db = 0, 0.0
