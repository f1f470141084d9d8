"""From settings to what a codec needs: address, key, tools, turn detection."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from device.capabilities import Capabilities
from device.commands import ChoosePersona
from device.core.tools import TOOLS
from device.errors import ServiceError
from device.events import ErrorKind
from device.providers import capabilities_of, create_codec, service_of
from device.providers.base import Codec, SessionSpec, ToolSpec
from device.secrets import Secret, load_key
from device.settings import Settings

OFFLINE = "offline"


def capabilities(settings: Settings) -> Capabilities:
    """What the configured service can do; needs neither key nor network."""
    return capabilities_of(settings.service.provider)


def device_ends_turns(settings: Settings) -> bool:
    """``service.turn_detection``, as far as the service goes along with it."""
    return capabilities(settings).device_ends_turns(settings.service.turn_detection)


class SessionFactory:
    """Makes a codec per attempt, so that a corrected key or a moved port counts at once.

    ``offline_url`` tells where the built-in service listens, empty while it does not.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        offline_url: Callable[[], str],
        register_secret: Callable[[Secret], None],
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._offline_url = offline_url
        self._register_secret = register_secret
        self._persona = ChoosePersona()

    def choose(self, persona: ChoosePersona) -> None:
        """Whom the codecs that are made from now on speak for. Loop thread."""
        self._persona = persona

    def __call__(self) -> Codec:
        """Raises SecretError or ServiceError, in words."""
        service = self._settings.service
        return create_codec(
            service.provider,
            SessionSpec(
                url=self._url(),
                key=self._key(),
                model=service.model,
                voice=self._persona.voice or service.voice,
                instructions=self._persona.instructions or service.instructions,
                language=service.language,
                device_ends_turn=device_ends_turns(self._settings),
                transcription_model=service.transcription_model,
                noise_reduction=service.noise_reduction,
                vad_threshold=service.vad_threshold,
                vad_prefix_ms=service.vad_prefix_ms,
                vad_silence_ms=service.vad_silence_ms,
                reply_timeout_s=service.reply_timeout_s,
                tools=tuple(ToolSpec(t.name, t.description, t.schema) for t in TOOLS),
            ),
        )

    def _url(self) -> str:
        service = self._settings.service
        if service.url:
            return service.url
        if service.provider != OFFLINE:
            return service_of(service.provider).url
        url = self._offline_url()
        if not url:
            raise ServiceError(ErrorKind.NETWORK, "the offline service is still starting")
        return url

    def _key(self) -> str:
        service = self._settings.service
        if service.provider == OFFLINE and not service.key_file:
            return ""  # loopback asks for none
        key = load_key(service, self._environ)
        self._register_secret(key)
        return key.reveal()
