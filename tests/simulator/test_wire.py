"""Listening in on the WebSocket, and laying out what was heard."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from device.simulator.websocket_tap import Head, WebSocketTap, WireMessage
from device.simulator.wire_audio import RATE_HZ, DownlinkLayout, UplinkLayout, lay_out
from device.simulator.wire_log import DOWN, UP, WireLog

REQUEST = b"GET /v1/realtime?model=m HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer sk-secret\r\n\r\n"
ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


def frame(opcode: Opcode, data: bytes, *, masked: bool, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=masked)


def audio(ms: int, value: int = 1000) -> bytes:
    return np.full(RATE_HZ * ms // 1000, value, np.int16).tobytes()


def pattern(size: int) -> bytes:
    return (bytes(range(256)) * (size // 256 + 1))[:size]


payloads = st.sampled_from([0, 1, 125, 126, 300, 65_535, 65_536]).map(pattern)


@given(
    messages=st.lists(
        st.tuples(
            st.sampled_from([Opcode.TEXT, Opcode.BINARY]),
            st.lists(payloads, min_size=1, max_size=3),
        ),
        max_size=4,
    ),
    masked=st.booleans(),
    cuts=st.lists(st.integers(1, 70_000), max_size=20),
    with_ping=st.booleans(),
)
def test_any_messages_in_any_pieces(
    messages: list[tuple[Opcode, list[bytes]]], masked: bool, cuts: list[int], with_ping: bool
) -> None:
    stream = REQUEST if masked else ACCEPTED
    expected: list[WireMessage] = []
    for opcode, fragments in messages:
        for i, part in enumerate(fragments):
            code = opcode if i == 0 else Opcode.CONT
            stream += frame(code, part, masked=masked, fin=i == len(fragments) - 1)
            if with_ping and i < len(fragments) - 1:
                stream += frame(Opcode.PING, b"?", masked=masked)
                expected.append(WireMessage(Opcode.PING, b"?"))
        expected.append(WireMessage(opcode, b"".join(fragments)))
    tap = WebSocketTap(masked=masked)
    found: list[WireMessage | Head] = []
    for cut in cuts:
        found += tap.feed(stream[:cut])
        stream = stream[cut:]
    found += tap.feed(stream)
    assert tap.deaf == ""
    assert isinstance(found[0], Head)
    assert found[1:] == expected


@given(st.binary(max_size=400))
def test_garbage_never_raises(data: bytes) -> None:
    tap = WebSocketTap(masked=False)
    tap.feed(ACCEPTED)
    tap.feed(data)
    tap.feed(data)


def test_garbage_makes_it_deaf_with_a_reason() -> None:
    tap = WebSocketTap(masked=False)
    tap.feed(ACCEPTED)
    tap.feed(b"\xff\xff\xff\xff")
    assert "not a WebSocket stream" in tap.deaf
    assert tap.feed(frame(Opcode.TEXT, b"x", masked=False)) == []


def test_a_refused_handshake_is_told_and_ends_decoding() -> None:
    tap = WebSocketTap(masked=False)
    assert tap.feed(b"HTTP/1.1 401 Unauthorized\r\n\r\nbody") == [Head("HTTP/1.1 401 Unauthorized")]
    assert "refused" in tap.deaf


def test_no_key_is_kept() -> None:
    tap = WebSocketTap(masked=True)
    log = WireLog()
    for found in tap.feed(REQUEST):
        log.message(found, UP, 1.0, 0.0)
    assert "sk-secret" not in repr(log.rows)


def say(log: WireLog, direction: str, at: float, **body: object) -> None:
    log.message(WireMessage(Opcode.TEXT, json.dumps(body).encode()), direction, at, 0.0)


def append(log: WireLog, at: float, pcm: bytes) -> None:
    encoded = base64.b64encode(pcm).decode()
    say(log, UP, at, type="input_audio_buffer.append", audio=encoded)


@pytest.mark.parametrize("kind", ["response.output_audio.delta", "response.audio.delta"])
def test_rows_and_audio_of_a_turn(kind: str) -> None:
    log = WireLog()
    append(log, 10.0, audio(20))
    say(log, DOWN, 10.5, type="input_audio_buffer.committed", item_id="u1")
    delta = base64.b64encode(audio(40, 5)).decode()
    say(log, DOWN, 11.0, type=kind, item_id="a1", response_id="r1", delta=delta)
    assert [(r["at"], r["direction"], r["type"]) for r in log.rows] == [
        (10.0, "up", "input_audio_buffer.append"),
        (10.5, "down", "input_audio_buffer.committed"),
        (11.0, "down", kind),
    ]
    assert log.rows[0]["audio_ms"] == 20
    assert (log.rows[2]["audio_ms"], log.rows[2]["item_id"]) == (40, "a1")
    assert delta not in repr(log.rows)
    (up,), (down,) = log.uplink.runs, log.downlink.runs
    assert (up.start, len(up.samples)) == (10.0, 480)
    assert (down.key, down.response, set(down.samples)) == ("a1", "r1", {5})


def test_text_that_is_no_json_and_audio_that_is_no_base64() -> None:
    log = WireLog()
    log.message(WireMessage(Opcode.TEXT, b"{"), DOWN, 1.0, 0.0)
    log.message(WireMessage(Opcode.TEXT, b"[1]"), DOWN, 1.0, 0.0)
    log.message(WireMessage(Opcode.CLOSE, b""), DOWN, 1.0, 0.0)
    say(log, UP, 2.0, type="input_audio_buffer.append", audio="***")
    assert [r["type"] for r in log.rows] == [
        "not_json",
        "not_json",
        "close",
        "input_audio_buffer.append",
    ]
    assert log.rows[-1]["not_base64"]
    assert len(log.uplink.runs[0].samples) == 0


def test_a_turn_stays_one_run_through_preroll_and_lateness() -> None:
    layout = UplinkLayout()
    layout.add(audio(500), 10.0, 0.0)  # the preroll, in one go
    layout.add(audio(100), 10.1, 0.0)
    layout.add(audio(100), 11.5, 0.0)  # 0.8 s later than the sound so far
    assert len(layout.runs) == 1
    assert layout.runs[0].end == pytest.approx(10.7)


def test_a_stalled_line_does_not_part_a_turn_but_a_pause_does() -> None:
    layout = UplinkLayout()
    layout.add(audio(100), 10.0, 0.0)
    layout.add(audio(100), 14.0, 3.5)  # the line was down meanwhile
    assert len(layout.runs) == 1
    layout.add(audio(100), 18.0, 3.5)  # nobody held it up this time
    assert [r.start for r in layout.runs] == [10.0, 18.0]


@pytest.mark.parametrize("kind", ["input_audio_buffer.commit", "input_audio_buffer.clear"])
def test_commit_and_clear_end_a_run(kind: str) -> None:
    log = WireLog()
    append(log, 10.0, audio(500))
    say(log, UP, 10.1, type=kind)
    append(log, 10.2, audio(100))
    assert [r.start for r in log.uplink.runs] == [10.0, pytest.approx(10.5)]


def test_items_queue_up_but_a_cancelled_one_gives_way() -> None:
    layout = DownlinkLayout()
    layout.add("a", "r1", audio(1000), 10.0)
    layout.add("b", "r2", audio(1000), 10.1)
    assert [r.start for r in layout.runs] == [10.0, 11.0]
    layout.cancel()
    layout.add("b", "r2", audio(100), 10.2)  # still on its way
    layout.add("c", "r3", audio(1000, 7), 10.6)
    assert layout.runs[-1].start == 10.6
    track = lay_out(layout.runs, 10.0, 12.5)
    assert track[int(0.7 * RATE_HZ)] == 7
    assert len(track) == int(2.5 * RATE_HZ) + 1


def test_a_cancelled_response_is_seen_on_the_wire_both_ways() -> None:
    for cancel in (
        (UP, {"type": "response.cancel"}),
        (UP, {"type": "conversation.item.truncate", "item_id": "a", "audio_end_ms": 5}),
        (DOWN, {"type": "response.done", "response": {"id": "r", "status": "cancelled"}}),
    ):
        log = WireLog()
        log.downlink.add("a", "r", audio(5000), 10.0)
        say(log, cancel[0], 10.5, **cancel[1])
        log.downlink.add("b", "r2", audio(100), 11.0)
        assert log.downlink.runs[-1].start == 11.0


def test_sound_from_before_ready_is_cut_off() -> None:
    layout = DownlinkLayout()
    layout.add("a", "r", audio(1000, 3), 9.5)
    track = lay_out(layout.runs, 10.0, 11.0)
    assert np.count_nonzero(track == 3) == RATE_HZ // 2
    assert track[0] == 3


def test_sound_that_was_over_before_ready_leaves_no_trace() -> None:
    layout = DownlinkLayout()
    layout.add("a", "r", b"\1\0" * RATE_HZ, 8.9)
    assert not lay_out(layout.runs, 10.0, 11.0).any()


def test_rows_keep_the_names_of_calls_and_requests() -> None:
    log = WireLog()

    def message(direction: str, **body: object) -> None:
        log.message(WireMessage(Opcode.TEXT, json.dumps(body).encode()), direction, 1.0, 0.0, 1)

    message(UP, type="response.create", event_id="q1", response={"metadata": {"request": "q1"}})
    named = {"id": "r", "status": "in_progress", "metadata": {"request": "q1", "other": "x"}}
    message(DOWN, type="response.created", response=named)
    message(DOWN, type="response.created", response={"id": "s", "metadata": None})
    message(DOWN, type="response.function_call_arguments.done", call_id="c", arguments="secret")
    result = {"type": "function_call_output", "call_id": "c", "output": "secret"}
    message(UP, type="conversation.item.create", item=result)
    message(UP, type="conversation.item.delete", item_id="i")
    message(DOWN, type="error", error={"code": "busy", "event_id": "q1", "message": "secret"})
    keys = ("request", "call_id", "item_type", "item_id", "refers_to")
    assert [{key: row[key] for key in keys if key in row} for row in log.rows] == [
        {"request": "q1"},
        {"request": "q1"},
        {},
        {"call_id": "c"},
        {"item_type": "function_call_output", "call_id": "c"},
        {"item_id": "i"},
        {"refers_to": "q1"},
    ]
    assert "secret" not in str(log.rows)
