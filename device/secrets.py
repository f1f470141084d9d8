"""The API key: where it comes from, and a wrapper that keeps it out of every log.

Order: the systemd credential ``$CREDENTIALS_DIRECTORY/<key_name>``, then the
file named by ``service.key_file``. The key is never in the TOML and never in
the environment, which every child process inherits.
"""

from __future__ import annotations

import logging
import stat
from collections.abc import Mapping
from pathlib import Path

from device.errors import SecretError
from device.settings import ServiceSettings

log = logging.getLogger(__name__)

INSTALLED = Path("/etc/parlor")
"""Where the unit takes the credential from (``LoadCredential=`` in parlor.service)."""

LONGEST = 4096


class Secret:
    """A value that shows itself only when asked by :meth:`reveal`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the wire and for the log's mask only."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not written anywhere")


def load_key(
    service: ServiceSettings, environ: Mapping[str, str], installed: Path | None = None
) -> Secret:
    """The service's API key.

    ``environ`` is the process environment (systemd's CREDENTIALS_DIRECTORY).
    ``installed`` is for a check from outside the unit, which sees no credential:
    the file that the unit would hand over counts then, readable or not.
    Raises SecretError (what is wrong, what to do; never the value). Loop thread
    or start-up; reads one small file.
    """
    tried = []
    if directory := environ.get("CREDENTIALS_DIRECTORY"):
        path = Path(directory) / service.key_name
        # The unit gives an empty line when no key has been installed.
        if path.exists() and path.read_bytes().strip():
            return read_key(path, "service.key_name")
        tried.append(f"the systemd credential {service.key_name} is not set")
    if service.key_file:
        return read_key(Path(service.key_file), "service.key_file")
    if installed is not None and not directory:
        path = installed / service.key_name
        try:
            return read_key(path, "service.key_name")
        except SecretError as error:
            if isinstance(error.__cause__, PermissionError):
                return Secret("")  # as it should be: only root may read it
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
        tried.append(f"there is no {path}")
    tried.append("service.key_file is empty")
    raise SecretError(
        f"no API key for {service.provider}: {', '.join(tried)}",
        key="service.key_name",
        hint=f"put the key alone into {INSTALLED / service.key_name}, mode 600, owner root",
    )


def load_secret(name: str, file: str, section: str, environ: Mapping[str, str]) -> Secret:
    """The second half of a key that has two: the systemd credential ``name``, else what stands
    in ``file``; empty where neither is set. Raises SecretError, which blames ``section``."""
    if not name:
        return read_key(Path(file), f"{section}.secret_file") if file else Secret("")
    where = ServiceSettings(provider=section, key_name=name, key_file=file)
    try:
        return load_key(where, environ)
    except SecretError as error:
        raise SecretError(
            f"no API secret for {section}: neither a credential nor a file has one",
            key=f"{section}.secret_name",
            hint=f"put it alone into {INSTALLED / name}, mode 600, owner root, or name a file "
            f"with {section}.secret_file",
        ) from error


def read_key(path: Path, key: str) -> Secret:
    """The one line in ``path``; ``key`` is the setting to blame. Raises SecretError."""
    try:
        info = path.stat()
        if stat.S_ISREG(info.st_mode) and info.st_size > LONGEST:
            raise SecretError(f"{path} is too long for an API key", key=key)
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError as error:
        raise SecretError(
            f"there is no file {path}", key=key, hint="write the API key, and nothing else, into it"
        ) from error
    except IsADirectoryError as error:
        raise SecretError(f"{path} is a directory; expected a file", key=key) from error
    except PermissionError as error:
        raise SecretError(
            f"{path} may not be read by this user",
            key=key,
            hint=f"chown parlor {path}, or use the systemd credential",
        ) from error
    except UnicodeDecodeError:
        # Not "from error": its text quotes the file's content.
        raise SecretError(f"{path} holds something else than an API key", key=key) from None
    except OSError as error:
        raise SecretError(f"{path} cannot be read: {error.strerror}", key=key) from error
    if not text:
        raise SecretError(f"{path} is empty", key=key, hint="write the API key into it")
    if any(c.isspace() or not c.isprintable() for c in text):
        raise SecretError(
            f"{path} holds more than one word", key=key, hint="it must hold the API key alone"
        )
    # Credentials live in a directory that only the service may enter.
    if key == "service.key_file" and info.st_mode & (stat.S_IROTH | stat.S_IWOTH):
        log.warning("everybody on this machine can read the API key: chmod 600 %s", path)
    return Secret(text)
