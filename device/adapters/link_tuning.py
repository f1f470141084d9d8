"""Times, sizes and counters of the link, in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinkTuning:
    """What no owner needs to set; tests make it smaller."""

    ping_interval_s: float = 3.0
    #: Nothing at all heard for this long, pings unanswered: the connection is dead
    #: (found within this and one ping interval, so at most 10 s).
    silence_limit_s: float = 7.0
    #: At the start of a turn the other side must be heard within this time.
    probe_s: float = 2.5
    close_timeout_s: float = 1.0
    #: What was begun over HTTP and is not wanted is waited for, and ended there, for so long.
    parting_s: float = 4.0
    #: Messages from this size on are parsed in a worker thread.
    decode_threshold_bytes: int = 64 * 1024
    #: Where pings are not answered, what is on its way is given this long to arrive.
    blind_fence_s: float = 2.5
    #: More than the longest turn (5 s of silence and 30 s of speech) behind the longest wait for
    #: the link (18 s): a lost session costs no word of it.
    uplink_queue_s: float = 60.0
    backoff_base_s: float = 0.5
    backoff_cap_s: float = 3.0
    #: While somebody's words wait: half a second is lost at most, mostly, when the network is back.
    hurried_backoff_s: float = 1.0
    #: What waiting does not heal (key, quota, certificate) is retried this rarely.
    slow_retry_s: float = 30.0
    #: A session that lasted this long was a success; the back-off starts anew.
    stable_s: float = 10.0


@dataclass(slots=True)
class LinkCounters:
    """Since the process started. Written by the loop thread; a reader sees whole numbers."""

    attempts: int = 0
    sessions: int = 0
    messages_sent: int = 0
    bytes_sent: int = 0
    messages_received: int = 0
    bytes_received: int = 0
    decoded_off_loop: int = 0
    audio_dropped_bytes: int = 0
    microphone_bytes: int = 0  #: at the appliance's rate, given to a session

    def sent(self, size: int) -> None:
        """A message of so many bytes."""
        self.messages_sent += 1
        self.bytes_sent += size
