"""A network that wants somebody to log in first answers in the service's place."""

from __future__ import annotations

import ssl
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from device.adapters.link_http import ask, perform
from device.adapters.link_portal import LogInFirstError, asks_for_log_in
from device.events import Cause, ErrorKind
from device.fakes_link import Gate
from device.providers.base import HttpRequest
from tests.certificates import certificate, server_context
from tests.link.rig import Rig, ScriptedServer, quiet, run

__all__ = ["certificate"]

PLAIN = "ws://voice.example.org/v1"
PAGE = {"Content-Type": "text/html; charset=utf-8"}


def to(location: str) -> dict[str, str]:
    return {"location": location}


# --- the judgement alone -----------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_a_portals(status: int) -> None:
    words = asks_for_log_in(PLAIN, status, to("http://login.hotel.example/?from=x"))
    assert "login.hotel.example" in words
    assert "from=x" not in words, "an address may carry a secret"


@pytest.mark.parametrize(
    "location", ["/v2", "ws://voice.example.org/v2", "https://VOICE.example.org/", "", "http://[x"]
)
def test_a_redirect_to_the_same_host_is_the_services(location: str) -> None:
    assert asks_for_log_in(PLAIN, 302, to(location)) == ""


@pytest.mark.parametrize("scheme", ["wss", "https"])
@pytest.mark.parametrize(
    ("status", "headers"), [(302, to("https://elsewhere.example/")), (200, PAGE), (407, {})]
)
def test_behind_a_certificate_that_was_right_it_is_the_service_that_answers(
    scheme: str, status: int, headers: dict[str, str]
) -> None:
    assert asks_for_log_in(f"{scheme}://voice.example.org/v1", status, headers) == ""


def test_but_511_is_what_it_says_there_too() -> None:
    assert "log in" in asks_for_log_in("wss://voice.example.org/v1", 511, {})


def test_a_page_in_place_of_a_service_out_there_is_a_portals() -> None:
    assert "log-in" in asks_for_log_in(PLAIN, 200, PAGE)
    assert asks_for_log_in(PLAIN, 200, {"Content-Type": "application/json"}) == ""
    assert asks_for_log_in(PLAIN, 404, PAGE) == ""


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost", "192.168.1.7", "[fd00::1]", "voice.local", "voice"]
)
def test_a_page_of_the_owners_own_network_is_a_wrong_address(host: str) -> None:
    assert asks_for_log_in(f"ws://{host}/v1", 200, PAGE) == ""


def test_one_name_of_this_machine_leading_to_another_is_no_portal() -> None:
    assert asks_for_log_in("ws://localhost:1/", 302, to("http://127.0.0.1:2/")) == ""


# --- on the link ---------------------------------------------------------------------------------


def redirecting(location: str, status: int = 302) -> Gate:
    def gate(connection: ServerConnection, _request: Request) -> Response:
        answer = connection.respond(HTTPStatus(status), "")
        answer.headers["Location"] = location
        return answer

    return gate


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("scheme", ["http", "https", "ws"])
def test_a_redirected_upgrade_is_told_as_a_log_in(scheme: str, status: int) -> None:
    async def test() -> None:
        gate = redirecting(f"{scheme}://login.example.net/start", status)
        async with ScriptedServer(quiet, gate=gate) as server:
            rig = Rig(server.url)
            failed = await rig.fails()
            assert (failed.kind, failed.cause) == (ErrorKind.NETWORK, Cause.LOG_IN)
            assert "login.example.net" in failed.detail
            await rig.link.stop()

    run(test)


@pytest.mark.parametrize("location", ["https://login.example.net/", "wss://other.example.net/v1"])
def test_the_services_own_redirect_is_not(certificate: Path, location: str) -> None:
    async def test() -> None:
        async with ScriptedServer(
            quiet, gate=redirecting(location), tls=server_context(certificate)
        ) as server:
            rig = Rig(
                server.url, ssl_context=lambda: ssl.create_default_context(cafile=certificate)
            )
            failed = await rig.fails()
            assert (failed.kind, failed.cause) == (ErrorKind.PROTOCOL, Cause.UNKNOWN)
            assert "leads elsewhere" in failed.detail
            await rig.link.stop()

    run(test)


def test_a_hand_shake_over_http_is_judged_alike() -> None:
    class Portal(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(302)
            self.send_header("Location", "http://login.example.net/")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Portal) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            request = HttpRequest("t", "POST", f"http://127.0.0.1:{server.server_port}/run")
            with pytest.raises(LogInFirstError, match=r"login\.example\.net"):
                ask(request, 5.0, None)
            assert perform(request, 5.0, None)[0] == 302, "an owner's own address is taken as it is"
        finally:
            server.shutdown()
            thread.join()
