"""Somebody speaks over a reply: ducked, cut, or up again."""

from __future__ import annotations

import pytest

from device.core.bargein import LONGEST_S, LOST_S, PREROLL_MS, Act, BargeIn
from device.events import NearEndHeard
from tests.bargein.sounds import RATE_HZ, acts, cut_of, heard, spoken

MODES = ("eager", "normal", "patient")


def barge_in(mode: str = "normal") -> BargeIn:
    return BargeIn(mode, RATE_HZ)


@pytest.mark.parametrize("mode", MODES)
def test_the_first_sign_ducks_and_a_sentence_cuts(mode: str) -> None:
    assert acts(barge_in(mode), spoken(2000)) == [Act.DUCK, Act.CUT]


@pytest.mark.parametrize("mode", ["normal", "patient"])
def test_an_acknowledgement_is_let_pass(mode: str) -> None:
    assert acts(barge_in(mode), spoken(600, 480)) == [Act.DUCK, Act.RESTORE]


def test_who_is_eager_cuts_sooner_and_who_is_patient_later() -> None:
    found = [cut_of(barge_in(mode), spoken(2000)) for mode in MODES]
    after = [cut[0] for cut in found if cut is not None]
    assert len(after) == 3
    assert after == sorted(set(after))
    assert after[0] <= 500


def test_switched_off_nothing_is_done() -> None:
    policy = barge_in("off")
    assert acts(policy, spoken(5000)) == []
    assert policy.pending_from_frame is None


def test_a_noise_that_nobody_takes_for_speech_comes_up_again_soon() -> None:
    sounds = [heard(ms, speech_ms=0, quiet_ms=ms) for ms in range(0, 193, 32)]
    assert acts(barge_in(), sounds) == [Act.DUCK, Act.RESTORE]


def test_what_has_no_voice_does_not_cut() -> None:
    assert Act.CUT not in acts(barge_in(), spoken(3000, voiced_ms=100))


def test_what_is_no_louder_than_the_rest_of_the_echo_does_not_cut() -> None:
    assert Act.CUT not in acts(barge_in(), spoken(3000, above_echo_db=8.0))


def test_while_the_canceller_learns_it_takes_longer() -> None:
    sure, unsure = (
        cut_of(barge_in(), spoken(2000, certain=True)),
        cut_of(barge_in(), spoken(2000, certain=False)),
    )
    assert sure is not None
    assert unsure is not None
    assert unsure[0] > sure[0] + 200
    assert Act.CUT not in acts(barge_in(), spoken(2000, certain=False, above_echo_db=14.0))


def test_the_turn_begins_before_the_first_sign() -> None:
    cut = cut_of(barge_in(), spoken(1000))
    assert cut is not None
    assert cut[1].from_frame == 160_000 - PREROLL_MS * RATE_HZ // 1000


def test_the_turn_begins_at_the_beginning_of_the_capture_at_the_earliest() -> None:
    cut = cut_of(barge_in(), spoken(1000, since_frame=100))
    assert cut is not None
    assert cut[1].from_frame == 0


def test_it_is_not_cut_in_the_silence_after_a_long_acknowledgement() -> None:
    # 0.61 s of speech, then nothing: it has lasted longer by then, but does not go on.
    assert Act.CUT not in acts(barge_in(), spoken(608, 480))


def test_a_gap_between_words_does_not_hide_a_sentence() -> None:
    first = [heard(ms) for ms in range(0, 500, 32)]
    gap = [heard(480 + ms, quiet_ms=ms) for ms in range(32, 200, 32)]
    second = [heard(640 + ms, speech_ms=480 + ms) for ms in range(32, 400, 32)]
    assert acts(barge_in(), [*first, *gap, *second]) == [Act.DUCK, Act.CUT]


def test_who_goes_on_after_it_came_up_is_ducked_again_before_the_cut() -> None:
    first = [heard(ms) for ms in range(0, 320, 32)]
    gap = [heard(288 + ms, quiet_ms=ms) for ms in range(32, 353, 32)]
    second = [heard(640 + ms, speech_ms=320 + ms) for ms in range(32, 600, 32)]
    assert acts(barge_in(), [*first, *gap, *second]) == [
        *(Act.DUCK, Act.RESTORE, Act.DUCK, Act.CUT)
    ]


def test_two_acknowledgements_make_no_interruption() -> None:
    policy = barge_in()
    assert acts(policy, spoken(400, 480)) == [Act.DUCK, Act.RESTORE]
    again = spoken(400, 480, since_frame=200_000)
    assert acts(policy, again, now=110.0) == [Act.DUCK, Act.RESTORE]


def test_after_a_cut_nothing_comes_until_the_next_reply() -> None:
    policy = barge_in()
    acts(policy, spoken(1000))
    assert acts(policy, spoken(2000, since_frame=400_000)) == []
    policy.reply_began()
    assert acts(policy, spoken(1000, since_frame=400_000)) == [Act.DUCK, Act.CUT]


def test_news_that_comes_late_changes_nothing() -> None:
    policy = barge_in()
    policy.hear(heard(320), 100.0)
    assert policy.hear(heard(1000, since_frame=80_000), 100.1).act is Act.NOTHING
    assert policy.hear(heard(160, quiet_ms=160), 100.2).act is Act.NOTHING
    assert policy.ducked


def test_an_ear_that_falls_silent_does_not_leave_the_reply_ducked() -> None:
    policy = barge_in()
    policy.hear(heard(64), 100.0)
    assert policy.due == pytest.approx(100.0 + LOST_S)
    assert policy.tick(100.1).act is Act.NOTHING
    assert policy.tick(100.0 + LOST_S).act is Act.RESTORE
    assert policy.due is None


def test_what_never_ends_and_is_no_voice_is_a_sound_of_the_room() -> None:
    policy = barge_in()
    sounds = spoken(8000, voiced_ms=0)
    assert acts(policy, sounds) == [Act.DUCK, Act.RESTORE]
    assert not policy.ducked
    last_at = 100.0 + LONGEST_S
    assert last_at < 108.0
    # The next sound is another one.
    assert policy.hear(heard(32, since_frame=400_000), 109.0).act is Act.DUCK


def test_a_setting_that_is_switched_off_meanwhile_brings_the_reply_up() -> None:
    policy = barge_in()
    policy.hear(heard(64), 100.0)
    policy.tune("off")
    assert policy.tick(100.01).act is Act.RESTORE
    assert not policy.ducked


# --- the reply ends first -----------------------------------------------------------------


def test_what_is_undecided_when_the_reply_ends_begins_the_next_turn() -> None:
    policy = barge_in()
    policy.hear(heard(0), 100.0)
    policy.hear(heard(256), 100.3)
    assert policy.reply_ended() == 160_000 - PREROLL_MS * RATE_HZ // 1000
    assert not policy.ducked
    assert policy.pending_from_frame is None


@pytest.mark.parametrize(
    "sound",
    [
        heard(32, speech_ms=0),
        heard(800, speech_ms=400, quiet_ms=400),
        heard(256, above_echo_db=3.0),
    ],
    ids=["no speech", "over", "too soft"],
)
def test_what_is_nobody_or_over_begins_no_turn(sound: object) -> None:
    policy = barge_in()
    policy.hear(heard(0), 100.0)
    policy.hear(sound, 100.3)  # type: ignore[arg-type]
    assert policy.reply_ended() is None


def test_after_a_cut_nothing_is_pending() -> None:
    policy = barge_in()
    acts(policy, spoken(1000))
    assert policy.reply_ended() is None


# --- before the reply sounds ----------------------------------------------------------------


def awaited_acts(sounds: list[NearEndHeard]) -> list[Act]:
    policy = barge_in()
    told = [policy.hear(one, 0.032 * number, awaited=True) for number, one in enumerate(sounds)]
    return [one.act for one in told if one.act is not Act.NOTHING]


@pytest.mark.parametrize("for_ms", [256, 400, 608])
def test_before_the_reply_two_words_are_enough_that_would_not_cut_one(for_ms: int) -> None:
    assert awaited_acts(spoken(for_ms, 480)) == [Act.DUCK, Act.CUT]
    assert acts(barge_in(), spoken(for_ms, 480)) == [Act.DUCK, Act.RESTORE]


def test_before_the_reply_words_may_have_gaps_in_them() -> None:
    told = [heard(0), heard(320, speech_ms=160), heard(640, speech_ms=160, quiet_ms=192)]
    assert awaited_acts([*told, heard(736, speech_ms=256)]) == [Act.DUCK, Act.CUT]


@pytest.mark.parametrize(
    "known",
    [{"voiced_ms": 192}, {"above_echo_db": 11.0}, {"certain": False}, {"speech_ms": 224}],
)
def test_before_the_reply_it_must_be_a_voice_and_none_of_its_own(known: dict[str, object]) -> None:
    assert Act.CUT not in awaited_acts(spoken(608, 480, **known))
