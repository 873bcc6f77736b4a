"""What was not looked at, in SARIF's words: the rules, messages and places of the run `magray-sec/coverage/`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from magray_sec.model.decision import GapRuling
from magray_sec.model.run import Gap, GapKind, ItemKind
from magray_sec.model.scale import Domain
from magray_sec.model.text import shown_path
from magray_sec.report import _sarif_objects as sarif

ITEM_GAP = "coverage/item-gap"
FILE_GAP = "coverage/file-gap"
SCANNER_FAILED = "coverage/scanner-failed"
TRUNCATED = "coverage/truncated"

_LEVELS = {"incomplete": "error", "review": "warning"}
_ITEM_WORDS = {
    ItemKind.LOCKFILE.value: "the lock file '{}'",
    ItemKind.MANIFEST.value: "the manifest '{}'",
    ItemKind.LANGUAGE.value: "the code in '{}'",
    ItemKind.WORKFLOWS.value: "the workflows in '{}'",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    title: str
    meaning: str
    remedy: str


_RULES = {
    FILE_GAP: _Words(
        title="A file was not looked at",
        meaning="A scanner could not read or parse a file, so problems in it would be missed.",
        remedy="Mend the file, or accept the gap in the policy with a reason, an owner and a date.",
    ),
    ITEM_GAP: _Words(
        title="Something in the repository was not looked at",
        meaning="A lock file, a language, or all that a scanner has to see was not looked at, so problems in it would "
        "be missed. Findings of its domain are not uploaded until it is, so that no alert is closed by not looking.",
        remedy="Do what the message says: install or mend the scanner, commit the lock file, or accept the gap in the "
        "policy with a reason, an owner and a date.",
    ),
    SCANNER_FAILED: _Words(
        title="A scanner did not come to an end that can be trusted",
        meaning="A scanner was started and failed, or nothing looked at an item. Findings of its domain are not "
        "uploaded until it ends well, so that no alert is closed by not looking.",
        remedy="Run magray-sec with -v to see what the scanner printed, and magray-sec doctor to see which is used.",
    ),
    TRUNCATED: _Words(
        title="There are more findings than GitHub stores",
        meaning="GitHub stores 5,000 results of a run. The worst of them were uploaded, the rest were left out.",
        remedy="Mend or waive what is there, or read the JSON report, which has all of them.",
    ),
}
INDEX: Mapping[str, int] = {rule_id: index for index, rule_id in enumerate(sorted(_RULES))}
"""The place of each rule in `descriptors()`."""


def descriptors() -> list[sarif.Object]:
    """The rules of the coverage run, always all of them."""
    made = []
    for rule_id in INDEX:
        words = _RULES[rule_id]
        made.append(
            sarif.rule(
                rule_id=rule_id,
                title=words.title,
                full=words.meaning,
                level="warning",
                help_uri=sarif.HOME,
                help_text=f"{words.meaning}\n\n{words.remedy}",
                help_markdown=f"## {words.title}\n\n{words.meaning}\n\n**What to do.** {words.remedy}",
                properties={"tags": ["coverage"], "precision": "very-high", "problem.severity": "warning"},
            )
        )
    return made


def level(ruling: GapRuling) -> str:
    """How loud a gap is: as loud as the policy takes it."""
    return _LEVELS.get(ruling.effect, "note")


def message(ruling: GapRuling, withheld: Sequence[Domain] = ()) -> str:
    """A gap in sentences, with the domains that are withheld because of it."""
    gap = ruling.gap
    reason = gap.reason.rstrip(".") or "no reason is known"
    if gap.kind is GapKind.ITEM and not gap.scanner:
        text = reason  # it names the item itself
    else:
        text = f"{_what(gap)} was not looked at"
        text += f" for '{gap.domain.value}'" if gap.domain else ""
        text += f" by '{gap.scanner}'" if gap.scanner and gap.scanner not in reason else ""
        text += f": {reason}"
    text = text[0].upper() + text[1:] + "."
    if gap.hint:
        text += f" What to do: {gap.hint.rstrip('.')}."
    if ruling.effect == "accepted":
        text += f" Accepted by the policy: {ruling.accepted_because.rstrip('.') or 'no reason is given'}."
    if withheld:
        names = ", ".join(f"'{domain.value}'" for domain in withheld)
        text += f" Until it is, findings of {names} are not uploaded and their alerts stay as they are."
    return text


def fingerprint(*words: str) -> str:
    """What tells a result of the coverage run apart, for as long as it is the same gap."""
    return hashlib.sha256("\0".join(words).encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _what(gap: Gap) -> str:
    if gap.kind is GapKind.FILE and gap.path:
        return f"the file '{shown_path(gap.path)}'"
    kind, _, name = gap.item.partition(":")
    if name and kind in _ITEM_WORDS:
        return _ITEM_WORDS[kind].format(shown_path(name))
    if gap.path:
        return f"'{shown_path(gap.path)}'"
    if gap.item:
        return "the tree of files" if kind == ItemKind.TREE.value else f"'{shown_path(gap.item)}'"
    return "what this scanner has to see" if gap.scanner else "a part of the repository"
