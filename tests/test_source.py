from __future__ import annotations

import errno
import os
import pickle
import socket
import stat
from pathlib import Path

import pytest

from magray_sec._paths import is_within
from magray_sec.model.run import File, Source
from magray_sec.source import TreeSource
from trees import write


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    write(tmp_path / "outside", {"secret.txt": "not of the target"})
    return write(tmp_path / "target", {"a.txt": "alpha", "sub/deep/b.txt": "beta", "empty": ""})


def test_it_is_a_source(tree: Path) -> None:
    files = (File(path="a.txt", size=5),)
    source: Source = TreeSource(str(tree), files)
    assert (source.root, source.files()) == (str(tree), files)
    assert [source.read(path) for path in ("a.txt", "sub/deep/b.txt", "empty")] == [b"alpha", b"beta", b""]


def test_a_file_that_was_not_listed_can_be_read(tree: Path) -> None:
    assert TreeSource(str(tree)).read("sub/deep/b.txt") == b"beta"


def test_it_is_pickled_as_its_root_and_files(tree: Path) -> None:
    source = TreeSource(str(tree), (File(path="a.txt", size=5),))
    source.read("a.txt")
    again = pickle.loads(pickle.dumps(source))
    assert (again.root, again.files(), again.read("a.txt")) == (source.root, source.files(), b"alpha")


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "..",
        "../outside/secret.txt",
        "sub/../../outside/secret.txt",
        "sub/../a.txt",
        "./a.txt",
        "sub//deep/b.txt",
        "/etc/passwd",
        "a.txt/",
        "sub/.",
        "sub/..",
        "a\0b",
        "\0",
        "sub",
        "sub/deep",
        "gone",
        "a.txt/x",
        "\ud800",
        "x" * 300,
    ],
)
def test_what_is_no_path_of_a_file_in_the_target_is_an_oserror(tree: Path, path: str) -> None:
    with pytest.raises(OSError):
        TreeSource(str(tree)).read(path)


def test_an_absolute_path_is_refused_even_into_the_target(tree: Path) -> None:
    with pytest.raises(OSError):
        TreeSource(str(tree)).read(str(tree / "a.txt"))


def test_a_link_that_stays_inside_is_followed(tree: Path) -> None:
    os.symlink("sub/deep/b.txt", tree / "link")
    os.symlink("sub", tree / "folder")
    os.symlink("../a.txt", tree / "sub" / "up")
    source = TreeSource(str(tree))
    assert [source.read(path) for path in ("link", "folder/deep/b.txt", "sub/up")] == [b"beta", b"beta", b"alpha"]


@pytest.mark.parametrize("target", ["../outside/secret.txt", "/etc/passwd", "sub/out/secret.txt"])
def test_a_link_that_leaves_is_not_followed(tree: Path, target: str) -> None:
    os.symlink("../../outside", tree / "sub" / "out")
    os.symlink(target, tree / "link")
    for path in ("link", "sub/out/secret.txt"):
        with pytest.raises(OSError) as caught:
            TreeSource(str(tree)).read(path)
        assert caught.value.errno == errno.EACCES


def test_a_sibling_whose_name_starts_alike_is_outside(tree: Path) -> None:
    write(tree.parent / "target-2", {"x": "no"})
    os.symlink("../target-2/x", tree / "link")
    with pytest.raises(OSError):
        TreeSource(str(tree)).read("link")
    assert not is_within(str(tree) + "-2", str(tree))
    assert is_within(str(tree), str(tree))
    assert is_within("/etc", "/")


def test_loops_and_dangling_links_are_oserrors(tree: Path) -> None:
    os.symlink("loop", tree / "loop")
    os.symlink("nothing", tree / "dangling")
    for path in ("loop", "dangling", "loop/a.txt"):
        with pytest.raises(OSError):
            TreeSource(str(tree)).read(path)


def test_a_file_that_becomes_a_link_to_the_outside_is_not_read(tree: Path) -> None:
    source = TreeSource(str(tree))
    assert source.read("sub/deep/b.txt") == b"beta"
    (tree / "sub/deep/b.txt").unlink()
    os.symlink("../../../outside/secret.txt", tree / "sub/deep/b.txt")
    with pytest.raises(OSError):
        source.read("sub/deep/b.txt")


def test_fifos_sockets_and_devices_are_refused_without_waiting(tree: Path) -> None:
    os.mkfifo(tree / "fifo")
    os.symlink("fifo", tree / "to-fifo")
    listener = socket.socket(socket.AF_UNIX)
    here = os.open(".", os.O_RDONLY)
    try:
        # The name of a socket may not be long.
        os.chdir(tree)
        listener.bind("socket")
    finally:
        os.fchdir(here)
        os.close(here)
    names = ["fifo", "to-fifo", "socket"]
    if os.geteuid() == 0:
        os.mknod(tree / "null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        names.append("null")
    for name in names:
        with pytest.raises(OSError):
            TreeSource(str(tree)).read(name)
    listener.close()


def test_a_root_behind_a_link_works(tree: Path) -> None:
    os.symlink("target", tree.parent / "alias")
    source = TreeSource(str(tree.parent / "alias"))
    assert (source.read("a.txt"), source.read("sub/deep/b.txt")) == (b"alpha", b"beta")


def test_names_that_are_not_utf8(tree: Path) -> None:
    write(tree, {os.fsdecode(b"caf\xe9/\xff.txt"): "latin"})
    assert TreeSource(str(tree)).read(os.fsdecode(b"caf\xe9/\xff.txt")) == b"latin"


def test_a_file_larger_than_a_gigabyte_is_refused_and_its_start_can_be_read(tree: Path) -> None:
    with open(tree / "huge", "wb") as file:
        file.write(b"#!")
        file.truncate((1 << 30) + 1)
    with pytest.raises(OSError) as caught:
        TreeSource(str(tree)).read("huge")
    assert caught.value.errno == errno.EFBIG
    assert TreeSource(str(tree)).first_bytes("huge", 2) == b"#!"


def test_a_file_that_grows_while_it_is_read_is_read_whole(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fstat
    monkeypatch.setattr(
        os, "fstat", lambda descriptor: os.stat_result((*real(descriptor)[:6], 2, *real(descriptor)[7:]))
    )
    assert TreeSource(str(tree)).read("a.txt") == b"alpha"


def test_the_first_bytes(tree: Path) -> None:
    assert TreeSource(str(tree)).first_bytes("a.txt", 2) == b"al"
    assert TreeSource(str(tree)).first_bytes("a.txt", 100) == b"alpha"
    with pytest.raises(OSError):
        TreeSource(str(tree)).first_bytes("../outside/secret.txt", 2)
