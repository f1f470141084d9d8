"""Official models let unknown fields pass; this finds them. For scripts beside it, which run in
the environment of a judge with pydantic."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel


def unknown_fields(value: object, where: str = "") -> Iterator[str]:
    """Every field, at any depth, that the official model does not name: what models keep in
    ``model_extra``."""
    if isinstance(value, BaseModel):
        for extra in value.model_extra or {}:
            yield f"{where}.{extra}"
        for name in type(value).model_fields:
            yield from unknown_fields(getattr(value, name), f"{where}.{name}")
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from unknown_fields(inner, f"{where}.{name}")
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from unknown_fields(inner, f"{where}[{index}]")
