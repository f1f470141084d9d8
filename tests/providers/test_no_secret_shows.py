"""Whatever a service does with our key, the codec layer shows it to nobody: not in a note, not
in the reason of an end, not in an event, not in the repr of anything that a log might print."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence

import pytest

from device.commands import (
    AbandonTurn,
    AppendAudio,
    CancelReply,
    ClearInput,
    CommitTurn,
    RequestReply,
    SendToolResult,
    TruncateReply,
)
from device.errors import ParlorError
from device.providers import SERVICES
from device.providers.base import (
    AskFence,
    Codec,
    Connect,
    HttpRequest,
    Output,
    SendFrame,
    SessionSpec,
)
from device.settings import Settings

KEY = "plantedKey0123456789abcdef"
SECOND = "plantedSecond0123456789abc"
ISSUED = "plantedIssued0123456789abc"
RESUME = "plantedResume0123456789abc"
PLANTED = (KEY, SECOND, ISSUED, RESUME)

COMMANDS = (
    AppendAudio(bytes(960)),
    CommitTurn(),
    ClearInput(),
    AbandonTurn(),
    RequestReply("say hello"),
    CancelReply("r1"),
    TruncateReply("i1", 100),
    SendToolResult("c1", "{}"),
)

#: What hand-shakes over HTTP are answered with when all is well, of every service at once.
ALL_WELL = json.dumps(
    {
        "result": True,
        "errors": [],
        "taskid": "1",
        "socketaccesstoken": ISSUED,
        "tasklist": [{"id": "1", "socketaccesstoken": ISSUED}],
        "signed_url": f"wss://api.example.org/talk?conversation_signature={ISSUED}",
        "id": "call_1",
        "transport": {"websocketCallUrl": f"wss://api.example.org/call?token={ISSUED}"},
        "token": ISSUED,
        "sessionId": "vws-1",
        "sessionToken": ISSUED,
        "wsUrl": f"wss://api.example.org/agent?token={ISSUED}",
        "value": ISSUED,
    }
).encode()


def errors(secret: str) -> Iterator[object]:
    """Errors in the shapes of all services, each quoting the key as real ones do."""
    says = f"Incorrect API key provided: {secret}. See https://api.example.org/?key={secret}"
    error = {"type": "invalid_request_error", "code": "invalid_api_key", "message": says}
    yield {"type": "error", "event_id": "e1", "error": error}
    yield {"type": "error", "error": {**error, "code": "rate_limit_exceeded"}}
    yield {"type": "error", "error": says}
    yield {"type": "error", "message": says, "code": 1008}
    yield {"type": "Error", "description": says, "code": "CLIENT_MESSAGE_TIMEOUT"}
    yield {"type": "Warning", "description": says, "code": "SLOW"}
    yield {"type": "error_task", "message": says}
    yield {"type": "task_error", "result": False, "errors": [{"code": 99, "message": says}]}
    yield {"type": "error", "result": False, "errors": [{"code": 99, "message": says}]}
    yield {"error": {"code": 401, "status": "UNAUTHENTICATED", "message": says}}
    yield {"type": "session.closed", "reason": says}
    yield {"event": "error", "error": says, "message": says}
    yield {"type": "response.done", "response": {"id": "r1", "status": "failed",
           "status_details": {"type": "failed", "error": error}}}  # fmt: skip


#: The first words of the services, so that what follows is heard in a session that is open.
GREETINGS = (
    {"type": "session.created", "session": {"id": "s1"}},
    {"type": "session.updated", "session": {"id": "s1"}},
    {"type": "session.started", "session": {"id": "s1"}},
    {"type": "Welcome", "request_id": "s1"},
    {"type": "SettingsApplied"},
    {"setupComplete": {"sessionId": "s1"}},
    {"event": "ack", "stream_id": "s1", "config": {"input_format": "pcm_24000"}},
    {"type": "task_stream_ready", "result": True},
    {"type": "ready"},
    {
        "type": "conversation_initiation_metadata",
        "conversation_initiation_metadata_event": {
            "conversation_id": "s1",
            "agent_output_audio_format": "pcm_16000",
            "user_input_audio_format": "pcm_16000",
        },
    },
)


def garbage(secret: str) -> Iterator[str | bytes]:
    yield ""
    yield secret
    yield f'{{"type": "{secret}'
    yield f'"{secret}"'
    yield f'["{secret}"]'
    yield secret.encode()
    yield b"\0\1" + secret.encode() + b"\xff"
    yield f'{{"type": 7, "message": "{secret}"}}'
    yield json.dumps({"type": "error", "error": 7, "message": secret})


def spec_of(name: str, url: str, key: str) -> SessionSpec:
    service = SERVICES[name]
    section = getattr(Settings(), getattr(service, "options_of", "") or name, None)
    options = dataclasses.asdict(section) if dataclasses.is_dataclass(section) else {}
    for option, value in options.items():
        if value == "" and (option.endswith("_id") or option == "agent"):
            options[option] = "one"
        elif option == "signed":
            options[option] = True  # asks for an address over HTTP
    return SessionSpec(
        url=url or service.url or "wss://api.example.org/v1/realtime",
        key=key,
        secret=SECOND,
        resume=RESUME,
        model="model",
        voice="voice",
        options=options,
    )


class Watch:
    """Drives a codec and keeps everything that could be shown."""

    def __init__(
        self,
        name: str,
        url: str = "",
        status: int = 200,
        answer: bytes = ALL_WELL,
        key: str = KEY,
    ) -> None:
        self.spec = spec_of(name, url, key)
        self.status, self.answer = status, answer  # of hand-shakes over HTTP
        self.shown = [repr(self.spec), str(self.spec)]
        self.now = 100.0
        self.hand_shakes = 0
        self.codec: Codec | None = None
        try:
            self.codec = SERVICES[name].make(self.spec)
            self.shown.append(repr(self.codec))
            self.take(self.codec.start(self.now))
        except ParlorError as error:
            self.shown.append(repr(error) + str(error))

    def take(self, outputs: Sequence[Output]) -> None:
        """Looks at what came out, and answers as a service does where all is well."""
        assert self.codec is not None
        for output in outputs:
            self.shown.append(f"{output!r} {output}")
            match output:
                case HttpRequest(token) if self.hand_shakes < 8:
                    self.hand_shakes += 1
                    answered = self.codec.http_answered(token, self.status, self.answer, self.now)
                    self.take(answered)
                case Connect():
                    self.take(self.codec.opened(self.now))
                case AskFence(token):
                    self.take(self.codec.fence_passed(token, self.now))
                case SendFrame():
                    pass  # the wire is the one place where a key belongs; its repr was taken

    def hears(self, message: object) -> None:
        assert self.codec is not None
        self.now += 0.01
        data = message if isinstance(message, str | bytes) else json.dumps(message)
        decoded = self.codec.decode(data)
        self.take(self.codec.decoded(decoded, self.now))
        as_bytes = data if isinstance(data, bytes) else data.encode()
        self.take(self.codec.received(as_bytes, self.now))

    def opens(self) -> Codec:
        assert self.codec is not None
        for greeting in GREETINGS:
            self.hears(greeting)
        return self.codec

    def saw_no_secret(self) -> None:
        shown = "\n".join(self.shown)
        for secret in PLANTED:
            at = shown.find(secret)
            assert at < 0, f"shown: ...{shown[max(0, at - 200) : at + 60]}..."


services = pytest.mark.parametrize("name", sorted(SERVICES))
secrets = pytest.mark.parametrize("secret", [KEY, SECOND], ids=["key", "second"])


def meant(name: str, secret: str) -> str:
    """A service that has no second half of a key cannot quote it."""
    return secret if secret != SECOND or name.startswith("wiro") else KEY


@services
def test_the_start_shows_no_secret(name: str) -> None:
    watch = Watch(name)
    assert len(watch.shown) > 3  # something was done
    watch.saw_no_secret()


@services
def test_an_address_that_carries_a_key_is_not_shown(name: str) -> None:
    Watch(name, f"wss://api.example.org/v1/realtime?token={KEY}").saw_no_secret()
    Watch(name, f"ws://api.example.org:99999/{KEY}").saw_no_secret()
    Watch(name, f"https://{KEY}@[half").saw_no_secret()


@services
@secrets
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 200])
def test_a_refusal_that_quotes_the_key_does_not_show_it(
    name: str, secret: str, status: int
) -> None:
    quoted = meant(name, secret)
    for body in (*(json.dumps(e).encode() for e in errors(quoted)), *garbage(quoted)):
        data = body.encode() if isinstance(body, str) else body
        watch = Watch(name)
        assert watch.codec is not None
        watch.take(watch.codec.refused(status, data, watch.now))
        watch.saw_no_secret()
        Watch(name, status=status, answer=data).saw_no_secret()


@services
@secrets
def test_errors_that_quote_the_key_do_not_show_it(name: str, secret: str) -> None:
    for error in errors(meant(name, secret)):
        for opened in (False, True):
            watch = Watch(name)
            if opened:
                watch.opens()
            watch.hears(error)
            watch.hears(error)
            watch.saw_no_secret()


@pytest.mark.parametrize(
    "name", ["openai_realtime", "openai_compatible", "azure_openai", "openai_live", "cartesia"]
)
def test_errors_that_quote_the_token_of_a_signed_address_do_not_show_it(name: str) -> None:
    for error in errors(KEY):
        watch = Watch(name, f"wss://api.example.org/v1/realtime?token={KEY}", key="")
        watch.opens()
        watch.hears(error)
        assert watch.codec is not None
        watch.take(watch.codec.closed(4001, f"token {KEY} expired", watch.now))
        watch.saw_no_secret()


@services
@secrets
def test_garbage_that_holds_the_key_does_not_show_it(name: str, secret: str) -> None:
    for data in garbage(meant(name, secret)):
        watch = Watch(name)
        watch.opens()
        for _ in range(120):  # until it is given up
            watch.hears(data)
        watch.saw_no_secret()


@services
def test_a_close_that_quotes_the_key_does_not_show_it(name: str) -> None:
    for code in (1000, 1006, 1008, 1011, 3000, 4000, 4001, 4401, 4999):
        for opened in (False, True):
            watch = Watch(name)
            if opened:
                watch.opens()
            assert watch.codec is not None
            reason = f"invalid key {KEY} for ?key={KEY}"
            watch.take(watch.codec.closed(code, reason, watch.now))
            watch.saw_no_secret()


@services
def test_commands_time_and_the_end_show_no_secret(name: str) -> None:
    watch = Watch(name)
    assert watch.codec is not None
    for command in COMMANDS:  # before it is open
        watch.take(watch.codec.command(command, watch.now))
    codec = watch.opens()
    for command in COMMANDS:
        watch.take(codec.command(command, watch.now))
    for _ in range(20):
        watch.now += 30.0
        watch.take(codec.timeout(watch.now))
    watch.take(codec.finish("goodbye", watch.now))
    watch.saw_no_secret()


def test_what_carries_secrets_hides_them() -> None:
    carriers = (
        Connect(f"wss://x/?key={KEY}", {"Authorization": f"Bearer {KEY}"}),
        HttpRequest("t", "POST", f"https://x/?key={KEY}", {"x-api-key": KEY}, KEY.encode()),
        SendFrame(f'{{"token": "{KEY}"}}'),
        SessionSpec(url="wss://x", key=KEY, secret=SECOND, resume=RESUME),
    )
    for carrier in carriers:
        for secret in PLANTED:
            assert secret not in repr(carrier)


def test_a_planted_key_would_be_found() -> None:
    watch = Watch(sorted(SERVICES)[0])
    watch.shown.append(f"Disconnect(reason='bad key {KEY}')")
    with pytest.raises(AssertionError, match="shown"):
        watch.saw_no_secret()
