"""What the vocabulary distinguishes: kinds of trouble, reasons of a stop, parts.

To be imported from :mod:`device.events`, which they belong to.
"""

from __future__ import annotations

from enum import StrEnum


class ErrorKind(StrEnum):
    """Why a service cannot be used; each has its own words, light and retry policy."""

    KEY = "key"  #: refused: missing, wrong or expired credential
    QUOTA = "quota"  #: rate or spending limit reached
    NETWORK = "network"  #: no route, name, connection or answer
    CERTIFICATE = "certificate"  #: TLS could not verify the other side
    PROTOCOL = "protocol"  #: the other side said something we cannot use
    SERVICE = "service"  #: the service itself failed or closed the session


class Cause(StrEnum):
    """Why there is no connection, as far as it can be told apart; each has words that are said."""

    UNKNOWN = "unknown"
    NO_NETWORK = "no_network"  #: no route, or names are not resolved
    LOG_IN = "log_in"  #: somebody must log in to this network first (a captive portal)
    CLOCK = "clock"  #: certificates of the future, or of the past: the clock is wrong
    SILENT = "silent"  #: the other side is there and answers nothing, or no more


class StopReason(StrEnum):
    """Why playback of a reply stopped."""

    DONE = "done"
    BUTTON = "button"
    WAKE = "wake"
    BARGE_IN = "barge_in"
    ERROR = "error"


class Part(StrEnum):
    """The parts of the appliance that can be degraded on their own."""

    MICROPHONE = "microphone"
    ECHO = "echo"  #: the device's own voice in the microphone
    ARRAY = "array"  #: how the microphone sounds, each channel of it: heard with all the same
    SPEAKER = "speaker"
    PANEL = "panel"
    WAKE = "wake"
    OFFLINE_SERVICE = "offline_service"
    CONFIGURATION = "configuration"


NO_WAKE_WORD = "no wake word"
"""The state of ``Part.WAKE`` in which all but the wake word is heard: the button and the
conversation work."""

WAKE_WORD_MISSING = "wake word missing"
"""The state of ``Part.WAKE`` in which some of the wake words are heard, and all else."""

HEARS_ALL_BUT_WORDS = frozenset({NO_WAKE_WORD, WAKE_WORD_MISSING})
"""In the other degraded states of ``Part.WAKE`` nothing is heard."""
