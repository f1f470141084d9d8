"""Loopback stand-ins of the speech-to-speech services, one file a service.

Each behaves as the service's own documents say, towards the appliance and towards the service's
official client, and can be told to misbehave (:class:`line.Trouble`). They know nothing of the
codecs in ``device/providers``: what both agree on is the service's protocol alone.
"""
