"""What Gemini Live says, taken apart: its sound, its accounts, its durations. Pure.

Messages are JSON, in text frames or in binary ones. :func:`parse` is stateless and may run in
any thread: it does the costly part, which is the sound.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from device.events import UsageReported
from device.providers.gemini_frames import DOWNLINK_HZ
from device.providers.wire import (
    Malformed,
    decode_base64,
    mapping,
    objects,
    parse_object,
    text,
    whole,
)

#: More tokens than any session has: what claims more is no account.
MOST_TOKENS = 10**9
LONGEST_S = 86400.0

_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)s", re.ASCII)
_RATE = re.compile(r"rate=(\d{1,6})\b", re.ASCII)


@dataclass(frozen=True, slots=True)
class Message:
    """``pcm``: the sound of all its parts, mono s16le at ``rate_hz``. ``spoilt``: a part said to
    be sound is not. ``size``: how long it was, and its sound."""

    fields: Mapping[str, object]
    pcm: bytes = field(default=b"", repr=False)
    rate_hz: int = DOWNLINK_HZ
    spoilt: bool = False
    size: int = 0

    @property
    def content(self) -> Mapping[str, object]:
        return mapping(self.fields, "serverContent")

    @property
    def speaks(self) -> bool:
        """The model says something, be it in sound or only to itself."""
        return bool(objects(mapping(self.content, "modelTurn"), "parts"))


def parse(data: str | bytes) -> Message | Malformed:
    """One message, text or binary. Never raises."""
    fields = parse_object(data)
    if isinstance(fields, Malformed):
        return fields
    pieces: list[bytes] = []
    rate_hz, spoilt = DOWNLINK_HZ, False
    for part in objects(mapping(mapping(fields, "serverContent"), "modelTurn"), "parts"):
        blob = mapping(part, "inlineData")
        kind = text(blob, "mimeType", "audio/pcm")
        if "data" not in blob or not kind.startswith("audio/"):
            continue
        pcm = decode_base64(blob["data"])
        if pcm is None:
            spoilt = True
            continue
        pieces.append(pcm)
        told = _RATE.search(kind)
        rate_hz = int(told[1]) if told else rate_hz
    pcm = b"".join(pieces)
    return Message(fields, pcm, rate_hz, spoilt, len(data) + len(pcm))


def seconds(duration: object) -> float:
    """``"9.5s"`` as a number; 0 where it is nothing of the kind, which is also what an absent
    duration means."""
    told = _DURATION.fullmatch(duration) if isinstance(duration, str) else None
    return min(float(told[1]), LONGEST_S) if told else 0.0


def usage(metadata: Mapping[str, object]) -> UsageReported | None:
    """``usageMetadata`` as tokens by kind; None when it counts nothing. What it does not tell by
    kind is counted as sound, the dearer, of what went in; what came out is sound anyway."""
    text_in, audio_in, image_in = _by_kind(metadata, "prompt")
    more_in = _by_kind(metadata, "toolUsePrompt", untold=0)
    text_out, audio_out, image_out = _by_kind(metadata, "response")
    cached_text, cached_audio, _ = _by_kind(metadata, "cache", "cachedContentTokenCount", untold=0)
    told = UsageReported(
        text_in=text_in + more_in[0],
        text_out=text_out + _tokens(metadata, "thoughtsTokenCount"),
        audio_in=audio_in + more_in[1],
        audio_out=audio_out + image_out,
        image_in=image_in + more_in[2],
        cached_text_in=min(cached_text, text_in),
        cached_audio_in=min(cached_audio, audio_in),
    )
    return None if told == UsageReported() else told


def _by_kind(
    metadata: Mapping[str, object], name: str, total_name: str = "", untold: int = 1
) -> tuple[int, int, int]:
    """Text, sound, pictures. ``untold``: which of them what is in no detail counts as."""
    kinds = [0, 0, 0]
    for detail in objects(metadata, f"{name}TokensDetails"):
        modality = text(detail, "modality").upper()
        kind = {"TEXT": 0, "DOCUMENT": 0, "AUDIO": 1, "IMAGE": 2, "VIDEO": 2}.get(modality, untold)
        kinds[kind] = min(MOST_TOKENS, kinds[kind] + _tokens(detail, "tokenCount"))
    rest = _tokens(metadata, total_name or f"{name}TokenCount") - sum(kinds)
    kinds[untold] += max(0, rest)
    return kinds[0], kinds[1], kinds[2]


def _tokens(fields: Mapping[str, object], name: str) -> int:
    return max(0, min(MOST_TOKENS, whole(fields, name)))
