"""`magray-sec report`: a stored JSON report, rendered again in any format without the tree."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from magray_sec.cli import _output, _surroundings
from magray_sec.cli.scan import Color, FailOn, Profile
from magray_sec.errors import UsageError
from magray_sec.policy.judge import exit_code
from magray_sec.report import json_v1

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def run(
    file: Annotated[
        str, typer.Argument(help="A JSON report of `magray-sec scan --json` ('-' is stdin).", metavar="FILE")
    ],
    *,
    sarif: Annotated[str, typer.Option(help="Write SARIF to FILE ('-' is stdout).", metavar="FILE")] = "",
    sarif_profile: Annotated[Profile, typer.Option(help="github or full.")] = Profile.GITHUB,
    json: Annotated[str, typer.Option("--json", help="Write the JSON report to FILE.", metavar="FILE")] = "",
    markdown: Annotated[
        str, typer.Option(help="Write a Markdown summary to FILE, for a step summary or a comment.", metavar="FILE")
    ] = "",
    fail_on: Annotated[FailOn, typer.Option(help="Which verdict makes the exit code 1.")] = FailOn.BLOCK,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print the verdict alone.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Print everything.")] = False,
    color: Annotated[Color, typer.Option(help="When to colour.")] = Color.AUTO,
) -> None:
    """Render a stored JSON report. The exit code is that of the scan that made it."""
    try:
        if file == "-":
            data = sys.stdin.buffer.read()
        else:
            with open(file, "rb") as stored:
                data = stored.read()
    except OSError as error:
        raise UsageError(
            f"'{file}' cannot be read: {error.strerror}", "give the file that `scan --json` wrote"
        ) from error
    report = json_v1.parse(data)
    outputs = _output.Outputs.make(sarif=sarif, profile=sarif_profile.value, json=json, markdown=markdown)
    screen = _output.Screen.make(
        _surroundings.environment(), color=color.value, quiet=quiet, verbose=verbose, progress=False, outputs=outputs
    )
    outputs.write(report)
    screen.show(report)
    raise typer.Exit(exit_code(report.decision, fail_on.value))
