"""What goes wrong with an ElevenLabs agent, in an owner's words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from device.events import ErrorKind
from device.providers import elevenlabs_overrides as overrides
from device.providers.base import SessionSpec
from device.providers.faults import Explainer, Fault, secrets_in
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


class ElevenLabsExplainer(Explainer):
    """Also keeps a signed address, and what is in it, out of every text."""

    def __init__(self, key: str, url: str) -> None:
        """``url``: as it is configured."""
        super().__init__(key)
        self.keep_out(url)

    def keep_out(self, address: str) -> None:
        """If it is signed; the address of a public agent may be named."""
        if secrets_in(address):
            self.keep(address)

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
        if kind == "missing_dynamic_variable":
            words = "the agent wants a variable that is not in elevenlabs.dynamic_variables"
            fault = replace(fault, detail=f"{words}: {fault.detail}")
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
        names = overrides.refused(message, spec)
        if not names:
            return "the agent refused the session's settings"
        what = " and ".join(overrides.PLACES[name][1] for name in names)
        switches = ", ".join(f"elevenlabs.{name}" for name in names)
        return (
            f"the agent does not let {what} be overridden: allow it in the agent's security "
            f"settings, or switch off {switches}"
        )


_TELLING = (ErrorKind.KEY, ErrorKind.QUOTA)
