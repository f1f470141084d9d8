"""From settings to what a codec needs: address, key, tools, turn detection."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from device.capabilities import Capabilities
from device.commands import ChoosePersona, ChooseService
from device.core.tools import TOOLS
from device.errors import SecretError, ServiceError
from device.events import ErrorKind
from device.providers import capabilities_of, create_codec, service_of
from device.providers.base import Codec, Said, SessionSpec, ToolSpec
from device.providers.faults import secrets_in
from device.secrets import Secret, load_key, load_secret
from device.session_tools import tool_keys
from device.settings import ServiceSettings, Settings
from device.settings_services import Access

OFFLINE = "offline"


def capabilities(settings: Settings) -> Capabilities:
    """What the configured service can do, as it is configured; needs neither key nor network."""
    name = settings.service.provider
    spec = SessionSpec(url="", model=access(settings, name).model, options=_options(settings, name))
    return create_codec(name, spec).capabilities


def device_ends_turns(settings: Settings) -> bool:
    """``service.turn_detection``, as far as the service goes along with it."""
    return capabilities(settings).device_ends_turns(settings.service.turn_detection)


def services(settings: Settings) -> tuple[str, ...]:
    """Those that may serve, in order of preference."""
    return tuple(dict.fromkeys((settings.service.provider, *settings.service.fallback)))


def access(settings: Settings, name: str) -> Access:
    """How ``name`` is reached: its own section comes first; ``[service]`` is for the one that is
    configured first, whose key others do not get."""
    service = settings.service
    section = getattr(settings, name, None)
    own = section if isinstance(section, Access) else Access()
    first = name == service.provider
    return Access(
        url=own.url or (service.url if first else "") or service_of(name).url,
        model=own.model or (service.model if first else ""),
        voice=own.voice or (service.voice if first else ""),
        key_name=own.key_name or (service.key_name if first else f"{name}_key"),
        key_file=own.key_file or (service.key_file if first else ""),
        key_command=own.key_command,
        key_url=own.key_url,
    )


def model_of(settings: Settings, name: str) -> str:
    """The model that ``name`` runs, as far as is known here."""
    return access(settings, name).model or service_of(name).model


def key_settings(settings: Settings, name: str) -> ServiceSettings:
    """Where the key of ``name`` is looked for (:func:`device.secrets.load_key`)."""
    reached = access(settings, name)
    return dataclasses.replace(
        settings.service, provider=name, key_name=reached.key_name, key_file=reached.key_file
    )


def needs_key(settings: Settings, name: str) -> bool:
    """Whether nothing can be had of ``name`` without one."""
    return service_of(name).keyed or bool(_options(settings, name).get("signed"))


def _options(settings: Settings, name: str) -> dict[str, Any]:
    """What the section of its name, or of the family's, says."""
    return dataclasses.asdict(getattr(settings, service_of(name).options_of or name))


class SessionFactory:
    """Makes a codec per attempt, so that a corrected key or a moved port counts at once.

    ``offline_url`` tells where the built-in service listens, empty while it does not.
    ``said`` tells what the conversation was about, for a session that takes it over; ``fetched``
    gives a service's short-lived key, which may be a signed address, or None.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        offline_url: Callable[[], str],
        register_secret: Callable[[Secret], None],
        said: Callable[[], Iterable[tuple[str, str]]] = tuple,
        fetched: Callable[[str], Secret | None] = lambda _name: None,
        wall_ahead_s: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._offline_url = offline_url
        self._register_secret = register_secret
        self._said, self._fetched, self._wall_ahead_s = said, fetched, wall_ahead_s
        self._persona = ChoosePersona()
        self._resume: dict[str, str] = {}
        self.service = settings.service.provider

    def choose(self, persona: ChoosePersona) -> None:
        """Whom the codecs that are made from now on speak for. Loop thread."""
        self._persona = persona
        self._resume.clear()

    def choose_service(self, choice: ChooseService) -> None:
        """Whose codecs are made from now on. Loop thread."""
        self.service = choice.name

    def resumable(self, handle: str) -> None:
        """The service's next session may go on where this one is; empty: it may not."""
        self._resume[self.service] = handle

    def __call__(self) -> Codec:
        """Raises SecretError or ServiceError, in words."""
        service, name = self._settings.service, self.service
        reached = access(self._settings, name)
        able = capabilities_of(name)
        options = _options(self._settings, name)
        history = tuple(Said(by, text) for by, text in self._said())
        url, key = self._url(reached), self._key()
        if key.startswith(("wss://", "ws://")):  # signed: it is all that is needed
            url, key = key, ""
        for secret in secrets_in(url):
            self._register_secret(Secret(secret))
        return create_codec(
            name,
            SessionSpec(
                url=url,
                key=key,
                model=reached.model,
                voice=self._persona.voice or reached.voice,
                instructions=self._persona.instructions or service.instructions,
                language=service.language,
                device_ends_turn=able.device_ends_turns(service.turn_detection),
                transcription_model=service.transcription_model,
                noise_reduction=service.noise_reduction,
                vad_threshold=service.vad_threshold,
                vad_prefix_ms=service.vad_prefix_ms,
                vad_silence_ms=service.vad_silence_ms,
                reply_timeout_s=service.reply_timeout_s,
                longest_work_s=service.longest_work_s,
                tools=tuple(ToolSpec(t.name, t.description, t.schema) for t in TOOLS),
                options=options,
                secret=self._second_secret(options),
                tool_keys=tool_keys(
                    options.get("mcp_key_files", ()),
                    f"{service_of(name).options_of or name}.mcp_key_files",
                    self._register_secret,
                ),
                history=history,
                # Of a conversation that is over none is taken up again.
                resume=self._resume.get(name, "") if history else "",
                wall_ahead_s=self._wall_ahead_s(),
            ),
        )

    def _url(self, reached: Access) -> str:
        if self.service != OFFLINE or reached.url:
            return reached.url
        url = self._offline_url()
        if not url:
            raise ServiceError(ErrorKind.NETWORK, "the offline service is still starting")
        return url

    def _key(self) -> str:
        fetched = self._fetched(self.service)
        if fetched is not None:
            return fetched.reveal()
        where = key_settings(self._settings, self.service)
        try:
            key = load_key(where, self._environ)
        except SecretError:
            if needs_key(self._settings, self.service) or where.key_file:
                raise
            return ""  # it may have one, and need not
        self._register_secret(key)
        return key.reveal()

    def _second_secret(self, options: Mapping[str, object]) -> str:
        name, file = (str(options.get(f"secret_{what}", "")) for what in ("name", "file"))
        secret = load_secret(name, file, self.service, self._environ)
        if secret:
            self._register_secret(secret)
        return secret.reveal()
