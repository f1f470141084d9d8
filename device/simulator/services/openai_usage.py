"""What a response costs, what is left of the limits, and the format on the wire."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from device.simulator.services.openai_audio import Format
from device.simulator.services.openai_items import Item
from device.simulator.services.openai_shapes import Json

INSTRUCTION_TOKENS = 30


def usage(context: Iterable[Item], output: list[Item], known: int) -> Json:
    """``known`` input tokens were in the last response already."""
    inputs = [item.tokens() for item in context if item not in output]
    outputs = [item.tokens() for item in output]
    text, audio, image = (sum(tokens[n] for tokens in inputs) for n in range(3))
    text += INSTRUCTION_TOKENS
    said, spoken = (sum(tokens[n] for tokens in outputs) for n in range(2))
    total_in, cached = text + audio + image, min(known, text) // 8 * 8
    return {
        "total_tokens": total_in + said + spoken,
        "input_tokens": total_in,
        "output_tokens": said + spoken,
        "input_token_details": {
            "text_tokens": text, "audio_tokens": audio, "image_tokens": image,
            "cached_tokens": cached,
            "cached_tokens_details": {
                "text_tokens": cached, "audio_tokens": 0, "image_tokens": 0
            },
        },
        "output_token_details": {"text_tokens": said, "audio_tokens": spoken},
    }  # fmt: skip


def rate_limits() -> list[Json]:
    return [
        {"name": "requests", "limit": 1000, "remaining": 999, "reset_seconds": 0.06},
        {"name": "tokens", "limit": 50_000, "remaining": 49_000, "reset_seconds": 1.2},
    ]


def format_on_wire(spoken: Format, dialect: str) -> Any:
    """As the dialect names it."""
    if dialect == "voice_live":
        if spoken.codec != "pcm":
            return "g711_ulaw" if spoken.codec == "pcmu" else "g711_alaw"
        return "pcm16" if spoken.rate_hz == 24000 else f"pcm16_{spoken.rate_hz}hz"
    rate = {"rate": spoken.rate_hz} if spoken.codec == "pcm" else {}
    return {"type": f"audio/{spoken.codec}", **rate}
