"""Wiro's customer, as its HTTP side sees one: who may ask, what is left to spend, how it says no.

Two kinds of project: the key alone, or a signature. The roles in the signature are the unusual
way round: the API *key* keys the HMAC, and the message is the secret followed by the nonce.

Failures are HTTP 200 with ``result: false`` and a list of errors, but for 401 (authentication)
and 404 (a path that does not exist). Which of 98 and 99 a wrong key gets is not known: here 98
is for credentials that are missing, 99 for such as are wrong.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import threading
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from device.simulator.services.stand_in import HttpAnswer

LEAST_USD = 0.50
UNLIMITED_USD = 250.0


class Code(IntEnum):
    GENERAL = 0
    NOT_FOUND = 1
    CONCURRENCY = 96
    BALANCE = 97
    SIGN_IN = 98
    TOKEN = 99


def signature(key: str, secret: str, nonce: str) -> str:
    """What a project with signatures sends as ``x-signature``."""
    return hmac.new(key.encode(), (secret + nonce).encode(), hashlib.sha256).hexdigest()


class Account:
    """Any thread. ``secret`` makes it a project with signatures.

    To be set by tests at any time: ``outage``, the HTTP status of whatever is asked (503, 429);
    ``refusing``, the code that every authenticated request gets.
    """

    def __init__(self, key: str, secret: str | None, balance_usd: float, text_codes: bool) -> None:
        self.key, self.secret, self._text_codes = key, secret, text_codes
        self.outage: int | None = None
        self.refusing: Code | None = None
        self._balance_usd = balance_usd
        self._lock = threading.Lock()

    @property
    def balance_usd(self) -> float:
        return self._balance_usd

    @balance_usd.setter
    def balance_usd(self, usd: float) -> None:
        with self._lock:
            self._balance_usd = usd

    def charge(self, usd: float) -> None:
        with self._lock:
            self._balance_usd -= usd

    @property
    def concurrency(self) -> float:
        """How many tasks may run at once."""
        if self._balance_usd > UNLIMITED_USD:
            return math.inf
        return max(1, math.floor(self._balance_usd / 10))

    def no(self, code: Code, message: str, status: int = 200) -> HttpAnswer:
        """A refusal in the service's words."""
        said = str(int(code)) if self._text_codes else int(code)
        return HttpAnswer(status, {"result": False, "errors": [{"code": said, "message": message}]})

    def admit(self, headers: Mapping[str, str]) -> HttpAnswer | None:
        """None: they may ask."""
        if self.outage is not None:
            return self.no(Code.GENERAL, "service unavailable", self.outage)
        shown = {name.lower(): value for name, value in headers.items()}
        if "x-api-key" not in shown:
            return self.no(Code.SIGN_IN, "sign in first: x-api-key is missing", 401)
        if not _same(shown["x-api-key"], self.key):
            return self.no(Code.TOKEN, "x-api-key is not valid", 401)
        if self.secret is not None:
            nonce, signed = shown.get("x-nonce", ""), shown.get("x-signature", "")
            if not nonce or not signed:
                return self.no(Code.SIGN_IN, "x-nonce and x-signature are required", 401)
            if not (nonce.isascii() and nonce.isdigit()):
                return self.no(Code.TOKEN, "x-nonce must be a unix time", 401)
            if not _same(signed, signature(self.key, self.secret, nonce)):
                return self.no(Code.TOKEN, "x-signature is not valid", 401)
        if self.refusing is not None:
            return self.no(self.refusing, f"refused with {self.refusing.name.lower()}")
        return None

    def unreadable(self, headers: Mapping[str, str], body: object) -> HttpAnswer | None:
        """None: the body is a JSON object that says so."""
        shown = {name.lower(): value for name, value in headers.items()}
        if "application/json" not in shown.get("content-type", "").lower():
            return self.no(Code.GENERAL, "Content-Type must be application/json")
        if not isinstance(body, dict):
            return self.no(Code.GENERAL, "the body must be a JSON object")
        return None


def yes(**fields: Any) -> HttpAnswer:
    """An answer that all went well."""
    return HttpAnswer(200, {"result": True, "errors": [], **fields})


def _same(shown: str, right: str) -> bool:
    return hmac.compare_digest(shown.encode(), right.encode())
