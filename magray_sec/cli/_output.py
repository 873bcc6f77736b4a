"""Where reports go: files written whole or not at all, standard output, and a terminal with live progress."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO

from magray_sec.errors import ReportError, UsageError
from magray_sec.model.report import ScanReport
from magray_sec.model.scale import Severity
from magray_sec.model.text import clean
from magray_sec.report import text
from magray_sec.report.scope import left_out

if TYPE_CHECKING:  # a scan of a few commits starts no process
    from magray_sec.runner import Event

Render = Callable[[ScanReport, BinaryIO], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """The report files that were asked for: (destination, how to render it)."""

    wanted: tuple[tuple[str, Render], ...] = ()
    is_for_github: bool = False
    """One of them is the SARIF that code scanning takes."""

    @staticmethod
    def make(*, sarif: str = "", profile: str = "github", json: str = "", markdown: str = "") -> Outputs:
        """The outputs of the options. UsageError for two that want standard output, or a folder that is not there."""
        wanted: list[tuple[str, Render]] = []
        if sarif:
            wanted.append((sarif, lambda report, sink: _format("sarif").render(report, sink, profile=profile)))
        if json:
            wanted.append((json, lambda report, sink: _format("json_v1").render(report, sink)))
        if markdown:
            wanted.append((markdown, lambda report, sink: _format("markdown").render(report, sink)))
        if sum(1 for destination, _ in wanted if destination == "-") > 1:
            raise UsageError("two reports want standard output", "give '-' to one of them and files to the others")
        for destination, _ in wanted:
            folder = os.path.dirname(os.path.abspath(destination))
            if destination != "-" and not os.path.isdir(folder):
                raise UsageError(f"there is no folder for '{destination}'", "make it first")
            if destination != "-" and os.path.isdir(destination):
                raise UsageError(f"'{destination}' is a folder", "give the name of a file")
        return Outputs(wanted=tuple(wanted), is_for_github=bool(sarif) and profile == "github")

    @property
    def takes_stdout(self) -> bool:
        """Whether one of them goes to standard output."""
        return any(destination == "-" for destination, _ in self.wanted)

    def write(self, report: ScanReport) -> None:
        """Write all of them. ReportError where one cannot be."""
        for destination, render in self.wanted:
            if destination == "-":
                sink = io.BytesIO()
                render(report, sink)
                say(sink.getvalue())
            else:
                _write(destination, lambda sink, render=render: render(report, sink))  # type: ignore[misc]


def _format(name: str) -> Any:
    return import_module(f"magray_sec.report.{name}")


def _say_once(event: Event) -> None:
    if event.kind == "said":
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{event.adapter}: {clean(event.message, limit=100)}\n")
            sys.stderr.flush()


def write_whole(path: str, data: bytes) -> None:
    """Write a file, whole or not at all. ReportError where it cannot be."""
    _write(path, lambda sink: sink.write(data))


def _write(path: str, render: Callable[[BinaryIO], object]) -> None:
    """Write a file beside its place and move it there, so that a reader sees the old one or the whole new one."""
    folder = os.path.dirname(os.path.abspath(path))
    name = None
    try:
        if os.path.lexists(path) and not os.path.isfile(path):
            with open(path, "wb") as sink:  # a device or a pipe: there is nothing to replace
                render(sink)
            return
        descriptor, name = tempfile.mkstemp(prefix=".magray-sec-", dir=folder)
        with os.fdopen(descriptor, "wb") as sink:
            render(sink)
            sink.flush()
            os.fsync(sink.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, os.path.realpath(path))
        name = None
    except OSError as error:
        raise ReportError(
            f"'{path}' could not be written: {error.strerror}", "the scan ran; free some space or choose another place"
        ) from error
    finally:
        if name is not None:
            with contextlib.suppress(OSError):
                os.unlink(name)


def say(data: bytes) -> None:
    """Write to standard output. A reader that went away is no failure of the scan; a full disk is (ReportError)."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise ReportError(f"standard output could not be written: {error.strerror}", "free some space") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What a person sees while and after a scan."""

    color: bool
    quiet: bool
    verbose: bool
    live: bool
    to_stderr: bool
    is_for_github: bool

    @staticmethod
    def make(
        environment: Mapping[str, str], *, color: str, quiet: bool, verbose: bool, progress: bool, outputs: Outputs
    ) -> Screen:
        """The screen that these surroundings call for: NO_COLOR, CI and anything but a terminal get plain lines."""
        stream = sys.stderr if outputs.takes_stdout else sys.stdout
        plain = bool(environment.get("NO_COLOR") or environment.get("CI") or environment.get("TERM") == "dumb")
        return Screen(
            color=color == "always" or (color == "auto" and stream.isatty() and not plain),
            quiet=quiet,
            verbose=verbose,
            live=progress and not quiet and sys.stderr.isatty() and not plain,
            to_stderr=outputs.takes_stdout,
            is_for_github=outputs.is_for_github,
        )

    @contextlib.contextmanager
    def progress(self) -> Iterator[Callable[[Event], None] | None]:
        """Live progress on standard error while the body runs; where that is not wanted, a line for what makes a scan
        take long once, and nothing with `quiet`."""
        if not self.live:
            yield None if self.quiet else _say_once
            return
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            tasks: dict[str, Any] = {}

            def on_event(event: Event) -> None:
                if event.kind == "started":
                    tasks[event.adapter] = bar.add_task(event.adapter, total=None)
                elif event.kind == "said" and event.adapter in tasks:
                    said = clean(event.message, limit=100)
                    bar.update(tasks[event.adapter], description=f"{event.adapter}: {said}")
                elif event.adapter in tasks:
                    bar.update(tasks[event.adapter], total=1, completed=1, description=f"{event.adapter} done")

            yield on_event

    def show(self, report: ScanReport, *, min_severity: Severity = Severity.UNKNOWN) -> None:
        """Print the report; on standard error where standard output is taken by a file format."""
        page = io.StringIO()
        text.render(
            report,
            page,
            color=self.color,
            quiet=self.quiet,
            verbose=self.verbose,
            min_severity=min_severity,
            withheld=left_out(report) if self.is_for_github else (),
        )
        data = page.getvalue().encode("utf-8", "backslashreplace")
        if not self.to_stderr:
            say(data)
            return
        with contextlib.suppress(BrokenPipeError):
            sys.stderr.buffer.write(data)
            sys.stderr.buffer.flush()
