"""The server on real sockets: hand-shake, trouble, several clients. Engines are fakes."""

from __future__ import annotations

import base64
import json
import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.protocol import State
from websockets.uri import parse_uri

from device.local.server import ServerOptions
from device.local.session import Limits
from tests.local.fakes import (
    Client,
    FakeRecogniser,
    FakeSynthesiser,
    running_server,
    silence,
    tone,
    tools,
)


def turn(client: Client) -> None:
    client.append(silence(300) + tone(900) + silence(800))


def test_a_turn_over_the_wire() -> None:
    recogniser = FakeRecogniser("what time is it")
    with running_server(recogniser=recogniser) as url, Client(url) as client:
        created = client.receive()
        assert created["type"] == "session.created"
        assert created["session"]["model"] == "m"
        client.update(tools=tools("get_time"))
        turn(client)
        call = client.expect("response.function_call_arguments.done")
        client.expect("response.done")
        item = {
            "type": "function_call_output",
            "call_id": call["call_id"],
            "output": '{"time": "00:30"}',
        }
        client.send("conversation.item.create", item=item)
        client.send("response.create")
        done = client.expect("response.done")
        text = "It is half past twelve at night."
        assert done["response"]["output"][0]["content"][0]["transcript"] == text
        audio = b"".join(
            base64.b64decode(e["delta"])
            for e in client.seen
            if e["type"] == "response.output_audio.delta"
        )
        assert len(audio) == 48 * 100 * len(text.split())
        deltas = [e for e in client.seen if e["type"] == "response.output_audio.delta"]
        assert len(base64.b64decode(deltas[0]["delta"])) == 48 * 35  # the first comes early
        assert recogniser.heard == [pytest.approx(300 + 900 + 288, abs=70)]


def test_sentences_are_set_apart_and_their_words_come_with_their_audio() -> None:
    with running_server("hello") as url, Client(url) as client:
        turn(client)
        client.expect("response.done")
        words = [
            e.get("delta") if "transcript" in e["type"] else None
            for e in client.seen
            if e["type"].endswith((".output_audio.delta", "output_audio_transcript.delta"))
        ]
        assert words[0] == "Hello."
        assert " How can I help?" in words[2:]


def test_replies_are_paced_and_can_be_cancelled() -> None:
    with running_server("help", options=ServerOptions(pace=4.0)) as url, Client(url) as client:
        client.update(tools=[], tool_choice="none")
        client.send(
            "response.create", response={"instructions": f"Say: {'la ' * 300}"}
        )  # 30 s of audio
        began = time.monotonic()
        client.expect("response.output_audio.delta")
        time.sleep(0.3)
        client.send("response.cancel")
        done = client.expect("response.done")["response"]
        assert time.monotonic() - began < 5
        assert done["status"] == "cancelled"
        audio_ms = done["usage"]["output_token_details"]["audio_tokens"] * 50
        assert 1000 <= audio_ms < 20_000


def test_two_clients_at_once_do_not_disturb_each_other() -> None:
    with running_server("hello") as url, Client(url) as one, Client(url) as two:
        for client in (one, two):
            turn(client)
        for client in (one, two):
            assert client.expect("response.done")["response"]["status"] == "completed"


def test_any_key_will_do_when_none_is_set() -> None:
    with (
        running_server() as url,
        Client(url, additional_headers={"Authorization": "Bearer anything"}) as client,
    ):
        assert client.receive()["type"] == "session.created"


def test_the_key_is_required_when_one_is_set() -> None:
    with running_server(options=ServerOptions(key="sesame")) as url:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "sesame"}):
            with (
                pytest.raises(InvalidStatus) as refused,
                Client(url, additional_headers=headers),
            ):
                pass
            assert refused.value.response.status_code == 401
            body = json.loads(refused.value.response.body or b"")
            assert body["error"]["code"] == "invalid_api_key"
        with Client(url, additional_headers={"Authorization": "Bearer sesame"}) as client:
            assert client.receive()["type"] == "session.created"
        browser = ["realtime", "openai-insecure-api-key.sesame"]
        with Client(url, subprotocols=browser) as client:
            assert client.socket.subprotocol == "realtime"


def test_other_paths_are_not_found() -> None:
    with running_server() as url:
        live = url.replace("/v1/realtime", "/v1/live/sessions")
        with pytest.raises(InvalidStatus) as refused, Client(live):
            pass
        assert refused.value.response.status_code == 404


def test_too_many_clients_are_refused() -> None:
    with running_server(options=ServerOptions(clients=1)) as url, Client(url) as client:
        client.receive()
        with pytest.raises(InvalidStatus) as refused, Client(url):
            pass
        assert refused.value.response.status_code == 503


def test_the_beta_protocol_is_refused_as_by_the_real_service() -> None:
    with (
        running_server() as url,
        Client(url, additional_headers={"OpenAI-Beta": "realtime=v1"}) as client,
    ):
        assert client.receive()["error"]["code"] == "beta_api_shape_disabled"
        with pytest.raises(ConnectionClosed) as closed:
            client.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4000


def test_garbage_is_answered_and_survived() -> None:
    with running_server("hello") as url, Client(url) as client:
        client.receive()
        for garbage in ("", "{", "[]", '"x"', "[" * 100_000, "\u0000", '{"type": NaN}', "null"):
            client.socket.send(garbage)
            error = client.receive()
            assert error["type"] == "error", garbage[:20]
        client.socket.send(b"\x00\x01")
        assert "text frames" in client.receive()["error"]["message"]
        turn(client)
        assert client.expect("response.done")["response"]["status"] == "completed"


def test_not_even_http_and_abrupt_ends_are_survived(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with running_server("hello") as url:
        port = int(url.split(":")[2].split("/")[0])
        for data in (b"", b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", port)) as raw:
                raw.sendall(data)
        for _ in range(3):
            with Client(url) as client:
                client.receive()
                turn(client)
                client.drop()  # in the middle of a turn
        with Client(url) as client:
            turn(client)
            assert client.expect("response.done")["response"]["status"] == "completed"
    assert not [r for r in caplog.records if r.exc_info and r.name.startswith("parlor")]
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR and r.name == "asyncio"]


def test_an_oversized_message_ends_that_session_only(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with running_server("hello") as url, Client(url) as big, Client(url) as other:
        big.receive()
        with pytest.raises(ConnectionClosed) as closed:
            big.send("input_audio_buffer.append", audio="A" * (17 * 1024 * 1024))
            while True:
                big.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
        turn(other)
        assert other.expect("response.done")["response"]["status"] == "completed"
    told = [r.getMessage() for r in caplog.records if "client gone" in r.getMessage()]
    assert "client gone: a message of more than 16777216 bytes was refused (1009)" in told


def test_a_client_that_never_reads_holds_up_nobody_and_stays_small() -> None:
    FakeSynthesiser.said_ms = 0
    with running_server("hello") as url, deaf_client(url) as deaf, Client(url) as other:
        for _ in range(3):
            response = {"instructions": f"Say: {'la ' * 30_000}", "conversation": "none"}
            deaf({"type": "response.create", "response": response})  # 50 min each, unpaced
        for _ in range(5):
            turn(other)
            assert other.expect("response.done")["response"]["status"] == "completed"
        waited = [FakeSynthesiser.said_ms]
        while len(waited) < 2 or waited[-1] != waited[-2]:
            time.sleep(0.2)
            waited.append(FakeSynthesiser.said_ms)
        assert 0 < waited[-1] < 20 * 60 * 1000  # the socket's buffers, and no more


@contextmanager
def deaf_client(url: str) -> Iterator[Callable[[object], None]]:
    """A client that sends what it is told to and reads nothing after the hand-shake."""
    protocol = ClientProtocol(parse_uri(url))
    with socket.create_connection(("127.0.0.1", protocol.uri.port)) as raw:
        protocol.send_request(protocol.connect())
        raw.sendall(b"".join(protocol.data_to_send()))
        while protocol.state is not State.OPEN:
            protocol.receive_data(raw.recv(1))

        def send(event: object) -> None:
            protocol.send_text(json.dumps(event).encode())
            raw.sendall(b"".join(protocol.data_to_send()))

        yield send


def test_the_session_ends_when_its_time_is_over() -> None:
    options = ServerOptions(limits=Limits(session_s=0.3))
    with running_server(options=options) as url, Client(url) as client:
        assert client.expect("error")["error"]["code"] == "session_expired"
        with pytest.raises(ConnectionClosed) as closed:
            client.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


def test_a_recogniser_that_fails_does_not_end_the_session() -> None:
    with running_server(RuntimeError("decoder"), "hello") as url, Client(url) as client:
        client.update(audio={"input": {"transcription": {"model": "x"}}})
        turn(client)
        failed = client.expect("conversation.item.input_audio_transcription.failed")
        assert "decoder" in failed["error"]["message"]
        client.expect("response.done")
        turn(client)
        completed = client.expect("conversation.item.input_audio_transcription.completed")
        assert completed["transcript"] == "hello"
