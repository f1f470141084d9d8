"""What the device says to the Deepgram Voice Agent: address, headers and frames. Pure.

Fields stand here only where they are of use; what is left out, the service decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from device.providers.base import SessionSpec
from device.providers.wire import frame

URL = "wss://agent.deepgram.com/v1/agent/converse"
PATH = "/v1/agent/converse"
RATE_HZ = 24000
DEFAULT_VOICE = "aura-2-thalia-en"

KEEP_ALIVE = frame({"type": "KeepAlive"})
FORCE_END_TURN = frame({"type": "ForceEndTurn"})


def address(url: str) -> str:
    """``url`` with the service's path, where it has none. Raises ValueError: it is none."""
    parts = urlsplit(url or URL)
    return urlunsplit(parts._replace(path=PATH)) if parts.path in ("", "/") else url or URL


def headers(key: str) -> dict[str, str]:
    """A short-lived token is a JWT, which begins with ``{"`` in base64."""
    if not key:
        return {}
    return {"Authorization": f"{'Bearer' if key.startswith('ey') else 'Token'} {key}"}


def settings(spec: SessionSpec) -> str:
    """The first frame: audio both ways, and who listens, thinks and speaks. A stored agent
    brings its own, and cannot be told what was said before."""
    sound = {"encoding": "linear16", "sample_rate": RATE_HZ}
    stored = str(spec.options.get("agent", ""))
    return frame(
        {
            "type": "Settings",
            "mip_opt_out": bool(spec.options.get("mip_opt_out", True)),
            "flags": {"history": False},
            # Without "none" the stream may hold WAV headers.
            "audio": {"input": sound, "output": {**sound, "container": "none"}},
            "agent": stored or _agent(spec),
        }
    )


def _agent(spec: SessionSpec) -> dict[str, object]:
    agent: dict[str, object] = {
        "listen": {"provider": _listen(spec)},
        "think": _think(spec),
        "speak": {"provider": {"type": "deepgram", "model": spec.voice or DEFAULT_VOICE}},
    }
    if spec.history:
        said = [{"type": "History", "role": s.by, "content": s.text} for s in spec.history]
        agent["context"] = {"messages": said}
    return agent


def _listen(spec: SessionSpec) -> dict[str, object]:
    model = str(spec.options.get("listen_model", "") or "nova-3")
    flux = model.startswith("flux")
    provider: dict[str, object] = {
        "type": "deepgram",
        "version": "v2" if flux else "v1",
        "model": model,
    }
    if not flux:
        provider["language"] = spec.language
    elif "multi" in model:  # the others know one language
        provider["language_hints"] = [spec.language]
    keyterms = [str(term) for term in spec.options.get("keyterms", ())]
    return {**provider, "keyterms": keyterms} if keyterms else provider


def _think(spec: SessionSpec) -> dict[str, object]:
    provider: dict[str, object] = {
        "type": str(spec.options.get("think_provider", "") or "open_ai"),
        "model": spec.model or str(spec.options.get("think_model", "") or "gpt-4o-mini"),
    }
    temperature = float(spec.options.get("temperature", -1.0))
    if temperature >= 0:
        provider["temperature"] = temperature
    think: dict[str, object] = {"provider": provider}
    if spec.instructions:
        think["prompt"] = spec.instructions
    if spec.tools:
        think["functions"] = [
            {"name": t.name, "description": t.description, "parameters": _plain(t.parameters)}
            for t in spec.tools
        ]
    return think


def _plain(schema: Mapping[str, object]) -> dict[str, object]:
    return dict(schema)


def function_result(call_id: str, name: str, content: str) -> str:
    return frame({"type": "FunctionCallResponse", "id": call_id, "name": name, "content": content})


def inject(words: str, *, interrupts: bool) -> str:
    """Let the agent say ``words``. Without ``interrupts`` it refuses while somebody speaks."""
    behavior = {"behavior": "interrupt"} if interrupts else {}
    return frame({"type": "InjectAgentMessage", "message": words, **behavior})
