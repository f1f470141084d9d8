"""The phases of a conversation and every move between them, as data.

``device/ARCHITECTURE.md`` shows the diagram that :func:`diagram` draws from this
table, and a property test drives the conversation with arbitrary events and
fails on any move that is not listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """What the conversation is doing."""

    IDLE = "idle"  #: waits for the wake word or the button
    LISTENING = "listening"  #: the uplink is open
    THINKING = "thinking"  #: the turn is over, a reply is awaited
    SPEAKING = "speaking"  #: a reply is audible
    FOLLOW_UP = "follow_up"  #: a reply has ended; speech needs no wake word for a moment


@dataclass(frozen=True, slots=True)
class Move:
    """From ``source`` to ``target`` because of ``cause`` (words for the diagram)."""

    source: Phase
    target: Phase
    cause: str


_I, _L, _T, _S, _F = Phase

MOVES: tuple[Move, ...] = (
    Move(_I, _L, "wake word or button"),
    Move(_L, _T, "turn committed, or a long pause after speech"),
    Move(_L, _I, "no speech, too long, button, mute, or link or microphone lost"),
    Move(_T, _S, "first sample audible"),
    Move(_T, _L, "wake word again, or somebody goes on speaking"),
    Move(_T, _F, "nothing to say"),
    Move(_T, _I, "button, mute, time-out, error, or told to stop"),
    Move(_S, _F, "reply heard to its end"),
    Move(_S, _T, "heard to its end, more to come (tool result)"),
    Move(_S, _L, "wake word or somebody speaks over the reply"),
    Move(_S, _I, "button, mute, error, speaker lost, or told to stop"),
    Move(_F, _L, "speech, wake word or button"),
    Move(_F, _T, "nobody speaks: asks whether somebody is there"),
    Move(_F, _I, "silence or mute"),
)

ALLOWED = frozenset((m.source, m.target) for m in MOVES)


def diagram() -> str:
    """The state diagram in Mermaid's language."""
    lines = ["stateDiagram-v2", f"    [*] --> {Phase.IDLE}"]
    lines += [f"    {m.source} --> {m.target}: {m.cause}" for m in MOVES]
    return "\n".join(lines)
