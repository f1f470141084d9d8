"""Why there is no connection is told apart, said, and shown."""

from __future__ import annotations

import socket
import ssl
from errno import ENETUNREACH

import pytest
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from device.adapters.link_errors import Ending, explain
from device.adapters.link_outcomes import of_failed_dial
from device.commands import Cue, Light, PlayCue, ShowLight, SpeakPhrase
from device.core.phases import Phase
from device.events import (
    Cause,
    ErrorKind,
    LinkFailed,
    SpeechEnded,
    SpeechStarted,
    StopReason,
)
from device.settings import PhrasesSettings
from tests.core.story import WHY_NOT, Story, wake
from tests.providers.driver import Driver

TEXTS = PhrasesSettings()
SAID = {name: getattr(TEXTS, name) for name in WHY_NOT}


def certificate(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "as it is"
    return error


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (socket.gaierror(-3, "Temporary failure in name resolution"), Cause.NO_NETWORK),
        (OSError(ENETUNREACH, "Network is unreachable"), Cause.NO_NETWORK),
        (TimeoutError(), Cause.SILENT),
        (ConnectionRefusedError(111, "refused"), Cause.UNKNOWN),
        (certificate(9), Cause.CLOCK),
        (certificate(10), Cause.CLOCK),
        (certificate(62), Cause.LOG_IN),
        (certificate(18), Cause.UNKNOWN),
    ],
)
def test_causes_are_told_apart(error: Exception, cause: Cause) -> None:
    assert explain(error, "example.org:443", 8.0).cause is cause


def test_a_network_that_wants_a_log_in_is_not_taken_for_the_service() -> None:
    answer = InvalidStatus(Response(511, "Network Authentication Required", None, b""))  # type: ignore[arg-type]
    outcome = of_failed_dial(answer, Driver().codec, 0.0)
    assert isinstance(outcome, Ending) and outcome.cause is Cause.LOG_IN


@pytest.mark.parametrize(
    ("kind", "cause", "phrase"),
    [
        (ErrorKind.NETWORK, Cause.NO_NETWORK, "no_network"),
        (ErrorKind.CERTIFICATE, Cause.LOG_IN, "log_in"),
        (ErrorKind.CERTIFICATE, Cause.CLOCK, "clock"),
        (ErrorKind.NETWORK, Cause.UNKNOWN, "no_service"),
        (ErrorKind.KEY, Cause.UNKNOWN, "no_key"),
        (ErrorKind.QUOTA, Cause.UNKNOWN, "no_quota"),
    ],
)
def test_who_waits_is_told_why_and_it_listens_again(
    kind: ErrorKind, cause: Cause, phrase: str
) -> None:
    story = Story(service={"provider": "openai_realtime"}, phrases=SAID)
    story.happens(wake(), SpeechStarted(20_000))
    story.passes(1.0)
    story.happens(SpeechEnded(36_000))
    commands = story.happens(LinkFailed(kind, "in words", cause=cause))
    commands += story.passes(20.0)
    said = [c for c in commands if isinstance(c, SpeakPhrase)]
    assert [c.text for c in said] == [SAID[phrase]]
    assert story.reports("no_connection") == [{"why": phrase}]
    assert any(c == ShowLight(Light.ERROR) for c in commands), "and shown"
    story.playback_stops(StopReason.DONE, 900, said[0].phrase_id, "")
    story.passes(5.0)
    assert story.phase is Phase.IDLE


def test_without_words_the_cue_tells_it() -> None:
    story = Story(service={"provider": "openai_realtime"})
    story.happens(wake())
    assert PlayCue(Cue.ERROR) in story.happens(LinkFailed(ErrorKind.KEY, "refused"))
    assert story.phase is Phase.IDLE
