"""What the acoustic parts print, as far as their rows look at it: everything just met."""

from __future__ import annotations

from typing import Any


def proportion(rate: float, n: int = 100) -> dict[str, Any]:
    """Of which the interval is 10 % to each side."""
    return {
        "found": round(rate * n),
        "n": n,
        "rate": rate,
        "low": max(0.0, rate - 0.1),
        "high": min(1.0, rate + 0.1),
    }


def _times(p50: float) -> dict[str, float]:
    return {"n": 20, "p50": p50, "p90": 2 * p50}


def _point(percent: float, resident_mb: float = 100.0) -> dict[str, Any]:
    return {"percent": percent, "rounds": [percent] * 3, "seconds": 12, "resident_mb": resident_mb}


def _own(after: int) -> dict[str, Any]:
    return {
        "minutes": 30.0,
        "cuts": after + 2,
        "cuts_early": 2,
        "ducks_a_minute": 1.0,
        "vad_events_early": 2,
        "vad_events_after": after,
        "after_upper_95": 3.0,
        "self_wakes_early": 0,
        "self_wakes_after": 0,
    }


def _mode() -> dict[str, Any]:
    return {
        "interruptions_found": proportion(0.97),
        "onset_to_ducked_ms": _times(100.0),
        "onset_to_cut_ms": _times(700.0),
        "acknowledgements_cut": proportion(0.05),
        "noises_cut": proportion(0.05),
        "acknowledgements_and_noises_cut": proportion(0.05),
    }


def _scenario() -> dict[str, Any]:
    return {
        "responded": proportion(0.9),
        "resumed": proportion(0.1),
        "uncertain": proportion(0.0),
        "stop_latency_ms": _times(600.0),
        "response_latency_ms": {"n": 0},
    }


def results() -> dict[str, Any]:
    """Fresh, so that a test may change it."""
    over = ("linear 0 dB", "linear -5 dB", "linear -10 dB", "clipping 0 dB")
    least = dict(zip(over, (0.9, 0.9, 0.85, 0.75), strict=True))
    conditions = ("silence", "stationary noise", "external music", "own playback")
    marks = dict(zip(conditions, (0.05, 0.1, 0.1, 0.165), strict=True))
    return {
        "echo": {
            "synthetic_voices_only": False,
            "replies": {
                "linear": _own(0),
                "clipping": _own(0),
                "skew_50ppm": _own(1),
                "moved": _own(0),
            },
            "wake": {
                name: {"found": proportion(rate, 60), "untreated": proportion(0.4, 60)}
                for name, rate in least.items()
            },
            "self_wake": {"linear": {"said": 28, "self_wakes": 0}},
            "double_talk": {
                name: {"kept": proportion(rate, 3000), "level_change_db": -3.0}
                for name, rate in (("linear", 0.93), ("clipping", 0.5))
            },
            "real": {
                "seconds": 10.9,
                "level_drop_db": 15.0,
                "level_drop_whole_db": 14.0,
                "vad_frames_before": proportion(0.7, 339),
                "vad_frames_after": proportion(0.01, 339),
            },
        },
        "bargein": {
            "generated": False,
            "histogram_ms": {"edges": [0.0, 100.0, 700.0], "ducked": [20, 0], "cut": [0, 20]},
            "modes": {"eager": _mode(), "normal": _mode(), "off": _mode()},
            "own_replies": {"linear": {"normal": {"minutes": 5, "cuts": 0, "ducks_a_minute": 0.2}}},
        },
        "turn": {
            "generated": False,
            "recordings": 13,
            "ends": 29,
            "splits": 117,
            "speakers differ": {
                "turns": 2880,
                "sooner_median": 0.25,
                "sooner_mean": 0.2,
                "sooner_median_95": [0.2, 0.3],
                "fixed": {"median_ms": 1200.0},
                "adaptive": {"median_ms": 900.0},
            },
            "speakers alike": {"sooner_median": 0.2},
            "real pauses": {
                "pauses": 20,
                "recordings": 5,
                "adaptive": proportion(0.2, 20),
                "fixed": proportion(0.1, 20),
            },
        },
        "wake": {
            "generated": False,
            "wake": {
                "confirm": {
                    "recall": {"alexa": proportion(0.93, 62)},
                    "near_jarvis": proportion(0.05, 20),
                    "false_accepts": 0,
                    "minutes": 8.7,
                    "false_accepts_per_hour_at_most": 20.6,
                    "latency_ms": _times(170.0),
                }
            },
        },
        "array": {
            "generated_voices": False,
            "level": {"-30 dB": {"as it is": {"wake": proportion(0.5)}}},
            "cleaned": {"0 dB": {"nothing": {"wake": proportion(0.5)}}},
            "array": {
                "0 dB": {
                    "one channel": proportion(0.3),
                    "any of the four": proportion(0.4),
                    "beam": proportion(0.5),
                    "beam 90 degrees off": proportion(0.2),
                    "beam_gain_db": _times(2.0),
                }
            },
            "direction": {
                "RT60 0.35 s, 5 dB": {
                    "unknown": proportion(0.9),
                    "within_10_deg": proportion(1.0, 5),
                }
            },
            "health": {
                "recordings": 264.0,
                "seconds": 969.0,
                "false_alarms": 0.0,
                "upper_95_per_hour": 11.1,
            },
        },
        "cost": {
            "front_end": {"idle": _point(4.0), "reply": _point(8.0)},
            "confirmed_idle": _point(4.3),
            "memory": {"resident_mb": 220.0, "smart_turn": True},
            "growth": {
                kind: {str(count): _point(2.0 * count, 60 + 4.0 * count) for count in (1, 2, 4, 8)}
                for kind in ("channels", "words")
            },
        },
        "alsa": {
            "seconds": 198.0,
            "found": 7,
            "interruptions": 7,
            "acknowledgements_that_cut": 0,
            "acknowledgements": 7,
            "self_interruptions": 0,
            "onset_to_ducked_ms": {"n": 7, "median": 140.0, "most": 160.0},
            "onset_to_cut_ms": {"n": 7, "median": 850.0, "most": 900.0},
        },
        "amazon": {
            "generated": False,
            "missed": {name: proportion(rate, 60) for name, rate in marks.items()},
            "false_alarms": {
                name: {
                    "found": 0,
                    "minutes": 40.0,
                    "recorded_minutes": 6.0,
                    "a_day_at_most": 108.0,
                }
                for name in ("default", "confirm")
            },
            "delay": {
                "pause_ms": 500,
                "received_by_pause_ms": {"0": proportion(0.5), "500": proportion(0.9)},
            },
        },
        "duplex": {
            "generated": False,
            "modes": {
                "normal": {
                    name: _scenario()
                    for name in (
                        "user_interruption",
                        "user_backchannel",
                        "talking_to_others",
                        "background_speech",
                    )
                }
            },
        },
    }
