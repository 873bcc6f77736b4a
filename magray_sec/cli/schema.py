"""`magray-sec schema`: the published JSON Schemas."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from magray_sec import datafiles
from magray_sec.cli._output import say

app = typer.Typer(rich_markup_mode=None, add_completion=False)


class Schema(enum.StrEnum):
    """What there is a schema of."""

    REPORT = "report"
    POLICY = "policy"
    SETTINGS = "settings"
    PACK = "pack"


@app.command()
def run(
    name: Annotated[Schema, typer.Argument(help="Which schema.", metavar="report|policy|settings|pack")],
) -> None:
    """Print a JSON Schema (draft 2020-12): for editors, and to validate reports with."""
    with open(datafiles.schema("report-v1" if name is Schema.REPORT else name.value), "rb") as file:
        say(file.read())
