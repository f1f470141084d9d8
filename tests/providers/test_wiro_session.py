"""Wiro's realtime models: from the request that runs one to the end of the session."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from device.commands import AppendAudio
from device.events import ErrorKind, LinkOpened, ServiceTrouble, SessionOpening, UsageReported
from device.providers.base import Connect, Disconnect, Emit, HttpRequest, Note, Said, SendFrame
from device.providers.machine import MALFORMED_LIMIT
from device.providers.wiro import SOCKET_URL
from tests.providers.wiro_driver import (
    KEY,
    TOKEN,
    Task,
    chunks,
    emitted,
    ending,
    sent_pcm,
    texts,
    tone,
)


def request(task: Task) -> HttpRequest:
    (found,) = [o for o in task.codec.start(task.now) if isinstance(o, HttpRequest)]
    return found


def test_a_model_is_run_over_http_with_the_key_in_a_header() -> None:
    asked = request(Task())
    assert asked.method == "POST"
    assert asked.url == "https://api.wiro.ai/v1/Run/openai/gpt-realtime"
    assert asked.headers == {"Content-Type": "application/json", "x-api-key": KEY}


def test_the_literal_name_of_a_model_is_escaped_in_the_address() -> None:
    asked = request(Task("elevenlabs/Realtime Conversational AI"))
    assert asked.url.endswith("/v1/Run/elevenlabs/Realtime%20Conversational%20AI")


def test_with_a_secret_the_request_is_signed_with_the_key_as_key_of_the_hmac() -> None:
    asked = request(Task(secret="the-secret", wall_ahead_s=1_799_999_900.7))
    signed = hmac.new(KEY.encode(), b"the-secret1800000000", hashlib.sha256).hexdigest()
    assert asked.headers["x-nonce"] == "1800000000"
    assert asked.headers["x-signature"] == signed
    assert "the-secret" not in repr(asked.headers)


def test_a_signature_without_the_time_of_day_is_noted() -> None:
    outputs = Task(secret="the-secret").codec.start(50.0)
    assert [o for o in outputs if isinstance(o, Note)]


@pytest.mark.parametrize(
    "answer",
    [
        {"result": True, "errors": [], "taskid": "7", "socketaccesstoken": TOKEN},
        {"result": True, "data": {"taskid": 7, "socketaccesstoken": TOKEN}},
    ],
    ids=["top level", "nested"],
)
def test_the_token_of_the_answer_registers_the_session_on_the_socket(
    answer: dict[str, Any],
) -> None:
    task = Task()
    outputs = task.runs(**answer)
    assert [o.url for o in outputs if isinstance(o, Connect)] == [SOCKET_URL]
    assert texts(outputs) == [{"type": "task_info", "tasktoken": TOKEN}]
    assert emitted(task.says("task_stream_ready", tasktoken=TOKEN)) == [LinkOpened("7")]


def test_the_socket_of_another_host_is_configured_and_never_guessed() -> None:
    own = Task(url="https://wiro.example.org/v1")
    assert ending(own.take(own.codec.start(1.0))).kind is ErrorKind.PROTOCOL
    told = Task(
        url="https://wiro.example.org/v1", options={"socket_url": "wss://wiro.example.org/s"}
    )
    outputs = told.runs()
    assert [o.url for o in outputs if isinstance(o, Connect)] == ["wss://wiro.example.org/s"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (0, ErrorKind.SERVICE),
        (1, ErrorKind.PROTOCOL),
        (96, ErrorKind.SERVICE),
        (97, ErrorKind.QUOTA),
        ("98", ErrorKind.KEY),
        (99, ErrorKind.KEY),
        ("rubbish", ErrorKind.SERVICE),
    ],
)
def test_errors_of_a_run_come_with_http_200_and_are_told_apart(code: Any, kind: ErrorKind) -> None:
    errors = [{"code": code, "message": f"no, {KEY}"}]
    end = ending(Task().runs(result=False, errors=errors))
    assert end.kind is kind
    assert KEY not in end.reason
    assert "no, [key]" in end.reason


def test_the_error_that_says_most_is_told() -> None:
    errors = [{"code": 0, "message": "failed"}, {"code": 97, "message": "balance"}]
    assert ending(Task().runs(result=False, errors=errors)).kind is ErrorKind.QUOTA


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, b"{}", ErrorKind.KEY),
        (401, b'{"result":false,"errors":[{"code":97,"message":"x"}]}', ErrorKind.QUOTA),
        (404, b"not here", ErrorKind.PROTOCOL),
        (500, b"", ErrorKind.SERVICE),
        (429, b'{"errors":[{"code":0,"message":"slow down"}]}', ErrorKind.QUOTA),
        (200, b"<html>", ErrorKind.PROTOCOL),
        (200, b'{"result":true}', ErrorKind.PROTOCOL),
        (200, b'{"result":false}', ErrorKind.SERVICE),
    ],
)
def test_what_is_no_good_answer_ends_the_attempt(status: int, body: bytes, kind: ErrorKind) -> None:
    task = Task()
    task.take(task.codec.start(task.now))
    assert ending(task.answered(body, status)).kind is kind


def test_a_session_that_queues_is_waited_for_as_long_as_it_makes_progress() -> None:
    task = Task()
    task.runs()
    for kind in ("task_queue", "task_accept", "task_preprocess_start", "task_assign"):
        assert task.wait(50.0) == []
        assert task.says(kind) == [Emit(SessionOpening(15.0))]
    assert task.says("task_stream_ready")
    assert task.says("task_start") == []  # it has begun long ago
    stuck = Task()
    stuck.runs()
    stuck.says("task_queue")
    assert stuck.wait(59.0) == []
    assert ending(stuck.wait(2.0)).kind is ErrorKind.PROTOCOL


def test_what_was_said_while_it_queued_is_sent_when_it_is_ready() -> None:
    task = Task()
    task.runs()
    task.command(AppendAudio(tone(0.4)))
    assert sent_pcm(task.outputs) == b""
    assert sent_pcm(task.says("task_stream_ready")) == tone(0.4)


def test_a_session_that_fails_in_the_queue_says_why() -> None:
    task = Task()
    task.runs()
    errors = [{"code": "99", "message": f"bad token {TOKEN}"}]
    end = ending(task.says("task_error", errors=errors))
    assert end.kind is ErrorKind.KEY
    assert TOKEN not in end.reason


def test_a_line_of_the_models_log_is_told_once_and_ends_nothing() -> None:
    task = Task().ready()
    (trouble,) = emitted(task.says("task_error", message=f"warning: {TOKEN} is old"))
    assert isinstance(trouble, ServiceTrouble)
    assert not trouble.fatal and TOKEN not in trouble.detail
    assert task.says("task_error", message=f"warning: {TOKEN} is old") == []


def test_events_of_another_task_are_not_ours() -> None:
    task = Task().ready()
    assert task.says("task_cancel", tasktoken="another-token") == []


def test_the_farewell_waits_for_the_end_of_the_task_and_hears_the_last_cost() -> None:
    task = Task().ready()
    outputs = task.take(task.codec.finish("goodnight", task.now))
    assert texts(outputs) == [{"type": "task_session_end", "tasktoken": TOKEN}]
    (cost,) = emitted(task.says("task_cost", turnCost=0.01, cumulativeCost=0.01))
    assert cost == UsageReported(cost_usd=0.01)
    assert task.says("task_end", pexit="0") == []
    assert task.sounds() == []
    assert ending(task.says("task_postprocess_end")).kind is None


def requests(outputs: list[Any]) -> list[tuple[str, Any]]:
    found = [o for o in outputs if isinstance(o, HttpRequest)]
    return [(o.url.partition("/v1/")[2], json.loads(o.body)) for o in found]


ENDS_IT = [
    ("Task/Cancel", {"taskid": "7"}),
    ("Task/Kill", {"socketaccesstoken": TOKEN}),
]


def test_a_run_that_is_not_wanted_any_more_is_ended_when_its_token_comes() -> None:
    task = Task()
    task.take(task.codec.start(task.now))
    assert task.codec.finish("not needed", task.now) == []
    assert task.codec.finish("not needed", task.now) == []
    good = {"result": True, "errors": [], "taskid": "7", "socketaccesstoken": TOKEN}
    outputs = task.answered(good)
    assert requests(outputs) == ENDS_IT
    assert ending(outputs).kind is None and outputs[-1] is ending(outputs)
    assert task.codec.http_answered("Task/Kill", 200, b"{}", task.now) == []
    refused = Task()
    refused.take(refused.codec.start(refused.now))
    refused.codec.finish("not needed", refused.now)
    outputs = refused.answered({"result": False, "errors": []})
    assert requests(outputs) == [] and ending(outputs)


def test_a_run_whose_socket_does_not_come_up_is_ended() -> None:
    for leave in ("finish", "refused"):
        task = Task()
        task.take(task.codec.start(task.now))
        task.answered({"result": True, "taskid": "7", "socketaccesstoken": TOKEN})
        codec, now = task.codec, task.now
        outputs = codec.finish("x", now) if leave == "finish" else codec.refused(503, b"", now)
        assert requests(outputs) == ENDS_IT
        assert outputs[-1] is ending(outputs)


def test_who_leaves_the_queue_says_so() -> None:
    task = Task()
    task.runs()
    task.says("task_queue")
    outputs = task.take(task.codec.finish("not needed", task.now))
    assert texts(outputs) == [{"type": "task_session_end", "tasktoken": TOKEN}]
    assert ending(outputs).kind is None


def test_a_task_that_ends_by_itself_ends_the_session_behind_its_last_words() -> None:
    task = Task().ready()
    assert task.says("task_end") == []
    assert task.command(AppendAudio(tone(1.0))) == []
    assert emitted(task.says("task_cost", turnCost=0.5)) == [UsageReported(cost_usd=0.5)]
    assert ending(task.says("task_postprocess_end")).kind is ErrorKind.SERVICE
    waiting = Task().ready()
    waiting.says("task_end", exitCode=1)
    assert waiting.wait(2.9) == []
    end = ending(waiting.wait(0.2))
    assert end.kind is ErrorKind.SERVICE and "exit code 1" in end.reason


def test_a_task_that_ends_in_the_queue_ends_the_attempt() -> None:
    task = Task()
    task.runs()
    assert task.says("task_end", pexit="137") == []
    assert task.says("task_stream_ready") == []
    assert "137" in ending(task.wait(4.0)).reason


@pytest.mark.parametrize("stage", ["queue", "open"])
def test_a_task_that_is_cancelled_ends_at_once(stage: str) -> None:
    task = Task()
    task.runs()
    if stage == "open":
        task.says("task_stream_ready")
    assert ending(task.says("task_cancel")).kind is ErrorKind.SERVICE


def test_the_socket_may_close_at_any_time() -> None:
    task = Task().ready()
    assert ending(task.codec.closed(1006, "", task.now)).kind is ErrorKind.NETWORK
    assert task.codec.closed(1006, "", task.now) == []


def test_what_was_said_before_stands_at_the_end_of_the_instructions() -> None:
    history = (Said("user", "What is a newt?"), Said("assistant", "An amphibian."))
    body = json.loads(request(Task(instructions="Be brief.", history=history)).body)
    assert body["system_instructions"] == (
        "Be brief.\n\nThe conversation so far:\nUser: What is a newt?\nYou: An amphibian."
    )


def test_malformed_messages_end_a_session_when_they_come_in_a_flood() -> None:
    task = Task().ready()
    for _ in range(3 * MALFORMED_LIMIT):
        task.wait(30.0)
        assert not [o for o in task.raw("{") if isinstance(o, Disconnect)]
    for _ in range(MALFORMED_LIMIT - 2):
        assert not [o for o in task.raw("{") if isinstance(o, Disconnect)]
    assert ending(task.raw("{") + task.raw("{")).kind is ErrorKind.PROTOCOL


def test_the_token_appears_in_no_text_that_may_be_shown() -> None:
    task = Task().ready()
    task.says(f"unknown {TOKEN}")
    task.says("task_error", message=f"{TOKEN} {KEY}")
    task.take(task.codec.closed(4001, f"bad token {TOKEN}", task.now))
    shown = "\n".join(repr(output) for output in task.outputs) + repr(task.codec)
    assert TOKEN not in shown and KEY not in shown


def test_sound_goes_up_in_whole_chunks_behind_the_token() -> None:
    task = Task().ready()
    outputs = task.speaks(0.5, tone(0.5))
    sizes = [len(chunk) for chunk in chunks(outputs)]
    assert sizes == [len(TOKEN) + 1 + 9600] * 2
    assert sent_pcm(outputs) == tone(0.4)


@pytest.mark.parametrize(("chunk_ms", "size"), [(20, 960), (100, 4800), (5000, 19200)])
def test_the_length_of_a_chunk_is_configured(chunk_ms: int, size: int) -> None:
    task = Task(options={"chunk_ms": chunk_ms}).ready()
    task.command(AppendAudio(tone(1.0)))
    assert {len(c) - len(TOKEN) - 1 for c in chunks(task.outputs)} == {size}


def test_what_is_left_of_a_turn_goes_out_with_silence_when_the_device_pauses() -> None:
    task = Task().ready()
    task.speaks(0.5, tone(0.5))
    task.wait(3.0)
    heard = sent_pcm(task.outputs)
    assert heard.startswith(tone(0.5))
    assert set(heard[len(tone(0.5)) :]) == {0}
    assert 3.0 < len(heard) / 48000 < 3.7


def test_the_silence_ends() -> None:
    task = Task(reply_timeout_s=5.0).ready()
    task.asks()
    task.wait(20.0)
    assert len(sent_pcm(task.outputs)) < 7.5 * 48000
    assert task.codec.deadline is None


def test_frames_are_hidden_from_logs() -> None:
    task = Task().ready()
    task.speaks(0.2, tone(0.2))
    assert all(TOKEN not in repr(o) for o in task.outputs if isinstance(o, SendFrame))
