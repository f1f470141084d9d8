"""The voice that is on the device: synthesisers behind one port, and the thread that owns one.

The offline service answers with it, and the appliance says its own phrases with it
(``adapters/phrases.py``), so that both sound alike and equally loud.
"""
