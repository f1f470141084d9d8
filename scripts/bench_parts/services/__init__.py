"""The codecs of all services: what they cost, whether they stay small, what they bear."""
