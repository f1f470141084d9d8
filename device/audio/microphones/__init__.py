"""Whether each microphone hears: dead, stuck, clipped, humming, offset, dropping out."""
