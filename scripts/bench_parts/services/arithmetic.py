"""A fixed piece of pure Python, timed beside what is measured: how fast the machine runs now.

On a shared machine every time swells with what others do; a ratio to this, taken in the same
run, swells much less. What it does is of the kind that codecs do: text, dictionaries, bytes.
"""

from __future__ import annotations

import binascii
import json
import statistics
import time

_SOUND = bytes(range(256)) * 16
_WORK = 40


def piece() -> int:
    """About a millisecond of it."""
    total = 0
    for number in range(_WORK):
        message = {"type": "bench", "number": number, "audio": _text(_SOUND)}
        parsed = json.loads(json.dumps(message))
        total += len(binascii.a2b_base64(parsed["audio"])) + parsed["number"]
    return total


def _text(sound: bytes) -> str:
    return binascii.b2a_base64(sound, newline=False).decode("ascii")


def pace_ms() -> float:
    """What one piece takes of this thread's own time, the median of five."""
    times = []
    for _ in range(5):
        before = time.thread_time()
        piece()
        times.append(time.thread_time() - before)
    return 1000 * statistics.median(times)
