"""The user's turn at Deepgram: who ends it, what is given up, what answers it."""

from __future__ import annotations

from device.commands import AbandonTurn, AppendAudio, ClearInput, CommitTurn
from device.events import (
    ReplyStarted,
    ReplyTranscript,
    ServiceTrouble,
    TurnCommitted,
    UserTranscript,
)
from device.providers.base import AskFence
from device.providers.deepgram_early import MOST_BYTES
from device.providers.deepgram_turn import TAIL_S
from tests.providers.deepgram_driver import (
    AUDIO,
    PCM,
    Driver,
    device_ends,
    events,
    kinds,
    names,
    service_ends,
    sound,
)

# --- the device ends the turns ---------------------------------------------------------


def test_the_device_ends_its_turn_at_once_and_by_force() -> None:
    driver = device_ends()
    assert sound(driver.does(AUDIO)) == PCM
    outputs = driver.does(CommitTurn())
    assert kinds(outputs) == ["ForceEndTurn"]
    assert events(outputs) == [TurnCommitted("turn_1")]
    said = UserTranscript("what time is it", final=True, item_id="turn_1")
    assert events(driver.understood()) == [said]
    assert names(driver.answers()) == ["ReplyStarted", "ReplyTranscript", "ReplyAudio"]


def test_a_turn_without_sound_is_told_as_trouble() -> None:
    driver = device_ends()
    (trouble,) = events(driver.does(CommitTurn()))
    assert isinstance(trouble, ServiceTrouble)


def test_what_the_service_says_before_the_device_ends_the_turn_is_its_answer() -> None:
    driver = device_ends()
    driver.does(AUDIO)
    driver.user_speaks()
    assert driver.understood() == []
    assert driver.says("AgentThinking", content="hm") == []
    assert driver.answers() == []
    outputs = driver.does(CommitTurn())
    assert kinds(outputs) == []
    assert names(outputs) == [
        "TurnCommitted",
        "UserTranscript",
        "ServiceWorking",
        "ReplyStarted",
        "ReplyTranscript",
        "ReplyAudio",
    ]
    assert names(driver.done()) == ["ReplyTranscript", "ReplyDone"]


def test_functions_are_not_run_before_the_device_has_ended_the_turn() -> None:
    driver = device_ends()
    driver.does(AUDIO)
    driver.understood()
    assert driver.asks(("c1", "help")) == []
    assert "ToolCalled" in names(driver.does(CommitTurn()))


def test_an_answer_to_half_a_turn_is_forgotten_when_the_user_goes_on() -> None:
    driver = device_ends()
    driver.does(AUDIO)
    driver.user_speaks()
    driver.understood("what time")
    driver.answers("Do you mean now?")
    driver.does(AUDIO)
    assert names(driver.user_speaks()) == ["ServiceSpeechStarted"]
    assert driver.raw(PCM) == []  # of the answer that was broken off
    outputs = driver.does(CommitTurn())
    assert kinds(outputs) == ["ForceEndTurn"]
    first = UserTranscript("what time", final=True, item_id="turn_1")
    assert events(outputs) == [TurnCommitted("turn_1"), first]
    assert names(driver.understood("is it in Rome")) == ["UserTranscript"]
    assert names(driver.answers("Noon.")) == ["ReplyStarted", "ReplyTranscript", "ReplyAudio"]


def test_speech_that_the_service_tells_of_late_does_not_disturb_its_turn() -> None:
    driver = device_ends()
    driver.does(AUDIO, CommitTurn())
    assert driver.user_speaks() == []
    assert names(driver.understood()) == ["UserTranscript"]
    assert "ReplyAudio" in names(driver.raw(PCM))  # not even held back


def test_speech_behind_the_end_of_the_turn_is_ended_and_answered_with_it() -> None:
    driver = device_ends()
    driver.turn()
    assert kinds(driver.user_speaks()) == ["ForceEndTurn"]
    assert driver.raw(PCM) == []  # of an answer that was broken off
    assert names(driver.understood("please")) == ["UserTranscript"]
    assert "ReplyAudio" in names(driver.answers())


# --- the service ends the turns ----------------------------------------------------------


def test_what_was_understood_tells_that_the_service_took_the_turn() -> None:
    driver = service_ends()
    driver.does(AUDIO)
    assert names(driver.user_speaks()) == ["ServiceSpeechStarted"]
    assert names(driver.understood()) == ["TurnCommitted", "UserTranscript"]


def test_thinking_or_the_answer_tell_it_where_nothing_else_does() -> None:
    driver = service_ends()
    driver.does(AUDIO)
    assert names(driver.says("AgentThinking", content="")) == ["TurnCommitted", "ServiceWorking"]
    assert names(driver.understood()) == ["UserTranscript"]
    driver = service_ends()
    driver.does(AUDIO)
    outputs = driver.raw(PCM)
    assert names(outputs) == ["TurnCommitted", "ReplyStarted", "ReplyAudio"]
    assert names(driver.understood()) == ["UserTranscript"]


def test_a_stored_agents_greeting_takes_no_turn() -> None:
    driver = service_ends(options={"agent": "abc"})
    driver.does(AUDIO)
    assert names(driver.raw(PCM)) == ["ReplyStarted", "ReplyAudio"]


def test_the_tail_of_a_turn_that_was_taken_is_not_sent() -> None:
    driver = service_ends()
    driver.turn()
    assert driver.does(AUDIO) == []
    assert driver.does(ClearInput()) == []
    assert sound(driver.does(AUDIO)) == PCM


def test_a_tail_is_short_though_nobody_says_that_it_is_over() -> None:
    driver = service_ends()
    driver.turn()
    driver.waits(TAIL_S / 2)
    assert driver.does(AUDIO) == []
    driver.answers()
    driver.done()
    driver.waits(TAIL_S)
    assert sound(driver.does(AUDIO)) == PCM
    assert sound(driver.does(AUDIO)) == PCM
    assert names(driver.understood("and then?")) == ["TurnCommitted", "UserTranscript"]


def test_what_is_kept_of_an_early_answer_is_bounded_whatever_it_is() -> None:
    driver = device_ends()
    driver.does(AUDIO)
    driver.understood()
    for _ in range(1000):
        driver.says("ConversationText", role="assistant", content="z" * 10_000, more="z" * 100)
        driver.says("FunctionCallRequest", functions=[{"more": "z" * 10_000}] * 9)
    driver.done()
    kept = driver.codec._early._messages
    assert kept is not None
    assert sum(len(str(message)) for message in kept) < 2 * MOST_BYTES
    assert names(driver.does(CommitTurn()))[-1] == "ReplyDone"


def test_words_of_parts_of_a_turn_are_bounded() -> None:
    driver = device_ends()
    driver.does(AUDIO)
    for _ in range(9):
        driver.user_speaks()
        driver.understood("y" * 5000)
    driver.user_speaks()
    told = [e for e in events(driver.does(CommitTurn())) if isinstance(e, UserTranscript)]
    assert [len(e.text) for e in told] == [5000] * 4


def test_so_are_the_words_of_a_reply() -> None:
    driver = device_ends()
    driver.turn()
    for _ in range(9):
        driver.answers("y" * 5000)
    (whole,) = [e for e in events(driver.done()) if isinstance(e, ReplyTranscript)]
    assert len(whole.text) == 4 * 5000 + 3


def test_the_device_may_end_a_turn_of_the_services_and_its_next_one_is_heard() -> None:
    driver = service_ends()
    driver.does(AUDIO)
    assert kinds(driver.does(CommitTurn())) == ["ForceEndTurn"]
    assert sound(driver.does(AUDIO)) == PCM


def test_a_second_text_of_a_turn_commits_nothing() -> None:
    driver = service_ends()
    driver.turn()
    assert names(driver.understood("in Rome")) == ["UserTranscript"]


# --- turns that are given up ----------------------------------------------------------------


def abandoned(driver: Driver) -> Driver:
    """A turn that was heard and given up, of which the service has said nothing more."""
    driver.does(AUDIO)
    driver.user_speaks()
    driver.does(AbandonTurn())
    return driver


def test_a_turn_given_up_is_ended_there_and_nothing_of_it_told() -> None:
    for driver in (device_ends(), service_ends()):
        driver.does(AUDIO)
        driver.user_speaks()
        assert kinds(driver.does(AbandonTurn())) == ["ForceEndTurn"]
        assert driver.understood() == []
        assert driver.says("AgentThinking", content="") == []
        assert driver.answers() == []
        assert driver.done() == []


def test_speech_of_a_turn_given_up_is_ended_when_it_is_told_of() -> None:
    driver = service_ends()
    driver.does(AUDIO, AbandonTurn())
    assert kinds(driver.user_speaks()) == ["ForceEndTurn"]
    assert names(driver.user_speaks()) == []


def test_a_committed_turn_that_is_given_up_is_not_answered_however_late() -> None:
    driver = device_ends()
    driver.does(AUDIO, CommitTurn(), AbandonTurn())
    assert driver.understood() == []
    assert driver.answers() == []
    assert driver.done() == []
    assert driver.answers() == []


def test_what_was_kept_of_an_early_answer_goes_with_the_turn() -> None:
    driver = device_ends()
    driver.does(AUDIO)
    driver.understood()
    driver.answers()
    driver.does(AbandonTurn())
    assert driver.raw(PCM) == []
    assert driver.done() == []
    driver.does(AUDIO)
    driver.fences_pass()
    assert names(driver.does(CommitTurn())) == ["TurnCommitted"]


def test_the_next_turn_is_answered_though_the_last_ones_answer_comes_first() -> None:
    driver = abandoned(device_ends())
    outputs = driver.does(AUDIO)
    assert any(isinstance(o, AskFence) for o in outputs)
    assert driver.understood("the old words") == []
    assert driver.answers("the old answer") == []
    driver.fences_pass()
    assert names(driver.user_speaks()) == ["ServiceSpeechStarted"]
    assert driver.raw(PCM) == []  # late
    driver.does(CommitTurn())
    assert names(driver.understood("the new words")) == ["UserTranscript"]
    assert names(driver.answers("the new answer"))[0] == "ReplyStarted"


def test_the_next_turn_is_heard_where_the_service_ends_it_too() -> None:
    driver = abandoned(service_ends())
    driver.understood("the old words")
    driver.answers("the old answer")
    driver.does(AUDIO)
    driver.fences_pass()
    assert names(driver.user_speaks()) == ["ServiceSpeechStarted"]
    assert names(driver.understood("the new words")) == ["TurnCommitted", "UserTranscript"]
    assert "ReplyAudio" in names(driver.answers())


def test_a_fence_that_never_passes_is_not_waited_for() -> None:
    driver = abandoned(service_ends())
    driver.does(AUDIO)
    assert driver.understood("the old words") == []
    driver.waits(3.0)
    assert names(driver.understood("the new words")) == ["TurnCommitted", "UserTranscript"]


def test_sound_in_no_turn_that_is_cleared_becomes_none() -> None:
    driver = service_ends()
    driver.does(AUDIO)
    driver.user_speaks()
    assert kinds(driver.does(ClearInput())) == ["ForceEndTurn"]
    assert driver.understood() == []
    assert driver.answers() == []


def test_clearing_the_tail_leaves_the_answer_wanted() -> None:
    driver = service_ends()
    driver.turn()
    driver.does(ClearInput())
    assert "ReplyAudio" in names(driver.answers())


def test_giving_up_nothing_changes_nothing() -> None:
    driver = device_ends()
    assert driver.does(AbandonTurn(), ClearInput()) == []
    driver.turn()
    assert ReplyStarted("reply_1") in events(driver.answers())


def test_empty_audio_is_nothing() -> None:
    driver = device_ends()
    assert driver.does(AppendAudio(b"")) == []
