"""Runs the planned steps: the only place that spawns a process.

A scanner gets an allow-listed environment, folders of its own, no terminal, a time limit and a cap on what it prints.
When a command ends, or is to end, or the scan itself is killed, no process that came of it is left (`_reaper`). All
that goes wrong with a scanner is data, and one's trouble is never another's.

Linux and macOS; elsewhere every command is answered with the reason why it did not run.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import queue
import selectors
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Literal, Self

from magray_sec import _reaper
from magray_sec._paths import is_within
from magray_sec.model.adapter import Adapter, Step, StepOutput
from magray_sec.model.run import PROGRESS, Claim, Command, Farm, RawOutput, ScanContext
from magray_sec.toolbox import PASSED_ON, PASSED_ON_PATHS

_FIXED: Mapping[str, str] = {
    "CARGO_TERM_COLOR": "never",
    # A target's own git configuration names programs; these two are run by commands that only read.
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "core.fsmonitor",
    "GIT_CONFIG_VALUE_0": "false",
    "GIT_CONFIG_KEY_1": "core.hooksPath",
    "GIT_CONFIG_VALUE_1": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_OPTIONAL_LOCKS": "0",  # `git status` would write the target's index
    "GIT_TERMINAL_PROMPT": "0",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "NO_COLOR": "1",
    "RUST_BACKTRACE": "0",
    "TERM": "dumb",
    "TZ": "UTC",
}
_PRIVATE: Mapping[str, str] = {
    "HOME": "home",
    "TMPDIR": "tmp",
    "XDG_CACHE_HOME": "cache",
    "XDG_CONFIG_HOME": "config",
    "XDG_DATA_HOME": "data",
    "XDG_RUNTIME_DIR": "run",
    "XDG_STATE_HOME": "state",
}
"""Variable -> the folder below the step's own that it names."""

_VERSION_TIMEOUT_S = 20.0
_STDERR_KEPT_BYTES = 1_000_000
_INPUT_CAP_BYTES = 50_000_000
_KILL_TIMEOUT_S = 10.0
"""How long the end of a killed command is waited for; the reaper gives up sooner."""
_IDLE_S = 0.02
_LAST_WORDS_S = 1.0
"""How long the pipes of a command that ended may stay open: only something that outlived SIGKILL can hold them."""
_READ_BYTES = 1 << 18
_PIPE_BYTES, _WIDE_BYTES = 1 << 16, 1 << 20
_PROGRESS = PROGRESS.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A step began or ended, or said what takes it long; for live progress."""

    adapter: str
    kind: Literal["started", "said", "finished"]
    message: str = ""
    """What it said, as it is."""
    duration_s: float = 0.0
    """0 where it began."""
    exit_code: int | None = None
    """The exit code of its last process where it ended, None where that has none."""


def execute(
    steps: tuple[Step, ...],
    context: ScanContext,
    *,
    target_root: str,
    expected: Mapping[str, float] = {},
    on_event: Callable[[Event], None] | None = None,
    ahead: Ahead | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> tuple[StepOutput, ...]:
    """Run the steps, as many at once as keep `context.jobs` processors busy, and return what each left behind, in the
    order given.

    They begin in the order of how long each is expected to take (adapter id -> seconds), the longest first, and before
    them those of which nothing is known: what ends last should not be what began last.

    A step asks its tool for its version first (20 s), then runs its commands one after the other. A version probe, or
    a preparation that must not fail, that does not end with 0 ends the step. `on_event` is called in the caller's
    thread, and so is `meanwhile`, once, when the first commands have been started and told what to do: work for which
    there is time then. What was started `ahead` for one of the commands is used for it. Whatever is raised here
    (KeyboardInterrupt, or an error of `on_event`) is raised after everything was killed.
    """
    if not steps:
        return ()
    waiting = _Places(steps, max(context.jobs, 1), expected)
    outputs: dict[int, StepOutput] = {}
    with ahead or Ahead(context, target_root=target_root) as at_work:
        run = at_work.run
        said = run.said

        def work() -> None:
            error: BaseException | None = None
            try:
                while (place := waiting.take()) is not None:
                    said.put(Event(adapter=steps[place].adapter.id, kind="started"))
                    outputs[place] = run.step(steps[place], place)
                    waiting.done(place)
                    said.put(_finished(outputs[place]))
            except BaseException as raised:  # noqa: BLE001 - an error of our own, raised again in the caller's thread
                error = raised
            said.put(_Ended(error=error))

        workers = [threading.Thread(target=work, daemon=True) for _ in range(min(max(context.jobs, 1), len(steps)))]
        try:
            for worker in workers:
                worker.start()
            _follow(said, len(workers), on_event, meanwhile)
        finally:
            waiting.clear()
            at_work.close()
            for worker in workers:
                if worker.ident is not None:
                    worker.join(_KILL_TIMEOUT_S)
    return tuple(outputs[place] for place in range(len(steps)))


def _follow(
    said: queue.SimpleQueue[Event | _Ended],
    workers: int,
    on_event: Callable[[Event], None] | None,
    meanwhile: Callable[[], object] | None,
) -> None:
    """Hand events on until all workers have ended; raise what one of them raised. `meanwhile` is called when there has
    been none for a while."""
    while workers:
        try:
            event = said.get(timeout=_IDLE_S if meanwhile else None)
        except queue.Empty:
            if meanwhile:
                meanwhile()
                meanwhile = None
            continue
        if isinstance(event, _Ended):
            workers -= 1
            if event.error:
                raise event.error
        elif on_event:
            on_event(event)


class _Places:
    """The places of the steps that nobody runs yet; several threads take from it."""

    def __init__(self, steps: tuple[Step, ...], cores: int, expected: Mapping[str, float]) -> None:
        self._cores = [min(step.adapter.cores or cores, cores) for step in steps]
        self._free = cores
        self._left = sorted(range(len(steps)), key=lambda place: -expected.get(steps[place].adapter.id, float("inf")))
        self._changed = threading.Condition()

    def take(self) -> int | None:
        """The next step that there are processors for; waits until there are. None at the end."""
        with self._changed:
            while self._left:
                place = next((place for place in self._left if self._cores[place] <= self._free), None)
                if place is not None:
                    self._left.remove(place)
                    self._free -= self._cores[place]
                    return place
                self._changed.wait()
        return None

    def done(self, place: int) -> None:
        """Give a step's processors back."""
        with self._changed:
            self._free += self._cores[place]
            self._changed.notify_all()

    def clear(self) -> None:
        """Leave none."""
        with self._changed:
            self._left.clear()
            self._changed.notify_all()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    error: BaseException | None


def _finished(output: StepOutput) -> Event:
    processes = [*((output.version,) if output.version else ()), *output.outputs]
    return Event(
        adapter=output.step.adapter.id,
        kind="finished",
        duration_s=output.duration_s,
        exit_code=processes[-1].exit_code if processes else None,
    )


class _Prepared:
    """The preparations of all steps. One that several ask for in the same words is run once; the others wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[tuple[object, ...], Future[RawOutput]] = {}

    def once(self, command: Command, run: Callable[[], RawOutput]) -> RawOutput:
        """What the preparation left behind, whoever ran it; what running it raises is raised for all."""
        environment = tuple(sorted(command.environment.items()))
        words = (command.argv, environment, command.farm, command.stdin, command.output_file, command.timeout_s)
        with self._lock:
            made = self._made.get(words)
            is_first = made is None
            if made is None:
                made = self._made[words] = Future()
        if is_first:
            try:
                made.set_result(run())
            except BaseException as error:
                made.set_exception(error)
                raise
        return replace(made.result(), command=command)


class _CannotStartError(Exception):
    """Why a command is not started, as a clause that follows "it could not be started:"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What all steps of one `execute` share. Several threads use it at once."""

    context: ScanContext
    target_root: str
    reaper: _Reaper
    environment: Mapping[str, str]
    """What every command gets, besides what is private to its step and its own."""
    prepared: _Prepared = field(default_factory=_Prepared)
    said: queue.SimpleQueue[Event | _Ended] = field(default_factory=queue.SimpleQueue)
    begun: dict[tuple[str, ...], tuple[bytes, _Conversation]] = field(default_factory=dict)
    """argv -> what was said so far to a process of that command line which runs already."""

    def step(self, step: Step, place: int) -> StepOutput:
        """Run one step. `place` is its place in the plan, from 0."""
        started, began = datetime.now(UTC), time.monotonic()
        version: RawOutput | None = None
        outputs: list[RawOutput] = []
        try:
            folder = self._folder(f"{place:02d}-{step.adapter.id}")
            trouble = ""
        except OSError as error:
            folder, trouble = "", f"its private folder cannot be made ({_reason(error)})"
        commands = step.commands
        if step.tool is not None and step.adapter.versions:
            probe = Command(argv=("{tool}", *step.adapter.version_argv), timeout_s=_VERSION_TIMEOUT_S)
            version = self._command(probe, step, folder, trouble)
            if version.exit_code != 0:
                commands = ()
        lost: set[Claim] = set()
        for command in commands:
            if lost.intersection(command.claims):
                continue
            if command.is_preparation and command.argv[0] != "{tool}":
                outputs.append(self.prepared.once(command, partial(self._command, command, step, folder, trouble)))
            else:
                outputs.append(self._command(command, step, folder, trouble))
            if command.is_preparation and not command.may_fail and outputs[-1].exit_code != 0:
                if not command.claims:
                    break
                lost.update(command.claims)
        return StepOutput(
            step=step,
            version=version,
            outputs=tuple(outputs),
            started=started,
            duration_s=time.monotonic() - began,
        )

    def begin(self, adapter: Adapter, argv: tuple[str, ...], greeting: bytes) -> None:
        """Start a command and say the first of what it is to be told. Where that fails it is started when its turn has
        come, and what is wrong is heard then."""
        command = Command(argv=argv, stdin=greeting, tells_progress=True)
        step = Step(adapter=adapter, claims=(), commands=(command,))
        with contextlib.suppress(OSError, _CannotStartError):
            conversation = self._start(command, step, self._folder(f"early-{adapter.id}"), is_all=False)
            conversation.speak()
            self.begun[argv] = greeting, conversation

    def _folder(self, named: str) -> str:
        """Make the step's own folder and those below it."""
        base = os.path.join(self.context.work, "steps")
        os.makedirs(base, mode=0o700, exist_ok=True)
        name = folder = os.path.join(base, named)
        again = 1
        while True:
            try:
                os.mkdir(folder, 0o700)
                break
            except FileExistsError:  # an earlier `execute` of the same scan
                again += 1
                folder = f"{name}-{again}"
        for below in ("cwd", *_PRIVATE.values()):
            os.mkdir(os.path.join(folder, below), 0o700)
        return folder

    def _command(self, command: Command, step: Step, folder: str, trouble: str) -> RawOutput:
        began = time.monotonic()
        try:
            conversation = self._talk(command, step, folder, trouble)
        except _CannotStartError as error:
            return RawOutput(command=command, spawn_error=str(error), duration_s=time.monotonic() - began)
        stdout, is_capped = conversation.stdout, conversation.is_capped
        if command.output_file is not None:
            found = _read_regular(command.output_file, self.context.output_cap_bytes, follow=False)
            if found is not None:
                stdout, is_capped = found[0], is_capped or found[1]
        return RawOutput(
            command=command,
            exit_code=None if conversation.timed_out or is_capped else conversation.exit_code,
            stdout=stdout,
            stderr=conversation.stderr,
            inputs=self._inputs(command),
            timed_out=conversation.timed_out,
            output_capped=is_capped,
            duration_s=time.monotonic() - began,
            is_confined=None if command.network else conversation.is_confined,
        )

    def _talk(self, command: Command, step: Step, folder: str, trouble: str) -> _Conversation:
        """Run the command to its end. _CannotStartError where it never ran."""
        if trouble:
            raise _CannotStartError(trouble)
        conversation = self._begun(command) or self._start(command, step, folder)
        conversation.run(self.context.timeout_s if command.timeout_s is None else command.timeout_s)
        if conversation.start_errno is not None:
            raise _CannotStartError(_spawn_reason(conversation.program, conversation.start_errno))
        return conversation

    def _begun(self, command: Command) -> _Conversation | None:
        """The conversation with a process that was started for it; None: there is none."""
        said, conversation = self.begun.pop(command.argv, (b"", None))
        if conversation is None or not command.stdin.startswith(said):
            return None
        conversation.add(command.stdin[len(said) :])
        return conversation

    def _start(self, command: Command, step: Step, folder: str, *, is_all: bool = True) -> _Conversation:
        """Have a command started. `is_all`: it is told nothing beyond the command's standard input."""
        environment = self._environment(command, folder)
        argv = self._argv(command, step, environment["PATH"])
        self._clear_output(command)
        if command.farm:
            self._plant(command.farm)
        conversation = _Conversation(
            stdin=command.stdin,
            cap_bytes=self.context.output_cap_bytes,
            keep_stdout=command.output_file is None,
            merge=command.reports_on_stderr,
            is_all=is_all,
            on_progress=partial(self._pass_on, step.adapter.id) if command.tells_progress else None,
        )
        conversation.program = argv[0]
        protected = b"" if command.network else self._protected()
        self.reaper.start(argv, environment, os.path.join(folder, "cwd"), conversation, protected=protected)
        return conversation

    def _pass_on(self, adapter: str, message: str) -> None:
        self.said.put(Event(adapter=adapter, kind="said", message=message))

    def _protected(self) -> bytes:
        """The target, which no scanner may write to; but not where the scan's own folders lie in it."""
        places = (self.context.work, self.context.cache or self.context.work)
        if any(_is_inside(place, self.target_root) for place in places):
            return _reaper.NETWORK_ALONE
        return os.fsencode(self.target_root)

    def _environment(self, command: Command, folder: str) -> dict[str, str]:
        private = {name: os.path.join(folder, below) for name, below in _PRIVATE.items()}
        return {**self.environment, **private, **command.environment}

    def _argv(self, command: Command, step: Step, search: str) -> tuple[str, ...]:
        program = command.argv[0]
        if program == "{tool}":
            if step.tool is None or step.tool.path is None:
                raise _CannotStartError("nobody said where its program is")
            program = step.tool.path
        elif os.sep not in program:
            candidates = [os.path.join(place, program) for place in search.split(os.pathsep)]
            found = [path for path in candidates if os.path.isfile(path) and os.access(path, os.X_OK)]
            if not found:
                raise _CannotStartError(f"there is no {program} on PATH")
            program = found[0]
        if not os.path.isabs(program):
            raise _CannotStartError(f"{program} is a relative path")
        return (program, *command.argv[1:])

    def _clear_output(self, command: Command) -> None:
        """Take away what an earlier command left at the output file's place, and make the folder it goes to."""
        if command.output_file is None:
            return
        if not _is_inside(os.path.dirname(command.output_file), self.context.work):
            raise _CannotStartError("its report would be written outside the scan's work folder")
        try:
            os.makedirs(os.path.dirname(command.output_file), mode=0o700, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(command.output_file)
        except OSError as error:
            raise _CannotStartError(f"the place for its report cannot be made ({_reason(error)})") from error

    def _plant(self, farm: Farm) -> None:
        if not _is_inside(farm.at, self.context.work):
            raise _CannotStartError("its farm of links would lie outside the scan's work folder")
        if farm.source and not os.path.isabs(farm.source):
            raise _CannotStartError("its farm of links is of a relative path")
        try:
            source, place = farm.source, farm.at
            inner = [name for name in farm.within.split("/") if name]
            if any(name in (os.curdir, os.pardir) for name in inner):
                raise _CannotStartError("its farm of links would leave the folder it is of")
            for name in [*inner, ""]:
                os.makedirs(place, mode=0o700)
                if farm.source:
                    self._plant_links(source, place, farm.leave_out | {name}, farm.copied)
                source, place = os.path.join(source, name), os.path.join(place, name)
            for name, data in farm.files:
                self._write(farm.at, name, data)
        except OSError as error:
            raise _CannotStartError(f"its farm of links cannot be made ({_reason(error)})") from error

    def _write(self, folder: str, name: str, data: bytes) -> None:
        """Write a file of ours into a farm; never through a link of it."""
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        if not _is_inside(os.path.dirname(path), self.context.work):
            raise _CannotStartError("a file of ours would be written outside the scan's work folder")
        with open(path, "xb") as file:
            file.write(data)

    def _plant_links(self, source: str, place: str, leave_out: frozenset[str], copied: frozenset[str]) -> None:
        with os.scandir(source) as entries:
            for entry in entries:
                if entry.name in leave_out:
                    continue
                if entry.is_symlink() and not _is_inside(entry.path, self.target_root):
                    continue  # a link that leads out of the target is not followed
                if entry.name in copied and entry.is_file():
                    shutil.copyfile(entry.path, os.path.join(place, entry.name))
                else:
                    os.symlink(entry.path, os.path.join(place, entry.name))

    def _inputs(self, command: Command) -> Mapping[str, bytes]:
        """What a tool made is read now, before a later command writes over it; a file of the target, which none may
        write to, when it is asked for: a report may speak of any of a thousand."""
        later = frozenset(path for path in command.inputs if is_within(path, self.target_root))
        read = ((path, self._input(path)) for path in command.inputs if path not in later)
        return _Inputs(now={path: data for path, data in read if data is not None}, later=later, read=self._input)

    def _input(self, path: str) -> bytes | None:
        found = _read_regular(path, _INPUT_CAP_BYTES, follow=True) if self._may_read(path) else None
        return None if found is None or found[1] else found[0]

    def _may_read(self, path: str) -> bool:
        """Not where a link of the target, or one that a tool made in the work folder, leads out of both."""
        folders = (self.target_root, self.context.work)
        if any(is_within(os.path.abspath(path), folder) for folder in folders):
            return any(_is_inside(path, folder) for folder in folders)
        return True


class Ahead:
    """Processes that are started before it is known all that they will be told, as `execute` starts its own. When it
    is closed none of them is left."""

    def __init__(self, context: ScanContext, *, target_root: str) -> None:
        environment = _shared_environment(context.environment, target_root)
        self._reaper = _Reaper(environment)
        self.run = _Run(context=context, target_root=target_root, reaper=self._reaper, environment=environment)

    def begin(self, adapter: Adapter, argv: tuple[str, ...], greeting: bytes) -> None:
        """Start one; `greeting` is the first of what a command with this `argv` will be told."""
        self.run.begin(adapter, argv, greeting)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill whatever runs, and wait until it is gone."""
        for _, conversation in self.run.begun.values():
            conversation.drop()
        self.run.begun.clear()
        self._reaper.close()


class _Inputs(Mapping[str, bytes]):
    """The files that a command's parser needs; one that cannot be read is absent."""

    def __init__(self, *, now: Mapping[str, bytes], later: frozenset[str], read: Callable[[str], bytes | None]) -> None:
        self._now = now
        self._later = later
        self._read = read

    def __getitem__(self, path: str) -> bytes:
        if path not in self._later:
            return self._now[path]
        data = self._read(path)
        if data is None:
            raise KeyError(path)
        return data

    def __iter__(self) -> Iterator[str]:
        yield from self._now
        yield from (path for path in sorted(self._later) if path in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Reaper:
    """The host's side of one `_reaper` process, started at once and ended, with all below it, by `close`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._trouble = ""
        if sys.platform == "win32":
            self._trouble = "scanners can be run on Linux and macOS only"
            return
        libraries = {name: environment[name] for name in PASSED_ON_PATHS if name in environment and name != "PATH"}
        package = os.path.dirname(os.path.dirname(os.path.abspath(_reaper.__file__)))
        start = (
            "import sys; sys.path.append(sys.argv[1]); from magray_sec import _reaper; _reaper.main(int(sys.argv[2]))"
        )
        try:
            self._control, theirs = socket.socketpair()
            with theirs, _above_standard(theirs) as fd:
                self._process = subprocess.Popen(
                    (sys.executable, "-I", "-S", "-c", start, package, str(fd)),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=(fd,),
                    cwd=os.sep,
                    env=libraries,
                    start_new_session=True,
                )
        except OSError as error:
            self._trouble = f"no process can be started ({_reason(error)})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill whatever runs, and wait until it is gone."""
        with self._lock:
            control, self._control = self._control, None
        if control is not None:
            control.close()
        if self._process is not None:
            try:
                self._process.wait(_KILL_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def start(
        self,
        argv: tuple[str, ...],
        environment: Mapping[str, str],
        folder: str,
        conversation: _Conversation,
        *,
        protected: bytes,
    ) -> None:
        """Have a command started; whether it could be is heard in the conversation. `protected` as in `_reaper.pack`.
        _CannotStartError where nobody can be asked to.
        """
        if self._trouble:
            raise _CannotStartError(self._trouble)
        if any("=" in name or not name for name in environment):
            raise _CannotStartError("a variable of its environment has no proper name")
        try:
            request = _reaper.pack(
                os.fsencode(folder),
                tuple(os.fsencode(word) for word in argv),
                tuple(os.fsencode(f"{name}={value}") for name, value in environment.items()),
                protected=protected,
            )
        except ValueError as error:  # a NUL byte, or a lone surrogate that stands for no byte
            raise _CannotStartError("its command line holds a character that none can") from error
        try:
            with conversation.opened() as theirs, self._lock:
                if self._control is None:
                    raise _CannotStartError("the scan was ended")
                socket.send_fds(self._control, [request[: _reaper.LENGTH_BYTES]], theirs)
                self._control.sendall(request[_reaper.LENGTH_BYTES :])
        except OSError as error:
            raise _CannotStartError(f"no process can be started ({_reason(error)})") from error


@contextlib.contextmanager
def _above_standard(control: socket.socket) -> Iterator[int]:
    """A copy of it whose number no standard stream has: a scan that was started without some gives theirs away."""
    import fcntl  # noqa: PLC0415 - Windows has none

    fd = fcntl.fcntl(control, fcntl.F_DUPFD_CLOEXEC, 3)
    try:
        yield fd
    finally:
        os.close(fd)


class _Conversation:
    """The host's ends of a command's pipes, and what has come through them."""

    def __init__(
        self,
        *,
        stdin: bytes,
        cap_bytes: int,
        keep_stdout: bool,
        merge: bool = False,
        is_all: bool = True,
        on_progress: Callable[[str], None] | None = None,
    ) -> None:
        """`is_all`: nothing will be added to `stdin`. `on_progress` takes the lines of standard error that are no
        part of it."""
        self.program = ""
        self.timed_out = False
        self.is_capped = False
        self.is_confined = False
        """It had no network, and could not write to the target."""
        self.exit_code: int | None = None
        """None where it was killed, or nothing is known."""
        self.start_errno: int | None = None
        """Why it could not be started; 0: whoever watches over it is gone."""
        self._cap_bytes = cap_bytes
        self._keep_stdout = keep_stdout
        self._merge = merge
        self._is_all = is_all
        self._on_progress = on_progress
        self._line = b""
        self._unsaid = memoryview(stdin)
        self._stdout = io.BytesIO()  # unlike a list of parts, it gives its bytes away without a second copy
        self._stdout_bytes = 0
        self._stderr = bytearray()
        self._answered = b""
        self._ours = contextlib.ExitStack()
        self._leash = self._answer = self._feed = self._out = self._err = -1

    @contextlib.contextmanager
    def opened(self) -> Iterator[list[int]]:
        """Open the pipes. Yields their other ends, in the order that the reaper takes them, and closes those after
        the body; where that raises, the host's too.
        """
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            ours.callback(self._let_go)
            leash, self._leash = os.pipe()
            theirs.callback(os.close, leash)
            self._answer, answer = os.pipe()
            ours.callback(os.close, self._answer)
            theirs.callback(os.close, answer)
            ours.callback(self._hang_up)
            if self._unsaid or not self._is_all:
                taken, self._feed = os.pipe()
                os.set_blocking(self._feed, False)
                _widen(self._feed, len(self._unsaid) if self._is_all else _WIDE_BYTES)
            else:
                taken = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            theirs.callback(os.close, taken)
            self._out, out = os.pipe()
            ours.callback(os.close, self._out)
            theirs.callback(os.close, out)
            self._err, err = os.pipe()
            ours.callback(os.close, self._err)
            theirs.callback(os.close, err)
            yield [leash, answer, taken, out, out if self._merge else err]
            self._ours = ours.pop_all()

    def add(self, stdin: bytes) -> None:
        """The rest of what it is told."""
        self._unsaid = memoryview(bytes(self._unsaid) + stdin)
        self._is_all = True

    def speak(self) -> None:
        """Say as much as it can hear without waiting for it."""
        if self._unsaid:
            self._exchange(self._feed)

    def drop(self) -> None:
        """Have it killed, without a word."""
        self._ours.close()

    def _let_go(self) -> None:
        """Have the command killed if it still runs."""
        if self._leash >= 0:
            os.close(self._leash)
            self._leash = -1

    def _hang_up(self) -> None:
        """Let it read the end of its standard input."""
        if self._feed >= 0:
            os.close(self._feed)
            self._feed = -1

    @property
    def stdout(self) -> bytes:
        """What it printed, up to the cap; empty where it is not kept."""
        return self._stdout.getvalue()

    @property
    def stderr(self) -> bytes:
        """The end of what it printed on standard error; empty where that is read as its output."""
        return bytes(self._stderr[-_STDERR_KEPT_BYTES:])

    def run(self, timeout_s: float) -> None:
        """Talk until the command, and all that came of it, is gone; kill it at the time limit or the cap."""
        end, killed, over = time.monotonic() + timeout_s, False, False
        with self._ours, selectors.DefaultSelector() as selector:
            for source in (self._answer, self._out, self._err):
                selector.register(source, selectors.EVENT_READ)
            if self._feed >= 0:
                selector.register(self._feed, selectors.EVENT_WRITE)
            while selector.get_map():
                now = time.monotonic()
                if now >= end and (over or killed):
                    break
                if not killed and (now >= end or self.is_capped):
                    self.timed_out = not self.is_capped
                    killed, end = True, now + _KILL_TIMEOUT_S
                    self._let_go()
                for key, _ in selector.select(max(end - now, 0)):
                    if self._exchange(key.fd):
                        continue
                    selector.unregister(key.fd)
                    if key.fd == self._answer:
                        over, end = True, time.monotonic() + _LAST_WORDS_S
                    elif key.fd == self._feed:
                        self._hang_up()
        self._conclude()

    def _exchange(self, fd: int) -> bool:
        """Read or write once. Whether there is more to come."""
        if fd == self._feed:
            try:
                self._unsaid = self._unsaid[os.write(fd, self._unsaid[:_WIDE_BYTES]) :]
            except BlockingIOError:
                return True
            except BrokenPipeError:
                return False  # it does not want to hear the rest
            return len(self._unsaid) > 0
        data = os.read(fd, _READ_BYTES)
        if fd == self._out:
            room = self._cap_bytes - self._stdout_bytes
            self.is_capped = len(data) > room
            self._stdout_bytes += len(data)
            if self._keep_stdout:
                self._stdout.write(data[:room])
            return bool(data) and not self.is_capped
        if fd == self._err:
            self._note(data)
        else:
            self._answered += data
        return bool(data)

    def _note(self, data: bytes) -> None:
        """Keep a piece of its standard error, but what it says of its progress."""
        is_end = not data
        if self._on_progress is not None:
            *lines, self._line = (self._line + data).split(b"\n")
            told = [line for line in lines if line.startswith(_PROGRESS)]
            for line in told:
                self._on_progress(line[len(_PROGRESS) :].decode("utf-8", "replace"))
            data = b"".join(line + b"\n" for line in lines if line not in told)
        if is_end or len(self._line) > _READ_BYTES:
            data, self._line = data + self._line, b""
        self._stderr += data
        if len(self._stderr) > 2 * _STDERR_KEPT_BYTES:
            del self._stderr[:-_STDERR_KEPT_BYTES]

    def _conclude(self) -> None:
        told, size = self._answered, 1 + _reaper.NUMBER_BYTES
        self.is_confined = told.startswith(_reaper.CONFINED)
        told = told[size:] if self.is_confined else told
        kind, number = told[:1], int.from_bytes(told[1:size], "big", signed=True)
        if kind == _reaper.ENDED:
            self.exit_code = number
        elif kind == _reaper.FAILED_TO_START:
            self.start_errno = number
        elif not self.timed_out and not self.is_capped:
            self.start_errno = 0


def _widen(pipe: int, size: int) -> None:
    """Have a pipe take so many bytes at once where the system lets it: who writes need not wake for each part."""
    if size > _PIPE_BYTES and sys.platform == "linux":
        import fcntl  # noqa: PLC0415 - Windows has none

        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, min(size, _WIDE_BYTES))


def _spawn_reason(program: str, number: int) -> str:
    match number:
        case 0:
            return "the process that watches over it was killed"
        case errno.ENOENT if os.path.lexists(program):
            return f"{program} names an interpreter that is not there"
        case errno.ENOENT:
            return f"there is no {program}"
        case errno.EACCES | errno.EPERM if os.path.isdir(program):
            return f"{program} is a folder"
        case errno.EACCES | errno.EPERM:
            return f"{program} may not be executed (permission denied)"
        case errno.ENOEXEC:
            return f"{program} is no program that this system can run (made for another platform, or damaged)"
        case errno.E2BIG:
            return "its command line is too long"
        case _:
            return f"{program} does not start ({os.strerror(number)})"


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _is_inside(path: str, folder: str) -> bool:
    """Whether it lies in the folder once all links are followed."""
    return is_within(os.path.realpath(path), os.path.realpath(folder))


def _shared_environment(given: Mapping[str, str], target_root: str) -> Mapping[str, str]:
    environment = {name: given[name] for name in PASSED_ON if name in given}
    for name in PASSED_ON_PATHS:
        entries = _folders_outside(given.get(name, ""), target_root)
        if entries:
            environment[name] = entries
    # NOTE: an absent or empty PATH is the system's default one, or the working directory, to many programs.
    environment.setdefault("PATH", os.devnull)
    return {**environment, **_FIXED}


def _folders_outside(entries: str, target_root: str) -> str:
    """The absolute folders of a PATH that are there and not inside the target, by name or by link, in their order."""
    return os.pathsep.join(
        entry
        for entry in entries.split(os.pathsep)
        if os.path.isabs(entry)
        and not is_within(os.path.normpath(entry), target_root)
        and not _is_inside(entry, target_root)
        and os.path.isdir(entry)
    )


def _read_regular(path: str, cap_bytes: int, *, follow: bool) -> tuple[bytes, bool] | None:
    """The first `cap_bytes` of a regular file and whether it holds more; None where it cannot be read or is none."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    try:
        with open(path, "rb", opener=lambda name, _: os.open(name, flags)) as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                return None
            data = file.read(min(state.st_size, cap_bytes) + 1)
    except OSError:
        return None
    return data[:cap_bytes], max(state.st_size, len(data)) > cap_bytes
