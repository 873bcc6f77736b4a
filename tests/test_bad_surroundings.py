"""Targets, disks, caches and processes that are not as they should be: through the real command line, each has its
outcome, its exit code and its sentence in every format, and the rest of the scan goes on.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from command_line import SAMPLE, Scanned, magray_sec, scan, surroundings
from fake_tools import FakeTools, is_alive
from planting import DATABASE, SECRET_RULE, found, notifications, operator, plant, policy, sample, token
from trees import write

Scan = Callable[..., Scanned]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def look(tmp_path: Path, home: Path, warm_cache: Path) -> Scan:
    """Scan a target with a policy that requires `secrets` and blocks nothing."""

    def run(
        target: Path, *options: str | Path, environment: dict[str, str] | None = None, **more: str | Path
    ) -> Scanned:
        environment = environment or surroundings(home, XDG_CACHE_HOME=str(warm_cache))
        arguments = ("--policy", policy(tmp_path, "secrets"), "--offline", *options)
        return scan(target, *arguments, environment=environment, reports=tmp_path / "reports", **more)  # type: ignore[arg-type]

    return run


@pytest.fixture
def plain_user(tmp_path: Path) -> Path:
    """A Python that runs as a user whom permissions concern; for root, one without the right to pass them over."""
    path = tmp_path / "plain-user-python"
    path.write_text(
        f"#!{sys.executable} -IS\n"
        "import ctypes, os, sys\n"
        "if os.geteuid() == 0:\n"
        "    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH\n"
        "        assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP\n"
        f"os.execv({sys.executable!r}, [{sys.executable!r}, *sys.argv[1:]])\n"
    )
    path.chmod(0o755)
    return path


def skipped(scanned: Scanned) -> dict[str, str]:
    return {entry["path"]: entry["reason"] for entry in scanned.json["skipped"]}


# The target


def test_a_target_that_is_not_there(home: Path) -> None:
    ended = magray_sec("scan", home / "nowhere", environment=surroundings(home))
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err == (
        f"error: there is no '{home / 'nowhere'}'\n  help: give the folder of a repository: magray-sec scan PATH\n"
    )


def test_a_target_that_is_a_file(home: Path) -> None:
    ended = magray_sec("scan", SAMPLE / "Cargo.toml", environment=surroundings(home))
    assert ended.code == 2
    assert "is not a folder\n  help: give the folder of a repository, not a file in it" in ended.err


def test_an_empty_target_is_no_clean_one(tmp_path: Path, look: Scan) -> None:
    (tmp_path / "empty").mkdir()
    scanned = look(tmp_path / "empty")
    assert scanned.code == 3
    assert "incomplete  the target: there is no file in the folder" in scanned.out
    assert "Verdict: PASS, INCOMPLETE" in scanned.out
    assert [gap["reason"] for gap in scanned.json["gaps"]] == ["there is no file in the folder"]
    assert scanned.domains() == []
    assert any("there is no file in the folder" in text.lower() for text in notifications(scanned.full))
    assert {run["outcome"] for run in scanned.json["runs"]} == {"not-applicable"}


def test_what_cannot_be_read_is_a_gap_and_the_rest_is_scanned(tmp_path: Path, look: Scan, plain_user: Path) -> None:
    target = write(tmp_path / "target", {"locked.env": "A=1\n", "shut/inside.env": "A=1\n"})
    plant(target)
    for name in ("locked.env", "shut"):
        (target / name).chmod(0)
    try:
        scanned = look(target, python=plain_user)
    finally:
        (target / "shut").chmod(0o700)
    gaps = {gap["path"]: (gap["kind"], gap["reason"]) for gap in scanned.json["gaps"] if gap.get("path")}
    assert gaps["locked.env"] == ("file", "the file cannot be read: Permission denied")
    assert gaps["shut"] == ("file", "the folder cannot be read: Permission denied")
    assert scanned.json["decision"]["verdict"] == "review"
    assert scanned.code == 0
    assert len(found(scanned.json, SECRET_RULE)) == 1
    for path in ("locked.env", "shut"):
        reason = gaps[path][1]
        assert any(line.startswith("  review") and path in line and reason in line for line in scanned.out.splitlines())
        assert any(path in text and reason in text for text in scanned.coverage())
        assert any(path in text and reason in text for text in notifications(scanned.full))
    assert "secrets" in scanned.domains()
    assert look(target, "--fail-on", "review", python=plain_user).code == 1


def test_a_lock_file_that_cannot_be_read_is_not_covered(tmp_path: Path, look: Scan, plain_user: Path) -> None:
    target = sample(tmp_path / "target")
    (target / "Cargo.lock").chmod(0)
    scanned = look(target, *DATABASE, python=plain_user)
    assert scanned.code == 3, scanned.said
    assert scanned.run("cargo-audit")["outcome"] == "failed"
    (row,) = [
        row
        for row in scanned.json["coverage"]
        if row["item"] == "lockfile:Cargo.lock" and row["domain"] == "dependencies"
    ]
    assert not row.get("covered_by")
    assert "Permission denied" in scanned.out
    assert "dependencies" not in scanned.domains()


def test_a_target_that_cannot_be_entered(tmp_path: Path, look: Scan, plain_user: Path) -> None:
    (tmp_path / "shut").mkdir(mode=0)
    scanned = look(tmp_path / "shut", python=plain_user)
    assert scanned.code == 2
    assert "cannot be read: Permission denied\n  help: check its permissions" in scanned.err
    assert scanned.json is None


@pytest.fixture(scope="module")
def oddities(tmp_path_factory: pytest.TempPathFactory, warm_cache: Path) -> Scanned:
    """A target of things that are no ordinary files, scanned once."""
    folder = tmp_path_factory.mktemp("odd")
    outside = write(folder / "outside", {"settings.env": f"TOKEN={token('outside')}\n"})
    target = write(folder / "target", {"a.txt": "nothing\n"})
    plant(target)
    for name, leads in (
        ("loop", "loop"),
        ("ping", "pong"),
        ("pong", "ping"),
        ("up", "."),
        ("nowhere", "not-there"),
        ("out.env", outside / "settings.env"),
        ("out", outside),
    ):
        (target / name).symlink_to(leads)
    os.mkfifo(target / "pipe.env")
    os.mkfifo(target / "Cargo.toml")
    with open(target / "dump.sql", "wb") as dump:
        dump.truncate(200_000_000)
    (target / os.fsdecode(b"caf\xe9.env")).write_bytes(f"TOKEN={token('name')}\n".encode())
    (target / "latin.txt").write_bytes(b"caf\xe9 \xff\xfe\nTOKEN=" + token("latin").encode() + b" # \xe9\n")
    (target / "wide.txt").write_bytes(f"TOKEN={token('wide')}\n".encode("utf-16"))
    home = folder / "home"
    home.mkdir()
    return scan(
        target,
        *("--policy", policy(folder, "secrets"), "--offline", "-v"),
        environment=surroundings(home, XDG_CACHE_HOME=str(warm_cache)),
        reports=folder / "reports",
        timeout=60,
    )


def test_links_that_lead_nowhere_or_out_are_listed_and_not_followed(oddities: Scanned) -> None:
    left_out = skipped(oddities)
    assert {name: left_out[name] for name in ("loop", "ping", "pong", "nowhere")} == dict.fromkeys(
        ("loop", "ping", "pong", "nowhere"), "link-loop"
    )
    assert left_out["out.env"] == left_out["out"] == "link-outside"
    for path in ("loop", "out.env"):
        assert f"{path}: symbolic link that lea" in oddities.out
    assert any(
        text.startswith("2 files were left out: symbolic link that leaves") for text in notifications(oddities.full)
    )
    assert not [finding for finding in oddities.json["findings"] if "out" in finding["location"]["path"]]


def test_pipes_are_listed_and_not_waited_for(oddities: Scanned) -> None:
    assert skipped(oddities)["pipe.env"] == skipped(oddities)["Cargo.toml"] == "not-a-file"
    assert "2 entries: not a regular file" in oddities.out


def test_a_huge_file_is_listed_and_not_read(oddities: Scanned) -> None:
    assert skipped(oddities)["dump.sql"] == "too-large"
    assert "dump.sql: larger than the size limit (200000000 bytes)" in oddities.out
    metrics = dict(oddities.run("regex-rules")["metrics"])
    assert metrics["bytes"] < 10_000


def test_names_and_contents_that_are_no_utf8(oddities: Scanned) -> None:
    places = {finding["location"]["uri"]: finding["location"] for finding in found(oddities.json, SECRET_RULE)}
    assert set(places) == {"caf%E9.env", "latin.txt", "wide.txt", "planted/settings.env"}
    assert places["caf%E9.env"]["path"] == "caf\\xe9.env"
    assert places["latin.txt"]["region"]["start_line"] == 2
    assert places["wide.txt"]["region"] == {"start_line": 1, "start_column": 7, "end_line": 1, "end_column": 47}
    assert "caf\\xe9.env:1:7" in oddities.out
    (run,) = [run for run in oddities.sarif["runs"] if run["automationDetails"]["id"] == "magray-sec/secrets/"]
    uris = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in run["results"]}
    assert uris == set(places)


def test_oddities_alone_make_nothing_incomplete(oddities: Scanned) -> None:
    assert oddities.code == 0
    assert oddities.json["decision"]["complete"]
    assert oddities.run("regex-rules")["outcome"] == "completed"


def test_a_huge_file_that_is_wanted_is_read_in_bounded_memory(tmp_path: Path, home: Path, warm_cache: Path) -> None:
    size = 200_000_000
    target = write(tmp_path / "target", {"magray-sec.yaml": "max_file_size: 300MB\n"})
    with open(target / "dump.sql", "wb") as dump:
        dump.write(f"TOKEN={token('first')}\n".encode() + b"-- rows\n" * 2_000)
        dump.seek(size)
        dump.write(f"\nTOKEN={token('last')}\n".encode())
    program = [sys.executable, "-m", "magray_sec", "scan", str(target), "--offline", "--tool", "regex-rules"]
    environment = surroundings(home, XDG_CACHE_HOME=str(warm_cache))
    with open(tmp_path / "said", "wb") as said:
        process = subprocess.Popen(program, env=environment, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    text = (tmp_path / "said").read_text("utf-8")
    assert process.returncode == 1, text
    assert text.count("dump.sql:") == 2
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    assert peak < 6 * size


# Disks, pipes and caches


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("option", ["--json", "--sarif"])
def test_a_full_disk_is_said_and_no_verdict(option: str, home: Path, warm_cache: Path) -> None:
    environment = surroundings(home, XDG_CACHE_HOME=str(warm_cache))
    ended = magray_sec("scan", SAMPLE, *DATABASE, "--offline", option, "/dev/full", environment=environment)
    assert ended.code == 4
    assert ended.err == (
        "error: '/dev/full' could not be written: No space left on device\n"
        "  help: the scan ran; free some space or choose another place\n"
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_standard_output_on_a_full_disk(home: Path, warm_cache: Path) -> None:
    program = [sys.executable, "-m", "magray_sec", "scan", str(SAMPLE), "--offline"]
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            program,
            env=surroundings(home, XDG_CACHE_HOME=str(warm_cache)),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 4
    assert ended.stderr.startswith(b"error: standard output could not be written: No space left on device\n")


def test_a_report_that_does_not_fit_leaves_the_old_one_whole(tmp_path: Path, home: Path) -> None:
    """And a cache that does not fit costs time and nothing else."""
    target = sample(tmp_path / "target")
    reports = write(tmp_path / "reports", {"report.json": "the old one"})
    program = [sys.executable, "-m", "magray_sec", "scan", str(target), *map(str, DATABASE), "--offline"]

    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))

    ended = subprocess.run(
        [*program, "--tool", "cargo-audit", "--json", str(reports / "report.json")],
        env=surroundings(home),
        capture_output=True,
        preexec_fn=little_room,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 4
    assert b"could not be written: File too large" in ended.stderr
    assert [path.name for path in reports.iterdir()] == ["report.json"]
    assert (reports / "report.json").read_text() == "the old one"


@pytest.mark.parametrize("closed", ["stdout", "both"])
def test_a_reader_that_goes_away_changes_no_verdict(closed: str, home: Path, warm_cache: Path) -> None:
    program = [sys.executable, "-m", "magray_sec", "scan", str(SAMPLE), *map(str, DATABASE), "--offline", "-v"]
    read, written = os.pipe()
    os.close(read)
    try:
        ended = subprocess.run(
            program,
            env=surroundings(home, XDG_CACHE_HOME=str(warm_cache)),
            stdout=written,
            stderr=written if closed == "both" else subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(written)
    assert ended.returncode == 1
    assert not ended.stderr


@pytest.mark.parametrize(
    "words", [["--version"], ["--help"], ["scan", "--help"], ["list", "rules"], ["schema", "report"]]
)
def test_a_closed_pipe_is_never_a_verdict(words: list[str], home: Path) -> None:
    """Exit code 1 means blocked, and is Python's own for a traceback."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    program = [sys.executable, "-m", "magray_sec", *words]
    try:
        ended = subprocess.run(program, env=surroundings(home), stdout=write_end, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(write_end)
    assert ended.returncode in (0, 4)
    assert not ended.stderr


def test_a_cache_that_cannot_be_written_is_said_and_nothing_else(
    tmp_path: Path, look: Scan, plain_user: Path, home: Path
) -> None:
    target = tmp_path / "target"
    plant(target)
    (tmp_path / "cache").mkdir(mode=0o500)
    environment = surroundings(home, XDG_CACHE_HOME=str(tmp_path / "cache"))
    scanned = look(target, environment=environment, python=plain_user)
    says = "the cache folder cannot be written (Permission denied): nothing is cached"
    assert scanned.code == 0, scanned.said
    assert f"note: {says}" in scanned.out.splitlines()
    assert says in [entry["message"] for entry in scanned.json["notifications"]]
    assert any(says in text for text in notifications(scanned.full))
    assert scanned.json["decision"]["complete"]
    assert len(found(scanned.json, SECRET_RULE)) == 1


def test_no_home(tmp_path: Path) -> None:
    environment = surroundings(tmp_path)
    del environment["HOME"]
    arguments = ("--offline", "--tool", "cargo-audit", "--json", tmp_path / "report.json")
    ended = magray_sec("scan", SAMPLE, *DATABASE, *arguments, environment=environment)
    assert ended.code == 1, ended.said
    assert "note: there is no HOME: nothing is cached" in ended.out.splitlines()
    report = json.loads((tmp_path / "report.json").read_bytes())
    assert "there is no HOME: nothing is cached" in [entry["message"] for entry in report["notifications"]]
    assert [finding for finding in report["findings"] if finding["domain"] == "dependencies"]


def test_a_cache_full_of_garbage_is_made_again(tmp_path: Path, look: Scan, home: Path, warm_cache: Path) -> None:
    target = tmp_path / "target"
    plant(target)
    spoilt = 0
    for path in warm_cache.rglob("*"):
        copy = tmp_path / "cache" / path.relative_to(warm_cache)
        if path.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            copy.write_bytes(path.read_bytes()[:-20] + b"not what was there. ")
            spoilt += 1
    assert spoilt
    scanned = look(target, environment=surroundings(home, XDG_CACHE_HOME=str(tmp_path / "cache")))
    assert scanned.code == 0, scanned.said
    assert len(found(scanned.json, SECRET_RULE)) == 1


# Processes


def children(pid: int) -> set[int]:
    """Every process that descends from one."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                state = Path(f"/proc/{entry}/stat").read_text("utf-8", "replace")
            except OSError:
                continue
            parents[int(entry)] = int(state[state.rindex(")") + 2 :].split()[1])
    below = {pid}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return below - {pid}


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def wait_for(what: Callable[[], object], *, timeout_s: float = 60) -> object:
    """What `what` returns once that is something."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        got = what()
        if got:
            return got
        time.sleep(0.01)
    raise AssertionError("it took too long")


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_killed_worker_is_a_failed_scanner(tmp_path: Path, home: Path) -> None:
    """Killed while it compiles its rules, as by a system that is out of memory."""
    target = sample(tmp_path / "target")
    plant(target)
    program = [sys.executable, "-m", "magray_sec", "scan", str(target), *map(str, DATABASE), "--offline", "--no-cache"]
    chosen = ["--policy", str(policy(tmp_path, "dependencies"))]
    reports = ["--json", str(tmp_path / "report.json"), "--sarif", str(tmp_path / "github.sarif")]
    process = subprocess.Popen([*program, *chosen, *reports], env=surroundings(home), stdout=subprocess.PIPE, text=True)

    def worker() -> int | None:
        return next(
            (pid for pid in children(process.pid) if "magray_sec.worker regex-rules" in command_line(pid)), None
        )

    try:
        pid = wait_for(worker)
        assert isinstance(pid, int)
        os.kill(pid, signal.SIGKILL)
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 3, out
    scanned = read(tmp_path, out)
    assert scanned.run("regex-rules")["outcome"] == "failed"
    assert scanned.run("regex-rules")["reason"] == "it ended with signal 9"
    assert any("regex-rules" in line and "it ended with signal 9" in line for line in out.splitlines())
    assert any("it ended with signal 9" in text for text in scanned.coverage())
    assert scanned.run("cargo-audit")["outcome"] == "completed"
    assert [finding for finding in scanned.json["findings"] if finding["domain"] == "dependencies"]
    assert not {"secrets", "code"} & set(scanned.domains())
    assert "dependencies" in scanned.domains()


def read(folder: Path, out: str) -> Scanned:
    stored = json.loads((folder / "report.json").read_bytes())
    sarif = json.loads((folder / "github.sarif").read_bytes())
    return Scanned(code=0, out=out, err="", json=stored, sarif=sarif, full=None)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_an_interrupted_scan_leaves_nothing(
    number: signal.Signals, tmp_path: Path, home: Path, warm_cache: Path
) -> None:
    pid_file = tmp_path / "tool.pid"
    fake = FakeTools(tmp_path / "bin", version="cargo-audit 0.22.2").ignores_sigterm("cargo-audit", pid_file)
    operator(home, {"tools": {"cargo-audit": str(fake)}})
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    reports = tmp_path / "reports"
    reports.mkdir()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "magray_sec", "scan", str(SAMPLE), *map(str, DATABASE), "--offline"),
            *("--json", str(reports / "report.json")),
        ],
        env=surroundings(home, XDG_CACHE_HOME=str(warm_cache), TMPDIR=str(temporary)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        wait_for(pid_file.exists)
        assert list(temporary.iterdir())
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert (out, err) == (b"", b"error: interrupted\n")
    assert not is_alive(int(pid_file.read_text()))
    assert list(temporary.iterdir()) == []
    assert list(reports.iterdir()) == []


# Words of the command line


def test_a_scanner_that_there_is_not(home: Path) -> None:
    ended = magray_sec("scan", SAMPLE, "--tool", "qqqqqqqq", environment=surroundings(home))
    assert ended.code == 2
    assert ended.err == "error: there is no scanner 'qqqqqqqq'\n  help: `magray-sec list scanners` shows all\n"
    ended = magray_sec("scan", SAMPLE, "--skip-tool", "cargo-audti", environment=surroundings(home))
    assert ended.code == 2
    assert "help: did you mean 'cargo-audit'?" in ended.err


@pytest.mark.parametrize("epoch", ["yesterday", "-1", "1.5", "99999999999999999999"])
def test_a_source_date_that_is_none(epoch: str, home: Path) -> None:
    ended = magray_sec("scan", SAMPLE, environment=surroundings(home, SOURCE_DATE_EPOCH=epoch))
    assert ended.code == 2
    assert ended.err == (
        f"error: SOURCE_DATE_EPOCH is '{epoch}', which is no count of seconds\n"
        "  help: unset it, or set it to seconds since 1970\n"
    )
