"""`magray-sec rules`: are rule packs right?"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import Annotated

import typer

from magray_sec import datafiles
from magray_sec.cli import _surroundings
from magray_sec.cli._output import say
from magray_sec.errors import UsageError
from magray_sec.model.text import clean

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Test rule packs, say why a line is a finding or none, or take in rules of gitleaks."""


@app.command("test")
def try_(
    packs: Annotated[
        list[str] | None,
        typer.Argument(help="Rule packs, or folders of them; none: the shipped packs.", metavar="[FILE|DIR]..."),
    ] = None,
) -> None:
    """Run every rule over its own examples, through the whole engine: what must match and what must not."""
    from magray_sec.regex.pack import load_packs  # noqa: PLC0415
    from magray_sec.regex.trial import test_packs  # noqa: PLC0415

    for path in packs or ():
        if not os.path.exists(path):
            raise UsageError(f"there is no rule pack '{path}'", "give a file, or a folder of packs")
    cache, _ = _surroundings.cache_folder(_surroundings.environment(), None)
    loaded = load_packs(tuple(packs or datafiles.files("rules")), cache)
    failures = test_packs(loaded)
    lines = [clean(note, limit=1000) for pack in loaded.packs for note in pack.notes]
    lines += [str(failure) for failure in failures]
    examples = sum(len(rule.match_examples) + len(rule.no_match_examples) for rule in loaded.rules)
    bare = sum(1 for rule in loaded.rules if not rule.match_examples)
    if bare:
        lines.append(
            f"{bare} rules have no examples and were not tested: `rules import` makes a pack with a place for them"
        )
    count = f"{len(loaded.rules)} rules, {examples} examples"
    lines.append(f"{count}: {f'{len(failures)} are not as they say' if failures else 'every example is as it says'}")
    say(("\n".join(lines) + "\n").encode("utf-8", "backslashreplace"))
    raise typer.Exit(1 if failures else 0)


@app.command()
def why(
    place: Annotated[str, typer.Argument(help="A file and a line in it, from 1.", metavar="PATH:LINE")],
    *,
    pack: Annotated[
        list[str] | None, typer.Option("--rules", help="Rule packs of your own (repeatable).", metavar="FILE|DIR")
    ] = None,
    no_default_rules: Annotated[
        bool, typer.Option("--no-default-rules", help="Only your own packs, without the shipped ones.")
    ] = False,
) -> None:
    """Say which rules match on a line, and of each rejected match why it is no finding."""
    from magray_sec.cli import _packs  # noqa: PLC0415
    from magray_sec.regex.confirm import Rejected  # noqa: PLC0415
    from magray_sec.regex.trial import why as matches  # noqa: PLC0415

    path, _, line = place.rpartition(":")
    if not path or not line.isascii() or not line.isdigit() or int(line) < 1:
        raise UsageError(f"'{place}' is no file and line", "write it as PATH:LINE, as scan prints it")
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {error.strerror}", "give a file of the target") from error
    environment = _surroundings.environment()
    cache, _ = _surroundings.cache_folder(environment, None)
    tuned = _packs.in_use(pack or (), environment, no_default_rules=no_default_rules)
    off = {rule.canonical: setting for _, rule, setting in tuned.off}
    every = replace(tuned.ruleset, packs=(*tuned.ruleset.packs, *_packs.alone(tuned.off)))
    lines = []
    for judged in matches(every, path, data, int(line), cache=cache):
        name = judged.rule.canonical
        if isinstance(judged.outcome, Rejected):
            detail = f" ({judged.outcome.detail})" if judged.outcome.detail else ""
            lines.append(f"{name}: rejected, because {judged.outcome.reason.value}{detail}")
        elif name in off:
            whose = "the target's settings" if off[name].by_target else "your settings"
            lines.append(
                f"{name}: no finding, because {whose} switch the rule off: {clean(off[name].reason, limit=300)}"
            )
        else:
            lines.append(f"{name}: a finding")
    say(("\n".join(lines or ["no rule matches on this line"]) + "\n").encode("utf-8", "backslashreplace"))


@app.command("import")
def import_(
    file: Annotated[str, typer.Argument(help="A gitleaks rule file.", metavar="FILE.toml")],
) -> None:
    """Write the rule pack that a gitleaks file stands for to standard output; what it cannot say, to standard error.

    Each rule gets an example made of its pattern, which `rules test` tries; where none can be made, a place for one.
    """
    from magray_sec.regex.gitleaks import convert  # noqa: PLC0415
    from magray_sec.regex.trial import with_examples  # noqa: PLC0415
    from magray_sec.regex.written import written  # noqa: PLC0415

    if not os.path.isfile(file):
        raise UsageError(f"there is no file '{file}'", "give a gitleaks rule file, such as .gitleaks.toml")
    document, notes = convert(file)
    made, missing = with_examples(document)
    for note in notes:
        sys.stderr.write(clean(note, limit=1000) + "\n")
    if missing:
        sys.stderr.write(f"{missing} rules need an example: `rules test` says which\n")
    comment = f"Made by `magray-sec rules import` of {clean(os.path.basename(file), limit=200)}."
    say(written(made, (comment, "Test it with `magray-sec rules test FILE`.")).encode("utf-8", "backslashreplace"))
