"""Several microphones: their places, where a voice comes from, and one channel out of all."""
