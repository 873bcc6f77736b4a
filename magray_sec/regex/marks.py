"""The engine's own rule beside those of the packs: it finds the files that hold comments which allow findings.

As a rule in the database that all rules are in, it costs no reading of its own.
"""

from __future__ import annotations

from magray_sec.allowance import PATTERN
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.regex.pack import Pack, PatternRule, RuleSet
from magray_sec.regex.syntax import read_pattern

MARKS = "magray-sec/marks"
"""The id of the rule; no finding carries it."""


def with_marks(ruleset: RuleSet) -> RuleSet:
    """The rule set with that rule behind the others."""
    shape = read_pattern(PATTERN)
    rule = PatternRule(
        canonical=MARKS,
        domain=Domain.CODE,
        title="Comment that allows findings",
        description="",
        help="",
        severity=Severity.INFO,
        confidence=Confidence.HIGH,
        pattern=PATTERN,
        placeholders=False,
        match_examples=(),
        no_match_examples=(),
        expression=shape.expression,
        least=shape.least,
        before=shape.before,
        after=shape.after,
        is_one_line=shape.is_one_line,
        line=1,
        column=1,
        pattern_position=(1, 1),
    )
    return RuleSet(packs=(*ruleset.packs, Pack(name=MARKS, rules=(rule,))))
