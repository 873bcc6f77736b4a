"""`magray-sec policy`: is a policy right, and does it decide about everything it requires?"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from magray_sec import adapters
from magray_sec.cli import _surroundings
from magray_sec.cli._output import say
from magray_sec.errors import SettingsError, UsageError
from magray_sec.policy import trial
from magray_sec.policy.check import check_policy
from magray_sec.policy.load import load_policy

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Check a policy, or test it by small cases."""


@app.command()
def check(
    policy: Annotated[str, typer.Argument(help="A shipped policy or a file.", metavar="NAME|FILE")] = "default",
) -> None:
    """Check a policy: its words, and that no severity of a required domain is left to the default."""
    loaded = load_policy(policy, root=None, cache=None)
    problems = check_policy(loaded, scanners=adapters.names())
    lines = []
    for problem in problems:
        place = problem.file if problem.file and loaded.bases else os.path.basename(loaded.file) or loaded.name
        lines.append(f"{place}:{problem.line}: {'error' if problem.is_error else 'warning'}: {problem.message}")
        lines += [f"  help: {problem.hint}"] if problem.hint else []
    errors = sum(1 for problem in problems if problem.is_error)
    if errors:
        say(("\n".join(lines) + "\n").encode())
        raise SettingsError(f"{policy}: {_count(errors, 'error')}", "mend the lines named above")
    required = ", ".join(domain.value for domain in loaded.require) or "nothing"
    counted = f"{_count(len(loaded.rules), 'rule')}, {_count(len(loaded.waivers), 'waiver')}"
    extended = f" It extends {', '.join(loaded.bases)}." if loaded.bases else ""
    comments = "may" if loaded.inline_allow == "honour" else "may not"
    lines.append(
        f"{policy}: right. {counted}; it requires {required}; comments in the target {comments} allow findings."
        f"{extended}"
    )
    say(("\n".join(lines) + "\n").encode())


@app.command("test")
def run_cases(
    cases: Annotated[str, typer.Argument(help="A folder of case files, or one.", metavar="DIR|FILE")],
    *,
    policy: Annotated[str, typer.Option(help="The policy of case files that name none.", metavar="NAME|FILE")] = "",
) -> None:
    """Test a policy by small cases: what it has to say of some findings and gaps. Exit code 1 where it says another."""
    today = _surroundings.clock(_surroundings.environment()).now.date()
    lines: list[str] = []
    total = failed = 0
    for path in trial.trial_files(cases):
        entry = trial.load_trials(path)
        reference = policy or entry.policy
        if not reference:
            raise UsageError(f"{entry.file} names no policy", "write `policy: NAME|FILE` in it, or give --policy")
        loaded = load_policy(reference, root=None, cache=None, place="" if policy else entry.place)
        for case in entry.trials:
            total += 1
            found, decision = trial.differences(case, loaded, today=today)
            if not found:
                continue
            failed += 1
            lines.append(f"{case.file}:{case.line}: {case.name} ({loaded.name})")
            for difference in found:
                lines += [f"  - {difference.what}: {difference.expected}", f"  + {difference.what}: {difference.found}"]
            lines += [f"      {reason.message}" for reason in decision.reasons]
    lines.append(
        f"{_count(total, 'case')}, {failed} not as expected" if failed else f"{_count(total, 'case')}, all as expected"
    )
    say(("\n".join(lines) + "\n").encode("utf-8", "backslashreplace"))
    if failed:
        raise typer.Exit(1)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
