"""What a service can do, in no service's words; the core makes up for what it cannot."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The rates are those of the audio to and from the codec, mono s16le. A service that tells
    its own only in the hand-shake has the final ones when its session is open."""

    uplink_rate_hz: int
    downlink_rate_hz: int
    detects_turns: bool  #: it can tell by itself when the user has finished
    truncates: bool  #: its history can be rewritten to what was heard
    calls_tools: bool
    transcribes_user: bool
    commits: bool = True  #: it lets the device end the user's turn
    tells_turns: bool = True
    """It tells when it hears speech and takes a turn. Otherwise the first that is known of a
    turn that it ended is its answer, and until then it wants to hear the silence too."""
    tells_ends: bool = True
    """Of its replies. Otherwise its codec takes a pause for the end, or what it tells as the end
    may be that of a part."""
    best_ends_turns: bool = False  #: where both can, it ends turns better than the device
    reads_history: bool = True  #: what was said before in the session counts for an answer
    answers_nonsense: bool = False  #: of what it did not understand it says so in its own words
    says_on_request: bool = False
    """Its own voice says what ``RequestReply`` asks for, at least the exact ``words``."""
    prefers: str = "echo_cancelled"  #: the uplink's sound: raw, echo_cancelled or cleaned
    resumes: bool = False  #: a session can be taken up again on another connection
    session_cap_s: float | None = None  #: it ends every session after so long
    parallel_sessions: bool = True  #: the next one may be opened before this one is closed
    opens_within_s: float = 2.5
    """From one sign that its session is being made (``SessionOpening``) to the next, or until it
    is open. Who gives no sign at all, or not soon, is taken for out of reach."""
    tells_usage: bool = False  #: tokens, seconds or a price come with each turn

    def device_ends_turns(self, turn_detection: str) -> bool:
        """Who ends the turns: ``turn_detection`` as configured (auto, device or service), as
        far as the service goes along with it."""
        if not self.commits:
            return False
        if not self.detects_turns or turn_detection == "device":
            return True
        return turn_detection == "auto" and not self.best_ends_turns
