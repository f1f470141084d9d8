"""What the parts of the services' bench print, as far as their rows look at it."""

from __future__ import annotations

from typing import Any

CODEC = {
    "percent": 0.3,
    "rounds": 15,
    "left_out": 1,
    "arithmetic_ms": 1.1,
    "encode_ms": 0.02,
    "encode_ratio": 0.018,
    "chunks": 6000,
    "decode_ms": 0.9,
    "decode_ratio": 0.8,
    "decoded": 60,
    "message_bytes": 64_000,
    "heard_whole": True,
}
MEMORY = {
    "turns": 10_000,
    "held_growth_bytes": 120,
    "resident_kb_per_1000": 1.5,
    "replies": 12_500,
    "replies_on_tape": 12_500,
}
FUZZ = {
    "messages": 500_000,
    "sessions": 900,
    "failed": 0,
    "slowest_ms": 4.0,
    "held_bytes": 60_000,
    "resident_growth_mb": 0.4,
}
GUIDED = {"runs": 20_000, "crashed": 0, "covered_at_first": 400, "covered": 900}
STARTED = {"starts": 5, "ready_s": 1.4, "resident_mb": 80.0}
LIFE: dict[str, Any] = {
    "hearing_s": {"no way": [0.2, 0.4], "black hole": [0.1]},
    "failover_s": {"does not open": [2.6, 2.7], "quota": [0.1]},
    "rollover": {
        "questions": 5,
        "with": {
            "sessions": 3,
            "answered": 5,
            "lost_samples": 0,
            "doubled_samples": 0,
            "errors": 0,
            "gap_ms": 230.0,
        },
        "without": {"gap_ms": 220.0},
    },
}
IMPORTS = {"ms": 20.0, "mb": 2.5, "modules": 21}


def results() -> dict[str, Any]:
    """Of two services, all within their limits."""
    return {
        "codec": {"gemini": dict(CODEC), "vapi": dict(CODEC)},
        "memory": {"gemini": dict(MEMORY), "vapi": dict(MEMORY)},
        "fuzz": {"seed": 1, "gemini": dict(FUZZ), "vapi": dict(FUZZ)},
        "guided": {"seed": 1, "gemini": dict(GUIDED), "vapi": dict(GUIDED)},
        "start": {
            "imports": {"default": dict(IMPORTS), "all": {**IMPORTS, "ms": 65.0}},
            "default": dict(STARTED),
            "network": {**STARTED, "service": "openai_realtime"},
        },
        "life": dict(LIFE),
    }
