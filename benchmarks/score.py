"""Precision, recall and F1 of scanners over a labelled tree.

A finding is true when it lies on a planted secret: on its lines, and on its columns where the scanner says columns.
Several findings on one secret find it once; the others are duplicates, told apart. A finding on no secret is false,
once for each place.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tools

if TYPE_CHECKING:
    from corpus import Label

SLACK = 3
"""Columns that a scanner may be off: they count from 0 or from 1, in bytes or in characters, with or without quotes."""
_DONE = {"magray-sec": (0, 1, 3), "gitleaks": (0,), "kingfisher": (0, 200, 205), "detect-secrets": (0,)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Lines and columns count from 1; no columns: 0."""

    path: str
    rule: str
    line: int
    end_line: int
    column: int = 0
    end_column: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What one scanner made of the tree."""

    tool: str
    found: frozenset[int]
    """Indices of labels."""
    planted: int
    false: tuple[Finding, ...]
    duplicates: int

    @property
    def precision(self) -> float:
        told = len(self.found) + len(self.false)
        return len(self.found) / told if told else 0.0

    @property
    def recall(self) -> float:
        return len(self.found) / self.planted if self.planted else 0.0

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def run(tree: str, labels: Sequence[Label], paths: dict[str, str]) -> list[Score]:
    """Scores of us and of all that are there."""
    scores = [judge("magray-sec", labels, magray(tree))]
    readers: dict[str, Callable[[str, str], list[Finding]]] = {
        "gitleaks": gitleaks,
        "kingfisher": kingfisher,
        "detect-secrets": detect_secrets,
    }
    scores += [judge(name, labels, read(paths[name], tree)) for name, read in readers.items() if name in paths]
    return scores


def judge(tool: str, labels: Sequence[Label], findings: Sequence[Finding]) -> Score:
    """Findings against labels."""
    at: dict[str, list[tuple[int, Label]]] = {}
    for index, label in enumerate(labels):
        at.setdefault(label.path, []).append((index, label))
    found: set[int] = set()
    false: dict[tuple[str, int, int], Finding] = {}
    duplicates = 0
    for finding in findings:
        hit = {index for index, label in at.get(finding.path, ()) if _lies_on(finding, label)}
        if not hit:
            if (finding.path, finding.line, finding.column) in false:
                duplicates += 1
            false.setdefault((finding.path, finding.line, finding.column), finding)
        elif hit <= found:
            duplicates += 1
        found |= hit
    return Score(
        tool=tool, found=frozenset(found), planted=len(labels), false=tuple(false.values()), duplicates=duplicates
    )


def _lies_on(finding: Finding, label: Label) -> bool:
    if finding.end_line < label.line or label.end_line < finding.line:
        return False
    one_line = label.line == label.end_line == finding.line == finding.end_line
    if not one_line or not finding.column or label.syntax == "utf-16":  # columns of bytes that are no text mean nothing
        return True
    return finding.column - SLACK < label.end_column and label.column < finding.end_column + SLACK


def magray(tree: str) -> list[Finding]:
    """Ours, of the domain of secrets."""
    report = _told("magray-sec", tree, lambda report: tools.ours(report, "--tool", "regex-rules"))
    outcomes = {run["adapter"]: run["outcome"] for run in report["runs"]}
    if outcomes.get("regex-rules") != "completed":
        raise SystemExit(f"magray-sec did not complete: {outcomes}")
    found = []
    for entry in report["findings"]:
        region = entry["location"].get("region") if entry["domain"] == "secrets" else None
        if region:
            found.append(
                Finding(
                    path=entry["location"]["path"],
                    rule=entry["rule"],
                    line=region["start_line"],
                    end_line=region.get("end_line", region["start_line"]),
                    column=region.get("start_column", 0),
                    end_column=region.get("end_column", 0),
                )
            )
    return found


def gitleaks(path: str, tree: str) -> list[Finding]:
    return [
        Finding(
            path=os.path.normpath(entry["File"]),
            rule=entry["RuleID"],
            line=entry["StartLine"],
            end_line=entry["EndLine"],
            column=entry["StartColumn"],
            end_column=entry["EndColumn"] + 1,
        )
        for entry in _told("gitleaks", tree, lambda report: tools.gitleaks(path, report)) or ()
    ]


def kingfisher(path: str, tree: str) -> list[Finding]:
    told = _told("kingfisher", tree, lambda report: tools.kingfisher(path, report))
    return [
        Finding(
            path=os.path.normpath(entry["finding"]["path"]),
            rule=entry["rule"]["id"],
            line=entry["finding"]["line"],
            end_line=entry["finding"]["line"] + entry["finding"]["snippet"].count("\n"),
            column=entry["finding"]["column_start"] + 1,
            end_column=entry["finding"]["column_end"] + 1,
        )
        for entry in told["findings"]
    ]


def detect_secrets(path: str, tree: str) -> list[Finding]:
    """Without asking the providers; tells lines alone."""
    shown = subprocess.run(
        (path, "scan", "--all-files", "--no-verify", "."), cwd=tree, capture_output=True, check=False
    )
    if shown.returncode not in _DONE["detect-secrets"]:
        raise SystemExit(f"detect-secrets ended with {shown.returncode}: {shown.stderr.decode()[-500:]}")
    return [
        Finding(
            path=os.path.normpath(name), rule=entry["type"], line=entry["line_number"], end_line=entry["line_number"]
        )
        for name, entries in json.loads(shown.stdout)["results"].items()
        for entry in entries
    ]


def _told(tool: str, tree: str, command: Callable[[str], tuple[str, ...]]) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.json")
        done = subprocess.run(command(report), cwd=tree, capture_output=True, check=False)
        if done.returncode not in _DONE[tool] or not os.path.exists(report):
            raise SystemExit(f"{tool} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
        with open(report, encoding="utf-8") as file:
            return json.load(file)


def table(scores: Sequence[Score]) -> str:
    """Markdown, over all."""
    rows = [
        "| scanner | precision | recall | F1 | found | missed | false | duplicates |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    rows += [
        f"| {score.tool} | {score.precision:.3f} | {score.recall:.3f} | {score.f1:.3f} | {len(score.found)} "
        f"| {score.planted - len(score.found)} | {len(score.false)} | {score.duplicates} |"
        for score in scores
    ]
    return "\n".join(rows)


def by_kind(scores: Sequence[Score], labels: Sequence[Label]) -> str:
    """Markdown: how many of each kind were found."""
    planted = Counter(label.kind for label in labels)
    counts = [Counter(labels[index].kind for index in score.found) for score in scores]
    rows = [_head("kind of secret", scores, "planted"), "|---|" + "---:|" * (len(scores) + 1)]
    for kind, many in sorted(planted.items()):
        rows.append(f"| {kind} | {many} | " + " | ".join(str(count[kind]) for count in counts) + " |")
    return "\n".join(rows)


def by_syntax(scores: Sequence[Score], labels: Sequence[Label]) -> str:
    """Markdown: how many in each type of file were found."""
    planted = Counter(label.syntax for label in labels)
    counts = [Counter(labels[index].syntax for index in score.found) for score in scores]
    rows = [_head("type of file", scores, "planted"), "|---|" + "---:|" * (len(scores) + 1)]
    for syntax, many in sorted(planted.items()):
        rows.append(f"| {syntax} | {many} | " + " | ".join(str(count[syntax]) for count in counts) + " |")
    return "\n".join(rows)


def by_decoy(scores: Sequence[Score], decoys: dict[str, str]) -> str:
    """Markdown: false findings by kind of decoy; `beside a secret` is a file that holds one elsewhere."""
    counts = [Counter(decoys.get(finding.path, "beside a secret") for finding in score.false) for score in scores]
    files = Counter(decoys.values())
    rows = [_head("kind of decoy", scores, "files"), "|---|" + "---:|" * (len(scores) + 1)]
    for kind in sorted({*files, "beside a secret"}):
        if any(count[kind] for count in counts):
            cells = " | ".join(str(count[kind]) for count in counts)
            rows.append(f"| {kind} | {files[kind] or '-'} | {cells} |")
    silent = sum(1 for kind in files if not any(count[kind] for count in counts))
    return "\n".join(rows) + f"\n\n{silent} more kinds of decoys drew no finding from anyone."


def _head(first: str, scores: Sequence[Score], total: str) -> str:
    return f"| {first} | {total} | " + " | ".join(score.tool for score in scores) + " |"


def full(scores: Sequence[Score], labels: Sequence[Label], decoys: dict[str, str], tree: str) -> str:
    """Every table, and each miss and each false alarm of ours with its line."""
    parts = [table(scores), by_kind(scores, labels), by_syntax(scores, labels), by_decoy(scores, decoys)]
    ours = scores[0]
    missed = ["Missed by magray-sec"]
    missed += [
        f"{label.kind}  {label.path}:{label.line}  [{label.syntax}]  {_line(tree, label.path, label.line)}"
        for index, label in enumerate(labels)
        if index not in ours.found
    ]
    false = ["Falsely flagged by magray-sec"]
    false += [
        f"{finding.rule}  {finding.path}:{finding.line}  [{decoys.get(finding.path, 'beside a secret')}]  "
        f"{_line(tree, finding.path, finding.line)}"
        for finding in sorted(ours.false, key=lambda finding: (finding.rule, finding.path, finding.line))
    ]
    return "\n\n".join((*parts, "\n".join(missed), "\n".join(false))) + "\n"


def _line(tree: str, path: str, line: int) -> str:
    with open(os.path.join(tree, path), "rb") as file:
        data = file.read()
    text = data.decode("utf-16" if data.startswith(b"\xff\xfe") else "utf-8", "replace")
    return text.split("\n")[line - 1].strip()[:200]
