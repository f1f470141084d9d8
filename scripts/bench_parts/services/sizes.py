"""The heaviest message of a service in practice, made from one that it sent.

No document says how long the sound of one message is at most. Where a service sends sound as
fast as it has it, a second in one message is taken for the most; Wiro's documents name chunks
of 200 ms upwards and leave the other way open, so it is a second there as well.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from device.events import ReplyAudio
from device.providers.base import Emit, Output
from device.providers.wire import encode_base64
from scripts.bench_parts.services.tape import Part, Step

HEAVY_S = 1.0
LEAST_LETTERS = 200  #: of the field that holds the sound


def sound_of(outputs: tuple[Output, ...] | list[Output]) -> int:
    """Bytes of the reply's sound."""
    events = (output.event for output in outputs if isinstance(output, Emit))
    return sum(len(event.pcm) for event in events if isinstance(event, ReplyAudio))


def first_sound(part: Part) -> int:
    """The place of the second message with sound: the reply is under way."""
    places = [
        place
        for place, step in enumerate(part.steps)
        if step.kind == "received" and sound_of(step.outputs)
    ]
    return places[1]


def heavy(step: Step, rate_hz: int, seconds: float = HEAVY_S) -> str | bytes:
    """The message of ``step`` with ``seconds`` of noise, as loud as speech, for its sound."""
    rng = np.random.default_rng(3)
    noise = rng.standard_normal(round(rate_hz * seconds)) * 3000
    pcm = noise.clip(-32768, 32767).astype("<i2").tobytes()
    data: str | bytes = step.what[0]
    if isinstance(data, str) or data.startswith(b"{"):
        filled = _filled(json.loads(data), encode_base64(pcm))
        text = json.dumps(filled)
        return text if isinstance(data, str) else text.encode()
    said = sound_of(step.outputs)
    return data[: max(0, len(data) - said)] + pcm  # a name may stand before the sound


def _filled(value: Any, sound: str) -> Any:
    if isinstance(value, dict):
        return {name: _filled(inner, sound) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, sound) for inner in value]
    return sound if isinstance(value, str) and len(value) > LEAST_LETTERS else value
