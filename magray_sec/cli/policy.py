"""`magray-sec policy`: is a policy right, and does it decide about everything it requires?"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from magray_sec import adapters
from magray_sec.cli._output import say
from magray_sec.errors import SettingsError
from magray_sec.policy.load import check_policy, load_policy

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Check a policy."""


@app.command()
def check(
    policy: Annotated[str, typer.Argument(help="A shipped policy or a file.", metavar="NAME|FILE")] = "default",
) -> None:
    """Check a policy: its words, and that no severity of a required domain is left to the default."""
    loaded = load_policy(policy, root=None, cache=None)
    problems = check_policy(loaded, scanners=adapters.names())
    place = os.path.basename(loaded.file) or loaded.name
    lines = []
    for problem in problems:
        lines.append(f"{place}:{problem.line}: {'error' if problem.is_error else 'warning'}: {problem.message}")
        lines += [f"  help: {problem.hint}"] if problem.hint else []
    errors = sum(1 for problem in problems if problem.is_error)
    if errors:
        say(("\n".join(lines) + "\n").encode())
        raise SettingsError(f"{policy}: {_count(errors, 'error')}", "mend the lines named above")
    required = ", ".join(domain.value for domain in loaded.require) or "nothing"
    counted = f"{_count(len(loaded.rules), 'rule')}, {_count(len(loaded.waivers), 'waiver')}"
    comments = "may" if loaded.inline_allow == "honour" else "may not"
    lines.append(
        f"{policy}: right. {counted}; it requires {required}; comments in the target {comments} allow findings."
    )
    say(("\n".join(lines) + "\n").encode())


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
