"""Why an utterance got no answer, as far as the evidence shows it."""

from __future__ import annotations

from device.simulator.timeline import Entry
from device.simulator.unanswered import Reasons
from tests.simulator.hand_wire import ONE, T0, TWO, Wire, faults, said


def test_what_was_not_sent_is_said() -> None:
    wire = Wire()
    wire.commit(8.6, "b", wire.send(7.0, 6.9, 8.5))
    wire.created(8.61, "r")
    wire.audio(8.7, "r")
    assert wire.why(ONE, TWO) == {"one": "nothing of it was sent"}
    turns = wire.turns(ONE, TWO)
    assert Reasons(turns).why(ONE, muted=True) == "it was said while muted"


def test_nothing_is_said_where_the_recording_does_not_show_what_was_sent() -> None:
    wire = Wire()
    wire.send(2.0, 1.5, 3.5, matched=False)
    assert wire.why(ONE) == {"one": ""}


def test_a_reply_without_a_speaker_is_told() -> None:
    wire = Wire()
    wire.commit(3.6, "a", wire.send(2.0, 1.5, 3.5))
    wire.created(3.61, "r1")
    wire.audio(3.7, "r1", heard=False)
    silent = {"one": "nothing of its reply sounded: no speaker was plugged in"}
    assert wire.why(ONE, entries=faults((0.5, "unplug_speaker"))) == silent
    assert wire.why(ONE, entries=faults((3.71, "unplug_speaker"))) == silent
    there = faults((0.5, "unplug_speaker"), (3.0, "replug_speaker"), (20.0, "unplug_speaker"))
    assert wire.why(ONE, entries=there) == {"one": "its reply came, and nothing of it sounded"}
    assert wire.why(ONE, entries=there, presses=[3.72]) == {
        "one": "the button was pressed at 3.7 s before a reply to it sounded"
    }


def test_who_broke_a_reply_off_is_told() -> None:
    for called_off, status, words in (
        (True, "cancelled", "the appliance called its reply off before it sounded"),
        (False, "cancelled", "the service broke its reply off before it said anything"),
        (False, "failed", "the service's reply failed"),
        (False, "completed", "no reply came"),
    ):
        wire = Wire()
        wire.commit(3.6, "a", wire.send(2.0, 1.5, 3.5))
        wire.created(3.61, "r1")
        if called_off:
            wire.row(3.7, "response.cancel", response_id="r1")
        wire.done(3.8, "r1", status)
        assert wire.why(ONE) == {"one": words}


def test_a_connection_that_ended_is_told() -> None:
    wire = Wire()
    wire.send(2.0, 1.5, 3.5)
    wire.row(3.7, "closed")
    assert wire.why(ONE) == {
        "one": "the service made no turn of it before the connection ended at 3.7 s"
    }
    wire = Wire()
    wire.commit(3.6, "a", wire.send(2.0, 1.5, 3.5))
    wire.row(3.7, "closed")
    assert wire.why(ONE) == {"one": "no reply came before the connection ended at 3.7 s"}


def test_a_turn_of_the_beginning_only_is_told() -> None:
    wire = Wire()
    wire.commit(2.4, "a", wire.send(1.5, 1.2, 2.3))
    wire.created(2.41, "r1")
    wire.audio(2.5, "r1")
    wire.send(2.6, 2.3, 3.5)
    wire.clear(3.6, 3.61)
    assert wire.why(ONE) == {"one": "the service took a turn of its beginning, and none of its end"}


def test_a_press_before_the_mute_is_why_nothing_was_sent() -> None:
    """A long press: it ends the conversation at once, and mutes only when it has been held."""

    def why(*words: tuple[float, str], presses: tuple[float, ...] = ()) -> str:
        entries = [Entry(T0 + t, event, {}) for t, event in words]
        return Reasons(Wire().turns(ONE, entries=entries, presses=presses)).why(ONE, muted=True)

    assert why((2.8, "muted"), presses=(2.0,)) == (
        "the button was pressed at 2.0 s, and nothing of it was sent"
    )
    assert why((2.8, "muted"), presses=(0.9,)) == (
        "the appliance was muted at 2.8 s, while it was said"
    )
    assert why((0.5, "muted"), presses=(2.0,)) == "it was said while muted"
    assert why((0.5, "muted"), (2.0, "unmuted"), (2.5, "muted")) == "it was said while muted"


def test_a_reply_of_which_a_scrap_was_heard_was_cut() -> None:
    """So little cannot be found in the recording; of more than that the recording is the judge."""
    wire = Wire()
    wire.commit(3.6, "a", wire.send(2.0, 1.5, 3.5))
    wire.created(3.61, "r1")
    wire.audio(3.7, "r1", heard=False)

    def why(heard_ms: float, presses: tuple[float, ...]) -> str:
        fields = {"item_id": "item of r1", "heard_ms": heard_ms}
        stopped = [Entry(T0 + 3.74, "playback_stopped", fields)]
        return wire.why(ONE, entries=stopped, presses=presses)["one"]

    assert why(28, (3.73,)) == (
        "the button was pressed at 3.7 s, and its reply was cut after 28 ms"
    )
    assert why(28, ()) == "its reply was cut after 28 ms"
    assert why(0, (3.73,)) == "the button was pressed at 3.7 s before a reply to it sounded"
    assert why(4000, ()) == "its reply came, and nothing of it sounded"


def test_what_was_said_when_the_run_was_over_is_told() -> None:
    late = said("late", 59, 61)
    assert Wire().why(late) == {"late": "the run was over"}
