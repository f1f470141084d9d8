"""Which of the service's spoken items sounded, and how much of each.

They are looked for in the room's recording of the speaker. What is not found there was not
heard, whatever the appliance says; nor was an item of which so little sounded that it cannot
be told from other sounds (about 90 ms).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from device.ports import Samples
from device.simulator.evidence import Track
from device.simulator.measure import Signal, locate, loud_bounds, silence_after
from device.simulator.wavfile import resample
from device.simulator.wire_audio import RATE_HZ, AudioRun

Json = dict[str, Any]

TEMPLATE_S = 0.4  #: how much of a reply is looked for
ONSET_S, ONSET_MATCH = 0.12, 0.85  #: its very beginning, where an underrun broke it
ONSET_REACH_S = 0.3  #: how far the break may have moved the rest
TAIL_S = 0.25  #: how much of a sound's end is looked for in its item
LONGEST_GAP_S = 5.0  #: a reply that stands still for longer has ended
SHORTEST_S = 0.02  #: less sound than this is no part of an item that goes on
MATCH = 0.6  #: correlation that counts as found
NEARBY_S = 6.0  #: an item that waits for no other begins so soon after its bytes
GAP_S = 0.06  #: silence that ends a sound
BEHIND_S = 2.0  #: an item that waited for another begins so soon after its end
EARLY_S = 0.02  #: clocks are read in two processes: an item may sound so long before its bytes
AS_GOOD = 0.9  #: another place for the same words, if it matches nearly as well as the first


@dataclass(frozen=True, slots=True)
class Heard:
    """Where an item is on the speaker: its sample 0, and its first loud sample."""

    item: AudioRun
    starts_at: float
    speech_at: float
    score: float


def find_all(runs: Sequence[AudioRun], speaker: Track) -> list[Heard]:
    """Every item that sounded, in the order in which they arrived.

    A service may say the same words twice. One sound in the recording is one item's: of two
    that are found there the second may have stood behind the first in the queue; where it did
    not sound there, the sound is the second's, and the first was never heard. Nor was an item
    heard later than it can have waited for those before it, were they all played whole, or
    after one that came later on the wire: what is found there is another's.
    """
    found: list[Heard] = []
    free_at = float("-inf")  # by then everything before has been played
    for run in sorted(runs, key=lambda one: one.chunks[0].at):
        since = run.chunks[0].at - EARLY_S
        waits_s = max(free_at, run.chunks[-1].at) - since
        heard = find_item(run, speaker, since, (NEARBY_S, max(0.0, waits_s) + NEARBY_S))
        free_at = max(free_at, run.chunks[-1].at) + len(run.samples) / RATE_HZ
        while heard is not None and (rival := _at_the_same_place(heard, found)) is not None:
            reach_s = len(rival.item.samples) / RATE_HZ + BEHIND_S
            again = find_item(run, speaker, heard.speech_at + ONSET_S, (reach_s,))
            if again is None or again.score < AS_GOOD * heard.score:
                found.remove(rival)
                break
            heard = again
        if heard is not None and _in_order(heard, found):
            found.append(heard)
    return found


def _in_order(heard: Heard, found: list[Heard]) -> bool:
    """Items sound in the order in which they came. Of two that do not, the one that was
    found less surely was not heard; ``found`` loses those that ``heard`` puts in the wrong."""
    after = [other for other in found if other.speech_at > heard.speech_at]
    if any(other.score > heard.score for other in after):
        return False
    for other in after:
        found.remove(other)
    return True


def _at_the_same_place(heard: Heard, others: Sequence[Heard]) -> Heard | None:
    return next((o for o in others if abs(o.speech_at - heard.speech_at) < ONSET_S), None)


def find_item(
    run: AudioRun, speaker: Track, since: float, reaches_s: Sequence[float]
) -> Heard | None:
    """Look for the beginning of an item's speech in the speaker's recording from ``since`` on,
    as far as the first of ``reaches_s`` in which it is found.

    An underrun near the beginning moves most of what is looked for; then the
    onset alone is found a little earlier, and that is where the speech began.
    """
    bounds = loud_bounds(run.samples)
    if bounds is None:
        return None
    rate = speaker.rate_hz
    skip = int(bounds[0] * rate / RATE_HZ)
    piece = run.samples[: bounds[0] + int(TEMPLATE_S * RATE_HZ)].astype(np.float64)
    needle = resample(piece, RATE_HZ, round(rate))[skip:]
    onset = needle[: int(ONSET_S * rate)]
    start = speaker.clamp(since)
    for reach_s in reaches_s:
        hay = speaker.samples[start : speaker.clamp(since + reach_s)].astype(np.float64)
        whole = locate(needle, hay, earliest=True)
        place, score = whole if whole is not None and whole[1] >= MATCH else (None, 0.0)
        first = 0 if place is None else max(0, place - int(ONSET_REACH_S * rate))
        last = len(hay) if place is None else place + len(onset)
        begun = locate(onset, hay[first:last], earliest=True)
        if begun is not None and begun[1] >= max(ONSET_MATCH, score):
            place, score = first + begun[0], begun[1]
        if place is not None:
            speech = start + place
            return Heard(
                run, speaker.time_of(speech - skip), speaker.time_of(speech), round(score, 3)
            )
    return None


def heard_in(heard: Heard, speaker: Track, claimed_ms: float) -> Json:
    """How much of an item the recording holds, against ``claimed_ms``.

    The sound is followed over every gap behind which the item goes on: what was played late
    (an underrun, a network that stood still) ends later than ``claimed_ms`` after its
    beginning. The sound's last sample is lined up with the item by its last quarter second; in
    a pause of the speech the truth is a range.
    """
    rate = speaker.rate_hz
    whole = resample(heard.item.samples.astype(np.float64), RATE_HZ, round(rate))
    begin = speaker.clamp(heard.starts_at)
    since, low = begin, 0
    edge = min(begin + claimed_ms / 1000 * rate - 0.03 * rate, float(len(speaker.samples)))
    while True:
        end = silence_after(
            speaker.samples, edge, before=int(LONGEST_GAP_S * rate), gap=int(GAP_S * rate)
        )
        if end is None:
            return {}
        last, quiet = end
        lined_up = _lined_up(whole[low:], speaker.samples[since : last + 1], rate)
        if lined_up is None:
            return {}
        low += lined_up
        level = np.abs(whole[low:])
        sounding = np.flatnonzero(level > max(4.0, float(np.abs(whole).max()) * 0.002))
        high = low + int(sounding[0]) if sounding.size else len(whole)
        since = _next_sound(speaker.samples, last + 1 + quiet, rate)
        # Faint sound, such as a filter's ringing, may stand before the first that counts.
        rest = whole[max(0, high - int(EARLY_S * rate)) :]
        if not _goes_on(rest, speaker.samples[since:], rate):
            break
        edge = since
    low_ms, high_ms = low / rate * 1000, max(low, high) / rate * 1000
    error = min(0.0, claimed_ms - low_ms) + max(0.0, claimed_ms - high_ms)
    recorded = round(min(max(claimed_ms, low_ms), high_ms), 1)
    return {"item_id": heard.item.key, "recorded_ms": recorded, "error_ms": round(error, 1)}


def _lined_up(whole: Signal, sound: Samples, rate: float) -> int | None:
    """How much of ``whole`` has been played at the end of ``sound``; None: not to be found."""
    tail = sound[-int(TAIL_S * rate) :].astype(np.float64)
    found = locate(tail, np.concatenate([whole, np.zeros(len(tail))]))
    return found[0] + len(tail) if found is not None and found[1] >= MATCH else None


def _next_sound(samples: Samples, at: int, rate: float) -> int:
    """Where the next sound that is no mere scrap begins, ``at`` the earliest: a gap may part a
    word's last ringing from it."""
    while ended := silence_after(samples[at:], 0.0, before=0, gap=int(GAP_S / 2 * rate)):
        last, quiet = ended
        if last >= SHORTEST_S * rate:
            break
        at += last + 1 + quiet
    return at


def _goes_on(rest: Signal, sound: Samples, rate: float) -> bool:
    """Does ``sound``, which begins behind a silence, begin with the ``rest`` of the item, or
    soon after it does?"""
    piece = sound[: int(ONSET_S * rate)]
    ended = silence_after(piece, 0.0, before=0, gap=int(GAP_S / 2 * rate))
    if ended is None:
        return False
    piece = piece[: ended[0] + 1]
    found = locate(piece.astype(np.float64), rest[: len(piece) + int(TAIL_S * rate)])
    return found is not None and found[1] >= ONSET_MATCH
