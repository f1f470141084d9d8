"""OpenAI Live: silence that is not quite silent ends a reply all the same, and begins none."""

from __future__ import annotations

import pytest

from device.events import ReplyDone
from tests.providers.duplex_driver import names, only, sound_ms, tone
from tests.providers.live_driver import Live, wrap

RATE_HZ = 24000


def spoken(level: int = 8000, **spec: object) -> Live:
    """A turn, and an answer of two seconds, which was said so loud."""
    live = Live(**spec).ready()
    live.says()
    live.sounds(2000, level)
    return live


@pytest.mark.parametrize("level", [20, 40, 100, 240])
def test_noise_thirty_db_below_the_voice_ends_the_reply_like_silence(level: int) -> None:
    live = spoken()
    outputs = live.sounds(60_000, level)
    assert names(outputs) == ["reply_1 sounds", "reply_1 completed"]
    assert sound_ms(outputs, RATE_HZ) < 1300


@pytest.mark.parametrize("level", [300, 600])
def test_louder_noise_ends_it_too_when_nothing_is_said_in_it_and_begins_no_other(
    level: int,
) -> None:
    live = spoken()
    outputs = live.sounds(60_000, level)
    assert names(outputs) == ["reply_1 sounds", "reply_1 completed"]
    assert sound_ms(outputs, RATE_HZ) < 3300


def test_a_voice_becomes_faint_and_is_believed_while_there_are_words() -> None:
    live = spoken()
    for _ in range(10):
        live.words("and ")
        assert names(live.sounds(2000, 600)) == ["reply_1 sounds"]
    assert names(live.hushes(2000))[-1] == "reply_1 completed"


def test_after_noise_the_next_answer_is_heard_from_its_beginning() -> None:
    live = spoken()
    live.sounds(10_000, 600)
    live.says()
    live.sounds(500, 600)
    outputs = live.sounds(1000)
    assert names(outputs) == ["turn", "reply_2 begins", "reply_2 sounds"]
    assert sound_ms(outputs, RATE_HZ) == 1000


def test_faint_noise_of_a_session_that_begins_is_no_greeting() -> None:
    live = Live().ready()
    assert names(live.sounds(60_000, 100)) == []


def test_noise_that_was_taken_for_a_greeting_ends_and_is_known_from_then_on() -> None:
    live = Live().ready()
    outputs = live.sounds(60_000, 200)
    assert names(outputs) == ["reply_1 begins", "reply_1 sounds", "reply_1 completed"]
    assert sound_ms(outputs, RATE_HZ) < 3300


def test_a_reply_that_never_ends_is_cut_and_what_follows_is_swallowed() -> None:
    live = spoken()
    live.words("La la la.")
    outputs = []
    for _ in range(70):
        outputs += live.receive(wrap(tone(10_000, RATE_HZ)))
    assert names(outputs) == ["reply_1 sounds", "reply_1 incomplete"]
    (done,) = only(outputs, ReplyDone)
    assert done.detail == "it did not end"


def test_while_the_backend_works_no_noise_ends_the_reply() -> None:
    live = spoken()
    live.delegates()
    outputs = live.sounds(8000, 600)
    assert names(outputs) == ["reply_1 sounds"]


def test_an_answer_that_begins_softly_behind_a_long_silence_is_not_taken_for_noise() -> None:
    live = spoken()
    live.delegates()
    live.hushes(8000)
    live.completes()
    outputs = live.sounds(500, 600) + live.sounds(1000)
    assert names(outputs) == ["reply_1 sounds"]


def test_a_service_whose_voice_is_faint_is_heard_as_the_owner_says() -> None:
    live = spoken(level=60, options={"silence_db": -70.0})
    assert names(live.outputs) == ["turn", "reply_1 begins", "reply_1 sounds"]
    assert names(spoken(level=60).outputs) == []


def test_a_whisper_behind_a_shout_is_part_of_the_reply() -> None:
    live = spoken(level=30_000)
    live.words("Psst.")
    assert sound_ms(live.sounds(1000, 500), RATE_HZ) == 1000
