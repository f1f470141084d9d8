"""Messages that a service should not send: made from those it sends, and from nothing.

Fields dropped, renamed, swapped and of other types, huge numbers, deep nesting, text and base64
cut off, noise; with the words that the codec itself looks for, so that rare kinds of messages
come too. All of it follows from the given generator.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

from device import providers

Data = str | bytes

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, -(2**63), 10**400, 0.5, 1e308, -1e-308, float("nan"),
    float("inf"), "", " ", "0", "-1", "null", "\x00", "\ud800", "é\u202e", "A" * 5000, "AAAA",
    "AA=", "===", [], {}, [[]], [{}], [None], {"": {}}, {"id": {}}, {"type": []}, "1s", "1e999s",
)  # fmt: skip
LEAST_WORD, LONGEST_WORD = 2, 60
DEEP = 3000


FAMILIES = {
    "offline": "openai",
    "azure_openai": "openai",
    "xai": "openai",
    "openai_realtime": "openai",
    "openai_compatible": "openai",
    "azure_voice_live": "openai",
    "openai_live": "live",
    "wiro_agent": "wiro",
}
"""How the names of a codec's modules begin, where that is not the service's name."""


def words_of(service: str) -> list[str]:
    """The texts in the codec's own modules: names of messages, fields and codes."""
    found: set[str] = set()
    for path in Path(providers.__file__).parent.glob(f"{FAMILIES.get(service, service)}*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            value = node.value if isinstance(node, ast.Constant) else None
            if isinstance(value, str) and LEAST_WORD <= len(value) <= LONGEST_WORD:
                found |= set() if " " in value else {value}
    return sorted(found)


class Mutator:
    """``corpus``: messages as a service sends them; there is at least one."""

    def __init__(self, rng: Random, corpus: Sequence[Data], words: Sequence[str]) -> None:
        self._rng, self._corpus, self._words = rng, corpus, words or ["type"]
        self._trees = [text for text in corpus if _is_tree(text)]

    def any(self) -> Data:
        """One of the corpus, as it is."""
        return self._rng.choice(self._corpus)

    def invented(self) -> Data:
        """Of a shape that nobody sent, with words that the codec knows."""
        return json.dumps(self._invented(3))

    def mutated(self, data: Data) -> Data:
        """``data`` with one to three things wrong."""
        rng = self._rng
        if _is_tree(data) and rng.random() < 0.75:
            tree = json.loads(data)
            for _ in range(rng.randint(1, 3)):
                tree = self._bent(tree)
            text = json.dumps(tree)
            return text if isinstance(data, str) else text.encode()
        return rng.choice(self._breaks)(self, data)

    # --- trees ---------------------------------------------------------------------

    def _bent(self, tree: Any) -> Any:
        """One node of ``tree`` is changed, in place where it has a parent."""
        parent, key = self._place(tree)
        if parent is None:
            return self._value(tree)
        match self._rng.randrange(7):
            case 0:
                del parent[key]
            case 1 if isinstance(parent, dict):
                parent[self._rng.choice(self._words)] = parent.pop(key)
            case 2 if isinstance(parent, dict):
                parent[self._rng.choice(self._words)] = self._value(parent[key])
            case 3:
                parent[key] = self._foreign()
            case 4 if isinstance(parent[key], str):
                parent[key] = self._rng.choice((self._word(), self._cut(parent[key])))
            case 5:
                parent[key] = [parent[key]]
            case _:
                parent[key] = self._value(parent[key])
        return tree

    def _place(self, tree: Any) -> tuple[Any, Any]:
        """A random node: who holds it, and where; (None, None) is the root."""
        parent, key = None, None
        node = tree
        while isinstance(node, dict | list) and node and self._rng.random() < 0.85:
            keys = list(node) if isinstance(node, dict) else range(len(node))
            parent, key = node, self._rng.choice(keys)
            node = node[key]
        return parent, key

    def _foreign(self) -> Any:
        """A node of another message."""
        if not self._trees:
            return self._invented(2)
        tree = json.loads(self._rng.choice(self._trees))
        parent, key = self._place(tree)
        return tree if parent is None else parent[key]

    def _value(self, value: Any) -> Any:
        rng = self._rng
        if isinstance(value, int | float) and rng.random() < 0.5:
            return value + rng.choice((-1, 1, 1000, -(10**6), 2**40))
        return rng.choice((self._odd(), self._odd(), self._word(), self._invented(2)))

    def _odd(self) -> Any:
        return deepcopy(self._rng.choice(ODD))  # it will be bent itself

    def _word(self) -> str:
        return self._rng.choice(self._words)

    def _cut(self, text: str) -> str:
        return text[: self._rng.randrange(len(text) + 1)]

    def _invented(self, depth: int) -> Any:
        rng = self._rng
        if depth == 0 or rng.random() < 0.2:
            return rng.choice((self._odd(), self._word(), rng.randrange(1000)))
        if rng.random() < 0.15:
            return [self._invented(depth - 1) for _ in range(rng.randrange(4))]
        fields = {self._word(): self._invented(depth - 1) for _ in range(rng.randrange(1, 6))}
        first = rng.choice(("type", "event", "type"))
        return {first: self._word(), **fields} if depth > 1 else fields

    # --- bytes ---------------------------------------------------------------------

    def _truncated(self, data: Data) -> Data:
        return data[: self._rng.randrange(len(data) + 1)]

    def _noisy(self, data: Data) -> Data:
        raw = bytearray(data.encode("utf-8", "replace") if isinstance(data, str) else data)
        for _ in range(self._rng.randint(1, 8)):
            if raw:
                raw[self._rng.randrange(len(raw))] = self._rng.randrange(256)
        return raw.decode("utf-8", "replace") if isinstance(data, str) else bytes(raw)

    def _other_kind(self, data: Data) -> Data:
        return data.encode("utf-8", "replace") if isinstance(data, str) else data.decode("latin-1")

    def _nested(self, data: Data) -> Data:
        open_, close = self._rng.choice((("[", "]"), ('{"type":', "}")))
        depth = self._rng.choice((10, 900, DEEP))
        return f"{open_ * depth}1{close * depth if self._rng.random() < 0.5 else ''}"

    def _noise(self, data: Data) -> Data:
        return self._rng.randbytes(self._rng.choice((0, 1, 2, 37, 960, 4801)))

    def _doubled(self, data: Data) -> Data:
        return data * 2

    def _digits(self, data: Data) -> Data:
        return f'{{"type": "{self._word()}", "{self._word()}": {"9" * 5000}}}'

    _breaks: tuple[Callable[[Mutator, Data], Data], ...] = (
        _truncated, _noisy, _noisy, _other_kind, _nested, _noise, _doubled, _digits,
    )  # fmt: skip


def _is_tree(data: Data) -> bool:
    return data.startswith("{" if isinstance(data, str) else b"{")  # type: ignore[arg-type]
