"""Gemini Live's addresses, what is shown at each, and how it refuses."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from websockets.http11 import Request

from device.simulator.services.stand_in import HttpAnswer

SERVICE = "google.ai.generativelanguage"
PATHS = {
    "key": re.compile(
        r"/ws/google\.ai\.generativelanguage\.(v\w+)\.GenerativeService\.BidiGenerateContent"
    ),
    "token": re.compile(
        r"/ws/google\.ai\.generativelanguage\.(v\w+)\.GenerativeService"
        r"\.BidiGenerateContentConstrained"
    ),
    "bearer": re.compile(
        r"/ws/google\.cloud\.aiplatform\.(v\w+)\.LlmBidiService/BidiGenerateContent"
    ),
}
QUOTA = (1011, "You exceeded your current quota, please check your plan and billing details.")
INTERNAL = (1011, "Internal error encountered.")
UNAVAILABLE = (1011, "The service is currently unavailable.")
BAD_KEY = (1007, "API key not valid. Please pass a valid API key.")
STATUS = {
    400: ("INVALID_ARGUMENT", BAD_KEY[1]),
    403: ("PERMISSION_DENIED", "Method doesn't allow unregistered callers."),
    404: ("NOT_FOUND", "Requested entity was not found."),
    429: ("RESOURCE_EXHAUSTED", QUOTA[1]),
    500: ("INTERNAL", INTERNAL[1]),
    503: ("UNAVAILABLE", UNAVAILABLE[1]),
}


def http_error(status: int) -> HttpAnswer:
    """As Google's services put an error."""
    name, message = STATUS.get(status, ("UNKNOWN", "Unknown Error."))
    return HttpAnswer(status, {"error": {"code": status, "message": message, "status": name}})


def address(request: Request) -> tuple[str, str]:
    """(what must be shown there, the version in it); ("", "") at an address that is none."""
    path = urlsplit(request.path).path
    for kind, pattern in PATHS.items():
        if found := pattern.fullmatch(path):
            return kind, found[1]
    return "", ""


def credential(request: Request, kind: str) -> str:
    """What is shown at an address of this kind, or nothing."""
    query = parse_qs(urlsplit(request.path).query)
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    match kind:
        case "token":
            asked = query.get("access_token", [""])[0]
            return asked or (secret if scheme.lower() == "token" else "")
        case "bearer":
            return secret if scheme.lower() == "bearer" else ""
    return query.get("key", [""])[0] or request.headers.get("x-goog-api-key", "")
