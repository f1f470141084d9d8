"""The owner's address: encrypted, bounded, and nothing of its answer is shown."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from device.adapters.key_answer import Answer
from device.adapters.key_fetch import EndpointFetch, KeyFetchError
from device.errors import SecretError
from device.events import ErrorKind
from device.secrets import Secret
from tests.certificates import certificate, server_context
from tests.keys.shown import everything_of

__all__ = ["certificate"]

KEY = "planted-key-5f2a91c4"
BEARER = "planted-bearer-77aa01"


class Endpoint(ThreadingHTTPServer):
    """Answers every request with ``status`` and ``body``, after ``answers`` is set."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200
        self.body = f'{{"value": "{KEY}", "expires_at": 1795000600}}'.encode()
        self.location = ""
        self.answers = threading.Event()
        self.answers.set()
        self.heard: list[tuple[str, str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/key?kiosk=7"

    def handle_error(self, request: object, client_address: object) -> None:
        """A TLS hand-shake that the client broke off is what the test wants."""


class Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        endpoint = self.server
        endpoint.heard.append((self.command, self.path, dict(self.headers)))
        endpoint.answers.wait(20)
        self.send_response(endpoint.status)
        if endpoint.location:
            self.send_header("Location", endpoint.location)
        self.send_header("Content-Length", str(len(endpoint.body)))
        self.end_headers()
        self.wfile.write(endpoint.body)

    def log_message(self, *_: object) -> None:
        """Silence."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.answers.set()
    server.shutdown()
    server.server_close()
    thread.join()


def fetch(
    url: str,
    bearer_file: Path | None = None,
    context: ssl.SSLContext | None = None,
    time_limit_s: float = 10.0,
) -> Answer:
    ask = EndpointFetch(
        url,
        "openai_realtime.key_url",
        bearer_file=bearer_file,
        bearer_setting="openai_realtime.key_file",
        context=context,
        time_limit_s=time_limit_s,
    )
    return asyncio.run(ask())


def refused(url: str, bearer_file: Path | None = None, time_limit_s: float = 10) -> KeyFetchError:
    with pytest.raises(KeyFetchError) as caught:
        fetch(url, bearer_file, time_limit_s=time_limit_s)
    assert caught.value.key == "openai_realtime.key_url"
    assert caught.value.hint
    shown = everything_of(caught.value)
    assert KEY not in shown
    assert BEARER not in shown
    return caught.value


@pytest.fixture
def bearer_file(tmp_path: Path) -> Path:
    path = tmp_path / "bearer"
    path.write_text(f"{BEARER}\n")
    path.chmod(0o600)
    return path


def test_it_is_asked_with_a_post_and_the_devices_token(
    endpoint: Endpoint, bearer_file: Path
) -> None:
    answer = fetch(endpoint.url, bearer_file)
    assert answer == Answer(Secret(KEY), expires_at=1795000600.0)
    [(method, path, headers)] = endpoint.heard
    assert (method, path) == ("POST", "/key?kiosk=7")
    assert headers["Authorization"] == f"Bearer {BEARER}"


def test_without_a_token_none_is_sent(endpoint: Endpoint) -> None:
    fetch(endpoint.url)
    assert "Authorization" not in endpoint.heard[0][2]


def test_a_token_that_cannot_be_read_blames_its_own_setting(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    with pytest.raises(SecretError, match="there is no file") as caught:
        fetch(endpoint.url, tmp_path / "none")
    assert caught.value.key == "openai_realtime.key_file"
    assert not endpoint.heard


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (401, ErrorKind.KEY, "does not know this device"),
        (403, ErrorKind.KEY, "does not know this device"),
        (404, ErrorKind.KEY, "gave no key"),
        (429, ErrorKind.SERVICE, "gave no key"),
        (500, ErrorKind.SERVICE, "gave no key"),
        (503, ErrorKind.SERVICE, "gave no key"),
    ],
)
def test_a_refusal_says_its_number_and_whether_to_wait(
    endpoint: Endpoint, bearer_file: Path, status: int, kind: ErrorKind, says: str
) -> None:
    endpoint.status = status
    endpoint.body = f"no: {BEARER} {KEY}".encode()
    error = refused(endpoint.url, bearer_file)
    assert error.kind is kind
    assert says in str(error)
    assert str(status) in str(error)


def test_a_redirect_is_not_followed(endpoint: Endpoint, bearer_file: Path) -> None:
    endpoint.status, endpoint.location = 307, endpoint.url
    assert "leads elsewhere" in str(refused(endpoint.url, bearer_file))
    assert len(endpoint.heard) == 1


@pytest.mark.parametrize(
    "body",
    [b"", f"{KEY} {KEY}".encode(), f'{{"value": "{KEY}"'.encode(), f"<html>{KEY} </html>".encode()],
)
def test_garbage_is_no_key(endpoint: Endpoint, body: bytes) -> None:
    endpoint.body = body
    error = refused(endpoint.url)
    assert "answered" in str(error)
    assert error.kind is ErrorKind.KEY


def test_an_answer_that_is_far_too_long_is_refused(endpoint: Endpoint) -> None:
    endpoint.body = KEY.encode() * 10_000
    assert "answered too much" in str(refused(endpoint.url))


def test_one_that_does_not_answer_is_given_up(endpoint: Endpoint) -> None:
    endpoint.answers.clear()
    error = refused(endpoint.url, time_limit_s=0.3)
    assert "within 0.3 s" in str(error)
    assert error.kind is ErrorKind.NETWORK


def test_one_that_is_not_there_is_a_matter_of_the_network(endpoint: Endpoint) -> None:
    nobody = Endpoint()
    nobody.server_close()
    error = refused(nobody.url)
    assert "cannot be reached" in str(error)
    assert error.kind is ErrorKind.NETWORK


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://keys.example.org/key", "is not encrypted"),
        ("http://192.168.1.7/key", "is not encrypted"),
        ("wss://keys.example.org/key", "no address"),
        ("keys.example.org", "no address"),
        ("https://", "no address"),
    ],
)
def test_only_an_encrypted_address_is_asked(url: str, says: str) -> None:
    assert says in str(refused(url))


def test_over_tls_who_cannot_prove_who_it_is_gets_no_token(
    endpoint: Endpoint, certificate: Path, bearer_file: Path
) -> None:
    endpoint.socket = server_context(certificate).wrap_socket(endpoint.socket, server_side=True)
    url = endpoint.url.replace("http:", "https:")
    trusting = ssl.create_default_context(cafile=str(certificate))
    assert fetch(url, bearer_file, trusting).secret.reveal() == KEY
    endpoint.heard.clear()
    error = refused(url, bearer_file)
    assert "cannot prove who it is" in str(error)
    assert error.kind is ErrorKind.CERTIFICATE
    assert not endpoint.heard
