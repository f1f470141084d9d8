"""Who speaks the OpenAI Realtime protocol, and how each deviates: one table.

Nothing else in the codec asks whom it speaks to. The retired names of events are understood
from everybody (:mod:`device.providers.openai_wire`).

Not verified against the live services: what Azure's GA takes of OpenAI's newest fields; what xAI
takes beside the fields of its own guide, whether it truncates and repeats ``metadata``; Voice
Live's session cap. All are tolerated: see :mod:`device.providers.openai_realtime`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from device.capabilities import Capabilities
from device.providers import openai_options as options
from device.providers import openai_sessions as sessions
from device.providers.base import SessionSpec

DEFAULT_MODEL = "gpt-realtime-2.1"
SESSION_CAP_S = 3600.0
VOICE_LIVE_VERSION = "2026-04-10"

CAPABILITIES = Capabilities(
    uplink_rate_hz=sessions.RATE_HZ,
    downlink_rate_hz=sessions.RATE_HZ,
    detects_turns=True,
    truncates=True,
    calls_tools=True,
    transcribes_user=True,
    says_on_request=True,
    session_cap_s=SESSION_CAP_S,
    tells_usage=True,
)

#: An address with one of these says itself who answers.
_CHOOSES = frozenset({"model", "call_id", "deployment", "agent_id", "agent-id", "agent-name"})


@dataclass(frozen=True, slots=True)
class Shape:
    """One way to write a session. ``assistant_text``: the kind of content in which the
    assistant's words are written into the conversation."""

    session: Callable[[SessionSpec], dict[str, object]]
    assistant_text: str = "output_text"


def _bearer(spec: SessionSpec) -> dict[str, str]:
    return {"Authorization": f"Bearer {spec.key}"} if spec.key else {}


def _openai_headers(spec: SessionSpec) -> dict[str, str]:
    return {**_bearer(spec), **options.headers(spec)}


def _azure_headers(spec: SessionSpec) -> dict[str, str]:
    """A key of Azure's, or a token of Entra's, which is a JSON Web Token (RFC 7519)."""
    is_token = spec.key.startswith("eyJ") and spec.key.count(".") == 2
    return _bearer(spec) if is_token or not spec.key else {"api-key": spec.key}


def _no_query(spec: SessionSpec) -> dict[str, str]:
    return {}


def _voice_live_query(spec: SessionSpec) -> dict[str, str]:
    return {"api-version": options.words(spec, "api_version") or VOICE_LIVE_VERSION}


def _as_it_is(able: Capabilities, spec: SessionSpec) -> Capabilities:
    return able


def _voice_live_able(able: Capabilities, spec: SessionSpec) -> Capabilities:
    """Its echo canceller wants to hear the echo as it is."""
    cancels = options.is_on(spec, "echo_cancellation")
    return replace(able, prefers="raw") if cancels else able


@dataclass(frozen=True, slots=True)
class Dialect:
    """``shapes`` are tried in order, where a server refuses one. ``path`` completes an address
    that names only a host. ``names_requests``: it may be told a name with a request for a reply
    (``metadata``). ``free``: what is used of it costs nothing, so it is not told."""

    default_model: str
    able: Capabilities = CAPABILITIES
    shapes: tuple[Shape, ...] = (Shape(sessions.generally_available),)
    headers: Callable[[SessionSpec], dict[str, str]] = _bearer
    query: Callable[[SessionSpec], dict[str, str]] = _no_query
    path: str = "/v1/realtime"
    able_with: Callable[[Capabilities, SessionSpec], Capabilities] = _as_it_is
    names_requests: bool = True
    free: bool = False

    def address(self, spec: SessionSpec) -> str:
        """With ``?model=``, unless the owner's address chooses already. ValueError: it is no
        address."""
        parts = urlsplit(spec.url)
        query = parse_qsl(parts.query, keep_blank_values=True)
        given = {name for name, _ in query}
        model = spec.model or self.default_model
        if model and not _CHOOSES & given:
            query.append(("model", model))
        query += [(n, value) for n, value in self.query(spec).items() if n not in given]
        path = self.path if parts.path in ("", "/") else parts.path
        return urlunsplit(parts._replace(path=path, query=urlencode(query), fragment=""))


OPENAI = Dialect(DEFAULT_MODEL, headers=_openai_headers)

#: The offline service has one model; the protocol wants one to be named. It answers what it
#: did not understand in words of its own, and each question for itself.
OFFLINE = Dialect(
    "parlor-offline",
    replace(
        CAPABILITIES,
        best_ends_turns=True,  # it is here, too, and quicker for short commands
        reads_history=False,
        answers_nonsense=True,
        says_on_request=False,  # it says what it knows, not what it is told
        session_cap_s=None,
        tells_usage=False,
    ),
    free=True,
)

#: The model is the name of a deployment, which usually has the model's name.
AZURE = Dialect(
    DEFAULT_MODEL,
    shapes=(Shape(sessions.azure),),
    headers=_azure_headers,
    path="/openai/v1/realtime",
)

XAI = Dialect("grok-voice-latest", shapes=(Shape(sessions.xai),))

COMPATIBLE = Dialect(
    "",
    replace(CAPABILITIES, session_cap_s=None, tells_usage=False),
    shapes=(Shape(sessions.core), Shape(sessions.flat_core, assistant_text="text")),
    names_requests=False,
)

VOICE_LIVE = Dialect(
    "gpt-realtime",
    replace(CAPABILITIES, session_cap_s=None),
    shapes=(Shape(sessions.voice_live, assistant_text="text"),),
    headers=_azure_headers,
    query=_voice_live_query,
    path="/voice-live/realtime",
    able_with=_voice_live_able,
)
