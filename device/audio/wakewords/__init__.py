"""Wake-word engines, their models, and where a word ends."""
