"""What the codecs have in common of services that only speak and listen.

Such a service tells neither when it takes a turn nor where a reply begins and ends; both are
found in the sound itself:

- A reply begins with its first sound that is not silence, and ends when so much silence is
  behind it (``Manner.pause_s``) that no speaker pauses that long between two sentences. Too
  soon would be worse than too late: what follows an end is another reply, which the core takes
  for the rest of the answer only for a while (``Capabilities.tells_ends``). Silence within a
  reply is passed on, or playback would run dry; silence beyond ``pause_s`` never is. What
  silence is, and whether sound that does not end is a reply still, ``hush.py`` finds out.
- It answers a turn when it begins after the person has paused. What begins before that is an
  "mhm" of the service, which is dropped when it ends while the person goes on, or a greeting,
  which is a reply to no turn. Levels tell (``levels.py``); where they are wrong for too long,
  the service is believed.
- What was called off (a reply, a turn, sound that was taken back) is swallowed, and whatever
  comes of it late: until the person has spoken again and paused, and the service has been
  silent for ``GAP_S`` before it begins anew. Where no pause can be heard, it must have been
  silent for ``pause_s`` of the new turn. Or, within a turn, until the service itself says that
  it has broken off (:meth:`Duplex._service_broke_off`).
- Between the end of a turn and the device's ``ClearInput`` the microphone's sound belongs to
  nobody: silence of the same length takes its place.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from device.capabilities import Capabilities
from device.commands import (
    AbandonTurn,
    AppendAudio,
    CancelReply,
    ClearInput,
    SendToolResult,
    ServiceCommand,
)
from device.events import ReplyInterrupted, TurnCommitted, UserTranscript
from device.providers.base import Emit, Output, SessionSpec
from device.providers.hush import SILENCE_DB, Hush
from device.providers.levels import Speaker, peak
from device.providers.machine import Machine, Stage
from device.providers.silence import Silence
from device.providers.speech import Speech

PIECE_MS = 100
GAP_S = 0.2
TALKS_OVER_S = 2.0
"""A service that speaks over a person for longer than that is no listener's "mhm"."""

HELD_GAP_S = 0.3
"""Sound behind such a silence is another utterance."""

TAIL_S = 2.0
"""The device's ``ClearInput`` comes sooner than that behind the end of a turn."""

MOST_CHARACTERS = 20_000
"""Of the transcript of one turn or reply."""


@dataclass(frozen=True, slots=True)
class Manner:
    """``pause_s``: silence that ends a reply. ``feed_s``: silence is sent for so long after the
    device's last sound. ``feeds_reply``: while a reply sounds or is awaited as well.
    ``listens_aloud``: it may say "mhm" while a person speaks. ``silence_db``: what is not louder
    than that, of full scale, is silence."""

    pause_s: float
    feed_s: float
    feeds_reply: bool = False
    listens_aloud: bool = False
    silence_db: float = SILENCE_DB


class Duplex(Machine):
    """One session. Sound of the service goes into :meth:`_hear`."""

    def __init__(self, spec: SessionSpec, able: Capabilities, manner: Manner) -> None:
        super().__init__(spec, able)
        self._manner = manner
        self._speech = Speech()
        self._hush = Hush(manner.silence_db)
        self._speaker = Speaker(able.uplink_rate_hz)
        self._silence = Silence(able.uplink_rate_hz, manner.feed_s)
        self._turns = 0
        self._turn_open = False  # the service has sound of a turn that it has not taken
        self._taken = False  # it has taken one, and has not answered it
        self._turn_began_at = 0.0
        self._tail_until: float | None = None
        self._called_off = False  # what sounds now is swallowed
        self._given_up = False  # a turn was, while a reply sounded that is none to it
        self._loud_at = float("-inf")  # the service's last sound; by `_clock`
        self._held = b""  # what it says while the person speaks
        self._odd = b""
        self._pause_s = manner.pause_s  # of the reply under way
        self._voiced = False  # it has sounded
        self._words = ""  # of the reply under way
        self._early_words = ""  # of one that has not sounded yet
        self._understood = ""  # of the turn

    # --- what a protocol is ----------------------------------------------------------

    @abstractmethod
    def _uplink(self, pcm: bytes, now: float) -> list[Output]:
        """Sound to the service."""

    def _clock(self, now: float) -> float:
        """The time by which the service's silence is measured."""
        return now

    def _ends_at(self) -> float:
        """When a reply of which nothing comes any more has ended."""
        return self._loud_at + self._pause_s

    def _holds_reply(self) -> bool:
        """More of the reply is known to come, however long the silence."""
        return False

    def _awaits_more(self) -> bool:
        """A reply is promised that no turn asks for."""
        return False

    def _sounded(self, now: float, *, anew: bool) -> None:
        """The reply under way is heard; ``anew``: after a silence."""

    def _gave_up(self, now: float) -> list[Output]:
        """A reply or a turn was called off."""
        return []

    def _answer_call(self, call_id: str, output: str, now: float) -> list[Output]:
        return []

    @property
    def _usable(self) -> bool:
        return self._stage is Stage.READY

    # --- commands -----------------------------------------------------------------------

    def _perform(self, command: ServiceCommand, now: float) -> list[Output]:
        match command:
            case AppendAudio(pcm):
                return self._append(pcm, now)
            case CancelReply(reply_id):
                return self._cancel(reply_id, now)
            case ClearInput():
                return self._clear(now)
            case AbandonTurn():
                return self._abandon(now)
            case SendToolResult(call_id, output):
                return self._answer_call(call_id, output, now)
            case _:
                return []  # there is no way to say it

    def _append(self, pcm: bytes, now: float) -> list[Output]:
        pcm = pcm[: len(pcm) - len(pcm) % 2]
        if not pcm:
            return []
        if self._tail_until is not None and now < self._tail_until:
            pcm = bytes(len(pcm))
        elif not self._turn_open:
            self._begin_turn(now)
        self._speaker.hear(pcm)
        self._silence.sounded(len(pcm), now)
        self._feed_or_not()  # nobody waits for an answer to the tail
        return self._uplink(pcm, now)

    def _begin_turn(self, now: float) -> None:
        self._turns += 1
        self._turn_open, self._taken, self._tail_until = True, False, None
        self._turn_began_at = self._clock(now)
        self._speaker.begin()
        self._understood = self._early_words = ""
        self._held = b""

    def _cancel(self, reply_id: str, now: float) -> list[Output]:
        if not reply_id or reply_id != self._speech.reply_id:
            return []
        outputs = self._end_reply("cancelled", now)
        return outputs + self._call_off(now)

    def _clear(self, now: float) -> list[Output]:
        """What was sent behind the turn was silence. What was sent in none cannot be unsaid."""
        self._tail_until = None
        if self._turn_open:
            return self._call_off_turn(now)
        if self._silence.due is not None:  # nothing more comes of the device: without a gap
            self._silence.due = now
        return []

    def _abandon(self, now: float) -> list[Output]:
        self._tail_until = None
        if self._turn_open or not self._speech.reply_id:
            return self._call_off_turn(now)
        return []

    def _call_off_turn(self, now: float) -> list[Output]:
        self._turn_open = False
        self._understood = ""
        self._given_up = bool(self._speech.reply_id)
        outputs = [] if self._given_up else self._call_off(now)
        self._feed_or_not()
        return outputs

    def _call_off(self, now: float) -> list[Output]:
        self._called_off, self._given_up, self._taken = True, False, False
        self._held, self._early_words = b"", ""
        outputs = self._gave_up(now)
        self._feed_or_not()
        return outputs

    # --- the service's sound -----------------------------------------------------------------

    def _hear(self, pcm: bytes, now: float) -> list[Output]:
        """Mono s16le at the downlink's rate, of any length."""
        whole = self._odd + pcm
        end = len(whole) - len(whole) % 2
        self._odd = whole[end:]
        size = 2 * (self._able.downlink_rate_hz * PIECE_MS // 1000)
        outputs: list[Output] = []
        for start in range(0, end, size):
            outputs += self._hear_piece(whole[start : min(start + size, end)], now)
        return outputs

    def _hear_piece(self, pcm: bytes, now: float) -> list[Output]:
        at, level = self._clock(now), peak(pcm)
        if self._hush.is_silent(level):
            return self._hear_silence(pcm, at, now)
        self._hush.hear(level, at)
        last_at, self._loud_at = self._loud_at, at
        if self._speech.reply_id:
            over = self._runs_on(at, now)
            return over or self._sound(pcm, now, anew=at - last_at >= HELD_GAP_S)
        if self._called_off and not self._begins_anew(at, last_at):
            self._early_words = ""  # they were of this
            return []
        self._called_off = False
        if not self._turn_open:
            return self._begin_reply(pcm, now)
        self._held = pcm if at - last_at >= HELD_GAP_S else self._held + pcm
        talks_over = len(self._held) >= 2 * self._able.downlink_rate_hz * TALKS_OVER_S
        if not (self._may_answer or talks_over):
            return []
        outputs = self._take_turn(now) if self._speaker.paused else []
        return outputs + self._begin_reply(self._held, now)

    @property
    def _may_answer(self) -> bool:
        speaker = self._speaker
        return speaker.may_have_finished if self._manner.listens_aloud else speaker.paused

    def _begins_anew(self, at: float, last_at: float) -> bool:
        """What sounds now is none of what was called off; it sounded until ``last_at``."""
        if not (self._turn_open or self._taken):
            return False
        if self._speaker.may_have_finished:
            return at - last_at >= GAP_S
        return at - max(last_at, self._turn_began_at) >= self._manner.pause_s

    def _hear_silence(self, pcm: bytes, at: float, now: float) -> list[Output]:
        quiet_s = at - self._loud_at
        if self._speech.reply_id:
            if quiet_s < self._pause_s:
                return self._speech.audio(pcm) if self._voiced else []
            return [] if self._holds_reply() else self._end_reply("completed", now)
        if self._held:
            self._held = self._held + pcm if quiet_s < HELD_GAP_S else b""
        return []

    def _runs_on(self, at: float, now: float) -> list[Output]:
        """The end of a reply that sounds, and should have ended; else nothing."""
        if self._hush.has_stopped(at) and not self._holds_reply():
            self._hush.learn()
            return self._end_reply("completed", now)
        if not self._hush.is_endless(at):
            return []
        outputs = self._end_reply("incomplete", now, "it did not end")
        return outputs + self._call_off(now)

    # --- turns and replies -----------------------------------------------------------------

    def _take_turn(self, now: float) -> list[Output]:
        """The service has taken the turn, if there was one to take."""
        if not self._turn_open:
            return []
        self._turn_open, self._taken = False, True
        self._tail_until = now + TAIL_S
        if not self._manner.feeds_reply:  # else the reply that follows wants it
            self._silence.stop()
        return [Emit(TurnCommitted(self._turn_id))]

    def _begin_reply(self, pcm: bytes, now: float) -> list[Output]:
        """With its first sound, or without any yet."""
        self._held = b""
        self._pause_s = self._manner.pause_s
        self._loud_at = self._clock(now)
        self._hush.begins(self._loud_at)
        self._words, self._voiced, self._taken = "", False, False
        outputs = self._speech.begin()
        if pcm:
            outputs += self._sound(pcm, now, anew=True)
        if self._early_words:
            early, self._early_words = self._early_words, ""
            outputs += self._say(early)
        return outputs

    def _sound(self, pcm: bytes, now: float, *, anew: bool) -> list[Output]:
        self._voiced = True
        self._sounded(now, anew=anew)
        return self._speech.audio(pcm)

    def _end_reply(self, status: str, now: float, detail: str = "") -> list[Output]:
        """Nothing, if none is under way."""
        if not self._speech.reply_id:
            return []
        outputs = self._tell_understood()
        words = self._words.strip()
        if words and status == "completed":
            outputs += self._speech.words(words, final=True)
        outputs += self._speech.end(status, detail)
        self._hush.ends()
        if self._given_up:
            outputs += self._call_off(now)
        self._feed_or_not()
        return outputs

    def _say(self, words: str) -> list[Output]:
        """More words of the reply under way, or of the next one."""
        if len(self._words) + len(self._early_words) + len(words) > MOST_CHARACTERS:
            return []
        if not self._speech.reply_id:
            if self._turn_open or self._taken or not self._called_off:
                self._early_words += words
            return []
        self._words += words
        self._hush.words()
        return self._speech.words(words, final=False)

    def _understand(self, words: str) -> list[Output]:
        """More words of the turn."""
        if len(self._understood) + len(words) > MOST_CHARACTERS:
            return []
        self._understood += words
        return [Emit(UserTranscript(words, False, self._turn_id))]

    def _tell_understood(self) -> list[Output]:
        """The transcript of the turn, once; where the service writes it in pieces."""
        text = self._understood.strip()
        self._understood = ""
        return [Emit(UserTranscript(text, True, self._turn_id))] if text else []

    def _service_broke_off(self, now: float) -> list[Output]:
        """It says that it heard the person. A little of what it said may yet be on its way."""
        self._held = b""
        if self._turn_open:
            self._called_off = False
        reply_id = self._speech.reply_id
        if not reply_id:
            return []
        self._called_off = not self._turn_open
        return [Emit(ReplyInterrupted(reply_id)), *self._end_reply("cancelled", now)]

    @property
    def _turn_id(self) -> str:
        return f"turn_{self._turns}"

    # --- time ----------------------------------------------------------------------------

    def _due(self) -> float | None:
        times = [] if self._silence.due is None else [self._silence.due]
        if self._speech.reply_id:
            times.append(self._ends_at())
        return min(times, default=None)

    def _time_out(self, now: float) -> list[Output]:
        outputs: list[Output] = []
        if self._speech.reply_id and now >= self._ends_at():
            outputs += self._end_reply("completed", now)
        return outputs + self._feed(now)

    def _feed_or_not(self) -> None:
        """No silence is sent that nobody waits for."""
        reply = self._manner.feeds_reply and (bool(self._speech.reply_id) or self._awaits_more())
        if not (self._turn_open or reply):
            self._silence.stop()

    def _feed(self, now: float) -> list[Output]:
        pcm = self._silence.take(now)
        if not pcm:
            return []
        self._speaker.hear(pcm)
        return self._uplink(pcm, now)
