"""Names: the appliance is led to the proxy's address; a reader wants the configured one.

The appliance says in its messages where it connects to, which in the room is the
proxy. The simulator put that address there, so it alone can say what it stands for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Names:
    """``proxy`` and ``service`` are ``host:port``."""

    def __init__(self, proxy: str, service: str) -> None:
        self._proxy, self._service = proxy, service

    def text(self, text: str) -> str:
        """``text`` with the service's address in the place of the proxy's."""
        before, *after = text.split(self._proxy)
        for part in after:
            # A longer number is another port.
            before += (self._proxy if part[:1].isdigit() else self._service) + part
        return before

    def fields(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The same for every text among the fields of a report."""
        return {k: self.text(v) if isinstance(v, str) else v for k, v in fields.items()}

    def file(self, path: Path) -> None:
        """The same for a log that nobody writes any more; one that is missing is left so."""
        if path.exists():
            path.write_text(self.text(path.read_text(errors="replace")), encoding="utf-8")
