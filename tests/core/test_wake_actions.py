"""What a wake word does, as the settings say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from device.core.wake_actions import WAKE, WakeAction, split_entry, wake_actions, word_name
from device.settings import WakeSettings


def test_a_word_wakes_unless_something_else_is_said() -> None:
    assert wake_actions(WakeSettings()) == {"hey_jarvis": WAKE}
    assert not WAKE.stops
    assert not WAKE.has_persona


def test_words_stop_or_wake_somebody_else() -> None:
    settings = WakeSettings(
        words=("alexa", "Hey Mycroft", "/models/halt.tflite"),
        stop_words=("halt",),
        personas=("hey mycroft: You are Mycroft: a butler.",),
        persona_voices=("hey_mycroft: cedar",),
    )
    assert wake_actions(settings) == {
        "alexa": WAKE,
        "hey_mycroft": WakeAction(instructions="You are Mycroft: a butler.", voice="cedar"),
        "halt": WakeAction(stops=True),
    }


def test_a_persona_may_be_a_voice_alone() -> None:
    actions = wake_actions(WakeSettings(words=("alexa",), persona_voices=("alexa: ash",)))
    assert actions["alexa"].has_persona
    assert actions["alexa"].instructions == ""


def test_what_the_configuration_check_objects_to_does_nothing() -> None:
    settings = WakeSettings(
        words=("alexa", "okay_nabu"),
        stop_words=("okay_nabu", "hey_jarvis"),
        personas=("alexa", ": text", "okay_nabu: x", "alexa: first", "alexa: second"),
    )
    assert wake_actions(settings) == {
        "alexa": WakeAction(instructions="first"),
        "okay_nabu": WakeAction(stops=True),
    }


def test_only_the_first_colon_parts_word_and_text() -> None:
    assert split_entry(" Alexa : a: b ") == ("alexa", "a: b")
    assert split_entry("alexa") is None
    assert split_entry("alexa:  ") is None


def test_a_model_of_ones_own_is_called_as_its_file() -> None:
    assert word_name("/etc/parlor/Halt_now.tflite") == "Halt_now"
    assert word_name("Hey-Jarvis ") == "hey_jarvis"


@given(st.lists(st.text(max_size=20), max_size=5), st.lists(st.text(max_size=20), max_size=5))
def test_any_text_gives_an_action_for_every_word_listened_for(
    words: list[str], entries: list[str]
) -> None:
    settings = WakeSettings(words=tuple(words), stop_words=tuple(entries), personas=tuple(entries))
    assert set(wake_actions(settings)) == {word_name(word) for word in words}
