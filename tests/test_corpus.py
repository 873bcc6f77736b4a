"""The generator of the labelled corpus: the same for the same seed, and its labels say the truth."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import REPOSITORY

BENCHMARKS = Path(REPOSITORY) / "benchmarks"
MODULES = ("corpus", "decoys", "keys", "kinds", "score", "syntaxes", "tools")


@pytest.fixture(scope="module")
def modules() -> Iterator[dict]:
    """The benchmarks are scripts beside each other: imported from their folder, and forgotten again."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield {name: __import__(name) for name in MODULES}
    finally:
        sys.path.remove(str(BENCHMARKS))
        for name in MODULES:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def generated(modules):
    return modules["corpus"].generate(7)


def test_it_is_as_large_as_it_says(generated):
    assert len(generated.files) >= 2000
    assert len(generated.labels) >= 300
    assert len({label.kind for label in generated.labels}) >= 100
    assert len({label.syntax for label in generated.labels}) >= 12
    assert len(generated.decoys) >= 1500
    assert set(generated.decoys).isdisjoint(label.path for label in generated.labels)


def test_the_same_seed_gives_the_same_and_another_another(modules):
    generate = modules["corpus"].generate
    small = generate(3, each=1)
    assert generate(3, each=1) == small
    assert generate(4, each=1).files != small.files


def test_labels_point_at_what_they_say(generated):
    for label in generated.labels:
        data = generated.files[label.path]
        wide = label.syntax == "utf-16"
        text = data[label.start : label.end].decode("utf-16-le" if wide else "utf-8")
        assert text
        assert text == text.strip()
        before = data[2 : label.start].decode("utf-16-le") if wide else data[: label.start].decode()
        assert before.count("\n") + 1 == label.line
        assert label.end_line - label.line == text.count("\n")
        assert len(before) - (before.rfind("\n") + 1) + 1 == label.column
        if label.kind.endswith("private-key") and label.kind != "ethereum-private-key":
            shown = base64.b64decode(text).decode() if label.syntax == "kubernetes" else text
            assert "PRIVATE KEY" in shown


def test_a_value_is_planted_once(generated):
    planted = [generated.files[label.path][label.start : label.end] for label in generated.labels]
    assert len(set(planted)) == len(planted)


def test_checksums_are_the_published_ones(modules):
    kinds = modules["kinds"]
    body = "zQWBuTSOoRi4A9spHcVY5" + "ncnsDkxkJ"  # the token that the provider's announcement explains
    assert kinds.base62(kinds.zlib.crc32(body.encode()), 6) == "0mLq17"
    head = "glpat-" + "bzox79Of-KE9FD2LjoXXF4CvyxA" + ".0r"  # the example of the format's description
    assert kinds.base36(kinds.zlib.crc32(head.encode()), 7) == "03gxo7s"


def test_a_finding_is_judged_by_lines_and_columns(modules, generated):
    score = modules["score"]
    index, label = next((i, label) for i, label in enumerate(generated.labels) if label.line == label.end_line)
    at = {"path": label.path, "rule": "r", "line": label.line, "end_line": label.line}
    on = score.Finding(**at, column=label.column, end_column=label.end_column)
    lines_only = score.Finding(**at)
    beside = score.Finding(**at, column=label.end_column + 50, end_column=label.end_column + 60)
    elsewhere = score.Finding(path="nowhere", rule="r", line=1, end_line=1)
    judged = score.judge("tool", generated.labels, [on, lines_only, beside, elsewhere])
    assert judged.found == {index}
    assert judged.duplicates == 1
    assert judged.false == (beside, elsewhere)
    assert judged.precision == pytest.approx(1 / 3)
    assert judged.recall == pytest.approx(1 / len(generated.labels))
