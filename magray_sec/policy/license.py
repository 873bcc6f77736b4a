"""Licence expressions (SPDX) against a list of licences."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from magray_sec.model.scale import Verdict
from magray_sec.policy.types import FILE_ONLY, UNKNOWN

_MAX_EXPRESSION = 4000
_REFERENCE = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+\Z", re.IGNORECASE)


@functools.lru_cache(maxsize=16384)
def is_met(expression: str | None, listed: frozenset[str]) -> bool:
    """Whether one may take what is under `expression` on the terms of the licences in `listed` alone.

    `listed` holds keys as `key` gives them. OR: one branch is enough; AND: all are needed; a licence WITH an exception
    is another licence than the one without; `+` and `-or-later` let one take the version named. What is not an
    expression, and a licence that the SPDX list does not know, is met where `unknown` is listed.
    """
    parsed = _parse(expression or "")
    if parsed is None:
        return UNKNOWN in listed
    try:
        return _holds(parsed, lambda one: bool(_ways(one) & listed))
    except RecursionError:
        return UNKNOWN in listed


def key(name: str) -> str | None:
    """One licence of a list (`MIT`, `Apache-2.0 WITH LLVM-exception`, `LicenseRef-ours`, `file-only`, `unknown`) in the
    spelling that `is_met` compares by; None where it is none that SPDX knows, or more than one.
    """
    if name in (FILE_ONLY, UNKNOWN):
        return name
    parsed = _parse(name)
    if parsed is None or _is_operator(parsed):
        return None
    ways = _ways(parsed)
    return None if ways == {UNKNOWN} else _spelling(parsed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is said of each licence, by its key."""

    said: Mapping[str, Verdict]
    unlisted: Verdict
    """Of a licence that is not among them."""
    unknown: Verdict = Verdict.REVIEW
    """Of what is no licence that is known, unless `unknown` is among them: it may be any."""


def verdict(expression: str | None, terms: Terms) -> Verdict:
    """What the terms say of an expression: the best of a choice (OR), the worst of what is needed together (AND)."""
    parsed = _parse(expression or "")
    if parsed is None:
        return _of_leaf(frozenset({UNKNOWN}), terms)
    try:
        return _worst(parsed, terms)
    except RecursionError:
        return _of_leaf(frozenset({UNKNOWN}), terms)


def _worst(node: Any, terms: Terms) -> Verdict:
    if not _is_operator(node):
        return _of_leaf(_ways(node), terms)
    branches = [_worst(branch, terms) for branch in node.args]
    return min(branches) if isinstance(node, _licensing().OR) else max(branches)


def _of_leaf(ways: frozenset[str], terms: Terms) -> Verdict:
    listed = [terms.said[way] for way in ways - {UNKNOWN} if way in terms.said]
    if listed:
        return min(listed)
    if UNKNOWN in ways:
        return terms.said.get(UNKNOWN, terms.unknown)
    return terms.unlisted


def leaves(expression: str | None) -> tuple[str, ...]:
    """The licences that an expression is made of, as a list of a policy names them, sorted; what is no expression is
    `unknown`.
    """
    parsed = _parse(expression or "")
    if parsed is None:
        return (UNKNOWN,)
    try:
        return tuple(sorted(set(_leaves(parsed))))
    except RecursionError:
        return (UNKNOWN,)


def _leaves(node: Any) -> Iterator[str]:
    if _is_operator(node):
        for branch in node.args:
            yield from _leaves(branch)
    elif _ways(node) == {UNKNOWN}:
        yield UNKNOWN
    else:
        yield _spelling(node)


def is_expression(text: str) -> bool:
    """Whether the text is an SPDX expression of licences that the list knows, or of `LicenseRef-` names."""
    parsed = _parse(text)
    return parsed is not None and UNKNOWN not in leaves(text)


def names() -> tuple[str, ...]:
    """The licences of the SPDX list, for suggestions."""
    return tuple(sorted(str(name) for name, symbol in _licensing().known_symbols.items() if not symbol.is_exception))


@functools.cache
def _licensing() -> Any:
    """The SPDX list without the `LicenseRef-` names that the package's own index knows: whoever wrote one meant a text
    of their own, not the licence that the index takes it for.
    """
    from license_expression import LicenseSymbol, Licensing, get_license_index  # noqa: PLC0415

    symbols = []
    for entry in get_license_index():
        name = entry.get("spdx_license_key") or ""
        if name and not _REFERENCE.match(name):
            aliases = [alias for alias in entry.get("other_spdx_license_keys", ()) if not _REFERENCE.match(alias)]
            symbols.append(LicenseSymbol(key=name, aliases=aliases, is_exception=bool(entry.get("is_exception"))))
    return Licensing(symbols)


@functools.lru_cache(maxsize=4096)
def _parse(expression: str) -> Any:
    """The expression's tree, or None where it is not one."""
    from license_expression import ExpressionError, ExpressionParseError  # noqa: PLC0415

    if not expression.strip() or len(expression) > _MAX_EXPRESSION:
        return None
    try:
        # Cargo's manifests of old write `MIT/Apache-2.0` for a choice.
        return _licensing().parse(expression.replace("/", " OR "))
    except (ExpressionError, ExpressionParseError, RecursionError):
        return None


def _is_operator(node: Any) -> bool:
    return bool(getattr(node, "args", ()))


def _holds(node: Any, leaf: Callable[[Any], bool]) -> bool:
    if not _is_operator(node):
        return leaf(node)
    branches = (_holds(branch, leaf) for branch in node.args)
    return any(branches) if isinstance(node, _licensing().OR) else all(branches)


def _ways(node: Any) -> frozenset[str]:
    """The keys under any of which a leaf of the tree may be taken."""
    base = getattr(node, "license_symbol", None)
    if base is not None:
        exception = node.exception_symbol.key
        symbol = _licensing().known_symbols.get(exception)
        if symbol is None or not symbol.is_exception or _plain_ways(base) == {UNKNOWN}:
            return frozenset({UNKNOWN})
        return frozenset(f"{way} WITH {exception}" for way in _plain_ways(base))
    return _plain_ways(node)


def _plain_ways(symbol: Any) -> frozenset[str]:
    known = _licensing().known_symbols
    name: str = symbol.key
    if _REFERENCE.match(name) or name == FILE_ONLY:
        return frozenset({name, UNKNOWN})
    stem = name.removesuffix("+").removesuffix("-or-later")
    here = known.get(name) or known.get(stem) or known.get(f"{stem}-only")
    if here is None or here.is_exception:
        return frozenset({UNKNOWN})
    if stem == name:
        return frozenset({name})
    return frozenset({name, stem, f"{stem}-only", f"{stem}-or-later", f"{stem}+"})


def _spelling(node: Any) -> str:
    base = getattr(node, "license_symbol", None)
    return str(node.key) if base is None else f"{base.key} WITH {node.exception_symbol.key}"
