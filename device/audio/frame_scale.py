"""Events in the positions of the front end, told in capture frames. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from device.events import (
    Event,
    NearEndHeard,
    SpeechEnded,
    SpeechStarted,
    TurnJudged,
    UplinkAudio,
    UplinkStopped,
    WakeDetected,
)


def in_frames(events: Iterable[Event], scale: int) -> list[Event]:
    """``events`` with every position multiplied by ``scale``."""
    return list(events) if scale == 1 else [_scaled(event, scale) for event in events]


def _scaled(event: Event, scale: int) -> Event:
    match event:
        case WakeDetected() | SpeechStarted() | SpeechEnded():
            return replace(event, at_frame=event.at_frame * scale)
        case NearEndHeard():
            return replace(event, since_frame=event.since_frame * scale)
        case TurnJudged():
            return replace(event, to_frame=event.to_frame * scale)
        case UplinkAudio():
            first, end = event.first_frame * scale, event.end_frame * scale
            return replace(event, first_frame=first, end_frame=end)
        case UplinkStopped():
            return replace(event, end_frame=event.end_frame * scale)
        case _:
            return event
