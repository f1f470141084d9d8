"""The API key: found, refused with a reason, never shown."""

from __future__ import annotations

import copy
import dataclasses
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from device.errors import SecretError
from device.providers.base import HttpRequest
from device.secrets import Secret, load_key, load_secret, read_key
from device.session import SessionFactory
from device.settings import ServiceSettings, Settings

KEY = "abcdefgh12345678"


def key_file(tmp_path: Path, content: bytes, mode: int = 0o600) -> Path:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret(KEY)
    shown = f"{secret} {secret!r} {secret!s:>20} {[secret]} {secret:}"
    assert KEY not in shown
    assert "***" in shown
    assert secret.reveal() == KEY
    assert not hasattr(secret, "__dict__")


def test_a_secret_is_not_written_anywhere() -> None:
    for write in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            write(Secret(KEY))


def test_secrets_compare() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert hash(Secret("a")) == hash(Secret("a"))
    assert not Secret("")


def test_from_a_file(tmp_path: Path) -> None:
    path = key_file(tmp_path, f"{KEY}\n".encode())
    assert load_key(ServiceSettings(key_file=str(path)), {}).reveal() == KEY


def test_the_credential_comes_first(tmp_path: Path) -> None:
    (tmp_path / "service_key").write_text("from-systemd")
    path = key_file(tmp_path, b"from-file")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert load_key(ServiceSettings(key_file=str(path)), environ).reveal() == "from-systemd"
    other = ServiceSettings(key_name="other", key_file=str(path))
    assert load_key(other, environ).reveal() == "from-file"


def test_an_empty_credential_is_none(tmp_path: Path) -> None:
    """The unit hands over an empty line when no key was installed."""
    (tmp_path / "service_key").write_text("\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    with pytest.raises(SecretError, match=r"put the key alone into /etc/parlor/service_key"):
        load_key(ServiceSettings(provider="openai_realtime"), environ)
    path = key_file(tmp_path, KEY.encode())
    assert load_key(ServiceSettings(key_file=str(path)), environ).reveal() == KEY


def test_no_source_at_all() -> None:
    with pytest.raises(SecretError, match="no API key for openai_realtime") as caught:
        load_key(ServiceSettings(provider="openai_realtime"), {})
    assert caught.value.key == "service.key_name"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"two words", "more than one word"),
        (b"KEY=abc\nOTHER=def\n", "more than one word"),
        (b"abc\0def", "more than one word"),
        ("schlüssel".encode(), "something else than an API key"),
        (b"\xff\xfe\x00", "something else than an API key"),
        (b"x" * 5000, "too long"),
    ],
)
def test_a_bad_file_says_what_is_wrong_and_not_what_it_holds(
    tmp_path: Path, content: bytes, says: str
) -> None:
    path = key_file(tmp_path, content)
    with pytest.raises(SecretError, match=says) as caught:
        read_key(path, "service.key_file")
    message = str(caught.value)
    assert str(path) in message
    assert "service.key_file" in message
    for part in ("abc", "words\n", "schl", "xxxx"):
        assert part not in message
    assert caught.value.__cause__ is None or "schl" not in repr(caught.value.__cause__)


def test_missing_and_directory(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="there is no file"):
        read_key(tmp_path / "none", "service.key_file")
    with pytest.raises(SecretError, match="is a directory"):
        read_key(tmp_path, "service.key_file")


def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = key_file(tmp_path, KEY.encode())

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(SecretError, match="may not be read by this user") as caught:
        read_key(path, "service.key_file")
    assert f"chown parlor {path}" in caught.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read")
def test_unreadable_for_real(tmp_path: Path) -> None:
    path = key_file(tmp_path, KEY.encode())
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(0o755)
    script = (
        "import os; from pathlib import Path; from device.secrets import read_key\n"
        # Only now: nobody may not read the interpreter either, when it stands in root's home.
        "os.setgid(65534); os.setuid(65534)\n"
        f"read_key(Path({str(path)!r}), 'service.key_file')\n"
    )
    repo = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=repo, check=False
    )
    assert "may not be read by this user" in done.stderr
    assert KEY not in done.stderr


@pytest.mark.parametrize(("mode", "warns"), [(0o600, False), (0o640, False), (0o644, True)])
def test_a_key_that_everybody_can_read_is_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, warns: bool
) -> None:
    read_key(key_file(tmp_path, KEY.encode(), mode), "service.key_file")
    assert ("everybody on this machine can read" in caplog.text) is warns
    assert KEY not in caplog.text


def test_from_outside_the_unit_a_closed_key_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`parlor config check` runs as the owner, who may not read root's key: as it should be."""
    (tmp_path / "service_key").write_text(KEY)

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    service = ServiceSettings(provider="openai_realtime")
    assert load_key(service, {}, installed=tmp_path) == Secret("")


def test_a_second_secret_is_a_credential_or_a_file_or_none(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("the-secret")
    credential = tmp_path / "wiro_secret"
    credential.write_text("another-secret")
    unit = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert not load_secret("", "", "wiro", unit)
    assert load_secret("", str(file), "wiro", {}).reveal() == "the-secret"
    assert load_secret("wiro_secret", str(file), "wiro", {}).reveal() == "the-secret"
    assert load_secret("wiro_secret", str(file), "wiro", unit).reveal() == "another-secret"


@pytest.mark.parametrize(
    ("name", "file", "says"),
    [("wiro_secret", "", "/etc/parlor/wiro_secret"), ("", "/nowhere/secret", "wiro.secret_file")],
)
def test_a_second_secret_that_is_missing_says_where_it_goes(
    name: str, file: str, says: str
) -> None:
    with pytest.raises(SecretError) as error:
        load_secret(name, file, "wiro", {})
    assert says in str(error.value)


@pytest.mark.parametrize("name", ["wiro", "wiro_agent"])
def test_the_second_secret_of_a_service_stands_in_a_file_of_its_own_and_is_masked(
    tmp_path: Path, name: str
) -> None:
    for file, text in (("key", "key-of-mine"), ("secret", "secret-of-mine")):
        (tmp_path / file).write_text(text)
    settings = Settings()
    own = dataclasses.replace(
        getattr(settings, name),
        key_file=str(tmp_path / "key"),
        secret_file=str(tmp_path / "secret"),
        **({"agent": "guid"} if name == "wiro_agent" else {}),
    )
    service = dataclasses.replace(settings.service, provider=name)
    settings = dataclasses.replace(settings, service=service, **{name: own})
    masked: list[Secret] = []
    codec = SessionFactory(settings, {}, str, masked.append, wall_ahead_s=lambda: 0.0)()
    (request,) = codec.start(1.0)
    assert isinstance(request, HttpRequest) and request.headers["x-signature"]
    assert [secret.reveal() for secret in masked] == ["key-of-mine", "secret-of-mine"]
