"""What stands around the linear echo canceller (``audio/echo.py``): the reference on the
microphone's clock, the speaker's distortion, AEC3, and the gate between the two."""
