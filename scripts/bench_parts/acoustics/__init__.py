"""The acoustic bench: rooms, replies and people as samples, and what is counted in them."""
