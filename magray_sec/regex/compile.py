"""Rules -> what the two engines run: one Hyperscan database of all expressions, and RE2 patterns one by one."""

from __future__ import annotations

import hashlib
import platform
from typing import Any

import hyperscan
import re2

from magray_sec.errors import EngineError, SettingsError
from magray_sec.regex import cache as kept
from magray_sec.regex.pack import RuleSet

# No UTF-8 (files are bytes), no start of match (slow; RE2 finds it), no single match (a file may hold two).
_FLAGS = int(hyperscan.HS_FLAG_MULTILINE)
_FORMAT = b"1"


def compile_pattern(regex: bytes) -> Any:
    """An RE2 pattern on bytes. `re2.error` where RE2 does not take it."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    return re2.compile(regex, options)


def compile_rules(ruleset: RuleSet, cache: str | None) -> hyperscan.Database:
    """The database that reports a rule's index for each of its candidates.

    It is taken from the user's cache folder where the same rules were compiled before by the same library for the same
    kind of machine, and kept there else. SettingsError (`file:line:column`) where Hyperscan does not take a rule's
    pattern, EngineError where it takes each and not all together.
    """
    folder = f"{cache}/regex" if cache else None
    expressions = [rule.expression for rule in ruleset.rules]
    name = f"{_digest(expressions)}.hsdb"
    known = kept.recall(folder, name)
    if known is not None:
        try:
            database = hyperscan.loadb(known, hyperscan.HS_MODE_BLOCK)
            # Whether it fits this machine shows here.
            hyperscan.Scratch(database)
        except hyperscan.error:
            pass  # of another processor: compiled anew
        else:
            return database
    try:
        database = _database(expressions)
    except hyperscan.error as error:
        _refuse_first(ruleset)
        raise EngineError(f"the rules cannot be compiled together: {error}", "load fewer packs at once") from error
    kept.keep(folder, name, hyperscan.dumpb(database))
    return database


def flaw(database: hyperscan.Database) -> str:
    """Why the installed library is not to be trusted with every match, in one line; empty where no reason is known."""
    # https://github.com/VectorCamp/vectorscan/issues/382: some matches of some patterns are overlooked, about one in a
    # thousand of ours. What is known to keep it small is done here in any case: see `syntax` and `scan`.
    if "5.4.12" in str(database.info()):
        return "the installed hyperscan holds Vectorscan 5.4.12, which is known to overlook matches of some patterns"
    return ""


def _refuse_first(ruleset: RuleSet) -> None:
    for pack in ruleset.packs:
        for rule in pack.rules:
            try:
                _database([rule.expression])
            except hyperscan.error as error:
                line, column = rule.pattern_position
                raise SettingsError(
                    f"{pack.file}:{line}:{column}: {rule.canonical}: pattern refused: Hyperscan: {error}",
                    "make the pattern smaller or say it another way",
                ) from error


def _database(expressions: list[str]) -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[expression.encode("ascii") for expression in expressions],
        ids=list(range(len(expressions))),
        flags=[_FLAGS] * len(expressions),
    )
    return database


def _digest(expressions: list[str]) -> str:
    parts = [
        _FORMAT,
        str(_FLAGS).encode(),
        str(getattr(hyperscan, "__version__", "")).encode(),
        platform.machine().encode(),
    ]
    parts += [expression.encode("ascii") for expression in expressions]
    return hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).hexdigest()[:40]
