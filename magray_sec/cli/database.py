"""`magray-sec db`: the advisory database in the user's cache."""

from __future__ import annotations

import typer

from magray_sec import database
from magray_sec.cli import _surroundings
from magray_sec.cli._output import say
from magray_sec.errors import EngineError

_HINT = "check the network, or name a copy of your own with `scan --advisory-db DIR`"

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Refresh the advisory database."""


@app.command()
def update() -> None:
    """Fetch the newest advisories into the user's cache."""
    environment = _surroundings.environment()
    clock = _surroundings.clock(environment)
    operator = _surroundings.operator_settings(environment)
    cache, note = _surroundings.cache_folder(environment, operator.cache)
    if cache is None:
        raise EngineError(note.message if note else "there is no cache folder", "set HOME, or `cache` in config.yaml")
    refreshed = database.refresh(cache, now=clock.now)
    kept = refreshed.database
    if refreshed.reason:
        left = f"; the copy of {kept.date} stays in use" if kept else ""
        raise EngineError(f"the advisory database could not be fetched: {refreshed.reason}{left}", _HINT)
    if kept is not None:
        state = "now" if refreshed.changed else "already"
        say(f"advisory database: {state} that of {kept.date}, {kept.advisories} advisories\n".encode())
