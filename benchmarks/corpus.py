"""A labelled corpus of planted secrets and of what only looks like them, the same for the same seed.

python benchmarks/corpus.py OUT [--seed N] [--score]

Writes OUT/tree and OUT/labels.json. With --score, every scanner that is there is run over the tree, and precision,
recall and F1 are printed: over all, by kind of secret, and what was flagged falsely by kind of decoy.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import sys
from dataclasses import asdict, dataclass
from random import Random

import decoys
import score
import syntaxes
import tools
from kinds import Kind, kinds
from syntaxes import SYNTAXES, Item, Page, Syntax

FEW = {"wrong-checksums": 2, "vocabulary": 10}
"""Decoys of which there are fewer than of the others: rare in practice, or large."""
EACH = 35
"""Files of each kind of decoy."""
PLANTED = 2
"""How often each kind of secret is planted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A planted secret. Lines and columns count from 1, columns in characters; `end_column` is after the last."""

    path: str
    kind: str
    syntax: str
    line: int
    end_line: int
    column: int
    end_column: int
    start: int
    end: int
    """Bytes of the file from `start` up to `end`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Files by path, and what is where."""

    seed: int
    files: dict[str, bytes]
    labels: tuple[Label, ...]
    decoys: dict[str, str]
    """The kind of decoy by path, for files that hold no secret."""

    def described(self) -> dict[str, object]:
        """What labels.json says."""
        return {"seed": self.seed, "labels": [asdict(label) for label in self.labels], "decoys": self.decoys}


def generate(seed: int, *, each: int = EACH) -> Corpus:
    """The corpus of this seed, with so many files of each kind of decoy."""
    random = Random(seed)
    numbers = itertools.count(1)
    files: dict[str, bytes] = {}
    labels: list[Label] = []
    for path, page, syntax in _planted(random, numbers):
        files[path], found = _encode(path, page, syntax)
        labels += found
    about: dict[str, str] = {}
    for id_, form, make in decoys.decoys():
        for _ in range(min(each, FEW.get(id_, each))):
            path = form.format(n=next(numbers))
            files[path] = make(random).encode()
            about[path] = id_
    labels.sort(key=lambda label: (label.path, label.start))
    return Corpus(seed=seed, files=dict(sorted(files.items())), labels=tuple(labels), decoys=about)


def _planted(random: Random, numbers: itertools.count[int]) -> list[tuple[str, Page, Syntax | str]]:
    pages: list[tuple[str, Page, Syntax | str]] = []
    waiting = [kind for kind in kinds() for _ in range(PLANTED)]
    random.shuffle(waiting)
    turns = itertools.cycle(random.sample(SYNTAXES, len(SYNTAXES)))
    while waiting:
        kind = waiting.pop()
        if kind.telling and kind.plain and random.random() < 0.2:
            item = Item(name="value", value=kind.make(random), kind=kind.id)
            path, page = syntaxes.bare(item, random, next(numbers))
            pages.append((path, page, "bare"))
            continue
        syntax = next(turn for turn in turns if syntaxes.fits(kind, turn))
        group = [kind]
        while waiting and random.random() < 0.25 and syntaxes.fits(waiting[-1], syntax):
            group.append(waiting.pop())
        items = [_item(kind, random) for kind in group]
        items += itertools.islice(syntaxes.fillers(random), random.randrange(3, 9))
        random.shuffle(items)
        path = random.choice(syntax.paths).format(n=next(numbers))
        pages.append((path, syntaxes.write(syntax, items, random), syntax))
    for id_, form, make in syntaxes.specials():
        for _ in range(PLANTED):
            page = Page()
            make(page, random)
            pages.append((form.format(n=next(numbers)), page, id_))
    return pages


def _item(kind: Kind, random: Random) -> Item:
    silent = kind.telling and kind.plain and random.random() < 0.15
    name = random.choice(("value", "conn", "upstream", "entry")) if silent else random.choice(kind.names)
    return Item(name=name, value=kind.make(random), kind=kind.id)


def _encode(path: str, page: Page, syntax: Syntax | str) -> tuple[bytes, list[Label]]:
    """The bytes of a page, and its marks as labels."""
    named = syntax if isinstance(syntax, Syntax) else Syntax(id=syntax, paths=(), write=lambda *_: None)
    mark = b"\xff\xfe" if named.encoding == "utf-16" else b""
    encoding = "utf-16-le" if named.encoding == "utf-16" else named.encoding

    def before(index: int) -> int:
        return len(mark) + len(page.text[:index].replace("\n", named.newline).encode(encoding))

    labels = []
    for kind, start, end in page.marks:
        labels.append(
            Label(
                path=path,
                kind=kind,
                syntax=named.id,
                line=page.text.count("\n", 0, start) + 1,
                end_line=page.text.count("\n", 0, end) + 1,
                column=start - page.text.rfind("\n", 0, start),
                end_column=end - page.text.rfind("\n", 0, end),
                start=before(start),
                end=before(end),
            )
        )
    return mark + page.text.replace("\n", named.newline).encode(encoding), labels


def write(corpus: Corpus, out: str) -> str:
    """Writes tree and labels under a folder that is new or held a corpus; the tree's path."""
    tree, labels = os.path.join(out, "tree"), os.path.join(out, "labels.json")
    if os.path.exists(out) and os.listdir(out) and not os.path.exists(labels):
        raise SystemExit(f"{out}: is neither empty nor a corpus")
    shutil.rmtree(tree, ignore_errors=True)
    for path, data in corpus.files.items():
        place = os.path.join(tree, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(data)
    with open(labels, "w", encoding="utf-8") as file:
        json.dump(corpus.described(), file, indent=1)
    return tree


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--score", action="store_true", help="run the scanners over it")
    parser.add_argument(
        "--report", metavar="FILE", help="write the score here as well, with every miss and false alarm"
    )
    tools.add_options(parser)
    options = parser.parse_args()
    corpus = generate(options.seed)
    tree = write(corpus, options.out)
    many = len({label.kind for label in corpus.labels})
    print(f"{len(corpus.files)} files, {len(corpus.labels)} secrets of {many} kinds, seed {options.seed}")
    if options.score:
        scores = score.run(tree, corpus.labels, tools.found(options))
        print(score.table(scores))
        if options.report:
            with open(options.report, "w", encoding="utf-8") as file:
                file.write(score.full(scores, corpus.labels, corpus.decoys, tree))
    return 0


if __name__ == "__main__":
    sys.exit(main())
