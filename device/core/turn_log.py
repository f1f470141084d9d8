"""Marks of one turn and the latencies that follow from them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class TurnLog:
    """Monotonic seconds of a turn's milestones, each set once."""

    started_at: float
    opened_by: str
    marks: dict[str, float] = field(default_factory=dict)

    def mark(self, name: str, at: float) -> None:
        """Keep the first time only, but for ``speech_ended``: its last."""
        if name == "speech_ended" or name not in self.marks:
            self.marks[name] = at

    def goes_on(self) -> None:
        """The turn was not over: its milestones, but for the link's, are yet to come."""
        self.marks = {name: at for name, at in self.marks.items() if name == "link_opened"}

    def latencies(self) -> dict[str, object]:
        """Milliseconds between milestones, as the appliance saw them."""
        spans = {
            "wake_to_link_ms": ("started", "link_opened"),
            "speech_end_to_commit_ms": ("speech_ended", "committed"),
            "commit_to_reply_ms": ("committed", "reply_audio"),
            "reply_to_playback_ms": ("reply_audio", "playback_started"),
            "speech_end_to_playback_ms": ("speech_ended", "playback_started"),
        }
        times = {"started": self.started_at, **self.marks}
        report: dict[str, object] = {"opened_by": self.opened_by}
        for name, (first, last) in spans.items():
            if first in times and last in times and times[last] >= times[first]:
                report[name] = round((times[last] - times[first]) * 1000, 1)
        return report
