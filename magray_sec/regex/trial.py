"""Rules tried on their own examples, and asked about a line: `rules test` and `rules why`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from magray_sec.documents import Document
from magray_sec.model.text import clean
from magray_sec.regex.compile import compile_rules
from magray_sec.regex.confirm import Confirmed, Rejected
from magray_sec.regex.encoding import readable
from magray_sec.regex.examples import TemplateError, fill
from magray_sec.regex.pack import PatternRule, RuleSet, pack_of
from magray_sec.regex.scan import Engine, Judged
from magray_sec.regex.syntax import PatternError, sample

NO_EXAMPLE = "put an example here"
"""What stands where a pack needs an example and none could be made."""
_FILES = {
    "dockerfile": "Dockerfile",
    "go": "main.go",
    "java": "Main.java",
    "javascript": "main.js",
    "php": "main.php",
    "python": "main.py",
    "ruby": "main.rb",
    "rust": "main.rs",
    "shell": "main.sh",
    "terraform": "main.tf",
    "typescript": "main.ts",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleFailure:
    """An example that does not come out as its rule says."""

    rule: str
    file: str
    line: int
    """Where the rule stands in its pack."""
    kind: str
    """`match`: it is not found. `no_match`: it is found."""
    index: int
    """From 0."""
    template: str
    reason: str
    """One line."""

    def __str__(self) -> str:
        example = clean(self.template, limit=120)
        return f"{self.file}:{self.line}: {self.rule}: examples.{self.kind}[{self.index}] {self.reason}: {example}"


def test_packs(ruleset: RuleSet) -> tuple[ExampleFailure, ...]:
    """The examples that fail, tried through the whole engine, in the packs' order: each `match` has to be found by its
    own rule (others may find it too), no `no_match` may be.
    """
    return try_examples(ruleset, seed="0")


def try_examples(ruleset: RuleSet, *, seed: str, cache: str | None = None) -> tuple[ExampleFailure, ...]:
    """As `test_packs`, with the templates filled by another seed."""
    engine = Engine(ruleset, compile_rules(ruleset, cache))
    failures = []
    for pack in ruleset.packs:
        for rule in pack.rules:
            path = example_path(rule)
            for kind, templates in (("match", rule.match_examples), ("no_match", rule.no_match_examples)):
                for index, template in enumerate(templates):
                    text = fill(template, f"{rule.canonical}/{kind}/{index}/{seed}")
                    own = [judged for judged in engine.examine(path, text.encode()) if judged.rule is rule]
                    reason = _failure(kind, own)
                    if reason:
                        failures.append(
                            ExampleFailure(
                                rule=rule.canonical,
                                file=pack.file,
                                line=rule.line,
                                kind=kind,
                                index=index,
                                template=template,
                                reason=reason,
                            )
                        )
    return tuple(failures)


def with_examples(document: Document) -> tuple[dict[str, Any], int]:
    """A pack's data with an example of each rule, made of its pattern and tried; and how many rules got none that is
    found, only a place for one.
    """
    data = {**document.data, "rules": [{**rule, "examples": _examples(rule)} for rule in document.data["rules"]]}
    ruleset = RuleSet(packs=(pack_of(replace(document, data=data)),))
    failing = {failure.rule for failure in test_packs(ruleset)}
    missing = 0
    for rule, entry in zip(ruleset.rules, data["rules"], strict=True):
        if rule.canonical in failing:
            missing += 1
            entry["examples"] = {"match": [NO_EXAMPLE], "no_match": [NO_EXAMPLE]}
    return data, missing


def _examples(rule: Mapping[str, Any]) -> dict[str, list[str]]:
    try:
        text = sample(rule["pattern"])
        fill(text, "")
    except (PatternError, TemplateError):
        text = NO_EXAMPLE
    keywords = rule.get("keywords", ())
    if keywords and not any(word in text.lower() for word in keywords):
        text = f"{keywords[0]}\n{text}"
    return {"match": [text if text.strip() else NO_EXAMPLE], "no_match": [NO_EXAMPLE]}


def why(ruleset: RuleSet, path: str, data: bytes, line: int, *, cache: str | None = None) -> tuple[Judged, ...]:
    """Every match that touches a line (from 1) of a file's bytes, the rejected ones with their reason."""
    engine = Engine(ruleset, compile_rules(ruleset, cache))
    touching = []
    for judged in engine.examine(path, data):
        before, inside = _lines(data, judged)
        if before <= line <= before + inside:
            touching.append(judged)
    return tuple(touching)


def example_path(rule: PatternRule) -> str:
    """A path that the rule looks at: what its examples are taken to stand in."""
    if rule.include_globs:
        glob = rule.include_globs[0].lstrip("/").replace("**/", "").replace("/**", "/main")
        return glob.rstrip("/").replace("?", "a").replace("*", "main")
    if rule.matching:
        try:
            return fill(sample(rule.matching[0]), rule.canonical).lstrip("/") or "main.txt"
        except (PatternError, TemplateError):
            return "main.txt"
    return _FILES.get(rule.languages[0], f"main.{rule.languages[0]}") if rule.languages else "main.txt"


def _failure(kind: str, own: list[Judged]) -> str:
    found = any(isinstance(judged.outcome, Confirmed) for judged in own)
    if kind == "no_match":
        return "is found" if found else ""
    if found:
        return ""
    rejected = [judged.outcome for judged in own if isinstance(judged.outcome, Rejected)]
    if not rejected:
        return "is not matched by the pattern"
    detail = f" ({rejected[0].detail})" if rejected[0].detail else ""
    return f"is rejected, because {rejected[0].reason.value}{detail}"


def _lines(data: bytes, judged: Judged) -> tuple[int, int]:
    """The line (from 1) that a match starts on, and how many more it touches."""
    text = readable(data) or b""
    start, end = judged.match
    return text.count(b"\n", 0, start) + 1, text.count(b"\n", start, max(start, end - 1))
