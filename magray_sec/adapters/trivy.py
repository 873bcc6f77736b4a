"""Trivy: known flaws and licences of the packages in lock files, secrets, and flaws of container and cloud settings.

https://trivy.dev

Two runs: one for known flaws, which fetches Trivy's database (into our cache; with --offline the one that lies there is
used), and one for all else, without the network and with the checks that Trivy carries. No settings of the repository
(trivy.yaml, .trivyignore) are followed; its `trivy:ignore` comments cannot be switched off, and are said. Secrets in
what Trivy leaves out (binaries, lock files, node_modules) are not seen: it does not stand for the whole tree.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import msgspec

from magray_sec._manifests import ecosystem_of
from magray_sec.adapters import _flaws, _spdx
from magray_sec.adapters._flaws import Flaw, LockFile
from magray_sec.adapters._read import convert, decode, document
from magray_sec.adapters._secret_rules import GITLEAKS
from magray_sec.model.adapter import Adapter, Metric, ParseError, Said
from magray_sec.model.finding import Place, Sighting
from magray_sec.model.run import (
    Claim,
    Command,
    Gap,
    GapKind,
    Inventory,
    Item,
    ItemKind,
    Level,
    Notification,
    RawOutput,
    ScanContext,
    Target,
)
from magray_sec.model.scale import Confidence, Domain
from magray_sec.model.text import clean, shown_path

_KINDS: Mapping[str, str] = MappingProxyType(
    {
        name: name
        for name in (
            *("Cargo.lock", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "poetry.lock", "uv.lock"),
            *("Pipfile.lock", "pylock.toml", "requirements.txt", "go.mod", "Gemfile.lock", "composer.lock"),
            *("gradle.lockfile", "packages.lock.json", "packages.config", "mix.lock", "pubspec.lock", "conan.lock"),
            "Package.resolved",
        )
    }
)
_LANGUAGES = ("dockerfile", "terraform")
"""What its checks of settings read whole."""
_ECOSYSTEMS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("cargo", "rustbinary"), "cargo"),
        **dict.fromkeys(("npm", "yarn", "pnpm", "bun", "node-pkg"), "npm"),
        **dict.fromkeys(("pip", "pipenv", "poetry", "uv", "pylock", "python-pkg"), "pypi"),
        **dict.fromkeys(("gomod", "gobinary"), "golang"),
        **dict.fromkeys(("bundler", "gemspec"), "gem"),
        **dict.fromkeys(("composer", "composer-vendor"), "composer"),
        **dict.fromkeys(("pom", "gradle", "jar", "sbt"), "maven"),
        **dict.fromkeys(("nuget", "dotnet-core", "packages-props"), "nuget"),
        **{name: name for name in ("hex", "pub", "swift", "conan", "cocoapods")},
    }
)
"""Its kinds of files -> the types of purls."""
_FLAGS = (
    *("--format", "json", "--offline-scan", "--skip-version-check", "--disable-telemetry", "--no-progress"),
    *("--config", os.devnull, "--ignorefile", os.devnull),
)
_LOOK_EVERYWHERE = (
    "disable-allow-rules: [tests, examples, vendor, usr-dirs, locale-dir, markdown, node.js, golang, python, rubygems, "
    "wordpress, anaconda-log, dist-info]\n"
)
"""Handed over on standard input: by itself it leaves out secrets in tests, examples, vendored code and Markdown."""
_IGNORE = ".trivyignore"
_SETTINGS = ("trivy.yaml", "trivy-secret.yaml")
_COMMENT = re.compile(rb"(?:#|//)\s*(?:trivy|tfsec):ignore")
_STARS = re.compile(r"\*{4,}")
_GHSA = re.compile(r"https://github\.com/advisories/(GHSA(?:-[0-9a-z]{4}){3})/?")

_CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "DS1": "code/docker-image-latest",
        "DS2": "code/docker-user-root",
        "DS4": "code/docker-expose-ssh",
        "DS10": "code/docker-sudo",
        "DS31": "code/docker-secret-argument",
    }
)
"""Its checks that a rule of `rules/code/dockerfile.yaml` makes as well."""
_SECRETS: Mapping[str, str] = MappingProxyType(
    {
        **GITLEAKS,
        **{
            name: f"secrets/{canonical or name}"
            for name, _, canonical in (
                line.strip().partition(" ")
                for line in """
                aws-access-key-id
                aws-secret-access-key
                azure-ai-services-key
                azure-container-registry-credential azure-container-registry-key
                azure-container-registry-password azure-container-registry-key
                azure-devops-pat azure-devops-personal-access-token
                azure-entra-client-secret azure-ad-client-secret
                azure-sas-token
                azure-storage-account-key
                dockerconfig-secret docker-registry-auth
                dropbox-api-secret dropbox-app-secret
                gcp-service-account gcp-service-account-key
                github-app-token
                github-fine-grained-pat
                github-oauth github-oauth-token
                github-pat
                github-refresh-token
                gitlab-pat
                heroku-api-key
                hugging-face-access-token huggingface-token
                intercom-api-token intercom-access-token
                jwt-token jwt
                linear-api-token linear-api-key
                mailgun-token mailgun-api-key
                npm-access-token
                openai-admin-api-key openai-api-key
                openai-legacy-api-key openai-api-key
                openai-project-api-key openai-api-key
                openai-service-account-key openai-api-key
                openai-service-api-key openai-api-key
                private-key
                pypi-upload-token pypi-api-token
                shopify-token
                slack-access-token slack-bot-token
                slack-web-hook slack-webhook-url
                stripe-secret-token stripe-live-secret-key
                """.strip().split("\n")
            )
        },
    }
)


class _Vulnerability(msgspec.Struct, rename="pascal"):
    vulnerability_id: str = msgspec.field(name="VulnerabilityID")
    pkg_name: str = ""
    installed_version: str = ""
    fixed_version: str = ""
    pkg_path: str = ""
    severity: str = ""
    severity_source: str = ""
    title: str = ""
    description: str = ""
    primary_url: str = msgspec.field(name="PrimaryURL", default="")
    vendor_ids: list[str] | None = msgspec.field(name="VendorIDs", default=None)
    cwe_ids: list[str] | None = msgspec.field(name="CweIDs", default=None)
    cvss: dict[str, dict[str, Any]] | None = msgspec.field(name="CVSS", default=None)
    references: list[str] | None = None
    pkg_identifier: dict[str, Any] | None = None


class _Cause(msgspec.Struct, rename="pascal"):
    start_line: int = 0
    end_line: int = 0


class _Misconfiguration(msgspec.Struct, rename="pascal"):
    id: str = msgspec.field(name="ID")
    title: str = ""
    message: str = ""
    severity: str = ""
    status: str = "FAIL"
    primary_url: str = msgspec.field(name="PrimaryURL", default="")
    cause: _Cause | None = msgspec.field(name="CauseMetadata", default=None)


class _Secret(msgspec.Struct, rename="pascal"):
    rule_id: str = msgspec.field(name="RuleID")
    title: str = ""
    severity: str = ""
    start_line: int = 0
    end_line: int = 0
    match: str = ""
    offset: int | None = None


class _License(msgspec.Struct, rename="pascal"):
    name: str = ""
    severity: str = ""
    category: str = ""
    pkg_name: str = ""
    file_path: str = ""


class _Package(msgspec.Struct, rename="pascal"):
    name: str = ""
    version: str = ""
    locations: list[_Cause] | None = None


class _Result(msgspec.Struct, rename="pascal"):
    target: str = ""
    class_: str = msgspec.field(name="Class", default="")
    type: str = ""
    packages: list[_Package] | None = None
    vulnerabilities: list[_Vulnerability] | None = None
    misconfigurations: list[_Misconfiguration] | None = None
    secrets: list[_Secret] | None = None
    licenses: list[_License] | None = None


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """The lock files that it reads, and the languages of settings that it checks."""
    locks = (Claim(domain=Domain.DEPENDENCIES, item=item.id) for item, _ in _flaws.locks(inventory, _KINDS))
    return (*locks, *(Claim(domain=Domain.CODE, item=item.id) for item in _languages(inventory)))


def _languages(inventory: Inventory) -> Iterator[Item]:
    return (item for item in inventory.of(ItemKind.LANGUAGE) if item.name in _LANGUAGES)


def commands(target: Target, claims: tuple[Claim, ...], context: ScanContext) -> tuple[Command | Gap, ...]:
    """A run that needs the database, and one that needs nothing: what one of them loses, the other keeps."""
    inventory = context.inventory or Inventory()
    locks = tuple(claim for claim in claims if claim.domain is Domain.DEPENDENCIES)
    others = tuple(claim for claim in claims if claim.domain is not Domain.DEPENDENCIES)
    cache = os.path.join(context.cache or context.work, "trivy")
    names = {item.id: item.name for item in inventory.items}
    facts = {
        "root": target.root,
        "locks": "\0".join(names[claim.item] for claim in locks),
        "files": "\0".join(file.path for file in inventory.files),
    }
    made: list[Command | Gap] = []
    has_database = os.path.isfile(os.path.join(cache, "db", "trivy.db"))
    if locks and context.offline and not has_database:
        why, hint = "the scan is offline, and no database of Trivy has been fetched", "run once without --offline"
        made += [Gap(kind=GapKind.ITEM, domain=entry.domain, item=entry.item, reason=why, hint=hint) for entry in locks]
    elif locks:
        update = ("--skip-db-update",) if context.offline else ()
        made.append(
            Command(
                argv=("{tool}", "filesystem", "--scanners", "vuln", *_FLAGS, *update, target.root),
                claims=locks,
                environment={"TRIVY_CACHE_DIR": cache},
                inputs=tuple(os.path.join(target.root, name) for name in (*_shown(inventory), _IGNORE)),
                network=not context.offline,
                subject="the known flaws",
                facts={**facts, "part": "flaws"},
            )
        )
    scanners = ("--scanners", "secret,misconfig,license", "--secret-config", "/dev/stdin", "--skip-check-update")
    made.append(
        Command(
            argv=("{tool}", "filesystem", *scanners, *_FLAGS, target.root),
            stdin=_LOOK_EVERYWHERE.encode(),
            claims=others,
            environment={"TRIVY_CACHE_DIR": os.path.join(context.work, "trivy")},
            inputs=tuple(
                os.path.join(target.root, name)
                for name in (*_shown(inventory), *_checked(inventory), _IGNORE, *_SETTINGS)
            ),
            subject="secrets, settings and licences",
            facts={**facts, "part": "all else"},
        )
    )
    return tuple(made)


def _shown(inventory: Inventory) -> Iterator[str]:
    return (item.name for item, _ in _flaws.locks(inventory, _KINDS))


def _checked(inventory: Inventory) -> Iterator[str]:
    """The files in which a comment of the target's switches a check off."""
    for file in inventory.files:
        name = os.path.basename(file.path).lower()
        if name.startswith(("dockerfile", "containerfile")) or name.endswith((".dockerfile", ".tf")):
            yield file.path


def imported(target: Target, inventory: Inventory) -> Command:
    """A report made elsewhere says itself which files it read; the target's lock files are shown at their lines."""
    inputs = tuple(os.path.join(target.root, name) for name in _shown(inventory))
    return Command(argv=(), inputs=inputs, facts={"root": target.root})


def parse(raw: RawOutput) -> Iterator[Said]:
    """A sighting for each flaw, secret, misconfiguration and licence. ParseError where it is no report of Trivy's."""
    report, notes = document(raw.stdout, _flaws.ANY)
    yield from notes
    results = _results(report)
    known = frozenset(raw.command.facts.get("files", "").split("\0")) - {""}
    own = [entry for entry in results if not known or entry.target in known]
    yield Metric(name="packages", value=sum(len(entry.packages or ()) for entry in own))
    ignored = _ignored(raw)
    hidden: Counter[str] = Counter()
    versions = {(entry.target, package.name): package.version for entry in own for package in entry.packages or ()}
    for result in own:
        for sighting in _sightings(raw, result, versions):
            name = sighting.native_rule
            hider = next((f"{_IGNORE} ignores {n}" for n in (name, *sighting.aliases) if n in ignored), "")
            hidden.update([hider] if hider else [])
            yield replace(sighting, hidden_by=hider) if hider else sighting
    if raw.command.facts.get("part") == "flaws":
        yield from _unread(raw, own)
    yield from _circumstances(raw, hidden)


def _results(report: dict[str, Any] | list[Any]) -> list[_Result]:
    """The results of a report; one of a clean tree has none, one of before version 0.20 is a list."""
    if isinstance(report, dict):
        if not isinstance(report.get("SchemaVersion"), int) or "ArtifactName" not in report:
            raise ParseError("it is no report of Trivy's")
        listed = report.get("Results") or []
    else:
        listed = report
        if not all(isinstance(entry, dict) and "Target" in entry for entry in listed) or not listed:
            raise ParseError("it is no report of Trivy's")
    return convert(listed, list[_Result])


def _sightings(raw: RawOutput, result: _Result, versions: Mapping[tuple[str, str], str]) -> Iterator[Sighting]:
    for vulnerability in result.vulnerabilities or ():
        lock = _lock(raw, result, _ecosystem(result, vulnerability))
        place = _package_place(result, vulnerability)
        yield _flaws.sighting(
            _flaw(vulnerability), lock, vulnerability.pkg_name, vulnerability.installed_version, place=place
        )
    for entry in result.misconfigurations or ():
        if entry.status in ("FAIL", ""):
            yield _misconfiguration(entry, result.target)
    for secret in result.secrets or ():
        yield _secret(secret, result.target)
    for licence in result.licenses or ():
        path = licence.file_path or result.target
        yield _licence(raw, licence, path, versions.get((path, licence.pkg_name), ""))


def _lock(raw: RawOutput, result: _Result, ecosystem: str) -> LockFile:
    """The file that a result is of; none for the packages of a system or an image."""
    if result.class_ == "os-pkgs":
        return LockFile(path="", ecosystem=ecosystem, data=None)
    return _lock_at(raw, result.target, ecosystem)


def _lock_at(raw: RawOutput, path: str, ecosystem: str) -> LockFile:
    root = raw.command.facts.get("root", "")
    found = path if raw.command.argv else _flaws.same_file(path, root, raw.command.inputs)
    return LockFile(path=found, ecosystem=ecosystem, data=raw.input(os.path.join(root, found)))


def _ecosystem(result: _Result, vulnerability: _Vulnerability) -> str:
    stated = (vulnerability.pkg_identifier or {}).get("PURL")
    if isinstance(stated, str) and (match := re.match(r"pkg:([a-z]+)/", stated)):
        return match[1]
    return _ECOSYSTEMS.get(result.type, "generic")


def _package_place(result: _Result, vulnerability: _Vulnerability) -> Place | None:
    for package in result.packages or ():
        if (package.name, package.version) == (vulnerability.pkg_name, vulnerability.installed_version):
            line = package.locations[0].start_line if package.locations else 0
            return Place(path=result.target, start_line=line) if line else None
    return None


def _flaw(vulnerability: _Vulnerability) -> Flaw:
    pages = {match[1] for entry in vulnerability.references or () if (match := _GHSA.fullmatch(entry))}
    # The page of one advisory is its own; of several, those of others are among them.
    others = pages if len(pages) == 1 else set()
    ids = dict.fromkeys((vulnerability.vulnerability_id, *(vulnerability.vendor_ids or ()), *sorted(others)))
    stated = vulnerability.cvss or {}
    ranked = [
        stated[name] for name in (vulnerability.severity_source, "ghsa", "nvd", *sorted(stated)) if name in stated
    ]
    vectors = [str(ranked[0].get(key, "")) for key in ("V3Vector", "V40Vector")] if ranked else []
    fixed = [part.strip() for part in vulnerability.fixed_version.split(",") if part.strip()]
    return Flaw(
        ids=tuple(ids),
        title=vulnerability.title,
        description=vulnerability.description,
        severity=_flaws.word(vulnerability.severity),
        score=_flaws.base_score(vectors),
        native_severity=vulnerability.severity,
        cwe=tuple(vulnerability.cwe_ids or ()),
        references=tuple(vulnerability.references or ()),
        fixed=tuple(part if part[0] in "<>=^~" else f">={part}" for part in fixed),
        url=vulnerability.primary_url,
    )


def _misconfiguration(entry: _Misconfiguration, path: str) -> Sighting:
    cause = entry.cause or _Cause()
    place = Place(path=path, start_line=cause.start_line or None, end_line=cause.start_line or None)
    return Sighting(
        native_rule=entry.id,
        domain=Domain.CODE,
        message=clean(entry.message, limit=400) or clean(entry.title, limit=250),
        title=clean(entry.title, limit=250),
        native_severity=entry.severity,
        severity=_flaws.word(entry.severity),
        place=place,
        url=entry.primary_url,
    )


def _secret(secret: _Secret, path: str) -> Sighting:
    """The secret itself is never printed: it stands where its first byte is said to be, or on its line."""
    lengths = {len(stars) for stars in _STARS.findall(secret.match)}
    length = lengths.pop() if len(lengths) == 1 and secret.start_line == secret.end_line else 1
    place = Place(path=path, start_line=secret.start_line or None, end_line=secret.end_line or None)
    if secret.offset is not None and secret.offset >= 0:
        place = Place(path=path, span=(secret.offset, secret.offset + length))
    title = clean(secret.title, limit=250) or secret.rule_id
    return Sighting(
        native_rule=secret.rule_id,
        domain=Domain.SECRETS,
        message=f"{title} found",
        title=title,
        native_severity=secret.severity,
        severity=_flaws.word(secret.severity),
        confidence=Confidence.MEDIUM,
        place=place,
    )


def _licence(raw: RawOutput, licence: _License, path: str, version: str) -> Sighting:
    read = _spdx.read_licence(licence.name)
    rule = _spdx.rule(read.family)
    ecosystem = ecosystem_of(path) or "generic"
    name = licence.pkg_name or path
    package, place = _lock_at(raw, path, ecosystem).package(name, version, (), None)
    said = read.expression if read.expression != "unknown" else clean(licence.name, limit=100)
    return Sighting(
        native_rule=clean(licence.name, limit=100) or "UNKNOWN",
        domain=Domain.LICENSES,
        message=clean(f"{name} {version}".strip() + f" is under {said}"),
        rule=rule,
        native_severity=licence.severity,
        severity=rule.severity,
        place=place,
        package=replace(package, license=read.expression),
        kind=read.family.value,
    )


def _ignored(raw: RawOutput) -> frozenset[str]:
    """The ids that the target's own .trivyignore names."""
    data = raw.input(os.path.join(raw.command.facts.get("root", ""), _IGNORE))
    lines = (line.strip().split(" ")[0] for line in decode(data or b"").splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))


def _unread(raw: RawOutput, results: list[_Result]) -> Iterator[Gap]:
    """A gap for each lock file that it says nothing of: it leaves out what it cannot read, without a word."""
    read = {result.target for result in results if result.packages}
    for claim, path in zip(raw.command.claims, raw.command.facts["locks"].split("\0"), strict=True):
        if path in read:
            root = raw.command.facts["root"]
            lock = LockFile(path=path, ecosystem=ecosystem_of(path) or "", data=raw.input(os.path.join(root, path)))
            yield from _flaws.unpinned(lock, (claim,))
            continue
        reason = "Trivy read no package of it: it is damaged, of a kind that is not known, or it holds none"
        yield Gap(kind=GapKind.ITEM, domain=claim.domain, item=claim.item, path=path, reason=reason)


def _circumstances(raw: RawOutput, hidden: Mapping[str, int]) -> Iterator[Notification]:
    """What of the target's own would have hidden, or does hide, something."""
    root = raw.command.facts.get("root", "")
    about = f" ({raw.command.subject})" if raw.command.subject else ""
    if hidden:
        message = f"{_IGNORE} would have hidden {sum(hidden.values())} findings{about}; it is not followed"
        yield Notification(level=Level.NOTE, message=message)
    for path in raw.command.inputs if raw.command.facts.get("part") == "all else" else ():
        relative = os.path.relpath(path, root).replace(os.sep, "/")
        if relative in _SETTINGS and raw.input(path) is not None:
            yield Notification(level=Level.NOTE, message=f"{relative} is not followed")
        elif relative != _IGNORE and (data := raw.input(path)) and (count := len(_COMMENT.findall(data))):
            word = "comment switches" if count == 1 else "comments switch"
            message = f"{count} {word} checks of Trivy off in {shown_path(relative)}: what they hide is not known"
            yield Notification(level=Level.WARNING, message=message, path=relative)


def _canonical() -> Mapping[str, str]:
    """The tables above; a check goes by several spellings of one number."""
    found = dict(_SECRETS)
    for check, rule in _CHECKS.items():
        match = re.fullmatch(r"([A-Z]+)(\d+)", check)
        assert match  # noqa: S101 - the table above
        letters, number = match[1], int(match[2])
        for spelt in (f"{letters}-{number:04}", f"AVD-{letters}-{number:04}", f"{letters}{number:03}"):
            found[spelt] = rule
    return found


ADAPTER = Adapter(
    id="trivy",
    title="Known flaws, secrets, and settings of containers and clouds",
    # It says the licences that lock files name, which are those of some packages: it does not stand for that domain.
    domains=frozenset({Domain.DEPENDENCIES, Domain.SECRETS, Domain.CODE}),
    claims=claims,
    versions=">=0.60,<1",
    executable="trivy",
    cores=0,
    install="brew install trivy, or see https://trivy.dev/latest/getting-started/installation/",
    clean_exits=frozenset({0}),
    commands=commands,
    imported=imported,
    parse=parse,
    canonical=_canonical(),
)
