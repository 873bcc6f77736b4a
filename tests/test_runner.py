"""The runner against tools at their worst: what they get, what is kept of them, and that nothing of them is left."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from fake_tools import BEHAVIOURS, Dump, FakeTools, is_alive
from magray_sec import runner
from magray_sec.model.adapter import Adapter, Step, StepOutput
from magray_sec.model.run import Claim, Command, Farm, RawOutput, ScanContext, Tool
from magray_sec.model.scale import Domain

REPOSITORY = Path(__file__).parent.parent
PYTHON = (sys.executable, "-I", "-S", "-c")


@pytest.fixture
def tools(tmp_path: Path) -> FakeTools:
    return FakeTools(tmp_path / "bin")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


@pytest.fixture
def context(tmp_path: Path) -> ScanContext:
    work = tmp_path / "work"
    work.mkdir(mode=0o700)
    return ScanContext(
        today=date(2026, 1, 1),
        started=datetime(2026, 1, 1, tzinfo=UTC),
        work=str(work),
        cache=None,
        environment={"PATH": "/usr/bin:/bin"},
        timeout_s=30.0,
    )


def adapter(name: str = "fake", **changes: object) -> Adapter:
    made = Adapter(id=name, title="a fake", domains=frozenset({Domain.CODE}), claims=lambda _: (), executable=name)
    return replace(made, **changes)  # type: ignore[arg-type]


def step(*commands: Command, name: str = "fake", tool: Path | str | None = None, **changes: object) -> Step:
    found = Tool(name=name, path=str(tool), found_by="path") if tool is not None else None
    return Step(adapter=adapter(name, **changes), claims=(), commands=commands, tool=found)


def tool_step(path: Path, **command: object) -> Step:
    return step(Command(argv=("{tool}",), **command), tool=path)  # type: ignore[arg-type]


def run_one(asked: Step, context: ScanContext, target: Path) -> RawOutput:
    (output,) = runner.execute((asked,), context, target_root=str(target))
    (raw,) = output.outputs
    return raw


def wait_until(holds: Callable[[], bool], timeout_s: float = 20.0) -> bool:
    end = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


# What is kept of a command


def test_output_error_and_exit_code_are_kept(tools: FakeTools, context: ScanContext, target: Path) -> None:
    raw = run_one(tool_step(tools.prints("fake", b"out\xff", stderr=b"err\n", exit_code=7)), context, target)
    assert (raw.stdout, raw.stderr, raw.exit_code) == (b"out\xff", b"err\n", 7)
    assert raw.spawn_error == ""
    assert not raw.timed_out
    assert not raw.output_capped
    assert 0 < raw.duration_s < 30


def test_nothing_to_run_is_no_output(context: ScanContext, target: Path) -> None:
    assert runner.execute((), context, target_root=str(target)) == ()
    (output,) = runner.execute((step(),), context, target_root=str(target))
    assert output.outputs == ()


def test_a_signal_is_a_negative_exit_code(tools: FakeTools, context: ScanContext, target: Path) -> None:
    assert run_one(tool_step(tools.kills_itself("fake")), context, target).exit_code == -signal.SIGKILL


def test_big_input_and_output_pass_each_other(context: ScanContext, target: Path) -> None:
    data = random.Random(3).randbytes(9_000_000)
    echo = "import os\nwhile block := os.read(0, 65536): os.write(1, block), os.write(2, block[:1000])"
    raw = run_one(step(Command(argv=(*PYTHON, echo), stdin=data)), context, target)
    assert raw.stdout == data
    assert raw.exit_code == 0


def test_input_that_is_not_wanted_is_no_failure(context: ScanContext, target: Path) -> None:
    raw = run_one(step(Command(argv=("/bin/sh", "-c", "echo done"), stdin=b"x" * 5_000_000)), context, target)
    assert (raw.stdout, raw.exit_code) == (b"done\n", 0)


def test_without_input_standard_input_is_at_its_end(context: ScanContext, target: Path) -> None:
    assert run_one(step(Command(argv=("/bin/cat",))), context, target).exit_code == 0


def test_of_standard_error_the_end_is_kept(context: ScanContext, target: Path) -> None:
    chatter = "import os\nfor n in range(5): os.write(2, b'%d' % n * 1_000_000)\nos.write(2, b'the end')"
    raw = run_one(step(Command(argv=(*PYTHON, chatter))), context, target)
    assert len(raw.stderr) == 1_000_000
    assert raw.stderr.endswith(b"44the end")


def test_a_closed_standard_output_is_not_the_end(context: ScanContext, target: Path) -> None:
    closes = "import os, sys\nos.close(1); os.close(2); sys.exit(5)"
    assert run_one(step(Command(argv=(*PYTHON, closes))), context, target).exit_code == 5


# Limits


@pytest.mark.parametrize("make", [FakeTools.hangs, FakeTools.ignores_sigterm])
def test_a_tool_that_does_not_end_is_killed(
    make: Callable[[FakeTools, str, Path], Path], tools: FakeTools, context: ScanContext, target: Path, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    raw = run_one(tool_step(make(tools, "fake", pid), timeout_s=0.7), context, target)
    assert raw.timed_out
    assert raw.exit_code is None
    assert 0.7 <= raw.duration_s < 10
    assert not is_alive(int(pid.read_text()))


def test_what_was_printed_before_the_time_was_up_is_kept(context: ScanContext, target: Path) -> None:
    slow = step(Command(argv=("/bin/sh", "-c", "echo first; sleep 100")))
    raw = run_one(slow, replace(context, timeout_s=0.5), target)
    assert raw.timed_out
    assert raw.stdout == b"first\n"


@pytest.mark.parametrize(("size", "is_capped"), [(100_000, False), (100_001, True)])
def test_the_cap_is_the_most_that_may_be_printed(
    size: int, is_capped: bool, tools: FakeTools, context: ScanContext, target: Path
) -> None:
    raw = run_one(tool_step(tools.floods("fake", size)), replace(context, output_cap_bytes=100_000), target)
    assert raw.output_capped is is_capped
    assert raw.stdout == b"x" * 100_000
    assert raw.exit_code == (None if is_capped else 0)
    assert not raw.timed_out


MEASURED = """
import resource, sys, time
from datetime import UTC, date, datetime
from magray_sec import runner
from magray_sec.model.adapter import Adapter, Step
from magray_sec.model.run import Command, ScanContext, Tool

adapter = Adapter(id="fake", title="", domains=frozenset(), claims=lambda _: ())
steps = tuple(
    Step(adapter=adapter, claims=(), commands=(Command(argv=("{tool}",)),), tool=Tool(name="fake", path=path))
    for path in sys.argv[2:]
)

def peak_kilobytes():
    # Linux starts a process's ru_maxrss at what its parent took: the kernel's own high-water mark does not.
    if sys.platform == "linux":
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


context = ScanContext(
    today=date.today(), started=datetime.now(UTC), work=sys.argv[1], cache=None, output_cap_bytes=20_000_000,
    environment={"PATH": "/usr/bin:/bin"},
)
"""


def in_a_process(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    """Python code in a process of its own that can import the package."""
    head = f"import sys\nsys.path.insert(0, {str(REPOSITORY)!r})\n"
    command = [sys.executable, "-c", head + MEASURED + textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_gigabyte_of_output_takes_neither_memory_nor_time(tools: FakeTools, context: ScanContext) -> None:
    code = """
    outputs = runner.execute(steps, context, target_root="/nonexistent")
    for output in outputs:
        (raw,) = output.outputs
        print(raw.output_capped, raw.exit_code, len(raw.stdout), len(raw.stderr))
    print(peak_kilobytes())
    """
    out, err = tools.floods("out", 1_000_000_000), tools.floods("err", 1_000_000_000, stream=2)
    process = in_a_process(code, context.work, out, err)
    stdout, stderr = process.communicate(timeout=60)
    assert stderr == b""
    first, second, kilobytes = stdout.decode().splitlines()
    assert first == "True None 20000000 0"
    assert second == "False 0 0 1000000"
    assert int(kilobytes) < 130_000, "20 MB of output, 2 MB of errors, Python itself, and little more"


def test_a_scan_without_standard_streams_works(tools: FakeTools, context: ScanContext) -> None:
    code = """
    (output,) = runner.execute(steps, context, target_root="/nonexistent")
    sys.exit(40 if output.outputs[0].stdout == b"said" else 41)
    """
    code = f"import sys\nsys.path.insert(0, {str(REPOSITORY)!r})\n{MEASURED}{textwrap.dedent(code)}"
    closes = 'exec "$@" <&- >&- 2>&-'
    command = ["/bin/sh", "-c", closes, "sh", sys.executable, "-c", code, context.work, tools.prints("fake", b"said")]
    assert subprocess.run(command, timeout=60).returncode == 40


# Nothing is left behind


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt its orphans")
@pytest.mark.parametrize("forgets_environment", [True, False])
@pytest.mark.parametrize("lingers", [True, False])
def test_a_process_with_a_session_of_its_own_is_killed(
    lingers: bool, forgets_environment: bool, tools: FakeTools, context: ScanContext, target: Path, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    path = tools.forks_session("fake", pid, stdout=b"{}", lingers=lingers, forgets_environment=forgets_environment)
    raw = run_one(tool_step(path, timeout_s=1.0 if lingers else 30), context, target)
    assert raw.timed_out is lingers
    assert raw.stdout == b"{}"
    assert raw.exit_code == (None if lingers else 0)
    assert raw.duration_s < 15, "the orphan holds standard output open and would for an hour"
    assert not is_alive(int(pid.read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt its orphans")
def test_the_orphan_of_one_tool_dies_and_another_tool_goes_on(
    tools: FakeTools, context: ScanContext, target: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    short = tools.forks_session("short", first)
    # It ends only once the other's orphan is dead, and its own must have lived until then.
    script = (
        f"while ! [ -s {first} ] || kill -0 $(cat {first}) 2>/dev/null; do sleep 0.01; done\n"
        f"kill -0 $(cat {second}) && echo alive"
    )
    tools.shell("wait", script)
    long = tools.python(
        "long",
        f"os.system({str(tools.forks_session('helper', second))!r} + ' &')\n"
        f"while not os.path.exists({str(second)!r}): time.sleep(0.01)\n"
        f"os.execv('/bin/sh', ['/bin/sh', {str(tools.folder / 'wait')!r}])",
    )
    short_output, long_output = runner.execute((tool_step(short), tool_step(long)), context, target_root=str(target))
    assert short_output.outputs[0].exit_code == 0
    assert long_output.outputs[0].stdout == b"alive\n"
    assert not is_alive(int(first.read_text()))
    assert not is_alive(int(second.read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="looks for what is left in /proc")
@pytest.mark.parametrize("lingers", [True, False])
def test_processes_that_never_stop_forking_are_caught(lingers: bool, context: ScanContext, target: Path) -> None:
    mark = "forks-" + random.Random(time.time()).randbytes(8).hex()
    fork = """if True:
        import os, sys, time
        def forever():
            while os.fork() == 0:
                os.setsid()
                time.sleep(0.003)
            os._exit(0)
        for _ in range(15):
            if os.fork() == 0: forever()
        time.sleep(float(sys.argv[2]))
    """
    asked = step(Command(argv=(*PYTHON, fork, mark, "100" if lingers else "0.1"), timeout_s=0.6 if lingers else 30))
    raw = run_one(asked, context, target)
    assert raw.timed_out is lingers
    assert raw.duration_s < 8
    left = subprocess.run(["/bin/sh", "-c", f"cat /proc/[0-9]*/cmdline 2>/dev/null | grep -c {mark[:-1]}[{mark[-1]}]"])
    assert left.returncode == 1


def test_a_background_child_is_killed_and_its_output_kept(context: ScanContext, target: Path, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = f"sleep 3600 & echo $! > {pid}; echo said"
    raw = run_one(step(Command(argv=("/bin/sh", "-c", script))), context, target)
    assert (raw.stdout, raw.exit_code) == (b"said\n", 0)
    assert raw.duration_s < 15
    assert not is_alive(int(pid.read_text()))


def test_a_foreign_child_of_the_same_process_is_left_alone(context: ScanContext, target: Path) -> None:
    with subprocess.Popen(["/bin/sleep", "100"], start_new_session=True, env={}) as mine:
        try:
            assert run_one(step(Command(argv=("/bin/sh", "-c", "sleep 100 &"))), context, target).exit_code == 0
            assert mine.poll() is None
        finally:
            mine.kill()
        assert mine.wait() == -signal.SIGKILL, "its end was not taken from the one who started it"


def hanging(tools: FakeTools, folder: Path) -> tuple[list[Path], list[Path]]:
    pids = [folder / name for name in ("hangs", "ignores", "orphan")]
    paths = [tools.hangs("hangs", pids[0]), tools.ignores_sigterm("ignores", pids[1])]
    if sys.platform == "linux":
        return [*paths, tools.forks_session("orphan", pids[2], lingers=True)], pids
    return paths, pids[:2]


RUN_UNTIL_INTERRUPTED = """
    from dataclasses import replace
    try:
        runner.execute(steps, replace(context, jobs=3), target_root="/nonexistent")
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.mark.parametrize(
    ("number", "said"), [(signal.SIGINT, b"interrupted\n"), (signal.SIGKILL, b""), (signal.SIGTERM, b"")]
)
def test_a_scan_that_is_ended_leaves_nothing(
    number: signal.Signals, said: bytes, tools: FakeTools, context: ScanContext, tmp_path: Path
) -> None:
    paths, pid_files = hanging(tools, tmp_path)
    process = in_a_process(RUN_UNTIL_INTERRUPTED, context.work, *paths)
    assert wait_until(lambda: all(path.exists() for path in pid_files))
    pids = [int(path.read_text()) for path in pid_files]
    assert all(map(is_alive, pids))
    began = time.monotonic()
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=20)
    assert stdout == said
    assert stderr == b""
    assert time.monotonic() - began < 10
    if number == signal.SIGINT:
        assert not any(map(is_alive, pids)), "it ended, and what it started should be gone by then"
    assert wait_until(lambda: not any(map(is_alive, pids)))


def test_an_error_of_the_listener_ends_everything(
    tools: FakeTools, context: ScanContext, target: Path, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"

    def listener(event: runner.Event) -> None:
        assert wait_until(pid.exists)
        raise LookupError(event.adapter)

    with pytest.raises(LookupError, match="fake"):
        runner.execute((tool_step(tools.hangs("fake", pid)),), context, target_root=str(target), on_event=listener)
    assert not is_alive(int(pid.read_text()))


def test_no_thread_and_no_file_stays_open(tools: FakeTools, context: ScanContext, target: Path) -> None:
    steps = tuple(tool_step(tools.prints(f"t{n}", b"x")) for n in range(4))
    steps += (tool_step(tools.damaged("damaged")), tool_step(tools.folder / "nosuch"))
    before = os.listdir("/dev/fd"), threading.active_count()
    runner.execute(steps, context, target_root=str(target))
    assert (os.listdir("/dev/fd"), threading.active_count()) == before


@pytest.mark.skipif(sys.platform != "linux", reason="finds the watcher by /proc")
def test_whoever_kills_the_watcher_of_a_tool_gains_nothing(
    tools: FakeTools, context: ScanContext, target: Path, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    rogue = tools.python(
        "rogue", f"open({str(pid)!r}, 'w').write(str(os.getpid()))\nos.kill(os.getppid(), 9)\ntime.sleep(3600)"
    )
    raw = run_one(tool_step(rogue), context, target)
    assert raw.spawn_error == "the process that watches over it was killed"
    assert raw.exit_code is None
    assert not is_alive(int(pid.read_text()))


# Programs that do not start


def start_errors(context: ScanContext, target: Path, path: Path) -> str:
    raw = run_one(tool_step(path), context, target)
    assert raw.exit_code is None
    assert raw.stdout == b""
    return raw.spawn_error


def test_each_way_not_to_start_has_its_sentence(tools: FakeTools, context: ScanContext, target: Path) -> None:
    missing = tools.folder / "missing"
    assert start_errors(context, target, missing) == f"there is no {missing}"
    path = tools.damaged("damaged")
    sentence = f"{path} is no program that this system can run (made for another platform, or damaged)"
    assert start_errors(context, target, path) == sentence
    path = tools.wrong_platform("foreign")
    assert start_errors(context, target, path).startswith(f"{path} is no program that this system can run")
    path = tools.wants_interpreter("script")
    assert start_errors(context, target, path) == f"{path} names an interpreter that is not there"
    path = tools.not_executable("closed")
    assert start_errors(context, target, path) == f"{path} may not be executed (permission denied)"
    assert start_errors(context, target, tools.folder) == f"{tools.folder} is a folder"


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (("nosuch-program",), "there is no nosuch-program on PATH"),
        (("./here",), "./here is a relative path"),
        (("{tool}",), "nobody said where its program is"),
        (("/bin/echo", "a\0b"), "its command line holds a character that none can"),
        (("/bin/echo", "\ud800"), "its command line holds a character that none can"),
        (("/bin/echo", "x" * 20_000_000), "its command line is too long"),
    ],
)
def test_a_command_line_that_cannot_be_run(
    argv: tuple[str, ...], sentence: str, context: ScanContext, target: Path
) -> None:
    assert run_one(step(Command(argv=argv)), context, target).spawn_error == sentence


def test_a_variable_without_a_proper_name_is_refused(context: ScanContext, target: Path) -> None:
    raw = run_one(step(Command(argv=("/bin/echo",), environment={"A=B": "c"})), context, target)
    assert raw.spawn_error == "a variable of its environment has no proper name"


def test_one_that_does_not_start_keeps_no_other_from_it(tools: FakeTools, context: ScanContext, target: Path) -> None:
    steps = (tool_step(tools.damaged("a")), tool_step(tools.prints("b", b"fine")))
    broken, fine = runner.execute(steps, context, target_root=str(target))
    assert broken.outputs[0].spawn_error
    assert fine.outputs[0].stdout == b"fine"


def test_a_work_folder_that_cannot_be_written_is_said(context: ScanContext, target: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    raw = run_one(step(Command(argv=("/bin/echo",))), replace(context, work=str(tmp_path / "file")), target)
    assert raw.spawn_error == "its private folder cannot be made (Not a directory)"


def test_a_system_that_starts_no_process_is_said(
    context: ScanContext, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    raw = run_one(step(Command(argv=("/bin/echo",))), context, target)
    assert raw.spawn_error == "no process can be started (No such file or directory)"


# What a command is given

CANARIES = (
    "GITHUB_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "SSH_AUTH_SOCK",
    "CI",
    "ACTIONS_RUNTIME_TOKEN",
    "CARGO_REGISTRY_TOKEN",
    "RUSTFLAGS",
    "RUSTC_WRAPPER",
    "GIT_DIR",
    "PYTHONPATH",
    "LD_PRELOAD",
)


def dumped(tools: FakeTools, context: ScanContext, target: Path, **command: object) -> Dump:
    to = tools.folder / "dump.json"
    raw = run_one(tool_step(tools.dumps("dumps", to, b"{}"), **command), context, target)
    assert raw.stdout == b"{}", raw
    return Dump.read(to)


def test_no_variable_of_ours_or_of_the_operator_gets_through(
    tools: FakeTools, context: ScanContext, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = "canary-" + random.Random(5).randbytes(8).hex()
    for name in CANARIES:
        if name != "LD_PRELOAD":
            monkeypatch.setenv(name, canary)
    given = {**dict.fromkeys(CANARIES, canary), "PATH": "/usr/bin:/bin", "HTTPS_PROXY": "http://proxy", "HOME": canary}
    seen = dumped(tools, replace(context, environment=given), target, environment={"EXTRA": "1", "TZ": "Asia/Tokyo"})
    assert canary not in str(seen)
    shell = {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE", "__CF_USER_TEXT_ENCODING"}
    own = {name for name in seen.environment if name not in shell}
    assert own == {
        "CARGO_TERM_COLOR",
        "EXTRA",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_KEY_0",
        "GIT_CONFIG_KEY_1",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CONFIG_VALUE_0",
        "GIT_CONFIG_VALUE_1",
        "GIT_OPTIONAL_LOCKS",
        "GIT_TERMINAL_PROMPT",
        "HOME",
        "HTTPS_PROXY",
        "LANG",
        "LC_ALL",
        "NO_COLOR",
        "PATH",
        "RUST_BACKTRACE",
        "TERM",
        "TMPDIR",
        "TZ",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_RUNTIME_DIR",
        "XDG_STATE_HOME",
    }
    assert seen.environment["TZ"] == "Asia/Tokyo", "what a command asks for goes before what all get"
    assert seen.environment["LC_ALL"] == "C.UTF-8"


def test_each_step_has_folders_of_its_own(tools: FakeTools, context: ScanContext, target: Path) -> None:
    dumps = [tools.folder / "one.json", tools.folder / "two.json"]
    steps = tuple(tool_step(tools.dumps(f"dumps{n}", path)) for n, path in enumerate(dumps))
    runner.execute(steps, context, target_root=str(target))
    folders: list[str] = []
    for seen in map(Dump.read, dumps):
        folders += [seen.cwd, seen.environment["HOME"], seen.environment["TMPDIR"], seen.environment["XDG_CACHE_HOME"]]
    assert len(set(folders)) == 8
    for folder in folders:
        assert folder.startswith(context.work + os.sep)
        assert os.stat(folder).st_mode & 0o777 == 0o700


def test_a_command_starts_with_nothing_open_ignored_or_shared(
    tools: FakeTools, context: ScanContext, target: Path
) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    leaked = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(leaked, True)
    try:
        seen = dumped(tools, context, target, stdin=b"input \xff")
    finally:
        os.close(leaked)
        signal.signal(signal.SIGHUP, before)
    assert seen.open_fds == [0, 1, 2]
    assert seen.ignored_signals == []
    assert seen.umask == 0o077
    assert seen.stdin == b"input \xff"


def test_names_that_are_no_text_reach_the_command(tools: FakeTools, context: ScanContext, target: Path) -> None:
    odd = os.fsdecode(b"--x=\xff\xfe $(touch /nowhere) '\"\n")
    show = "import os, sys\nos.write(1, os.fsencode(sys.argv[1]) + os.environb[b'ODD'])"
    raw = run_one(step(Command(argv=(*PYTHON, show, odd), environment={"ODD": odd})), context, target)
    assert raw.stdout == os.fsencode(odd) * 2


@pytest.mark.parametrize("name", ["PATH", "LD_LIBRARY_PATH"])
def test_folders_of_the_target_are_no_place_for_programs(
    name: str, tools: FakeTools, context: ScanContext, target: Path, tmp_path: Path
) -> None:
    (target / "bin").mkdir()
    (tmp_path / "link").symlink_to(target / "bin")
    (tmp_path / "target-tools").mkdir()
    entries = ["", ".", "bin", str(target), f"{target}/bin", f"{tmp_path}/bin/../target/bin", str(tmp_path / "link")]
    kept = [str(tmp_path / "target-tools"), "/usr/bin", "/bin"]
    given = {"PATH": "/usr/bin:/bin", name: ":".join([*entries, "/nonexistent", *kept])}
    assert dumped(tools, replace(context, environment=given), target).environment[name] == ":".join(kept)


def test_a_program_without_a_folder_is_looked_for_outside_the_target(context: ScanContext, target: Path) -> None:
    FakeTools(target / "bin").prints("true", b"from the target")
    given = {"PATH": f"{target}/bin:/usr/bin:/bin"}
    raw = run_one(step(Command(argv=("true",))), replace(context, environment=given), target)
    assert (raw.stdout, raw.exit_code) == (b"", 0)
    raw = run_one(step(Command(argv=("true",))), replace(context, environment={"PATH": f"{target}/bin"}), target)
    assert raw.spawn_error == "there is no true on PATH"


# Versions and preparations


def test_the_version_is_asked_for_first(tools: FakeTools, context: ScanContext, target: Path) -> None:
    path = tools.prints("fake", b"result")
    asked = step(Command(argv=("{tool}", "scan")), tool=path, versions=">=1")
    (output,) = runner.execute((asked,), context, target_root=str(target))
    assert output.version is not None
    assert output.version.stdout == b"fake 1.2.3\n"
    assert output.outputs[0].stdout == b"result"
    (output,) = runner.execute((tool_step(path),), context, target_root=str(target))
    assert output.version is None, "an adapter without a range asks for none"


def test_a_tool_that_cannot_say_its_version_is_not_run(tools: FakeTools, context: ScanContext, target: Path) -> None:
    for path in (tools.damaged("damaged"), tools.shell("fails", "exit 3", answers_version=False)):
        asked = step(Command(argv=("{tool}",)), tool=path, versions=">=1")
        (output,) = runner.execute((asked,), context, target_root=str(target))
        assert output.outputs == ()
        assert output.version is not None
        assert output.version.exit_code != 0


def test_a_failed_preparation_ends_the_step(context: ScanContext, target: Path) -> None:
    fails = Command(argv=("/bin/sh", "-c", "echo why >&2; exit 4"), is_preparation=True)
    works = Command(argv=("/bin/sh", "-c", "exit 0"), is_preparation=True)
    scans = Command(argv=("/bin/echo", "scanned"))
    asked = (
        step(works, fails, scans),
        step(works, replace(fails, may_fail=True), scans),
        step(replace(fails, is_preparation=False), scans),
    )
    first, second, third = runner.execute(asked, context, target_root=str(target))
    assert [raw.exit_code for raw in first.outputs] == [0, 4]
    assert first.outputs[1].stderr == b"why\n"
    assert [raw.exit_code for raw in second.outputs] == [0, 4, 0]
    assert [raw.exit_code for raw in third.outputs] == [4, 0], "a scan that fails keeps no other from running"


def test_a_failed_preparation_ends_what_shares_its_claims_and_no_more(context: ScanContext, target: Path) -> None:
    one, two = (Claim(domain=Domain.DEPENDENCIES, item=f"manifest:{name}") for name in "ab")
    fails = Command(argv=("/bin/sh", "-c", "exit 4"), is_preparation=True, claims=(one,))
    scans = Command(argv=("/bin/echo", "scanned"), claims=(one,))
    others = (replace(fails, argv=("/bin/true",), claims=(two,)), replace(scans, claims=(two,)))
    (output,) = runner.execute((step(fails, scans, *others),), context, target_root=str(target))
    assert [raw.command for raw in output.outputs] == [fails, *others]


# Files: reports, inputs, farms


def test_a_report_file_is_what_it_printed(context: ScanContext, target: Path) -> None:
    report = os.path.join(context.work, "made", "for", "it", "report.json")
    writes = Command(argv=("/bin/sh", "-c", 'echo noise; echo "{}" > "$0"', report), output_file=report)
    absent = Command(argv=("/bin/sh", "-c", "echo noise"), output_file=report)
    (output,) = runner.execute((step(writes, absent),), context, target_root=str(target))
    assert output.outputs[0].stdout == b"{}\n"
    assert output.outputs[1].stdout == b"", "neither what it printed nor the report of the command before it"
    assert output.outputs[1].exit_code == 0


def test_a_report_that_is_no_file_or_too_long(context: ScanContext, target: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"not a report")
    report = os.path.join(context.work, "report")
    scripts = ("mkfifo $0", f"ln -s {tmp_path}/elsewhere $0", "mkdir $0")
    for script in scripts:
        raw = run_one(step(Command(argv=("/bin/sh", "-c", script, report), output_file=report)), context, target)
        assert (raw.stdout, raw.exit_code) == (b"", 0), script
        if script.startswith("mkdir"):
            os.rmdir(report)
    long = Command(argv=("/bin/sh", "-c", "printf 1234567890 > $0", report), output_file=report)
    raw = run_one(step(long), replace(context, output_cap_bytes=9), target)
    assert (raw.stdout, raw.output_capped, raw.exit_code) == (b"123456789", True, None)


def test_a_report_outside_the_work_folder_is_refused(context: ScanContext, target: Path) -> None:
    os.symlink(target, os.path.join(context.work, "out"))
    for place in (str(target / "report"), os.path.join(context.work, "out", "report")):
        raw = run_one(step(Command(argv=("/bin/echo",), output_file=place)), context, target)
        assert raw.spawn_error == "its report would be written outside the scan's work folder"


def test_inputs_are_read_after_the_command(context: ScanContext, target: Path, tmp_path: Path) -> None:
    made, lock = os.path.join(context.work, "made"), target / "Cargo.lock"
    lock.write_bytes(b"lock\xff")
    own = tmp_path / "own"
    own.write_bytes(b"the operator's")
    (tmp_path / "outside").write_bytes(b"nobody's business")
    (target / "leads-out").symlink_to(tmp_path / "outside")
    (target / "leads-in").symlink_to(lock)
    os.mkfifo(target / "fifo")
    os.symlink(tmp_path / "outside", os.path.join(context.work, "leads-out"))
    with open(target / "huge", "wb") as huge:
        huge.truncate(50_000_001)
    bad = ("leads-out", "fifo", "huge", "absent", "")
    inputs = (made, str(lock), str(own), str(target / "leads-in"), os.path.join(context.work, "leads-out"))
    inputs += tuple(str(target / name) for name in bad)
    raw = run_one(step(Command(argv=("/bin/sh", "-c", "echo new > $0", made), inputs=inputs)), context, target)
    assert raw.inputs == {
        made: b"new\n",
        str(lock): b"lock\xff",
        str(own): b"the operator's",
        str(target / "leads-in"): b"lock\xff",
    }


def test_a_farm_links_every_entry_but_some(context: ScanContext, target: Path, tmp_path: Path) -> None:
    names = [b"Cargo.toml", b"crates", b"-rf", b"a\nb", b"bad\xff\xfe", b" ", b".hidden", "é".encode()]
    for name in [*names, b".git", b"target", b"Cargo.lock"]:
        (target / os.fsdecode(name)).mkdir()
    (tmp_path / "outside").mkdir()
    (target / "leads-out").symlink_to(tmp_path / "outside")
    (target / "leads-in").symlink_to("crates")
    at = os.path.join(context.work, "farms", "one")
    farm = Farm(source=str(target), at=at, leave_out=frozenset({".git", "target", "Cargo.lock"}))
    made = Command(argv=("/bin/sh", "-c", 'echo made > "$0/Cargo.lock"', at), farm=farm)
    raw = run_one(step(made), context, target)
    assert raw.exit_code == 0
    assert set(os.listdir(os.fsencode(at))) == {*names, b"leads-in", b"Cargo.lock"}
    for name in (*names, b"leads-in"):
        assert os.readlink(os.path.join(os.fsencode(at), name)) == os.path.join(os.fsencode(target), name)
    assert os.listdir(target / "Cargo.lock") == [], "nothing was written in the target"


def test_a_farm_may_be_of_folders_within_folders(context: ScanContext, target: Path) -> None:
    (target / "a" / "b" / "src").mkdir(parents=True)
    for name in ("Cargo.lock", "lib/x", "a/Cargo.lock", "a/side/x", "a/b/Cargo.toml", "a/b/Cargo.lock"):
        (target / name).parent.mkdir(exist_ok=True)
        (target / name).write_text(name)
    at = os.path.join(context.work, "farm")
    farm = Farm(source=str(target), at=at, within="a/b", leave_out=frozenset({"Cargo.lock"}))
    script = 'cd "$0/a/b" && cat ../../lib/x ../side/x Cargo.toml && echo made > Cargo.lock && echo up > ../Cargo.lock'
    raw = run_one(step(Command(argv=("/bin/sh", "-c", script, at), farm=farm)), context, target)
    assert (raw.exit_code, raw.stdout) == (0, b"lib/xa/side/xa/b/Cargo.toml")
    assert (target / "a" / "b" / "Cargo.lock").read_text() == "a/b/Cargo.lock", "nothing was written in the target"
    assert (target / "a" / "Cargo.lock").read_text() == "a/Cargo.lock"
    assert os.path.islink(os.path.join(at, "a", "b", "src"))
    assert not os.path.islink(os.path.join(at, "a", "b"))


@pytest.mark.parametrize("within", ["..", "a/../..", "./a"])
def test_a_farm_leads_nowhere_but_down(context: ScanContext, target: Path, within: str) -> None:
    (target / "a").mkdir()
    farm = Farm(source=str(target), at=os.path.join(context.work, "farm"), within=within)
    raw = run_one(step(Command(argv=("/bin/echo",), farm=farm)), context, target)
    assert raw.spawn_error == "its farm of links would leave the folder it is of"


def test_a_farm_that_cannot_be_made_is_said(context: ScanContext, target: Path, tmp_path: Path) -> None:
    place = os.path.join(context.work, "farm")
    farms = {
        Farm(source=str(target / "nosuch"), at=place): "its farm of links cannot be made (No such file or directory)",
        Farm(source=str(target), at=place): "its farm of links cannot be made (File exists)",
        Farm(
            source=str(target), at=str(tmp_path / "far")
        ): "its farm of links would lie outside the scan's work folder",
        Farm(source="target", at=place): "its farm of links is of a relative path",
    }
    for farm, sentence in farms.items():
        raw = run_one(step(Command(argv=("/bin/echo",), farm=farm)), context, target)
        assert raw.spawn_error == sentence


# Several steps


def test_outputs_come_in_plan_order(context: ScanContext, target: Path) -> None:
    scripts = [f"sleep 0.{4 - n}; exit {n}" for n in range(4)]
    steps = tuple(step(Command(argv=("/bin/sh", "-c", text)), name=f"s{n}") for n, text in enumerate(scripts))
    outputs = runner.execute(steps, replace(context, jobs=4), target_root=str(target))
    assert [output.step.adapter.id for output in outputs] == ["s0", "s1", "s2", "s3"]
    assert [output.outputs[0].exit_code for output in outputs] == [0, 1, 2, 3]


def test_as_many_steps_as_jobs_run_at_once_and_no_more(context: ScanContext, target: Path, tmp_path: Path) -> None:
    meets = 'touch "$0/$1"; while [ $(ls "$0" | wc -l) -lt 3 ]; do sleep 0.01; done'
    steps = tuple(step(Command(argv=("/bin/sh", "-c", meets, str(tmp_path / "met"), str(n)))) for n in range(3))
    (tmp_path / "met").mkdir()
    outputs = runner.execute(steps, replace(context, jobs=3), target_root=str(target))
    assert [output.outputs[0].exit_code for output in outputs] == [0, 0, 0], "each waits for the two others"
    counts = 'touch "$0/$1"; ls "$0" | wc -l; sleep 0.03; ls "$0" | wc -l; rm "$0/$1"'
    steps = tuple(step(Command(argv=("/bin/sh", "-c", counts, str(tmp_path / "run"), str(n)))) for n in range(4))
    (tmp_path / "run").mkdir()
    for jobs in (0, 1, 2):
        outputs = runner.execute(steps, replace(context, jobs=jobs), target_root=str(target))
        assert all(int(n) <= max(jobs, 1) for output in outputs for n in output.outputs[0].stdout.split())


def test_the_longest_begins_first_and_before_it_what_nobody_knows(context: ScanContext, target: Path) -> None:
    steps = tuple(step(Command(argv=("/bin/true",)), name=name) for name in ("short", "long", "new"))
    told: list[str] = []
    runner.execute(
        steps,
        replace(context, jobs=1),
        target_root=str(target),
        expected={"short": 0.1, "long": 9.0},
        on_event=lambda event: told.append(event.adapter) if event.kind == "started" else None,
    )
    assert told == ["new", "long", "short"]


def test_one_that_keeps_all_processors_busy_runs_alone(context: ScanContext, target: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    counts = 'touch "$0/$1"; ls "$0" | wc -l; sleep 0.1; ls "$0" | wc -l; rm "$0/$1"'
    argv = ("/bin/sh", "-c", counts, str(tmp_path / "run"))
    steps = tuple(
        step(Command(argv=(*argv, name)), name=name, cores=cores) for name, cores in (("a", 1), ("all", 0), ("b", 1))
    )
    outputs = runner.execute(steps, replace(context, jobs=2), target_root=str(target))
    seen = {output.step.adapter.id: output.outputs[0].stdout.split() for output in outputs}
    assert seen["all"] == [b"1", b"1"]
    assert seen["a"] == seen["b"] == [b"2", b"2"] or b"2" in (*seen["a"], *seen["b"])


def test_events_are_told_in_order_and_in_the_callers_thread(context: ScanContext, target: Path) -> None:
    told: list[runner.Event] = []

    def listener(event: runner.Event) -> None:
        assert threading.current_thread() is threading.main_thread()
        told.append(event)

    steps = tuple(step(Command(argv=("/bin/sh", "-c", f"exit {n}")), name=f"s{n}") for n in (0, 3))
    outputs = runner.execute(steps, replace(context, jobs=1), target_root=str(target), on_event=listener)
    assert [(event.adapter, event.kind, event.exit_code) for event in told] == [
        ("s0", "started", None),
        ("s0", "finished", 0),
        ("s3", "started", None),
        ("s3", "finished", 3),
    ]
    assert told[1].duration_s == outputs[0].duration_s > 0
    assert outputs[0].started.tzinfo is UTC


def test_two_scans_run_side_by_side(context: ScanContext, target: Path) -> None:
    results: dict[int, tuple[StepOutput, ...]] = {}

    def scan(n: int) -> None:
        steps = tuple(step(Command(argv=("/bin/sh", "-c", f"echo {n}; sleep 0.1"))) for _ in range(3))
        results[n] = runner.execute(steps, context, target_root=str(target))

    threads = [threading.Thread(target=scan, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for n in range(3):
        assert [output.outputs[0].stdout for output in results[n]] == [b"%d\n" % n] * 3


def test_an_error_of_our_own_is_raised_in_the_callers_thread(context: ScanContext, target: Path) -> None:
    broken = Command(argv=())
    with pytest.raises(IndexError):
        runner.execute((step(broken),), context, target_root=str(target))


EXPECTED: Mapping[str, Callable[[RawOutput], bool]] = {
    "exits 101": lambda raw: raw.exit_code == 101 and b"panicked" in raw.stderr,
    "prints garbage": lambda raw: raw.exit_code == 0 and b"\xff\x00" in raw.stdout,
    "prints nothing": lambda raw: raw.exit_code == 0 and raw.stdout == b"",
    "a million nested brackets": lambda raw: raw.exit_code == 0 and len(raw.stdout) == 2_000_000,
    "hangs": lambda raw: raw.timed_out,
    "ignores SIGTERM": lambda raw: raw.timed_out,
    "fills 1 GB of output": lambda raw: raw.output_capped,
    "is killed": lambda raw: raw.exit_code == -9,
    "not executable": lambda raw: "permission denied" in raw.spawn_error,
    "wrong platform": lambda raw: "another platform" in raw.spawn_error,
    "damaged": lambda raw: "damaged" in raw.spawn_error,
    "wants an interpreter that is not there": lambda raw: "interpreter" in raw.spawn_error,
}


def test_all_that_can_go_wrong_goes_wrong_side_by_side(tools: FakeTools, context: ScanContext, target: Path) -> None:
    """Every behaviour at once, each behind a version probe, and each one's end is the one it has alone."""
    assert EXPECTED.keys() == BEHAVIOURS.keys()
    steps = tuple(
        step(Command(argv=("{tool}",)), name=f"s{n}", tool=make(tools, f"tool{n}"), versions=">=1")
        for n, make in enumerate(BEHAVIOURS.values())
    )
    limited = replace(context, timeout_s=2.0, jobs=6, output_cap_bytes=5_000_000)
    outputs = runner.execute(steps, limited, target_root=str(target))
    for (words, is_right), output in zip(EXPECTED.items(), outputs, strict=True):
        assert output.version is not None
        raw = output.outputs[0] if output.outputs else output.version
        assert is_right(raw), (words, raw)


# Confinement


CONNECTS = """
import socket, sys
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5).close()
except OSError as error:
    print("cut off")
else:
    print("connected")
"""
WRITES = """
import sys
try:
    open(sys.argv[1], "w").close()
except OSError as error:
    print("refused")
else:
    print("written")
"""


def test_only_who_may_use_the_network_has_one(context: ScanContext, target: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        argv = (*PYTHON, CONNECTS, str(server.getsockname()[1]))
        allowed = run_one(step(Command(argv=argv, network=True)), context, target)
        denied = run_one(step(Command(argv=argv)), context, target)
    assert (allowed.stdout, allowed.is_confined) == (b"connected\n", None)
    # Where the platform has no namespaces for us, that is told, not hidden.
    assert (denied.stdout, denied.is_confined) in ((b"cut off\n", True), (b"connected\n", False))


def test_the_target_cannot_be_written_and_the_work_folder_can(context: ScanContext, target: Path) -> None:
    raw = run_one(step(Command(argv=(*PYTHON, WRITES, str(target / "new")))), context, target)
    assert (raw.stdout, raw.is_confined) in ((b"refused\n", True), (b"written\n", False))
    assert (target / "new").exists() is not raw.is_confined
    raw = run_one(step(Command(argv=(*PYTHON, WRITES, context.work + "/new"))), context, target)
    assert raw.stdout == b"written\n"


def test_a_scan_whose_own_folders_lie_in_the_target_still_works(context: ScanContext, target: Path) -> None:
    inside = target / "cache"
    inside.mkdir()
    raw = run_one(
        step(Command(argv=(*PYTHON, WRITES, str(inside / "new")))), replace(context, cache=str(inside)), target
    )
    assert raw.stdout == b"written\n"


def test_a_file_without_end_and_memory_without_end_are_stopped(context: ScanContext, target: Path) -> None:
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_FSIZE)[0], resource.getrlimit(resource.RLIMIT_DATA)[0])"
    file, memory = map(int, run_one(step(Command(argv=(*PYTHON, code))), context, target).stdout.split())
    assert 0 < file <= 8 << 30
    assert 0 < memory <= max(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), 4 << 30)


# What is started ahead, and what is said meanwhile


ECHO = "import os, sys\nfirst = sys.stdin.readline()\nprint(os.getpid(), first + sys.stdin.read(), end='')"


def test_what_was_started_ahead_hears_the_rest_and_is_used_once(context: ScanContext, target: Path) -> None:
    argv = (*PYTHON, ECHO)
    commands = tuple(Command(argv=argv, stdin=b"hello\n" + b"rest " * 300_000) for _ in range(2))
    with runner.Ahead(context, target_root=str(target)) as ahead:
        ahead.begin(adapter(), argv, b"hello\n")
        (output,) = runner.execute((step(*commands),), context, target_root=str(target), ahead=ahead)
    said = [raw.stdout.partition(b" ") for raw in output.outputs]
    assert [text for _, _, text in said] == [commands[0].stdin] * 2
    assert said[0][0] != said[1][0]


def test_what_was_told_something_else_is_not_used(context: ScanContext, target: Path) -> None:
    argv = (*PYTHON, ECHO)
    with runner.Ahead(context, target_root=str(target)) as ahead:
        ahead.begin(adapter(), argv, b"hello\n")
        asked = step(Command(argv=argv, stdin=b"good day\n"))
        (output,) = runner.execute((asked,), context, target_root=str(target), ahead=ahead)
    assert output.outputs[0].stdout.endswith(b" good day\n")


def test_what_nobody_needs_is_ended(context: ScanContext, target: Path, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    writes = f"import os, time\nopen({str(mark)!r}, 'w').write(f'{{os.getpid()}}.')\ntime.sleep(600)"
    with runner.Ahead(context, target_root=str(target)) as ahead:
        ahead.begin(adapter(), (*PYTHON, writes), b"hello\n")
        assert wait_until(lambda: mark.exists() and mark.read_text().endswith("."))
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()[:-1]), 0)


def test_one_that_cannot_be_started_ahead_says_so_in_its_turn(context: ScanContext, target: Path) -> None:
    argv = ("/no/such/program",)
    with runner.Ahead(context, target_root=str(target)) as ahead:
        ahead.begin(adapter(), argv, b"hello\n")
        asked = step(Command(argv=argv, stdin=b"hello\nrest"))
        (output,) = runner.execute((asked,), context, target_root=str(target), ahead=ahead)
    assert output.outputs[0].spawn_error == "there is no /no/such/program"


def test_progress_is_told_and_is_no_part_of_standard_error(context: ScanContext, target: Path) -> None:
    says = "import os\nos.write(2, b'one\\nprogress: half\\ntwo\\nprog'); os.write(2, b'ress: all\\nprogress')"
    heard: list[runner.Event] = []
    for tells, kept in ((True, b"one\ntwo\nprogress"), (False, b"one\nprogress: half\ntwo\nprogress: all\nprogress")):
        asked = step(Command(argv=(*PYTHON, says), tells_progress=tells))
        (output,) = runner.execute((asked,), context, target_root=str(target), on_event=heard.append)
        assert output.outputs[0].stderr == kept
    assert [event.message for event in heard if event.kind == "said"] == ["half", "all"]


def test_there_is_time_for_other_work_once(context: ScanContext, target: Path) -> None:
    calls: list[int] = []
    asked = step(Command(argv=(*PYTHON, "import time\ntime.sleep(0.2)")))
    runner.execute((asked,), context, target_root=str(target), meanwhile=lambda: calls.append(1))
    assert calls == [1]
