"""Which words the appliance says of its own accord, and in whose voice. Pure."""

from __future__ import annotations

from enum import StrEnum

from device.commands import RequestReply, SpeakPhrase
from device.settings import PhrasesSettings

#: Where neither sound nor failure of a phrase comes, the conversation goes on without it.
PATIENCE_S = 4.0


class Phrase(StrEnum):
    """Named as the settings of ``[phrases]`` are."""

    MOMENT = "moment"
    STILL_WORKING = "still_working"
    STILL_THERE = "still_there"
    GOODBYE = "goodbye"
    NOT_UNDERSTOOD = "not_understood"
    SAY_AGAIN = "say_again"
    NO_BUDGET = "no_budget"
    NO_NETWORK = "no_network"
    LOG_IN = "log_in"
    CLOCK = "clock"
    NO_SERVICE = "no_service"
    NO_KEY = "no_key"
    NO_QUOTA = "no_quota"


class Phrasebook:
    """``service_can``: the service says what ``RequestReply`` tells it to."""

    def __init__(self, settings: PhrasesSettings, *, service_can: bool) -> None:
        self._settings = settings
        self.service_can = service_can
        self._count = 0
        self._awaited = ""

    def apply(self, settings: PhrasesSettings) -> None:
        self._settings = settings

    def text(self, phrase: Phrase) -> str:
        """Its words; empty: it is not said."""
        text: str = getattr(self._settings, phrase.value)
        return text.strip()

    def say(
        self, phrase: Phrase, *, link_open: bool, reply_awaited: bool
    ) -> SpeakPhrase | RequestReply | None:
        """The command that gets it said, or None when it is not to be, or cannot.

        A service that has a reply under way cannot be asked for another, so what is said
        meanwhile (``reply_awaited``) is said by the device.
        """
        text = self.text(phrase)
        if not text:
            return None
        if self._settings.voice != "device":
            if self.service_can and link_open and not reply_awaited:
                quoted = text.replace('"', "'")
                order = f'Say exactly this, and nothing else: "{quoted}"'
                return RequestReply(order, words=text)
            if self._settings.voice == "service":
                return None
        self._count += 1
        self._awaited = f"phrase:{self._count}"
        return SpeakPhrase(self._awaited, text)

    @property
    def awaited(self) -> str:
        """The last phrase that the device was to say, until it is withdrawn."""
        return self._awaited

    def awaits(self, phrase_id: str) -> bool:
        """Whether the last phrase that the device was to say is this one, and still wanted."""
        return bool(phrase_id) and phrase_id == self._awaited

    def is_phrase(self, reply_id: str) -> bool:
        """Whether what playback tells of is a phrase of the device's own, not a reply."""
        return reply_id.startswith("phrase:")

    def withdraw(self) -> None:
        """What has not arrived yet is not to be said any more."""
        self._awaited = ""
