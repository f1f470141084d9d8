"""A conversation with Wiro, in what its two realtime products have in common.

Sound goes both ways in binary messages behind a token (``wiro_wire.py``), up in whole chunks
(``wiro_uplink.py``). Neither product tells of turns: ``wiro_turns.py`` finds out which one a
transcript or a reply is about. A reply begins with its first sound; what ends it is for the
product to say (:meth:`Talk._said_all`), or a pause where it says nothing. One whose end does not
come has ended when the next turn is taken, or when nothing has come of it for :data:`UNENDED_PART`
of what the core waits for.

A reply that is called off has ended for the device at once. The service is told, and what still
comes of it is dropped (``wiro_replies.py``): only where it was still making it, so that the next
reply is never waited for an end that nobody announces.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace

from device.capabilities import Capabilities
from device.commands import (
    AbandonTurn,
    AppendAudio,
    CancelReply,
    ClearInput,
    ServiceCommand,
)
from device.events import ErrorKind, ReplyInterrupted, TurnCommitted
from device.providers.base import AskFence, Emit, HttpRequest, Note, Output, SendFrame, SessionSpec
from device.providers.levels import peak
from device.providers.machine import Machine, Stage
from device.providers.speech import Speech
from device.providers.wire import Malformed, frame
from device.providers.wiro_replies import QUIET_S, Rest, Words
from device.providers.wiro_turns import Turns
from device.providers.wiro_uplink import Uplink
from device.providers.wiro_wire import (
    RATE_HZ,
    Discreet,
    address,
    framed,
    headers,
    parse,
    unframed,
)

#: Words may come so much later than the mark that ends their reply.
LATE_WORDS_S = 0.3
#: Words of a reply may come so much sooner than its sound.
EARLY_WORDS_S = 5.0
#: Sound behind such a silence, and behind a turn that was said, is the answer to that turn.
NEXT_S = 1.5
#: Of ``reply_timeout_s``: a service that marks the ends of its replies has forgotten this one's.
UNENDED_PART = 2 / 3
#: -54 dB: what a coder makes of silence.
SILENT_PEAK = 64
#: Silence that ends a turn for sure, beyond what the service was told to wait for.
SURE_SILENCE_MS = 400

ABLE = Capabilities(
    uplink_rate_hz=RATE_HZ,
    downlink_rate_hz=RATE_HZ,
    detects_turns=True,
    truncates=False,
    calls_tools=False,
    transcribes_user=True,
    commits=False,
    tells_turns=False,
    parallel_sessions=False,
    opens_within_s=15.0,
)


@dataclass(frozen=True, slots=True)
class Manner:
    """``patience_s``: for a session that queues, since it last gave a sign of life. ``pause_s``:
    silence that ends a reply, where nothing else may: then the core is told not to trust it.
    ``feeds_on_sound``: it hears and speaks all the time, so it is given silence as long as it
    replies, and its own silence is no sound. ``greets`` and ``may_greet`` as in `Turns`."""

    patience_s: float
    pause_s: float | None = None
    feeds_on_sound: bool = False
    greets: bool = False
    may_greet: bool = False


class Talk(Machine):
    """One session."""

    _explain: Discreet

    def __init__(
        self,
        spec: SessionSpec,
        able: Capabilities,
        manner: Manner,
        wall_ahead_s: float | None = None,
    ) -> None:
        """``wall_ahead_s``: the wall clock less the one that is told as ``now``, where known."""
        patience_s = max(spec.handshake_timeout_s, manner.patience_s)
        able = replace(able, tells_ends=manner.pause_s is None)
        super().__init__(replace(spec, handshake_timeout_s=patience_s), able)
        self._explain = Discreet(spec.key, spec.secret)
        self._manner = manner
        self._wall_ahead_s = wall_ahead_s
        self._token = ""  # before the sound of both sides
        chunk_ms = spec.options.get("chunk_ms", 200)
        most_s = 4 * spec.reply_timeout_s if manner.feeds_on_sound else spec.reply_timeout_s
        self._uplink = Uplink(chunk_ms if isinstance(chunk_ms, int) else 200, most_s)
        self._turns = Turns(greets=manner.greets, may_greet=manner.may_greet)
        self._speech = Speech()
        self._words = Words()  # of the reply under way, or of the one that is about to begin
        self._words_at = 0.0
        self._rest = Rest()
        self._complete = False  # the service has said all of the reply under way
        self._ends_at: float | None = None  # the reply under way, if nothing more comes of it
        self._sound_at = 0.0  # the last of it came then
        self._sounds_until = 0.0  # what has come of it, if it is played as it comes
        self._ended_at = float("-inf")

    # --- what a product is --------------------------------------------------------------

    @abstractmethod
    def _interrupt(self) -> Mapping[str, object]:
        """The message that stops the reply under way."""

    @abstractmethod
    def _bye(self) -> Mapping[str, object]:
        """The message that ends the session."""

    @abstractmethod
    def _on_text(self, message: Mapping[str, object], now: float) -> list[Output]:
        """A message that is not sound."""

    def _reply_began(self) -> None:
        """One did that is wanted."""

    # --- the hand-shake -------------------------------------------------------------------

    def _post(self, path: str, body: Mapping[str, object], now: float) -> list[Output]:
        try:
            url = address(self._spec.url, path)
        except ValueError:
            return self._end(ErrorKind.PROTOCOL, "Wiro's address must begin with https://")
        notes: list[Output] = []
        if self._spec.secret and self._wall_ahead_s is None:
            notes.append(Note("the signature has no unix time: the wall clock is not known here"))
        sent = frame(body).encode()
        shown = headers(self._spec, now + (self._wall_ahead_s or 0.0))
        self._asked = True
        return [*notes, HttpRequest(path, "POST", url, shown, sent)]

    def _lives(self, now: float) -> None:
        """The session makes progress, and is waited for."""
        if self._stage is Stage.GREETING:
            self._greeting_due = now + self._spec.handshake_timeout_s

    def _begin_talk(self, session_id: str, now: float) -> list[Output]:
        self._turns.opened(now)
        return self._ready(self._explain.clean(session_id, 80), now)

    def finish(self, reason: str, now: float) -> list[Output]:
        if self._stage is Stage.GREETING:  # it queues: nothing is to come of it
            return [SendFrame(frame(self._bye())), *self._end(None, reason)]
        return super().finish(reason, now)

    def _farewell(self, reason: str, now: float) -> list[Output]:
        return [SendFrame(frame(self._bye()))]

    # --- messages ---------------------------------------------------------------------------

    def _parse(self, data: str | bytes) -> object:
        return parse(data)

    def _on_message(self, message: object, now: float) -> list[Output]:
        if isinstance(message, dict):
            return self._on_text(message, now)
        if not isinstance(message, bytes):
            return self._on_malformed(Malformed("neither text nor sound"))
        pcm = unframed(message, self._token) if self._stage is Stage.READY else None
        return self._hear(pcm, now) if pcm else []

    def _hear(self, pcm: bytes, now: float) -> list[Output]:
        silent = self._manner.pause_s is not None and _is_silent(pcm)
        if silent and not self._speech.reply_id:
            return []  # a service that sends sound all the time begins nothing with it
        if self._rest.takes(now):
            return []
        outputs: list[Output] = []
        if self._speech.reply_id and self._has_ended(now):
            outputs += self._finish_reply("completed", now)
        if not self._speech.reply_id and not silent:
            outputs += self._begin_reply(now)
        if not self._speech.reply_id:
            return outputs
        if self._complete:
            return outputs + self._speech.audio(pcm)
        self._sounds_until = max(now, self._sounds_until) + len(pcm) / (2 * RATE_HZ)
        if not (silent and self._manner.feeds_on_sound):
            self._sound_at = now
            if self._manner.pause_s is None:
                self._ends_at = now + UNENDED_PART * self._spec.reply_timeout_s
            else:
                self._ends_at = self._sounds_until + self._manner.pause_s
        return outputs + self._speech.audio(pcm)

    def _has_ended(self, now: float) -> bool:
        """What comes now is not of the reply under way."""
        if self._ends_at is not None and now >= self._ends_at:
            return True
        return self._turns.finished and now - max(self._sound_at, self._sounds_until) >= NEXT_S

    def _understood(self, text: str, now: float) -> list[Output]:
        """What the person said."""
        outputs = self._turns.understood(text, now)
        if outputs:
            self._feed_or_not()
        if self._speech.reply_id and any(_is_taken(output) for output in outputs):
            return self._finish_reply("completed", now) + outputs
        return outputs

    def _says(self, text: str, now: float) -> list[Output]:
        """Words of a reply."""
        if self._speech.reply_id:
            new = self._words.add(text)
            outputs = self._speech.words(new, final=False) if new else []
            return outputs + (self._finish_reply("completed", now) if self._complete else [])
        late = now - self._ended_at < LATE_WORDS_S
        if not late and not self._rest.lasts(now) and self._turns.awaits_answer:
            if now - self._words_at >= EARLY_WORDS_S:
                self._words = Words()
            self._words.add(text)
            self._words_at = now
        return []

    def _said_all(self, now: float) -> list[Output]:
        """The service has ended its reply: the one under way, or one that was called off."""
        if self._rest.lasts(now):
            self._rest.end()
            self._turns.stopped()
            return []
        outputs: list[Output] = []
        if not self._speech.reply_id:
            if not self._has_early_words(now):
                return []
            outputs = self._begin_reply(now)  # it has words only
        if not self._speech.reply_id:
            return outputs
        self._complete = True
        if self._words.whole:
            return outputs + self._finish_reply("completed", now)
        self._ends_at = now + LATE_WORDS_S
        return outputs

    def _broke_off(self, now: float) -> list[Output]:
        """The service has broken off its reply because it hears the person."""
        reply_id = self._speech.reply_id
        outputs: list[Output] = []
        if reply_id:
            outputs.append(Emit(ReplyInterrupted(reply_id)))
            outputs += self._finish_reply("cancelled", now)
            self._rest.begin(now)
        self._rest.arrived(now)
        return outputs

    def _goes_on(self) -> None:
        """What comes now is new."""
        self._rest.end()

    # --- replies ------------------------------------------------------------------------------

    def _begin_reply(self, now: float) -> list[Output]:
        outputs, wanted = self._turns.answered(now)
        early = self._words.whole if self._has_early_words(now) else ""
        self._words = Words()
        if not wanted:
            self._feed_or_not()
            return outputs + self._call_off(now)
        self._complete, self._ends_at, self._sounds_until = False, None, now
        self._reply_began()
        outputs += self._speech.begin()
        self._feed_or_not()
        return outputs + (self._speech.words(self._words.add(early), final=False) if early else [])

    def _finish_reply(self, status: str, now: float) -> list[Output]:
        words = self._words.whole.strip()
        outputs: list[Output] = []
        if words and status == "completed":
            outputs += self._speech.words(words, final=True)
        self._words = Words()
        self._complete, self._ends_at, self._ended_at = False, None, now
        outputs += self._speech.end(status)
        self._feed_or_not()
        return outputs

    def _call_off(self, now: float) -> list[Output]:
        """Nothing is wanted of what the service says now."""
        fence = self._rest.begin(now)
        return [SendFrame(frame(self._interrupt())), AskFence(fence)]

    def _has_early_words(self, now: float) -> bool:
        return bool(self._words.whole) and now - self._words_at < EARLY_WORDS_S

    def fence_passed(self, token: str, now: float) -> list[Output]:
        self._rest.passed(token, now)
        self._turns.passed(token, now)
        return []

    # --- commands -------------------------------------------------------------------------------

    def _perform(self, command: ServiceCommand, now: float) -> list[Output]:
        match command:
            case AppendAudio(pcm):
                return self._append(pcm, now)
            case ClearInput():
                return self._over_with(self._turns.take_back(now))
            case AbandonTurn():
                return self._abandon(now)
            case CancelReply(reply_id):
                return self._cancel(reply_id, now)
            case _:
                return []  # there is no way to say it

    def _append(self, pcm: bytes, now: float) -> list[Output]:
        if not pcm or not self._turns.hear(pcm, now):
            return []
        return self._send(self._uplink.sound(pcm, now))

    def _abandon(self, now: float) -> list[Output]:
        taken, spoke, fence = self._turns.give_up(now)
        self._words = self._words if self._speech.reply_id else Words()
        outputs = self._over_with(fence if spoke else "")
        if taken and not self._speech.reply_id:  # what it makes of it it may stop at once
            outputs += self._call_off(now)
        return outputs if spoke or not fence else [*outputs, AskFence(fence)]

    def _over_with(self, fence: str) -> list[Output]:
        """What was sent is in no turn. Where there are words in it (``fence``) the service is made
        to hear that they are over, and when it has is asked."""
        return [*self._conclude(), AskFence(fence)] if fence else self._stop_uplink()

    def _cancel(self, reply_id: str, now: float) -> list[Output]:
        if not reply_id or reply_id != self._speech.reply_id:
            return []
        self._turns.cancelled()
        complete, silent_s = self._complete, now - self._sound_at
        outputs = self._finish_reply("cancelled", now)
        if complete:
            return outputs
        if self._manner.pause_s is not None and silent_s >= QUIET_S:  # it has probably said all
            return [*outputs, SendFrame(frame(self._interrupt()))]
        return outputs + self._call_off(now)

    # --- sound to the service ---------------------------------------------------------------------

    def _send(self, chunks: list[bytes]) -> list[Output]:
        return [SendFrame(framed(self._token, chunk)) for chunk in chunks]

    def _conclude(self) -> list[Output]:
        quiet_ms = max(self._spec.vad_silence_ms, 500) + SURE_SILENCE_MS
        return self._send(self._uplink.conclude(quiet_ms))

    def _stop_uplink(self) -> list[Output]:
        self._feed_or_not()
        return []

    def _feed_or_not(self) -> None:
        """No silence is sent that nobody waits for."""
        feeds = self._manner.feeds_on_sound and (
            bool(self._speech.reply_id) or self._turns.awaits_answer
        )
        if not self._turns.open and not feeds:
            self._uplink.stop()

    # --- time ------------------------------------------------------------------------------

    def _due(self) -> float | None:
        dues = [due for due in (self._uplink.due, self._ends_at) if due is not None]
        return min(dues, default=None)

    def _time_out(self, now: float) -> list[Output]:
        outputs: list[Output] = []
        if self._ends_at is not None and now >= self._ends_at:
            outputs += self._finish_reply("completed", now)
        if self._uplink.due is not None and now >= self._uplink.due:
            chunks = self._uplink.feed(now)
            self._turns.hear_silence(sum(map(len, chunks)))
            outputs += self._send(chunks)
        return outputs


def _is_taken(output: Output) -> bool:
    return isinstance(output, Emit) and isinstance(output.event, TurnCommitted)


def _is_silent(pcm: bytes) -> bool:
    return peak(pcm[: len(pcm) - len(pcm) % 2]) <= SILENT_PEAK
