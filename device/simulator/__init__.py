"""The simulated room, and a director who lets the unmodified appliance live in it.

Read in this order:

- :mod:`room` is the world: a sound card for ALSA, an acoustic engine, recordings.
- :mod:`scenario` (with :mod:`toml_table`, :mod:`toml_lines`) says what happens;
  :mod:`speech` and :mod:`wavfile` make the voices.
- :mod:`director` runs it: :mod:`overlay` moves the owner's configuration into the
  room, :mod:`appliance` is the process, :mod:`cues` and :mod:`faults` do what the
  scenario says, :mod:`panel_socket` and :mod:`virtual_board` are the two ends of
  the panel, :mod:`timeline` and :mod:`console` take down what is reported.
- :mod:`proxy` stands on the wire: :mod:`trouble` is what it does to bytes,
  :mod:`websocket_tap`, :mod:`wire_log` and :mod:`wire_audio` are what it overhears.
- :mod:`evidence`, :mod:`measure` and :mod:`report` make numbers of the recordings,
  :mod:`outcome` writes them down, :mod:`demo` judges the main job (:mod:`verdict`).
- :mod:`hosted` puts a stand-in of a service in the place of the configured one, with the
  offline service as its brain (:mod:`services`); :mod:`same_conversation` judges it.

Only :mod:`virtual_board` runs inside the appliance. Everything else is another
process: what is measured here is never the appliance's own word.
"""
