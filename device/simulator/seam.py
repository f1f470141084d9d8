"""The seam between a wake word and the question behind it, and what of both was sent.

espeak-ng says at which sample each word of an utterance begins, so the simulator knows
where the wake word ends without asking the appliance. Nobody knows it for a recording.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.settings import WakeSettings
from device.simulator.evidence import Spoken
from device.simulator.timeline import Entry

Json = dict[str, Any]

LEAK_SHOWN_MS = 50.0  #: of the wake word; more than this is worth a line
LOSS_SHOWN_MS = 100.0  #: of the question
#: A follow-up or the button may open the uplink so long behind the first sound of it.
OPENED_LATE_S = 1.0
_VERSION = re.compile(r"v?\d+")


def wake_words(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The words of a configuration's ``[wake] words`` as they are spoken: ``hey jarvis``.

    A model file's name says its word, perhaps with a version: ``hey_house_v0.1.tflite``.
    Values that are no words are left to the appliance, which refuses them.
    """
    table = config.get("wake")
    named = table.get("words") if isinstance(table, dict) else None
    words = [named] if isinstance(named, str) else named
    if not isinstance(words, list | tuple):
        words = WakeSettings().words
    return tuple(spoken for word in words if isinstance(word, str) and (spoken := _spoken(word)))


def _spoken(word: str) -> str:
    name = Path(word).stem if word.endswith(".tflite") else word
    parts = re.findall(r"[^\W_]+", name.lower())
    while len(parts) > 1 and _VERSION.fullmatch(parts[-1]):
        parts.pop()
    return " ".join(parts)


def end_in_text(text: str, words: Sequence[str]) -> int | None:
    """Behind which character the wake word ends that ``text`` begins with, if it does."""
    for word in words:
        parts = [
            "ok(?:ay)?" if part in ("ok", "okay") else re.escape(part) for part in word.split()
        ]
        if found := re.match(r"\W*" + r"\W+".join(parts) + r"\b", text, re.IGNORECASE):
            return found.end()
    return None


@dataclass(frozen=True, slots=True)
class Ear:
    """What the appliance says about when it sent and when it was muted (CLOCK_MONOTONIC).

    ``openings``: from, to and by what the uplink was opened; ``mutes``: from and to.
    """

    openings: Sequence[tuple[float, float, str]] = ()
    mutes: Sequence[tuple[float, float]] = ()

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Ear:
        """From the timeline's entries, in time order."""
        openings = [
            (entry.at, _next(entries, entry.at, "uplink_stopped"), _opener(entry))
            for entry in entries
            if entry.event == "uplink_started"
        ]
        muted = [e.at for e in entries if e.event == "muted"]
        return cls(openings, [(at, _next(entries, at, "unmuted")) for at in muted])

    def was_open_for(self, word_begins: float, word_ends: float) -> bool:
        """Was the uplink open for another reason than this very wake word?"""
        middle = (word_begins + word_ends) / 2
        return any(
            start - OPENED_LATE_S < word_ends and stop > word_begins
            if opener != "wake"
            else start < middle and stop > word_begins
            for start, stop, opener in self.openings
        )

    def was_muted(self, begins: float, ends: float) -> bool:
        return any(start < ends and stop > begins for start, stop in self.mutes)


def _opener(entry: Entry) -> str:
    return str(entry.fields.get("opened_by", "wake"))


def _next(entries: Sequence[Entry], after: float, event: str) -> float:
    return next((e.at for e in entries if e.at > after and e.event == event), float("inf"))


NOBODY_SAID = Ear()


def judge(spoken: Spoken, uplink: Sequence[Json], t0: float, ear: Ear = NOBODY_SAID) -> Json:
    """What was sent of ``spoken``; ``uplink``: the report's rows, their times from ``t0``.

    ``word_leak_ms``: how much of the wake word, from its first sound to its last, was
    sent. None where the uplink was open for another reason: a follow-up, the button, or
    a wake word before this one. Wire time says nothing of it: a stall makes it late.
    ``question_lost_ms``: how much of the question, from its first sound on, went by before
    the first sample of it that was sent; all of it where nothing was sent. None without
    a question. ``muted``: it was said while muted, and nothing of it was sent; then both
    are None. Both None where the end of the word is not known, or what was sent is not
    to be found in the microphone's recording.
    """
    row: Json = {
        "t": round(spoken.first_loud_at - t0, 6),
        "text": spoken.text,
        "word_leak_ms": None,
        "question_lost_ms": None,
        "muted": False,
    }
    first, last = spoken.first_loud_at - t0, spoken.last_loud_at - t0
    if any(_unknown(sent, first, last) for sent in uplink):
        return row
    found = [sent for sent in uplink if sent["matched"]]
    whole = [s for s in found if s["starts_t"] < last and s["ends_t"] > first]
    if not whole and ear.was_muted(spoken.first_loud_at, spoken.last_loud_at):
        return {**row, "muted": True}
    if spoken.word_end_at is None:
        return row
    word_end = spoken.word_end_at - t0
    over_word = [s for s in found if s["starts_t"] < word_end and s["ends_t"] > first]
    if not ear.was_open_for(spoken.first_loud_at, spoken.word_end_at):
        parts = (min(s["ends_t"], word_end) - max(s["starts_t"], first) for s in over_word)
        row["word_leak_ms"] = round(sum(parts, 0.0) * 1000, 1)
    if spoken.question_at is not None:
        question = spoken.question_at - t0
        sent_from = [max(question, s["starts_t"]) for s in found if s["ends_t"] > question]
        lost = min([last, *sent_from]) - question
        row["question_lost_ms"] = round(lost * 1000, 1)
    return row


def _unknown(sent: Json, first: float, last: float) -> bool:
    """Was it sent about then, unlike what the microphone recorded, and long enough to matter?"""
    if sent["matched"] and sent.get("unlike_blocks", 0) * 2 <= sent.get("blocks", 0):
        return False
    ends = sent["t"] + sent["duration_ms"] / 1000
    return bool(sent["duration_ms"] > LEAK_SHOWN_MS and sent["t"] < last + 1.0 and ends > first)


def words_of(row: Json) -> str:
    """A line for people where a row of :func:`judge` is worth one, else empty."""
    parts = []
    if row["muted"]:
        parts.append("said while muted, nothing was sent")
    if (row["question_lost_ms"] or 0.0) > LOSS_SHOWN_MS:
        parts.append(f"{row['question_lost_ms']:.0f} ms of the question were not sent")
    if (row["word_leak_ms"] or 0.0) > LEAK_SHOWN_MS:
        parts.append(f"{row['word_leak_ms']:.0f} ms of the wake word were sent")
    return f"“{row['text']}”: {', '.join(parts)}" if parts else ""
