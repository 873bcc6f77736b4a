"""Which programming language a file is written in: by its name, or by the first line of a script without a suffix.

Code alone: data, markup and build products have no language here.
"""

from __future__ import annotations

import re
from types import MappingProxyType

_SUFFIXES = {
    "c": "c h",
    "clojure": "clj cljc cljs",
    "cpp": "cc cpp cxx c++ cu cuh hh hpp hxx h++ inl ipp tpp",
    "csharp": "cs csx",
    "dart": "dart",
    "dockerfile": "dockerfile containerfile",
    "elixir": "ex exs",
    "erlang": "erl hrl",
    "fsharp": "fs fsi fsx",
    "go": "go",
    "groovy": "groovy gradle",
    "haskell": "hs lhs",
    "java": "java",
    "javascript": "js cjs jsx mjs",
    "julia": "jl",
    "kotlin": "kt kts",
    "lua": "lua",
    "nix": "nix",
    "objective-c": "m mm",
    "ocaml": "ml mli",
    "perl": "pl pm",
    "php": "php php3 php4 php5 php7 phtml",
    "powershell": "ps1 psd1 psm1",
    "python": "py pyi pyw pyx",
    "r": "r",
    "ruby": "rb rake gemspec ru",
    "rust": "rs",
    "scala": "scala sc sbt",
    "shell": "sh bash zsh ksh bats",
    "solidity": "sol",
    "swift": "swift",
    "terraform": "tf hcl",
    "typescript": "ts cts mts tsx",
    "visual-basic": "vb",
    "windows-batch": "bat cmd",
    "zig": "zig",
}

_NAMES = {
    "dockerfile": "dockerfile containerfile",
    "groovy": "jenkinsfile",
    "python": "sconstruct sconscript",
    "ruby": "berksfile brewfile capfile dangerfile fastfile gemfile guardfile podfile rakefile vagrantfile",
    "shell": ".bash_profile .bashrc .envrc .profile .zprofile .zshenv .zshrc pkgbuild",
}

_INTERPRETERS = {
    "groovy": "groovy",
    "javascript": "node nodejs",
    "julia": "julia",
    "lua": "lua luajit",
    "perl": "perl",
    "php": "php",
    "powershell": "pwsh powershell",
    "python": "python pypy",
    "r": "rscript",
    "ruby": "ruby jruby",
    "rust": "rust-script run-cargo-script",
    "shell": "sh ash bash dash ksh mksh zsh",
    "swift": "swift",
    "typescript": "bun deno ts-node tsx",
}


def _inverted(table: dict[str, str]) -> dict[str, str]:
    return {word: language for language, words in table.items() for word in words.split()}


_BY_SUFFIX = MappingProxyType(_inverted(_SUFFIXES))
_BY_NAME = MappingProxyType(_inverted(_NAMES))
_BY_INTERPRETER = MappingProxyType(_inverted(_INTERPRETERS))

LANGUAGES = frozenset((*_SUFFIXES, *_NAMES, *_INTERPRETERS))
"""Every language that `language_of` may name."""

_SHEBANG = re.compile(rb"#![ \t]*([^\s]+)([^\r\n]*)")
_VERSION = re.compile(r"[-.0-9]+$")


def language_of(path: str, first_bytes: bytes | None = None) -> str | None:
    """The language of the file at `path`, or None where it is not known to be code.

    `first_bytes` (100 are enough) are looked at for an interpreter line where the name says nothing.
    """
    name = path.rpartition("/")[2].lower()
    stem, dot, suffix = name.rpartition(".")
    if dot and stem and suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    if name in _BY_NAME:
        return _BY_NAME[name]
    if dot and stem.partition(".")[0] in ("dockerfile", "containerfile"):
        return "dockerfile"
    return _interpreted(first_bytes) if first_bytes else None


def _interpreted(first_bytes: bytes) -> str | None:
    found = _SHEBANG.match(first_bytes)
    if found is None:
        return None
    words = [word.decode("ascii", "replace") for word in (found[1], *found[2].split())]
    program = words[0].rpartition("/")[2].lower()
    if program == "env":
        named = (word for word in words[1:] if not word.startswith("-") and "=" not in word)
        program = next(named, "").rpartition("/")[2].lower()
    return _BY_INTERPRETER.get(program) or _BY_INTERPRETER.get(_VERSION.sub("", program))
