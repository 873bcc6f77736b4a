"""`magray-sec rules`: are rule packs right?"""

from __future__ import annotations

from typing import Annotated

import typer

from magray_sec import datafiles
from magray_sec.cli import _surroundings
from magray_sec.cli._output import say
from magray_sec.errors import UsageError

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Test rule packs, or say why a line is a finding or none."""


@app.command("test")
def try_(
    packs: Annotated[
        list[str] | None, typer.Argument(help="Rule pack files; none: the shipped packs.", metavar="[FILE]...")
    ] = None,
) -> None:
    """Run every rule over its own examples, through the whole engine: what must match and what must not."""
    from magray_sec.regex.pack import load_packs  # noqa: PLC0415
    from magray_sec.regex.trial import test_packs  # noqa: PLC0415

    cache, _ = _surroundings.cache_folder(_surroundings.environment(), None)
    loaded = load_packs(tuple(packs or datafiles.files("rules")), cache)
    failures = test_packs(loaded)
    lines = [str(failure) for failure in failures]
    count = len(loaded.rules)
    if failures:
        lines.append(f"{len(failures)} of the examples of {count} rules are not as they say")
    else:
        lines.append(f"{count} rules: every example is as it says")
    say(("\n".join(lines) + "\n").encode())
    raise typer.Exit(1 if failures else 0)


@app.command()
def why(
    place: Annotated[str, typer.Argument(help="A file and a line in it, from 1.", metavar="PATH:LINE")],
    *,
    pack: Annotated[list[str] | None, typer.Option("--rules", help="A rule pack of your own.", metavar="FILE")] = None,
) -> None:
    """Say which rules match on a line, and of each rejected match why it is no finding."""
    from magray_sec.regex.confirm import Rejected  # noqa: PLC0415
    from magray_sec.regex.pack import load_packs  # noqa: PLC0415
    from magray_sec.regex.trial import why as matches  # noqa: PLC0415

    path, _, line = place.rpartition(":")
    if not path or not line.isdigit() or int(line) < 1:
        raise UsageError(f"'{place}' is no file and line", "write it as PATH:LINE, as scan prints it")
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {error.strerror}", "give a file of the target") from error
    cache, _ = _surroundings.cache_folder(_surroundings.environment(), None)
    loaded = load_packs((*datafiles.files("rules"), *(pack or ())), cache)
    lines = []
    for judged in matches(loaded, path, data, int(line), cache=cache):
        if isinstance(judged.outcome, Rejected):
            detail = f" ({judged.outcome.detail})" if judged.outcome.detail else ""
            lines.append(f"{judged.rule.canonical}: rejected, because {judged.outcome.reason.value}{detail}")
        else:
            lines.append(f"{judged.rule.canonical}: a finding")
    say(("\n".join(lines or ["no rule matches on this line"]) + "\n").encode())
