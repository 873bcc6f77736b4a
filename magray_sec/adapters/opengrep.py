"""opengrep: the fork of semgrep that is open source throughout; it runs our own rules (`rules/semgrep`) as that does.

https://github.com/opengrep/opengrep

Where semgrep is installed as well, both run the same rules over the same files: `--skip-tool semgrep` spares the time.
"""

from __future__ import annotations

from magray_sec.adapters import _semgrep
from magray_sec.model.adapter import Adapter
from magray_sec.model.run import Claim, Command, Gap, ScanContext, Target
from magray_sec.model.scale import Domain


def commands(target: Target, claims: tuple[Claim, ...], context: ScanContext) -> tuple[Command | Gap, ...]:
    """One process for all files that it knows by their suffix, and one a language for the others."""
    return _semgrep.commands(target, claims, context, options=())


ADAPTER = Adapter(
    id="opengrep",
    title="Flaws of the code, by its syntax and the way of its values",
    domains=frozenset({Domain.CODE}),
    claims=_semgrep.claims,
    reads=_semgrep.reads,
    versions=">=1.30,<2",
    executable="opengrep",
    install="download it from https://github.com/opengrep/opengrep/releases",
    cores=0,
    commands=commands,
    imported=_semgrep.imported,
    parse=_semgrep.parse,
)
