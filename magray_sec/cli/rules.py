"""`magray-sec rules`: are rule packs right?"""

from __future__ import annotations

from typing import Annotated

import typer

from magray_sec import datafiles
from magray_sec.cli import _surroundings
from magray_sec.cli._output import say

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Test rule packs."""


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
