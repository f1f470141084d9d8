"""What a run showed, computed from the evidence and not from the appliance's words.

- A *turn* is an utterance that was answered; :mod:`device.simulator.turns` says by which
  reply. Its latency runs from the user's last
  loud sample at the microphone to the first loud sample of the reply at the
  speaker, which is found by looking for the wire's audio in the recording; cues
  and rings therefore do not count.
- A *cut* is a press while the speaker sounded: from the stamped edge to the last
  non-silent sample; 0 and ``in_pause`` when the speech paused just then.
- ``heard_ms`` of every ``playback_stopped`` is compared with what of that item is
  in the recording. Where the cut fell into a pause of the speech, any value
  inside the pause is right.
- The uplink is compared with the microphone's recording, block by block: lost and
  doubled samples count from where the uplink began. What that beginning took of the
  wake word, or left out of the question, is told of each utterance by
  :mod:`device.simulator.seam`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from device.simulator.evidence import Evidence, Track
from device.simulator.measure import compare, locate, loud_bounds, silence_after
from device.simulator.seam import Ear, judge
from device.simulator.timeline import Entry
from device.simulator.turns import Answer, answers
from device.simulator.wavfile import resample
from device.simulator.wire_audio import RATE_HZ, AudioRun

Json = dict[str, Any]

TEMPLATE_S = 0.4  #: how much of a reply is looked for
ONSET_S, ONSET_MATCH = 0.12, 0.85  #: its very beginning, where an underrun broke it
ONSET_REACH_S = 0.3  #: how far the break may have moved the rest
MATCH = 0.6  #: correlation that counts as found
SEARCH_S = (6.0, 90.0)  #: first nearby; a reply may also wait behind another
SOUNDING_S = 0.8  #: sound this shortly before an edge: speech, perhaps in a pause
GAP_S = 0.06  #: silence that ends a sound
MOST_PREROLL_S = 20.0
COMMITS = ("input_audio_buffer.commit", "input_audio_buffer.committed")


@dataclass(frozen=True, slots=True)
class Heard:
    """Where an item is on the speaker: its sample 0, and its first loud sample."""

    item: AudioRun
    starts_at: float
    speech_at: float
    score: float


class Report:
    """Built once from the evidence; ``summary()`` is what summary.json says."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.heard = [h for run in evidence.downlink if (h := find_item(run, evidence.speaker))]
        self.cuts = [c for at in evidence.presses if (c := self._cut(at))]
        self.stops = self._stops()
        self.uplink = [self._uplink(run) for run in evidence.uplink]
        answered, self._unanswered = answers(evidence, self.uplink)
        found = {id(heard.item): heard for heard in self.heard}
        self.turns = [self._turn(one, found.get(id(one.run))) for one in answered]
        spoken = sorted(evidence.spoken, key=lambda s: s.first_loud_at)
        ear = Ear.of(evidence.entries)
        self.utterances = [judge(one, self.uplink, evidence.t0, ear) for one in spoken]

    def turn_entries(self) -> list[Entry]:
        """The ``turn`` lines of the timeline."""
        return [
            Entry(turn["at"], "turn", {k: v for k, v in turn.items() if k != "at"})
            for turn in self.turns
        ]

    def summary(self) -> Json:
        """Plain JSON; times ``t`` are seconds from READY."""
        evidence = self.evidence
        counts = Counter(entry.event for entry in evidence.entries)
        wire = Counter(f"{r['direction']} {r['type']}".strip() for r in evidence.rows)
        steady = [u["capture_to_wire_ms"] for u in self.uplink if "capture_to_wire_ms" in u]
        return {
            "latency_ms": spread([t.get("latency_ms") for t in self.turns]),
            "device_ms": spread([t.get("device_ms") for t in self.turns]),
            "service_ms": spread([t.get("service_ms") for t in self.turns]),
            "cut_ms": spread([c["cut_ms"] for c in self.cuts if not c["in_pause"]]),
            "heard_error_ms": spread([s["error_ms"] for s in self.stops if "error_ms" in s]),
            "capture_to_wire_ms": spread([s["median"] for s in steady]),
            "uplink_lost_samples": sum(u.get("lost_samples", 0) for u in self.uplink),
            "uplink_doubled_samples": sum(u.get("doubled_samples", 0) for u in self.uplink),
            "word_leak_ms": spread([u["word_leak_ms"] for u in self.utterances]),
            "question_lost_ms": spread([u["question_lost_ms"] for u in self.utterances]),
            "turns": [{**t, "t": self._t(t["at"])} for t in self.turns],
            "unanswered": [
                {"t": self._t(s.last_loud_at), "text": s.text} for s in self._unanswered
            ],
            "cuts": self.cuts,
            "playback_stops": self.stops,
            "uplink": self.uplink,
            "utterances": self.utterances,
            "counts": dict(sorted(counts.items())),
            "wire": dict(sorted(wire.items())),
            "room": evidence.room,
        }

    def _t(self, at: float) -> float:
        return round(at - self.evidence.t0, 6)

    # --- turns ------------------------------------------------------------------

    def _turn(self, answer: Answer, heard: Heard | None) -> Json:
        user, run = answer.user, answer.run
        byte_at = run.chunks[0].at
        commits = [
            row["at"]
            for row in self.evidence.rows
            if row["type"] in COMMITS and user.first_loud_at < row["at"] <= byte_at
        ]
        if answer.commit_at is not None:
            commits = [answer.commit_at]
        turn: Json = {
            "at": heard.speech_at if heard else byte_at,
            "text": user.text,
            "item_id": run.key,
            "user_end_t": self._t(user.last_loud_at),
            "first_reply_byte_t": self._t(byte_at),
        }
        if commits:
            turn["commit_ms"] = _ms(commits[-1] - user.last_loud_at)
            turn["service_ms"] = _ms(byte_at - commits[-1])
        if heard:
            turn["first_speech_t"] = self._t(heard.speech_at)
            turn["latency_ms"] = _ms(heard.speech_at - user.last_loud_at)
            turn["device_ms"] = _ms(heard.starts_at - byte_at)
        return turn

    # --- stopping -----------------------------------------------------------------

    def _cut(self, at: float) -> Json | None:
        speaker = self.evidence.speaker
        rate = speaker.rate_hz
        ended = silence_after(
            speaker.samples,
            speaker.index_of(at),
            before=int(SOUNDING_S * rate),
            gap=int(GAP_S * rate),
        )
        if ended is None:
            return None
        last, quiet = ended
        late_ms = _ms(speaker.time_of(last + 1) - at)
        return {
            "t": self._t(at),
            "cut_ms": max(0.0, late_ms),
            "quiet_ms": round(quiet / rate * 1000, 1),
            "in_pause": late_ms <= 0,
        }

    def _stops(self) -> list[Json]:
        stops: list[Json] = []
        for entry in self.evidence.entries:
            if entry.event != "playback_stopped" or "heard_ms" not in entry.fields:
                continue
            stop: Json = {
                "t": self._t(entry.at),
                "reason": entry.fields.get("reason"),
                "heard_ms": entry.fields["heard_ms"],
            }
            item = self._item_of(entry)
            if item is not None:
                stop |= heard_in(item, self.evidence.speaker, float(entry.fields["heard_ms"]))
            stops.append(stop)
        return stops

    def _item_of(self, entry: Entry) -> Heard | None:
        """The item that a ``playback_stopped`` speaks of."""
        named = str(entry.fields.get("item_id", ""))
        before = [h for h in self.heard if h.starts_at <= entry.at]
        matching = [h for h in before if h.item.key == named] if named else []
        last = max(before, key=lambda h: h.starts_at, default=None)
        return matching[-1] if matching else last

    # --- uplink ------------------------------------------------------------------

    def _uplink(self, run: AudioRun) -> Json:
        mic = self.evidence.mic
        row: Json = {
            "t": self._t(run.start),
            "duration_ms": round(len(run.samples) / RATE_HZ * 1000, 1),
        }
        first = mic.clamp(run.chunks[0].at - MOST_PREROLL_S)
        last = mic.clamp(run.chunks[-1].at + 0.1)
        nominal = self.evidence.nominal_rate_hz
        matched = compare(run.samples, RATE_HZ, mic.samples[first:last], nominal)
        if matched is None:
            return {**row, "matched": False}

        def mic_time(place: float) -> float:
            return mic.time_of(first + matched.original(place) * nominal)

        row |= {
            "matched": True,
            "starts_t": self._t(mic_time(0.0)),
            "ends_t": self._t(mic_time(len(run.samples) / RATE_HZ)),
            "lost_samples": round(matched.lost * RATE_HZ),
            "doubled_samples": round(matched.doubled * RATE_HZ),
            "unlike_blocks": matched.unlike_blocks,
            "blocks": matched.blocks,
        }
        lateness: list[float] = []
        position = 0
        for chunk in run.chunks:
            position += chunk.count
            if chunk.at > run.chunks[0].at + 1.0:  # the preroll has been sent by then
                lateness.append(_ms(chunk.at - mic_time(position / RATE_HZ)))
        if lateness:
            row["capture_to_wire_ms"] = spread(lateness)
        return row


def find_item(run: AudioRun, speaker: Track) -> Heard | None:
    """Look for the beginning of an item's speech in the speaker's recording.

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
    start = speaker.clamp(run.chunks[0].at - 0.02)
    for reach_s in SEARCH_S:
        hay = speaker.samples[start : speaker.clamp(run.chunks[0].at + reach_s)].astype(np.float64)
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

    The sound's last sample is lined up with the item by its last quarter second
    (an underrun may have moved it); in a pause of the speech the truth is a range.
    """
    rate = speaker.rate_hz
    whole = resample(heard.item.samples.astype(np.float64), RATE_HZ, round(rate))
    begin = speaker.clamp(heard.starts_at)
    reach = begin + int((claimed_ms / 1000 + 0.5) * rate)
    around = speaker.samples[begin:reach]
    end = silence_after(
        speaker.samples,
        min(begin + claimed_ms / 1000 * rate - 0.03 * rate, len(speaker.samples)),
        before=int(1.5 * rate),
        gap=int(GAP_S * rate),
    )
    if end is None or not len(around):
        return {}
    last = end[0]
    tail = speaker.samples[max(begin, last + 1 - int(0.25 * rate)) : last + 1]
    found = locate(tail.astype(np.float64), np.concatenate([whole, np.zeros(len(tail))]))
    if found is None or found[1] < MATCH:
        return {}
    low = found[0] + len(tail)
    level = np.abs(whole[low:])
    sounding = np.flatnonzero(level > max(4.0, float(np.abs(whole).max()) * 0.002))
    high = low + int(sounding[0]) if sounding.size else len(whole)
    low_ms, high_ms = low / rate * 1000, max(low, high) / rate * 1000
    error = min(0.0, claimed_ms - low_ms) + max(0.0, claimed_ms - high_ms)
    recorded = round(min(max(claimed_ms, low_ms), high_ms), 1)
    return {"item_id": heard.item.key, "recorded_ms": recorded, "error_ms": round(error, 1)}


def spread(values: Sequence[float | None]) -> Json:
    """Median, 95th percentile, extremes and number; only ``n`` when there are none."""
    known = np.array([v for v in values if v is not None], np.float64)
    if not known.size:
        return {"n": 0}
    return {
        "median": round(float(np.median(known)), 2),
        "p95": round(float(np.percentile(known, 95)), 2),
        "min": round(float(known.min()), 2),
        "max": round(float(known.max()), 2),
        "n": int(known.size),
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
