"""What is said over a link: audio that tells where it was, and replies in many parts."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable

from tests.link.rig import ServerSession, wait_until

SECOND = 48_000  # bytes of PCM
CHUNK = 960  # 20 ms


def speech(seconds: float) -> bytes:
    """Bytes that tell where they were."""
    return b"".join(struct.pack("<I", n) for n in range(round(seconds * SECOND / 4)))


def appended(session: ServerSession) -> bytes:
    """The audio that the server has read so far."""
    sent = [f["audio"] for f in session.received if f["type"] == "input_audio_buffer.append"]
    return b"".join(base64.b64decode(audio) for audio in sent)


async def all_heard(session: ServerSession, size: int) -> bytes:
    """What the server was sent, once it is ``size`` bytes."""
    await wait_until(lambda: len(appended(session)) >= size)
    return appended(session)


async def received_by(session: ServerSession, kind: str) -> None:
    """Wait until the server's own reader has seen a frame of ``kind``."""
    await wait_until(lambda: any(f["type"] == kind for f in session.received))


async def reply_in_parts(session: ServerSession, parts: Iterable[bytes]) -> None:
    """The server speaks a whole reply: a delta for each of ``parts``."""
    await session.send("response.created", response={"id": "r1"})
    for part in parts:
        delta = base64.b64encode(part).decode()
        ids = {"response_id": "r1", "item_id": "i1"}
        await session.send("response.output_audio.delta", delta=delta, **ids)
    await session.send("response.done", response={"id": "r1", "status": "completed"})
