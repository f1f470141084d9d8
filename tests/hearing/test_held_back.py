"""What a press held back is sent whole, from the frame of the press on."""

from __future__ import annotations

import numpy as np
import pytest

from device.audio.format import samples_of
from device.audio.polyphase import LowDelayResampler
from device.events import UplinkAudio, UplinkStopped
from tests.hearing.ear_rig import Rig, mic


@pytest.mark.parametrize(("held_back", "begin"), [(2_240, 13_760), (12_800, 3_200), (99_999, 0)])
def test_a_negative_start_counts_back_from_the_newest_frame(held_back: int, begin: int) -> None:
    rig = Rig()
    rig.ear.start()
    try:
        rig.microphone.play(mic[:16_000])
        rig.ear.start_uplink(-held_back)
        rig.microphone.play(mic[16_000:24_000], 16_000)
        rig.ear.stop_uplink()
        rig.posted.wait_for_type(UplinkStopped)
    finally:
        rig.ear.stop()
    pieces = [event for event in rig.posted.events if isinstance(event, UplinkAudio)]
    assert pieces[0].first_frame == begin
    expected = LowDelayResampler(16_000, 24_000).process(mic[begin:24_000], last=True)
    assert np.array_equal(samples_of(b"".join(piece.pcm for piece in pieces)), expected)
