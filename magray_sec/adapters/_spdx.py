"""What a package says of its licence: an SPDX expression in one spelling, and how much it asks of whoever uses it.

Whether that is allowed is the policy's to say.
"""

from __future__ import annotations

import enum
import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from magray_sec.model.finding import Rule
from magray_sec.model.scale import Domain, Severity
from magray_sec.model.text import clean

UNKNOWN = "unknown"
"""The value of a package that says nothing, or nothing that is an SPDX expression."""
FILE_ONLY = "file-only"
"""The value of a package that names a file with its licence's text, and no expression."""

_MOST_CHARACTERS = 1000
_REFERENCE = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+\Z", re.IGNORECASE)


class Family(enum.Enum):
    """How much a licence asks of those who use what is under it, least first."""

    PERMISSIVE = "permissive"
    WEAK_COPYLEFT = "weak-copyleft"
    COPYLEFT = "copyleft"
    OTHER = "other-terms"
    FILE_ONLY = "file-only"
    UNKNOWN = "unknown"


_ORDER = tuple(Family)
_CATEGORIES: Mapping[str, Family] = {
    "Permissive": Family.PERMISSIVE,
    "Public Domain": Family.PERMISSIVE,
    "Copyleft Limited": Family.WEAK_COPYLEFT,
    "Copyleft": Family.COPYLEFT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """A licence as a package states it."""

    expression: str
    """An SPDX expression in one spelling, whatever the order and the case it was written in; `unknown`; `file-only`."""
    family: Family
    """Of the best branch of a choice, and the worst of what holds together."""
    said: str = ""
    """For `unknown` and `file-only`: the words or the file's name that stand there; empty: none."""


_MEANING: Mapping[Family, str] = {
    Family.WEAK_COPYLEFT: ", a weak copyleft licence",
    Family.COPYLEFT: ", a copyleft licence",
    Family.OTHER: ", terms of its own",
}


def in_words(licence: Licence) -> str:
    """A licence that is known, as the end of a sentence: its expression, and what that means where it asks for
    something."""
    return licence.expression + _MEANING.get(licence.family, "")


def read_licence(stated: str | None, file: str | None = None) -> Licence:
    """What `stated`, the expression, and `file`, the name of a file with the text, amount to."""
    stated, file = (stated or "").strip(), (file or "").strip()
    if not stated and file:
        return Licence(expression=FILE_ONLY, family=Family.FILE_ONLY, said=clean(file, limit=200))
    found = _read(stated) if stated else None
    return found or Licence(expression=UNKNOWN, family=Family.UNKNOWN, said=clean(stated, limit=200))


@functools.lru_cache(maxsize=4096)
def _read(stated: str) -> Licence | None:
    """The licence that an expression stands for; None where it is no expression."""
    from license_expression import ExpressionError, ExpressionParseError  # noqa: PLC0415

    if len(stated) > _MOST_CHARACTERS:
        return None
    try:
        # Manifests of old write `MIT/Apache-2.0` for a choice.
        tree = _listed().licensing.parse(stated.replace("/", " OR "))
        if tree is None or all(_family(leaf) is Family.UNKNOWN for leaf in _leaves(tree)):
            return None
        return Licence(expression=_term(tree).text, family=_worst(tree, _family))
    except (ExpressionError, ExpressionParseError, RecursionError):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    """The SPDX list, and to which family each of its licences and exceptions belongs."""

    licensing: Any
    families: Mapping[str, Family]


@functools.cache
def _listed() -> _Listed:
    from license_expression import LicenseSymbol, Licensing, get_license_index  # noqa: PLC0415

    symbols, families = [], {}
    for entry in get_license_index():
        name = entry.get("spdx_license_key") or ""
        # The index knows `LicenseRef-` names of its own; whoever wrote one meant a text of theirs.
        if name and not _REFERENCE.match(name):
            aliases = [alias for alias in entry.get("other_spdx_license_keys", ()) if not _REFERENCE.match(alias)]
            symbols.append(LicenseSymbol(key=name, aliases=aliases, is_exception=bool(entry.get("is_exception"))))
            families[name] = _CATEGORIES.get(str(entry.get("category")), Family.OTHER)
    return _Listed(licensing=Licensing(symbols), families=families)


def _leaves(node: Any) -> list[Any]:
    branches = getattr(node, "args", ())
    return [leaf for branch in branches for leaf in _leaves(branch)] if branches else [node]


def _worst(node: Any, family: Callable[[Any], Family]) -> Family:
    branches = getattr(node, "args", ())
    if not branches:
        return family(node)
    choose = min if isinstance(node, _listed().licensing.OR) else max
    return choose((_worst(branch, family) for branch in branches), key=_ORDER.index)


def _family(leaf: Any) -> Family:
    base = getattr(leaf, "license_symbol", None)
    if base is None:
        return _plain_family(leaf)
    exception = _listed().licensing.known_symbols.get(leaf.exception_symbol.key)
    if exception is None or not exception.is_exception:
        return Family.UNKNOWN
    family = _plain_family(base)
    # An exception lets one do more than the licence does, unless it is copyleft in full itself.
    eased = family is Family.COPYLEFT and _listed().families[exception.key] is not Family.COPYLEFT
    return Family.WEAK_COPYLEFT if eased else family


def _plain_family(symbol: Any) -> Family:
    listed, name = _listed(), str(symbol.key)
    if _REFERENCE.match(name):
        return Family.OTHER
    known = listed.licensing.known_symbols
    stem = name.removesuffix("+")
    found = known.get(name) or known.get(stem) or known.get(f"{stem}-or-later")
    return Family.UNKNOWN if found is None or found.is_exception else listed.families[found.key]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Term:
    """A choice (`OR`), a conjunction (`AND`) of two terms or more, none of its own kind; or a licence (no word)."""

    word: str = ""
    terms: frozenset[_Term] = frozenset()
    name: str = ""

    @property
    def text(self) -> str:
        """With the terms once and in order, and brackets where they are needed."""
        parts = sorted(f"({term.text})" if term.word else term.name for term in self.terms)
        return f" {self.word} ".join(parts) if self.word else self.name


def _term(node: Any) -> _Term:
    branches = getattr(node, "args", ())
    if not branches:
        base = getattr(node, "license_symbol", None)
        return _Term(name=str(node.key) if base is None else f"{base.key} WITH {node.exception_symbol.key}")
    word = "OR" if isinstance(node, _listed().licensing.OR) else "AND"
    found = [_term(branch) for branch in branches]
    terms = frozenset(inner for term in found for inner in (term.terms if term.word == word else (term,)))
    return _Term(word=word, terms=terms) if len(terms) > 1 else next(iter(terms))


def rule(family: Family) -> Rule:
    """The canonical rule of all licences of a family; the same for every language's packages."""
    words = _WORDS[family]
    return Rule(
        id=f"licenses/{family.value}",
        domain=Domain.LICENSES,
        title=words.title,
        description=words.description,
        help=f"{words.description}\n\n### What to do\n\n{words.advice}",
        references=("https://spdx.org/licenses/",),
        severity=words.severity,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    title: str
    severity: Severity
    description: str
    advice: str


_DEFER = (
    "Ask whoever decides on licences. Where the answer is yes, add the licence to the policy's list, or waive this "
    "package with that answer as the reason; else replace the package."
)
_WORDS: Mapping[Family, _Words] = {
    Family.PERMISSIVE: _Words(
        title="Dependency under a permissive licence",
        severity=Severity.INFO,
        description="The licence asks for little more than that its text and the copyright notices are passed on.",
        advice="Pass on the licence's text with what you ship. Where the policy does not list the licence, add it.",
    ),
    Family.WEAK_COPYLEFT: _Words(
        title="Dependency under a weak copyleft licence",
        severity=Severity.MEDIUM,
        description="Changes to the package itself have to be passed on under its licence; what merely uses it does "
        "not, under conditions that differ from licence to licence (those of the LGPL are hard to meet with static "
        "linking).",
        advice=_DEFER,
    ),
    Family.COPYLEFT: _Words(
        title="Dependency under a copyleft licence",
        severity=Severity.HIGH,
        description="What is built with the package may have to be passed on as a whole, with its source, under the "
        "same licence; under the AGPL even where it is only offered over a network.",
        advice=_DEFER,
    ),
    Family.OTHER: _Words(
        title="Dependency under terms of its own",
        severity=Severity.HIGH,
        description="The licence belongs to none of the open-source families: it may forbid some uses, ask for a fee, "
        "or hold only for some people.",
        advice="Read its text. " + _DEFER,
    ),
    Family.FILE_ONLY: _Words(
        title="Dependency with a licence file and no licence expression",
        severity=Severity.UNKNOWN,
        description="The package comes with a licence text and does not say in SPDX's words which licence that is. "
        "Nobody but a reader of the file knows.",
        advice="Read the file. " + _DEFER + " A policy that lists `file-only` takes every such package.",
    ),
    Family.UNKNOWN: _Words(
        title="Dependency without a known licence",
        severity=Severity.UNKNOWN,
        description="The package states no licence, or one that the SPDX list does not know. Without a licence nothing "
        "but reading the source is allowed.",
        advice="Look for a licence in the package's repository and ask its authors to state it. " + _DEFER,
    ),
}
