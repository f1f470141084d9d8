"""What a run showed, computed from the evidence and not from the appliance's words.

- A *turn* is an utterance that was answered by a reply that sounded (*obeyed* are those that
  needed none, *acknowledgements* those that a reply went on over);
  :mod:`device.simulator.turns` says by which, and :mod:`device.simulator.unanswered` why the
  others were not. Its latency runs from the user's last loud sample at the microphone to the
  first loud sample of the reply at the speaker, which is found by looking for the wire's
  audio in the recording (:mod:`device.simulator.heard`); cues and rings do not count.
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
from typing import Any

import numpy as np

from device.simulator.acknowledged import acknowledged
from device.simulator.evidence import Evidence, Spoken
from device.simulator.heard import GAP_S, Heard, find_all, heard_in
from device.simulator.measure import SILENT, compare, silence_after
from device.simulator.seam import Ear, judge
from device.simulator.timeline import Entry
from device.simulator.turns import Answer, Turns
from device.simulator.unanswered import Reasons
from device.simulator.wire_audio import RATE_HZ, AudioRun

Json = dict[str, Any]

SOUNDING_S = 0.8  #: sound this shortly before an edge: speech, perhaps in a pause
MOST_PREROLL_S = 20.0


class Report:
    """Built once from the evidence; ``summary()`` is what summary.json says."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.heard = find_all(evidence.downlink, evidence.speaker)
        self.cuts = [c for at in evidence.presses if (c := self._cut(at))]
        self.stops = self._stops()
        self.uplink = [self._uplink(run) for run in evidence.uplink]
        found = {id(heard.item): heard for heard in self.heard}
        turns = Turns(evidence, self.uplink, lambda run: id(run) in found)
        self.turns = [self._turn(one, found[id(one.run)]) for one in turns.answered]
        spoken = sorted(evidence.spoken, key=lambda s: s.first_loud_at)
        ear = Ear.of(evidence.entries)
        judged = {id(one): judge(one, self.uplink, evidence.t0, ear) for one in spoken}
        reasons = Reasons(turns)
        self.utterances = [{**judged[id(one)], **self._amended(one, reasons)} for one in spoken]
        self.obeyed = [{"t": self._t(s.last_loud_at), "text": s.text} for s in turns.obeyed]
        over = [s for s in turns.unanswered if acknowledged(s, self.heard, evidence.speaker)]
        self.acknowledgements = [{"t": self._t(s.last_loud_at), "text": s.text} for s in over]
        self.unanswered = [
            self._unanswered(one, reasons.why(one, muted=judged[id(one)]["muted"]))
            for one in turns.unanswered
            if not any(one is said for said in over)
        ]

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
            "latency_ms": spread([t["latency_ms"] for t in self.turns]),
            "device_ms": spread([t["device_ms"] for t in self.turns]),
            "service_ms": spread([t.get("service_ms") for t in self.turns]),
            "cut_ms": spread([c["cut_ms"] for c in self.cuts if not c["in_pause"]]),
            "heard_error_ms": spread([s["error_ms"] for s in self.stops if "error_ms" in s]),
            "capture_to_wire_ms": spread([s["median"] for s in steady]),
            "uplink_lost_samples": sum(u.get("lost_samples", 0) for u in self.uplink),
            "uplink_doubled_samples": sum(u.get("doubled_samples", 0) for u in self.uplink),
            "word_leak_ms": spread([u["word_leak_ms"] for u in self.utterances]),
            "question_lost_ms": spread([u["question_lost_ms"] for u in self.utterances]),
            "turns": [{**t, "t": self._t(t["at"])} for t in self.turns],
            "obeyed": self.obeyed,
            "acknowledgements": self.acknowledgements,
            "unanswered": self.unanswered,
            "cuts": self.cuts,
            "playback_stops": self.stops,
            "quiet_at_end_s": self._quiet_at_end_s(),
            "uplink": self.uplink,
            "utterances": self.utterances,
            "counts": dict(sorted(counts.items())),
            "wire": dict(sorted(wire.items())),
            "room": evidence.room,
        }

    def _t(self, at: float) -> float:
        return round(at - self.evidence.t0, 6)

    # --- turns ------------------------------------------------------------------

    def _amended(self, spoken: Spoken, reasons: Reasons) -> Json:
        """What does not hold of its row: an utterance was not said while muted that began
        before; and nobody lost what was said when the run was over."""
        if spoken.last_loud_at > self.evidence.end:
            return {"question_lost_ms": None}
        return {} if reasons.muted_later(spoken) is None else {"muted": False}

    def _unanswered(self, spoken: Spoken, reason: str) -> Json:
        return {"t": self._t(spoken.last_loud_at), "text": spoken.text, "reason": reason}

    def _turn(self, answer: Answer, heard: Heard) -> Json:
        user, run = answer.user, answer.run
        byte_at = run.chunks[0].at
        # The bytes' clock and the sound's are read in two processes: by so much of the first
        # it may seem to have sounded before it came, and then nobody knows.
        device_ms = _ms(heard.starts_at - byte_at)
        turn: Json = {
            "at": heard.speech_at,
            "text": user.text,
            "item_id": run.key,
            "user_end_t": self._t(user.last_loud_at),
            "first_reply_byte_t": self._t(byte_at),
            "first_speech_t": self._t(heard.speech_at),
            "latency_ms": _ms(heard.speech_at - user.last_loud_at),
            "device_ms": device_ms if device_ms >= 0 else None,
        }
        if answer.commit_at is not None:
            turn["commit_ms"] = _ms(answer.commit_at - user.last_loud_at)
            turn["service_ms"] = _ms(byte_at - answer.commit_at)
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

    def _quiet_at_end_s(self) -> float:
        """How long the speaker has been silent when the run is over."""
        speaker = self.evidence.speaker
        end = speaker.clamp(self.evidence.end)
        loud = np.flatnonzero(np.abs(speaker.samples[:end].astype(np.int32)) > SILENT)
        since = int(loud[-1]) + 1 if loud.size else 0
        return round((end - since) / speaker.rate_hz, 3)

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
