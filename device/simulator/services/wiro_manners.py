"""How a realtime run of Wiro's behaves where the documents leave it open."""

from __future__ import annotations

from dataclasses import dataclass

from device.simulator.services.wiro_desk import Flags


@dataclass(frozen=True, slots=True)
class Manners:
    """What the documents leave open, and how one run may differ from another.

    ``bare_every``, ``foreign_every``: each so-manieth frame of a reply has no token before it,
    or is preceded by one of another run. ``crash_at``: the model's process dies in place of this
    frame, counted from 1 over the session. ``silence_s``: in place of ElevenLabs' parameter.
    """

    nested: bool = False
    text_codes: bool = False
    flags: Flags = "both"
    ready_after_s: float = 0.0
    piece_ms: int = 200
    pace: float = 0.2
    natural: bool = True  #: the model stops by itself when the person speaks, without an event
    late_pieces: int = 2
    idle_interrupt_ends: bool = True
    cost_first: bool = True
    repeated: bool = False
    chatter: bool = True  #: the model's standard output as further task_output, once a turn
    stderr: str | None = None  #: a task_error once a turn
    bare_every: int = 0
    foreign_every: int = 0
    crash_at: int | None = None
    silence_s: float | None = None
    linger_s: float = 1.0
    usd_per_s: float = 0.001
    unclaimed_s: float = 60.0
