"""Rules and engines for tests of the rule engine, made in a few words; and RE2 alone, as the judge of both engines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from magray_sec.model.run import File
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.regex.compile import compile_pattern, compile_rules
from magray_sec.regex.pack import Pack, PatternRule, RuleSet
from magray_sec.regex.scan import Engine, Scanned
from magray_sec.regex.syntax import read_pattern


def rule(pattern: str, name: str = "rule", *, ignore_case: bool = False, **fields: Any) -> PatternRule:
    """A secrets rule that takes every match, unless `fields` ask for more."""
    shape = read_pattern(pattern, ignore_case=ignore_case)
    return PatternRule(
        **{
            "canonical": f"secrets/{name}",
            "domain": Domain.SECRETS,
            "title": name,
            "description": name,
            "help": name,
            "severity": Severity.HIGH,
            "confidence": Confidence.HIGH,
            "pattern": pattern,
            "ignore_case": ignore_case,
            "placeholders": False,
            "match_examples": (),
            "no_match_examples": (),
            "expression": shape.expression,
            "least": shape.least,
            "before": shape.before,
            "after": shape.after,
            "is_one_line": shape.is_one_line,
            "line": 1,
            "column": 1,
            "pattern_position": (1, 1),
            **fields,
        }
    )


def ruleset(*rules: PatternRule) -> RuleSet:
    return RuleSet(packs=(Pack(name="test", rules=rules, file="test.yaml"),))


def engine(*rules: PatternRule) -> Engine:
    made = ruleset(*rules)
    databases = compile_rules(made, None)
    databases.prepare(range(len(databases.parts)))
    return Engine(made, databases)


def scan(made: Engine, texts: Mapping[str, bytes], *, jobs: int = 1) -> Scanned:
    files = [File(path=path, size=len(texts[path])) for path in sorted(texts)]
    return made.scan(files, lambda file: texts[file.path], jobs=jobs)


def alone(made: PatternRule, text: bytes) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """What RE2 finds reading all of `text`, each search from where the last token ended: match and token."""
    search = compile_pattern(made.regex).search
    found, at = [], 0
    while match := search(text, at):
        spans = [match.span(group) for group in range(1, match.re.groups + 1)]
        token = next(((start, end) for start, end in spans if 0 <= start < end), match.span())
        found.append((match.span(), token))
        at = token[1]
    return found
