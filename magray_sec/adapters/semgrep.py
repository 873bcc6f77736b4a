"""semgrep: flaws of the code that take its syntax or the way of a value to see, by our own rules (`rules/semgrep`).

https://semgrep.dev

Go, JavaScript, Python, Rust and TypeScript. The registry is never asked and nothing is sent to anyone. Comments
`nosemgrep` and files `.semgrepignore` are not followed; what they would have hidden is told. Reports made elsewhere,
with the registry's rules too, can be taken in; rules that mean what one of ours means bear its name.
"""

from __future__ import annotations

from magray_sec.adapters import _semgrep
from magray_sec.model.adapter import Adapter
from magray_sec.model.run import Claim, Command, Gap, ScanContext, Target
from magray_sec.model.scale import Domain


def commands(target: Target, claims: tuple[Claim, ...], context: ScanContext) -> tuple[Command | Gap, ...]:
    """One process for all files that it knows by their suffix, and one a language for the others."""
    return _semgrep.commands(target, claims, context, options=("--metrics", "off"))


ADAPTER = Adapter(
    id="semgrep",
    title="Flaws of the code, by its syntax and the way of its values",
    domains=frozenset({Domain.CODE}),
    claims=_semgrep.claims,
    reads=_semgrep.reads,
    versions=">=1.100,<2",
    executable="semgrep",
    # Else it asks its makers for a newer version first, and waits for the answer.
    version_argv=("--version", "--disable-version-check"),
    install="pip install 'magray-sec[semgrep]', or: pipx install semgrep, or: brew install semgrep",
    cores=0,
    commands=commands,
    imported=_semgrep.imported,
    parse=_semgrep.parse,
)
