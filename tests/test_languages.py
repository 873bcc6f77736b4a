from __future__ import annotations

import pytest

from magray_sec.languages import LANGUAGES, language_of


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src/main.rs", "rust"),
        ("A.PY", "python"),
        ("x.d.ts", "typescript"),
        ("x.tsx", "typescript"),
        ("x.mjs", "javascript"),
        ("x.h", "c"),
        ("x.hpp", "cpp"),
        ("x.sh", "shell"),
        ("x.ps1", "powershell"),
        ("x.cs", "csharp"),
        ("main.tf", "terraform"),
        ("Dockerfile", "dockerfile"),
        ("docker/Dockerfile.dev", "dockerfile"),
        ("app.dockerfile", "dockerfile"),
        ("Jenkinsfile", "groovy"),
        ("Rakefile", "ruby"),
        (".bashrc", "shell"),
        (".rs", None),
        ("a.json", None),
        ("a.md", None),
        ("a.html", None),
        ("a.pyc", None),
        ("a.class", None),
        ("rs", None),
        ("a.rs/README", None),
        ("", None),
    ],
)
def test_a_name(path: str, expected: str | None) -> None:
    assert language_of(path) == expected
    assert expected is None or expected in LANGUAGES


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (b"#!/bin/sh\n", "shell"),
        (b"#!/bin/bash -eu", "shell"),
        (b"#!/usr/bin/env python3\nimport os", "python"),
        (b"#! /usr/bin/env -S A=b python3.11 -u\r\n", "python"),
        (b"#!/usr/bin/python3.12", "python"),
        (b"#!/usr/bin/env node", "javascript"),
        (b"#!/usr/bin/env deno", "typescript"),
        (b"#!/usr/bin/perl -w", "perl"),
        (b"#!/usr/bin/env", None),
        (b"#!", None),
        (b"\x7fELF", None),
        (b"#!/opt/\xff\xfe", None),
        (b"", None),
    ],
)
def test_an_interpreter_line(first: bytes, expected: str | None) -> None:
    assert language_of("bin/run", first) == expected


def test_the_name_comes_before_the_first_line() -> None:
    assert language_of("run.py", b"#!/bin/sh\n") == "python"
