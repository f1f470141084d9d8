"""What a reply or a transcript took, as the OpenAI Realtime family tells it. Pure.

``usage`` of a response counts that response alone. Cached tokens are among the others. Azure,
older servers and xAI leave out some of it; the Responses API's plural names are understood too.
"""

from __future__ import annotations

from collections.abc import Mapping

from device.events import UsageReported
from device.providers.wire import flatten_numbers, mapping, text, whole

_MOST = 10**9  #: beyond any response; a number out of range must not spoil the sums
_LONGEST_S = 86_400.0


def of_response(usage: Mapping[str, object]) -> UsageReported | None:
    """None where nothing was used, or it does not say what."""
    into, out_of = _details(usage, "input"), _details(usage, "output")
    text_in, audio_in = _count(into, "text_tokens"), _count(into, "audio_tokens")
    image_in = _count(into, "image_tokens")
    if not (text_in or audio_in or image_in):
        audio_in = _count(usage, "input_tokens")  # of which kind is not told: the dearest counts
    text_out, audio_out = _count(out_of, "text_tokens"), _count(out_of, "audio_tokens")
    if not (text_out or audio_out):
        audio_out = _count(usage, "output_tokens")
    cached = mapping(into, "cached_tokens_details")
    cached_text, cached_audio = _count(cached, "text_tokens"), _count(cached, "audio_tokens")
    if not (cached_text or cached_audio) and not cached:
        # A cache holds how the conversation began: the instructions, which are text.
        all_cached = _count(into, "cached_tokens")
        cached_text = min(all_cached, text_in)
        cached_audio = min(all_cached - cached_text, audio_in)
    report = UsageReported(
        text_in=text_in,
        text_out=text_out,
        audio_in=audio_in,
        audio_out=audio_out,
        image_in=image_in,
        cached_text_in=min(cached_text, text_in),
        cached_audio_in=min(cached_audio, audio_in),
    )
    return report if report != UsageReported() else None


def of_transcription(usage: Mapping[str, object]) -> UsageReported | None:
    """It is billed by itself, by tokens or by the time that was transcribed."""
    if text(usage, "type") == "duration":
        seconds = flatten_numbers(usage).get("seconds", 0.0)
        return UsageReported(seconds=min(seconds, _LONGEST_S)) if seconds > 0 else None
    into = _details(usage, "input")
    text_in, audio_in = _count(into, "text_tokens"), _count(into, "audio_tokens")
    if not (text_in or audio_in):
        audio_in = _count(usage, "input_tokens")
    text_out = _count(usage, "output_tokens")
    report = UsageReported(text_in=text_in, audio_in=audio_in, text_out=text_out)
    return report if report != UsageReported() else None


def _details(usage: Mapping[str, object], side: str) -> Mapping[str, object]:
    return mapping(usage, f"{side}_token_details") or mapping(usage, f"{side}_tokens_details")


def _count(fields: Mapping[str, object], name: str) -> int:
    return min(max(0, whole(fields, name)), _MOST)
