"""The microphone array: its health, its channels, its direction."""
