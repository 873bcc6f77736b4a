"""`magray-sec scan`: options and settings in, a report, its files and an exit code out."""

from __future__ import annotations

import enum
import os
import sys
from typing import Annotated, Any

import typer

from magray_sec.cli import _output, _scanning, _surroundings
from magray_sec.errors import UsageError
from magray_sec.model.scale import Severity
from magray_sec.policy.judge import exit_code
from magray_sec.scopes import Wanted

app = typer.Typer(rich_markup_mode=None, add_completion=False)


class FailOn(enum.StrEnum):
    """Which verdict makes the exit code 1."""

    BLOCK = "block"
    REVIEW = "review"
    NEVER = "never"


class Profile(enum.StrEnum):
    """Who the SARIF is for."""

    GITHUB = "github"
    FULL = "full"


class Event(enum.StrEnum):
    """What set a scan off."""

    PUSH = "push"
    PULL_REQUEST = "pull_request"
    MERGE_GROUP = "merge_group"
    SCHEDULE = "schedule"
    RELEASE = "release"


class Color(enum.StrEnum):
    """When to colour."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


_SEVERITIES = enum.StrEnum("_SEVERITIES", {severity.name: severity.value for severity in Severity})  # type: ignore[misc]
_WIDENING = (
    "offline",
    "resolve",
    "verify_secrets",
    "allow_build",
    "no_target_config",
    "no_cache",
    "history",
    "no_default_rules",
)
_PRESENTATION = ("jobs", "timeout", "offline", "quiet", "verbose", "no_progress", "color")


@app.command()
def run(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(help="The folder to scan; '-': standard input.", metavar="[TARGET]")] = ".",
    *,
    diff: Annotated[
        str, typer.Option(help="Only lines added in the work tree since the merge base with REF.", metavar="REF")
    ] = "",
    ranges: Annotated[
        list[str] | None,
        typer.Option("--range", help="Only lines that each commit of a range adds (repeatable).", metavar="OLD..NEW"),
    ] = None,
    not_in: Annotated[
        str, typer.Option(help="With --range: leave out what the branches of a remote hold.", metavar="REMOTE")
    ] = "",
    history: Annotated[
        bool, typer.Option("--history", help="Also look for secrets in every commit of every reference.")
    ] = False,
    stdin_name: Annotated[
        str, typer.Option(help="What standard input is called, as a path in the target.", metavar="PATH")
    ] = "",
    policy: Annotated[
        str, typer.Option(help="A shipped policy (magray, default, strict, advisory) or a file.", metavar="NAME|FILE")
    ] = "",
    config: Annotated[str, typer.Option(help="Settings file, in place of the target's own.", metavar="FILE")] = "",
    no_target_config: Annotated[
        bool,
        typer.Option(
            "--no-target-config",
            help="Heed no settings, policy or comment (`allow`) of the target: for strangers' code.",
        ),
    ] = False,
    tool: Annotated[
        list[str] | None, typer.Option("--tool", help="Run only these scanners (repeatable).", metavar="ID")
    ] = None,
    skip_tool: Annotated[
        list[str] | None, typer.Option("--skip-tool", help="Do not run these scanners (repeatable).", metavar="ID")
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="Take in a scanner's report made elsewhere (repeatable).", metavar="ID=FILE"),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Leave out files (gitignore syntax, repeatable).", metavar="PATTERN")
    ] = None,
    rules: Annotated[
        list[str] | None,
        typer.Option(help="Rule packs or gitleaks files of your own, beside the shipped.", metavar="FILE|DIR"),
    ] = None,
    no_default_rules: Annotated[
        bool, typer.Option("--no-default-rules", help="Use only the packs of --rules and of the settings.")
    ] = False,
    baseline: Annotated[
        str, typer.Option(help="Compare with a baseline: only what is new in it counts.", metavar="FILE")
    ] = "",
    vex: Annotated[
        list[str] | None, typer.Option("--vex", help="OpenVEX statements that waive (repeatable).", metavar="FILE")
    ] = None,
    event: Annotated[
        Event | None, typer.Option(help="What set the scan off, for rules of the policy that ask (`when`).")
    ] = None,
    sarif: Annotated[str, typer.Option(help="Write SARIF to FILE ('-' is stdout).", metavar="FILE")] = "",
    sarif_profile: Annotated[
        Profile, typer.Option(help="github: what code scanning takes; full: everything.")
    ] = Profile.GITHUB,
    json: Annotated[str, typer.Option("--json", help="Write the JSON report to FILE.", metavar="FILE")] = "",
    markdown: Annotated[
        str, typer.Option(help="Write a Markdown summary to FILE, for a step summary or a comment.", metavar="FILE")
    ] = "",
    advisory_db: Annotated[str, typer.Option(help="Advisory database to use as it is.", metavar="DIR")] = "",
    offline: Annotated[bool, typer.Option("--offline", help="Use no network.", envvar="MAGRAY_SEC_OFFLINE")] = False,
    resolve: Annotated[
        bool, typer.Option("--resolve", help="Resolve dependencies from any source the manifests name.")
    ] = False,
    verify_secrets: Annotated[
        bool, typer.Option("--verify-secrets", help="Let scanners send secrets to their providers.")
    ] = False,
    allow_build: Annotated[
        bool, typer.Option("--allow-build", help="Let scanners build the target, which runs its code.")
    ] = False,
    fail_on: Annotated[FailOn, typer.Option(help="Which verdict makes the exit code 1.")] = FailOn.BLOCK,
    min_severity: Annotated[
        _SEVERITIES, typer.Option(help="Show no findings below this; changes no verdict.")
    ] = _SEVERITIES.UNKNOWN,  # type: ignore[attr-defined]
    jobs: Annotated[
        int, typer.Option(help="Scanners and threads at once; 0: one a core.", envvar="MAGRAY_SEC_JOBS", min=0, max=256)
    ] = 0,
    timeout: Annotated[
        float, typer.Option(help="Seconds for each process; 0: 600.", envvar="MAGRAY_SEC_TIMEOUT", min=0, max=86400)
    ] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Look again even where nothing has changed.")] = False,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Use no cache.")] = False,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Print the verdict alone.", envvar="MAGRAY_SEC_QUIET")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Print everything.", envvar="MAGRAY_SEC_VERBOSE")
    ] = False,
    no_progress: Annotated[
        bool, typer.Option("--no-progress", help="Show no live progress.", envvar="MAGRAY_SEC_NO_PROGRESS")
    ] = False,
    color: Annotated[Color, typer.Option(help="When to colour.", envvar="MAGRAY_SEC_COLOR")] = Color.AUTO,
) -> None:
    """Scan a repository, decide block, review or pass by a policy, and write reports.

    Exit codes: 0 pass or review, 1 blocked, 2 usage or settings, 3 incomplete and nothing blocked, 4 internal, 130
    interrupted.
    """
    environment = _surroundings.environment()
    given = (("-", target == "-"), ("--diff", diff), ("--range", ranges), ("--history", history))
    if not_in and not ranges:
        raise UsageError("--not-in says what a range leaves out, and there is no --range", "add --range NEW")
    if stdin_name and target != "-":
        raise UsageError("--stdin-name names standard input, which is not scanned", "give '-' as the target")
    wanted = Wanted(
        diff=diff,
        ranges=tuple(ranges or ()),
        not_in=not_in,
        text=_standard_input() if _one_of(given) == "-" else None,
        text_name=stdin_name or "stdin",
        history=history,
    )
    options = _scanning.Options(
        target="." if target == "-" else target,
        wanted=wanted,
        policy=policy,
        config=config,
        no_target_config=no_target_config,
        tool=tuple(tool or ()),
        skip_tool=tuple(skip_tool or ()),
        inputs=tuple(inputs or ()),
        exclude=tuple(exclude or ()),
        rules=tuple(rules or ()),
        no_default_rules=no_default_rules,
        baseline=baseline,
        vex=tuple(vex or ()),
        event=event.value if event else "",
        advisory_db=advisory_db,
        offline=offline,
        resolve=resolve,
        verify_secrets=verify_secrets,
        allow_build=allow_build,
        jobs=jobs,
        timeout_s=timeout,
        no_cache=no_cache,
        fresh=fresh,
        stated=_stated(ctx),
    )
    narrowing = (
        ("--diff", diff),
        ("--range", ranges),
        ("-", target == "-"),
        ("--tool", tool),
        ("--skip-tool", skip_tool),
        ("--exclude", exclude),
    )
    narrowed = next((name for name, given in narrowing if given), "")
    if sarif and narrowed and sarif_profile.value == "github":  # said now, not when the scan is over
        raise UsageError(
            f"{narrowed} leaves out a part of the target: on GitHub such a SARIF would close that part's alerts",
            "add --sarif-profile full, which is not for uploading; "
            "what every scan is to leave out stands under `exclude` in magray-sec.yaml",
        )
    outputs = _output.Outputs.make(sarif=sarif, profile=sarif_profile.value, json=json, markdown=markdown)
    screen = _output.Screen.make(
        environment, color=color.value, quiet=quiet, verbose=verbose, progress=not no_progress, outputs=outputs
    )
    with screen.progress() as on_event:
        report = _scanning.perform(options, environment, on_event=on_event)
    outputs.write(report)
    screen.show(report, min_severity=Severity(min_severity.value))
    raise typer.Exit(exit_code(report.decision, fail_on.value))


_MOST_STDIN_BYTES = 1 << 30


def _one_of(given: tuple[tuple[str, object], ...]) -> str:
    """The one scope that is asked for; empty: none. UsageError for two."""
    named = [name for name, value in given if value]
    if len(named) > 1:
        raise UsageError(f"{named[0]} and {named[1]} do not go together", "a scan is of one thing: run two")
    return named[0] if named else ""


def _standard_input() -> bytes:
    """All of it. UsageError where it is too much."""
    text = sys.stdin.buffer.read(_MOST_STDIN_BYTES + 1)
    if len(text) > _MOST_STDIN_BYTES:
        raise UsageError("standard input is larger than 1 GiB", "scan it in parts")
    return text


def _stated(ctx: typer.Context) -> tuple[tuple[str, str], ...]:
    """What a reader of the report has to know of how it was made: each value taken from the environment, and each
    setting that widens or narrows the scan."""
    options: list[tuple[str, str]] = []
    for name in _PRESENTATION:
        source: Any = ctx.get_parameter_source(name)
        if source is not None and source.name == "ENVIRONMENT":
            value = ctx.params[name]
            options.append((f"MAGRAY_SEC_{name.upper()}", str(getattr(value, "value", value)).lower()))
    options += [(f"--{name}", str(ctx.params[name])) for name in ("diff",) if ctx.params[name]]
    options += [("--not-in", str(ctx.params["not_in"]))] if ctx.params["not_in"] else []
    options += [("--range", str(value)) for value in ctx.params["ranges"] or ()]
    for name, option in (("tool", "--tool"), ("skip_tool", "--skip-tool"), ("exclude", "--exclude")):
        options += [(option, str(value)) for value in ctx.params[name] or ()]
    options += [("--rules", os.path.basename(str(value).rstrip("/"))) for value in ctx.params["rules"] or ()]
    given_event = ctx.params["event"]
    options += [("--event", str(getattr(given_event, "value", given_event)))] if given_event else []
    options += [("--vex", os.path.basename(str(value))) for value in ctx.params["vex"] or ()]
    options += [("--input", os.path.basename(str(value))) for value in ctx.params["inputs"] or ()]
    for name in _WIDENING:
        if ctx.params[name] and ctx.get_parameter_source(name).name == "COMMANDLINE":  # type: ignore[union-attr]
            options.append((f"--{name.replace('_', '-')}", "yes"))
    return tuple(options)
