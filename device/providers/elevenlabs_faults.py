"""What goes wrong with an ElevenLabs agent, in an owner's words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from device.events import ErrorKind
from device.providers.base import SessionSpec
from device.providers.faults import Explainer, Fault
from device.providers.wire import text

#: What each type of error is, and whether the session is over with it.
_TYPES: Mapping[str, tuple[ErrorKind, bool]] = {
    "invalid_message": (ErrorKind.PROTOCOL, False),
    "llm_timeout": (ErrorKind.SERVICE, False),
    "max_duration_exceeded": (ErrorKind.SERVICE, True),
    "missing_dynamic_variable": (ErrorKind.PROTOCOL, True),
    "missing_fields": (ErrorKind.PROTOCOL, False),
    "override_error": (ErrorKind.PROTOCOL, True),
    "safety_violation": (ErrorKind.SERVICE, False),
    "websocket_disconnect": (ErrorKind.SERVICE, True),
}
#: The switch of each override, and the words by which a refusal may name it.
_OVERRIDES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "override_prompt": ("the prompt", ("prompt",)),
    "override_voice": ("the voice", ("voice", "tts")),
    "override_language": ("the language", ("language",)),
    "override_first_message": ("the first message", ("first_message", "first message")),
}
#: A shorter part of an address is no secret, but a word that a message may need.
_SHORTEST_SECRET = 16


class ElevenLabsExplainer(Explainer):
    """Also keeps a signed address, and what is in it, out of every text."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self._secrets: list[str] = []
        self.keep_out(key)

    def keep_out(self, address: str) -> None:
        """``address`` carries a secret in its query; what is none changes nothing."""
        try:
            parts = urlsplit(address)
            values = [value for _, value in parse_qsl(parts.query)]
        except ValueError:
            return
        inside = [address, parts.query, *values]
        self._secrets += [part for part in inside if len(part) >= _SHORTEST_SECRET]

    def clean(self, words: str, limit: int = 200) -> str:
        for secret in self._secrets:
            words = words.replace(secret, "[key]")
        return super().clean(words, limit)

    def told(self, error: Mapping[str, object], spec: SessionSpec) -> Fault:
        """An ``error_event``."""
        kind = text(error, "error_type")
        message = text(error, "message") or text(error, "reason")
        known = _TYPES.get(kind)
        fault = self.error({"code": kind, "message": message})
        if known is None and fault.kind not in (ErrorKind.KEY, ErrorKind.QUOTA):
            said = self.error({"code": message})  # some tell all in words
            if said.kind in (ErrorKind.KEY, ErrorKind.QUOTA):
                fault = replace(fault, kind=said.kind, over=said.over)
        elif known is not None:
            fault = replace(fault, kind=known[0], over=known[1])
        if kind == "override_error":
            fault = replace(fault, detail=f"{self._override(message, spec)}: {fault.detail}")
        return fault

    def refusal(self, status: int, body: bytes) -> Fault:
        fault = super().refusal(status, body)
        if status == 404:
            return replace(fault, detail=f"no such agent: see elevenlabs.agent_id (HTTP {status})")
        return fault

    def closing(self, code: int, reason: str) -> Fault:
        """The reasons of this service tell more than its codes."""
        fault = super().closing(code, reason)
        said = self.error({"code": reason})
        return replace(fault, kind=said.kind) if said.kind in _TELLING else fault

    @staticmethod
    def _override(message: str, spec: SessionSpec) -> str:
        """Which of them the agent does not allow, as far as it says so."""
        lowered = message.lower()
        sent = {name: it for name, it in _OVERRIDES.items() if spec.options.get(name)}
        named = {n: it for n, it in sent.items() if any(word in lowered for word in it[1])}
        refused = named or sent
        if not refused:
            return "the agent refused the session's settings"
        what = " and ".join(words for words, _ in refused.values())
        switches = ", ".join(f"elevenlabs.{name}" for name in refused)
        return (
            f"the agent does not let {what} be overridden: allow it in the agent's security "
            f"settings, or switch off {switches}"
        )


_TELLING = (ErrorKind.KEY, ErrorKind.QUOTA)
