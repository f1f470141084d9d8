"""Keys that are fetched when they are needed: one source for each service that has one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from device.adapters.key_fetch import CommandFetch, EndpointFetch, Fetch
from device.adapters.key_source import KeySource
from device.ports import Clock
from device.secrets import Secret
from device.session import access
from device.settings import Settings
from device.settings_services import Access


class SessionKeys:
    """Of the services whose section names a ``key_command`` or ``key_url``. Loop thread only."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        register: Callable[[Secret], None],
        clock: Clock,
    ) -> None:
        self._settings, self._environ = settings, environ
        self._register, self._clock = register, clock
        self._sources: dict[str, KeySource] = {}
        self._held: dict[str, Secret] = {}

    async def prepare(self, name: str) -> None:
        """See that the key of this service is good now. Raises SecretError."""
        source = self._sources.get(name) or self._source(name)
        if source is not None:
            self._sources[name] = source
            self._held[name] = await source.key()

    def held(self, name: str) -> Secret | None:
        """The key that was prepared; None: this service's key is not fetched."""
        return self._held.get(name)

    def refused(self, name: str) -> None:
        """The service did not take it."""
        source = self._sources.get(name)
        if source is not None:
            source.forget()

    async def close(self) -> None:
        """Stop asking."""
        for source in self._sources.values():
            await source.close()

    def _own(self, name: str) -> Access:
        section = getattr(self._settings, name, None)
        return section if isinstance(section, Access) else Access()

    def _source(self, name: str) -> KeySource | None:
        fetch = self._fetch(name)
        return None if fetch is None else KeySource(fetch, self._register, self._clock)

    def _fetch(self, name: str) -> Fetch | None:
        reached = access(self._settings, name)
        if reached.key_command:
            return CommandFetch(reached.key_command, self._environ, f"{name}.key_command")
        if reached.key_url:
            # What the address knows the device by; never the key of [service], which lasts.
            own = self._own(name).key_file
            bearer = Path(own) if own else None
            setting = f"{name}.key_url"
            return EndpointFetch(
                reached.key_url, setting, bearer_file=bearer, bearer_setting=f"{name}.key_file"
            )
        return None
