"""What Gemini Live says: its messages, and the count of tokens that goes with them."""

from __future__ import annotations

import base64
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from device.simulator.services.brain import RATE_HZ

Message = dict[str, Any]
AUDIO_TOKENS_S = 25
VIDEO_FRAME_TOKENS = 258
LETTERS_A_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Manner:
    """How the service puts things; every choice is one that its documents leave to it.

    ``pace`` is how much faster than real time audio comes. ``playback`` scales the time that the
    service gives the client to play a reply before ``turnComplete`` (1: real time).
    """

    binary: bool = True  #: JSON in binary frames, or in text frames
    combined: bool = False  #: several parts in a turn, several fields in a serverContent
    interim: bool = True  #: an interimInputTranscription before the final words
    finished: bool = True  #: the last piece of a transcription says so
    late_transcript: bool = False  #: the input's words come after the reply's audio
    thoughts: bool = False  #: a thought part before the audio
    cached: bool = False  #: the context of earlier turns is reported as cached
    interaction_status: bool = True
    late_pieces: int = 0
    """Of a cut reply's audio that come after ``interrupted``, the first with it if ``combined``."""
    piece_ms: int = 120
    pace: float = 4.0
    playback: float = 1.0
    setup_s: float = 0.02  #: from ``setup`` to ``setupComplete``, in which nothing may be sent


def audio_part(pcm: bytes) -> Message:
    data = base64.b64encode(pcm).decode()
    return {"inlineData": {"mimeType": f"audio/pcm;rate={RATE_HZ}", "data": data}}


def model_turn(*parts: Message) -> Message:
    return {"modelTurn": {"role": "model", "parts": list(parts)}}


def content(**fields: Any) -> Message:
    return {"serverContent": fields}


def tool_call(calls: Sequence[tuple[str, str, Mapping[str, object]]]) -> Message:
    """``calls``: identifier, name, arguments."""
    functions = [{"id": id_, "name": name, "args": dict(args)} for id_, name, args in calls]
    return {"toolCall": {"functionCalls": functions}}


def cancellation(ids: Sequence[str]) -> Message:
    return {"toolCallCancellation": {"ids": list(ids)}}


def go_away(left_s: float) -> Message:
    """``timeLeft`` is a duration as proto JSON writes it."""
    return {"goAway": {"timeLeft": f"{left_s:.3f}".rstrip("0").rstrip(".") + "s"}}


def resumption(handle: str, consumed: int | None) -> Message:
    """Without a handle the session cannot be resumed at this point."""
    update: Message = {"newHandle": handle, "resumable": True} if handle else {"resumable": False}
    if consumed is not None:
        update["lastConsumedClientMessageIndex"] = str(consumed)
    return {"sessionResumptionUpdate": update}


def voice_mark(*, start: bool, at_ms: int) -> Message:
    kind = "ACTIVITY_START" if start else "ACTIVITY_END"
    return {"voiceActivity": {"voiceActivityType": kind, "audioOffset": f"{at_ms / 1000:.3f}s"}}


def parcels(words: str, count: int) -> list[str]:
    """``words`` in ``count`` pieces that give it again when they are joined; some may be empty."""
    tokens = words.split(" ")
    tokens = tokens[:1] + [f" {token}" for token in tokens[1:]]
    edges = [round(at * len(tokens) / count) for at in range(count + 1)]
    return ["".join(tokens[a:b]) for a, b in itertools.pairwise(edges)]


class Tokens:
    """One conversation's context and the turn that is being answered, in tokens by modality."""

    def __init__(self) -> None:
        self._context: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()
        self._said_s = 0.0
        self._thought = 0

    def heard(self, seconds: float) -> None:
        self._asked["AUDIO"] += round(seconds * AUDIO_TOKENS_S)

    def saw(self) -> None:
        self._asked["IMAGE"] += VIDEO_FRAME_TOKENS

    def was_told(self, text: str) -> None:
        self._asked["TEXT"] += -(-len(text) // LETTERS_A_TOKEN)

    def said(self, seconds: float) -> None:
        self._said_s += seconds

    def thought(self, text: str) -> None:
        self._thought += -(-len(text) // LETTERS_A_TOKEN)

    def turn(self, trigger: int | None, target: int, *, cached: bool) -> Message:
        """``usageMetadata`` of the turn that ends now; its tokens join the context, which is
        cut to ``target`` when it has more than ``trigger``."""
        before = self._context
        prompt = before + self._asked
        said = Counter({"AUDIO": round(self._said_s * AUDIO_TOKENS_S)})
        usage: Message = {
            "promptTokenCount": prompt.total(),
            "responseTokenCount": said.total(),
            "totalTokenCount": prompt.total() + said.total() + self._thought,
            "promptTokensDetails": _details(prompt),
            "responseTokensDetails": _details(said),
        }
        if self._thought:
            usage["thoughtsTokenCount"] = self._thought
        if cached and before:
            usage["cachedContentTokenCount"] = before.total()
            usage["cacheTokensDetails"] = _details(before)
        self._context = prompt + said
        self._asked, self._said_s, self._thought = Counter(), 0.0, 0
        total = self._context.total()
        if trigger is not None and total > trigger:
            kept = {name: count * target // total for name, count in self._context.items()}
            self._context = Counter(kept)
        return usage


def _details(tokens: Counter[str]) -> list[Message]:
    return [{"modality": name, "tokenCount": count} for name, count in tokens.items() if count]
