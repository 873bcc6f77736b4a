"""The command line: one file a verb group, loaded when it is used."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import typer
import typer.core

from magray_sec.errors import MagraySecError, SettingsError
from magray_sec.model.text import clean

# Verb -> (module, one line of help). A verb's module is imported when the verb is used, never to list it.
VERBS = {
    "scan": ("scan", "Scan a repository, decide by a policy, write reports."),
    "doctor": ("doctor", "Show which scanners and databases are there, and how to get the others."),
    "list": ("listing", "List scanners, rules or policies."),
    "explain": ("explain", "Explain a rule, a finding of a report, or what would make a scan pass."),
    "rules": ("rules", "Test rule packs, or say why a line is a finding or none."),
    "policy": ("policy", "Check a policy, or test it by small cases."),
    "waive": ("waive", "Waive a finding for a time, or take out waivers that are of no use."),
    "baseline": ("baseline", "Write down what there is today, so that only what is new counts."),
    "report": ("report", "Render a stored JSON report again, in any format."),
    "schema": ("schema", "Print a JSON Schema: of the report, a policy, the settings, a rule pack."),
    "db": ("database", "Refresh the advisory database."),
}

_INTERRUPTED = 130

# Typer re-exports only the leaf of its usage errors; this is their base.
_UsageError: Any = typer.BadParameter.__mro__[1]


class _Verbs(typer.core.TyperGroup):
    """The verbs of the table, each loaded when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        module = import_module(f"magray_sec.cli.{VERBS[cmd_name][0]}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            import difflib  # noqa: PLC0415

            near = difflib.get_close_matches(args[0], VERBS, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else " See 'magray-sec --help'."
            raise _UsageError(f"no such command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(verb, text) for verb, (_, text) in VERBS.items()])


app = typer.Typer(
    cls=_Verbs, rich_markup_mode=None, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False
)


@app.callback(help="Run the security scanners that matter over a repository, tell each problem once, and decide.")
def _main(
    version: bool = typer.Option(False, "--version", help="Print the version and exit.", is_eager=True),
) -> None:
    if version:
        from magray_sec import __version__  # noqa: PLC0415

        typer.echo(f"magray-sec {__version__}")
        raise typer.Exit


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code: 0 to 4, or 130. Nothing escapes as a traceback."""
    _end_as_by_interrupt()
    try:
        code = app(args=list(arguments), prog_name="magray-sec", standalone_mode=False)
        sys.stdout.flush()
    except typer.Exit as exit_:
        return int(exit_.exit_code)
    except SystemExit:
        # Typer's way to say that a pipe was closed is to exit with 1, which here means blocked.
        return _closed_pipe()
    except KeyboardInterrupt:
        _complain("interrupted")
        return _INTERRUPTED
    except typer.Abort as aborted:  # typer's word for an EOFError: nothing here asks the user anything
        return _broke(aborted.__cause__ or aborted)
    except _UsageError as error:
        _complain(error.format_message(), "see --help")
        return 2
    except SettingsError as error:
        for entry in (error, *error.more):
            _complain(str(entry), entry.hint)
        return error.exit_code
    except MagraySecError as error:
        _complain(str(error), error.hint)
        return error.exit_code
    except BrokenPipeError:
        return _closed_pipe()
    except OSError as error:
        _complain(f"{error.strerror or error}: {error.filename}" if error.filename else str(error))
        return 4
    except Exception as error:  # noqa: BLE001 - a crash of ours must end as 4, never as Python's 1, which means blocked
        return _broke(error)
    if code == _INTERRUPTED:  # typer swallows the interrupt and returns this
        _complain("interrupted")
    return code if isinstance(code, int) else 0


def _broke(error: BaseException) -> int:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(frame.filename)}:{frame.lineno} in {frame.name}"
    _complain(
        f"internal error: {type(error).__name__} at {place}: {error}",
        "this is a defect of magray-sec; please report it with the line above and `magray-sec doctor`",
    )
    return 4


def _end_as_by_interrupt() -> None:
    """Have a runner's way to end us, and a closed terminal's, clean up as Ctrl-C does: scanners die with us either way,
    but what they wrote to the work folder would stay."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # else `nohup` has its reasons
            with contextlib.suppress(ValueError):  # not in the main thread: whoever started us there ends us
                signal.signal(number, _interrupt)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _closed_pipe() -> int:
    """The reader of our standard output went away; what is left in its buffer has nowhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 4


def _complain(message: str, hint: str = "") -> None:
    lines = [f"error: {clean(message)}"] + ([f"  help: {clean(hint)}"] if hint else [])
    try:
        sys.stderr.write("\n".join(lines) + "\n")
    except OSError:
        # Standard error is gone too; the exit code is all that is left to say it with.
        return
