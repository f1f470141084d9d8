"""Notices that this machine's network came back: an address or a route is new.

Linux tells whoever listens on a routing socket (rtnetlink(7)), so a link that waits for its next
attempt need not wait any longer. Loop thread only.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Callable

log = logging.getLogger(__name__)

# <linux/rtnetlink.h>: RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE and the same of IPv6.
_GROUPS = 0x10 | 0x40 | 0x100 | 0x400
_RTM_NEWADDR, _RTM_NEWROUTE = 20, 24
_HEADER = struct.Struct("=IHHII")  #: nlmsghdr: length, type, flags, sequence, port
_READ_BYTES = 64 * 1024

Stop = Callable[[], None]
Watch = Callable[[Callable[[], None]], Stop]
"""Given what to call when the network came back; returns what ends the watch."""


def watch_network(came: Callable[[], None]) -> Stop:
    """Calls ``came`` each time; it may come several times for one network. Where the kernel does
    not tell (the service's sandbox may forbid it) it is never called, which the log says."""
    loop = asyncio.get_running_loop()
    try:
        listener = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
        )
    except OSError as error:
        log.info("a network that comes back is noticed by trying only: %s", error.strerror)
        return lambda: None
    try:
        listener.setblocking(False)
        listener.bind((0, _GROUPS))
    except OSError as error:
        listener.close()
        log.info("a network that comes back is noticed by trying only: %s", error.strerror)
        return lambda: None

    def read() -> None:
        if _read(listener):
            came()

    def stop() -> None:
        loop.remove_reader(listener.fileno())
        listener.close()

    loop.add_reader(listener.fileno(), read)
    return stop


def _read(listener: socket.socket) -> bool:
    """Whether anything that is there says that something is new."""
    came = False
    while True:
        try:
            data = listener.recv(_READ_BYTES)
        except BlockingIOError:
            return came
        except OSError:  # ENOBUFS: so much happened that some of it was dropped
            return True
        came |= tells_of_news(data)


def tells_of_news(data: bytes) -> bool:
    """Does a datagram of the kernel's say that an address or a route was added?"""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, at)
        if kind in (_RTM_NEWADDR, _RTM_NEWROUTE):
            return True
        if length < _HEADER.size:
            return False
        at += (length + 3) & ~3
    return False
