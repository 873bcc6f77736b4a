"""How files of each type hold a named value, and the pages that remember where a secret was written."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random

from kinds import Kind, draw, password

_SAFE = re.compile(r"[\w./:@%+=,~-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A name in snake case and its value; `kind` is empty for what is no secret."""

    name: str
    value: str
    kind: str = ""


@dataclass(slots=True)
class Page:
    """The text of a file while it is written."""

    text: str = ""
    marks: list[tuple[str, int, int]] = field(default_factory=list)
    """Kind, first character, character after the last."""

    def put(self, text: str) -> None:
        self.text += text

    def plant(self, kind: str, text: str) -> None:
        """Text that is a secret of this kind; of no kind: plain text."""
        if kind:
            self.marks.append((kind, len(self.text), len(self.text) + len(text)))
        self.text += text

    def around(self, form: str, item: Item, value: str | None = None) -> None:
        """A form with one `@@` where the value belongs."""
        before, after = form.split("@@")
        self.put(before)
        self.plant(item.kind, item.value if value is None else value)
        self.put(after)


Write = Callable[[Page, Item, Random], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Syntax:
    """A type of file."""

    id: str
    paths: tuple[str, ...]
    """`{n}` is a number that makes it one of its own."""
    write: Write
    head: str = ""
    foot: str = ""
    block: Write | None = None
    """Writes a value of many lines; None: such a value has no place here."""
    encoding: str = "utf-8"
    newline: str = "\n"


def fillers(random: Random) -> Iterator[Item]:
    """What stands beside secrets and is none, without end."""
    while True:
        yield from random.sample(_ordinary(random), 6)


def _ordinary(random: Random) -> list[Item]:
    shapes = {
        "service_name": "orders-{l5}",
        "listen_port": "80{d2}",
        "log_level": "info",
        "region": "eu-west-1",
        "request_id": "{uuid}",
        "build_sha": "{h40}",
        "password_min_length": "12",
        "token_ttl_seconds": "3600",
        "auth_mode": "oauth2",
        "secret_name": "orders/production/database",
        "image_digest": "sha256:{h64}",
        "tenant_id": "{uuid}",
        "artifact_checksum": "{h64}",
        "api_key_header": "X-Api-Key",
        "token_url": "https://id.northwind.dev/oauth2/token",
        "password_file": "/run/secrets/db_password",
        "cache_key": "user:profile:v{d1}",
        "public_host": "cdn-{l4}.northwind.dev",
        "feature_flags": "new_checkout,async_tokens",
        "schema_version": "2024.{d1}.{d2}",
        "password_policy": "strong",
        "credentials_provider": "instance-profile",
    }
    return [Item(name=name, value=draw(random, shape)) for name, shape in shapes.items()]


def upper(name: str) -> str:
    return name.upper()


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def pascal(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def kebab(name: str) -> str:
    return name.replace("_", "-")


def _forms(style: Callable[[str], str], *forms: str) -> Write:
    """One of some forms in which `%` is the name and `@@` the value."""

    def write(page: Page, item: Item, random: Random) -> None:
        page.around(random.choice(forms).replace("%", style(item.name)), item)

    return write


def _env(page: Page, item: Item, random: Random) -> None:
    quote = "" if _SAFE.fullmatch(item.value) and random.random() < 0.7 else '"'
    page.around(f"{item.name.upper()}={quote}@@{quote}\n", item)


def _env_block(page: Page, item: Item, _: Random) -> None:
    page.around(f'{item.name.upper()}="@@"\n', item, item.value.replace("\n", "\\n"))


def _yaml(indent: str) -> Write:
    def write(page: Page, item: Item, random: Random) -> None:
        plain = _SAFE.fullmatch(item.value) and ": " not in item.value and random.random() < 0.5
        quote = "" if plain else random.choice("\"'")
        page.around(f"{indent}{item.name}: {quote}@@{quote}\n", item)

    return write


def _yaml_block(indent: str) -> Write:
    def write(page: Page, item: Item, _: Random) -> None:
        page.put(f"{indent}{item.name}: |\n{indent}  ")
        page.plant(item.kind, item.value.replace("\n", f"\n{indent}  "))
        page.put("\n")

    return write


def _json(indent: str) -> Write:
    def write(page: Page, item: Item, random: Random) -> None:
        name = random.choice((camel, str, kebab))(item.name)
        page.around(f'{indent}"{name}": "@@",\n', item, json.dumps(item.value)[1:-1])

    return write


def _xml(page: Page, item: Item, random: Random) -> None:
    name = item.name
    form = random.choice((f"  <{camel(name)}>@@</{camel(name)}>\n", f'  <add key="{pascal(name)}" value="@@" />\n'))
    page.around(form, item, html.escape(item.value, quote=True))


def _minified(page: Page, item: Item, random: Random) -> None:
    page.put(minified(random))
    page.around(f'{draw(random, "{l1}")}.{camel(item.name)}="@@";', item)
    page.put(minified(random))


def minified(random: Random) -> str:
    """A stretch of code as bundlers print it."""
    parts = []
    for _ in range(random.randrange(6, 14)):
        a, b, c = (draw(random, "{l1}") for _ in range(3))
        parts.append(
            random.choice(
                (
                    f"function {a}{b}({a},{b}){{return {a}?{b}({c},{random.randrange(99)}):void 0}}",
                    f'var {a}=n({random.randrange(9999)}),{b}=n.n({a});n.d(t,"{c}",function(){{return {b}}});',
                    f'{a}.token=function(e){{return e.tokens[e.tokens.length-1]}},{b}.key="{draw(random, "{l6}")}";',
                    f"!function(e,t){{for(var {c}=0;{c}<t.length;{c}++)e.push(t[{c}].password.length)}}({a},{b});",
                    f'case{random.randrange(9)}:return {a}=Object.assign({{}},{b},{{hash:"{draw(random, "{h8}")}"}});',
                )
            )
        )
    return "".join(parts)


def _utf16(page: Page, item: Item, random: Random) -> None:
    _forms(pascal, "%=@@\n", "$% = '@@'\n")(page, item, random)


def _kubernetes(page: Page, item: Item, _: Random) -> None:
    """Under `data` of a Secret, where everything is base64; what is no secret is a comment."""
    if not item.kind:
        page.put(f"  # {item.name}: {item.value}\n")
        return
    page.around(f"  {item.name}: @@\n", item, base64.b64encode(item.value.encode()).decode())


def _notebook(page: Page, item: Item, _: Random) -> None:
    page.around(f'    "{item.name} = \\"@@\\"\\n",\n', item)


SYNTAXES: tuple[Syntax, ...] = (
    Syntax(id="env", paths=("deploy/{n}/.env", "services/app{n}/.env.production"), write=_env, block=_env_block),
    Syntax(
        id="yaml",
        paths=("config/app-{n}.yaml", "config/{n}/application.yml"),
        head="# settings of one service\napp:\n",
        write=_yaml("  "),
        block=_yaml_block("  "),
    ),
    Syntax(
        id="json",
        paths=("config/settings-{n}.json", "services/app{n}/appsettings.json"),
        head="{\n",
        foot='  "version": 3\n}\n',
        write=_json("  "),
        block=_json("  "),
    ),
    Syntax(
        id="toml",
        paths=("config/app-{n}.toml",),
        head="[service]\n",
        write=_forms(str, '% = "@@"\n', "% = '@@'\n"),
        block=_forms(str, '% = """\n@@\n"""\n'),
    ),
    Syntax(
        id="ini", paths=("etc/app-{n}.ini", "etc/{n}.cfg"), head="[default]\n", write=_forms(str, "% = @@\n", "%=@@\n")
    ),
    Syntax(
        id="properties",
        paths=("services/java{n}/src/main/resources/application.properties",),
        write=_forms(lambda name: name.replace("_", "."), "spring.%=@@\n", "app.% = @@\n"),
    ),
    Syntax(
        id="python",
        paths=("src/service_{n}/settings.py", "scripts/sync_{n}.py"),
        head='"""Synchronise orders."""\n\nimport os\n\n',
        foot="\n\ndef main():\n    for order in fetch():\n        store(order)\n",
        write=lambda page, item, random: _forms(
            random.choice((str, upper)),
            '% = "@@"\n',
            "% = '@@'\n",
            'os.environ["%"] = "@@"\n',
            'settings = dict(%="@@")\n',
            '% = os.getenv("SYNC_MODE", "@@")\n',
        )(page, item, random),
        block=_forms(upper, '% = """@@\n"""\n'),
    ),
    Syntax(
        id="javascript",
        paths=("web/app{n}/server.js", "web/lib/client{n}.mjs"),
        head="'use strict';\n\nconst http = require('http');\n\n",
        foot="\nmodule.exports = { start };\n",
        write=_forms(
            camel,
            "const % = '@@';\n",
            'const % = "@@";\n',
            "exports.% = '@@';\n",
            "options.% = `@@`;\n",
            "configure({ %: '@@' });\n",
        ),
        block=_forms(camel, "const % = `@@`;\n"),
    ),
    Syntax(
        id="typescript",
        paths=("web/src/api{n}.ts",),
        head="import { Client } from './client';\n\nexport interface Options { retries: number }\n\n",
        write=_forms(
            camel,
            "export const %: string = '@@';\n",
            "private readonly % = '@@';\n",
            "const % = process.env.MODE ?? '@@';\n",
        ),
        block=_forms(camel, "export const % = `@@`;\n"),
    ),
    Syntax(
        id="go",
        paths=("cmd/tool{n}/main.go", "internal/client{n}/client.go"),
        head="package main\n\n",
        foot='\nfunc run() error {\n\treturn errors.New("not ready")\n}\n',
        write=_forms(camel, 'const % = "@@"\n', 'var % = "@@"\n', 'var _ = os.Setenv("%", "@@")\n', "const % = `@@`\n"),
        block=_forms(camel, "const % = `@@`\n"),
    ),
    Syntax(
        id="rust",
        paths=("crates/app{n}/src/config.rs",),
        head="//! Settings.\n\n",
        write=_forms(upper, 'pub const %: &str = "@@";\n', 'static %: &str = "@@";\n', 'const %: &str = r#"@@"#;\n'),
        block=_forms(upper, 'const %: &str = "@@\n";\n'),
    ),
    Syntax(
        id="java",
        paths=("services/java{n}/src/main/java/dev/northwind/Settings.java",),
        head="package dev.northwind;\n\npublic final class Settings {\n",
        foot="}\n",
        write=_forms(
            upper,
            '    private static final String % = "@@";\n',
            '    public static String % = "@@";\n',
            '    static { System.setProperty("%", "@@"); }\n',
        ),
    ),
    Syntax(
        id="kotlin-gradle",
        paths=("android/app{n}/build.gradle.kts",),
        head='plugins { id("com.android.application") }\n\n',
        write=_forms(camel, 'val % = "@@"\n', 'extra["%"] = "@@"\n', 'buildConfigField("String", "%", "@@")\n'),
    ),
    Syntax(
        id="csharp",
        paths=("src/Northwind.App{n}/Startup.cs",),
        head="namespace Northwind;\n\npublic class Startup\n{\n",
        foot="}\n",
        write=_forms(pascal, '    private const string % = "@@";\n', '    public string % { get; set; } = "@@";\n'),
    ),
    Syntax(
        id="php",
        paths=("php/site{n}/config.php",),
        head="<?php\n\n",
        write=_forms(str, "$% = '@@';\n", "define('%', '@@');\n", "$config['%'] = '@@';\n", "'%' => '@@',\n"),
        block=_forms(str, "$% = <<<KEY\n@@\nKEY;\n"),
    ),
    Syntax(
        id="ruby",
        paths=("ruby/app{n}/config/initializers/clients.rb",),
        head="# frozen_string_literal: true\n\n",
        write=_forms(str, "% = '@@'\n", "config.% = '@@'\n", 'ENV["%"] = "@@"\n', "client(%: '@@')\n"),
    ),
    Syntax(
        id="shell",
        paths=("scripts/deploy-{n}.sh",),
        head="#!/usr/bin/env bash\nset -euo pipefail\n\n",
        foot='\necho "done"\n',
        write=_forms(upper, "export %='@@'\n", "%='@@'\n", "readonly %='@@'\n", "./run --env %='@@'\n"),
    ),
    Syntax(
        id="powershell",
        paths=("scripts/deploy-{n}.ps1",),
        head="param([string]$Target)\n\n",
        write=_forms(pascal, "$% = '@@'\n", '$env:% = "@@"\n'),
    ),
    Syntax(
        id="terraform",
        paths=("infra/module{n}/main.tf", "infra/{n}.tfvars"),
        head='terraform {\n  required_version = ">= 1.5"\n}\n\nlocals {\n',
        foot="}\n",
        write=_forms(str, '  % = "@@"\n'),
        block=_forms(str, "  % = <<EOT\n@@\nEOT\n"),
    ),
    Syntax(
        id="dockerfile",
        paths=("docker/app{n}/Dockerfile", "docker/{n}.Dockerfile"),
        head="FROM debian:12-slim\nRUN apt-get update\n",
        foot='CMD ["/app/run"]\n',
        write=_forms(upper, "ENV %=@@\n", 'ENV %="@@"\n', "ARG %=@@\n"),
    ),
    Syntax(
        id="xml",
        paths=("etc/config{n}.xml", "src/Northwind.App{n}/web.config"),
        head='<?xml version="1.0" encoding="utf-8"?>\n<configuration>\n',
        foot="</configuration>\n",
        write=_xml,
        block=_forms(camel, "  <%>@@</%>\n"),
    ),
    Syntax(
        id="sql",
        paths=("db/seed/{n}.sql",),
        head="BEGIN;\n",
        foot="COMMIT;\n",
        write=_forms(
            str,
            "INSERT INTO settings (name, value) VALUES ('%', '@@');\n",
            "UPDATE service SET % = '@@' WHERE id = 7;\n",
        ),
    ),
    Syntax(
        id="markdown",
        paths=("docs/runbook-{n}.md",),
        head="# Runbook\n\nHow to restart the service.\n\n",
        write=_forms(str, "- %: `@@`\n", "    export %=@@\n\n", "Set `%` to `@@` and restart.\n"),
        block=_forms(str, "```\n@@\n```\n"),
    ),
    Syntax(
        id="kubernetes",
        paths=("deploy/k8s/secret-{n}.yaml",),
        head="apiVersion: v1\nkind: Secret\nmetadata:\n  name: orders\n  namespace: shop\ntype: Opaque\ndata:\n",
        write=_kubernetes,
        block=_kubernetes,
    ),
    Syntax(
        id="kubernetes-string-data",
        paths=("deploy/k8s/string-secret-{n}.yaml",),
        head="apiVersion: v1\nkind: Secret\nmetadata:\n  name: orders\nstringData:\n",
        write=_yaml("  "),
        block=_yaml_block("  "),
    ),
    Syntax(
        id="docker-compose",
        paths=("deploy/{n}/docker-compose.yml",),
        head="services:\n  app:\n    image: northwind/orders:3\n    environment:\n",
        write=_forms(upper, "      - %=@@\n", '      %: "@@"\n'),
    ),
    Syntax(
        id="github-actions",
        paths=(".github/workflows/build-{n}.yml",),
        head="on: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n    env:\n",
        foot="    steps:\n      - uses: actions/checkout@v4\n",
        write=_forms(upper, "      %: @@\n", "      %: '@@'\n"),
        block=_yaml_block("      "),
    ),
    Syntax(
        id="gitlab-ci",
        paths=("ci/{n}/.gitlab-ci.yml",),
        head="stages: [build]\n\nvariables:\n",
        write=_forms(upper, '  %: "@@"\n', "  %: '@@'\n"),
    ),
    Syntax(
        id="utf-16",
        paths=("windows/app{n}.ini", "windows/setup{n}.ps1"),
        head="[Options]\n",
        write=_utf16,
        encoding="utf-16",
    ),
    Syntax(id="crlf", paths=("windows/{n}.env", "windows/service{n}.properties"), write=_env, newline="\r\n"),
    Syntax(
        id="batch",
        paths=("windows/run{n}.bat",),
        head="@echo off\n",
        write=_forms(upper, "set %=@@\n", 'set "%=@@"\n'),
        newline="\r\n",
    ),
    Syntax(id="minified", paths=("web/dist/chunk.{n}.js",), write=_minified),
    Syntax(
        id="notebook",
        paths=("notebooks/explore-{n}.ipynb",),
        head='{"cells": [{\n   "cell_type": "code",\n   "source": [\n',
        foot='    "run()"\n   ]\n  }], "nbformat": 4}\n',
        write=_notebook,
    ),
    Syntax(
        id="html",
        paths=("web/public/page{n}.html",),
        head="<!doctype html>\n<html><body>\n<script>\n",
        foot="</script>\n</body></html>\n",
        write=_forms(camel, 'var % = "@@";\n', "window.% = '@@';\n"),
    ),
)

_TELLS = ("python", "javascript", "go", "rust", "shell", "java", "markdown", "log", "plain", "curl")
_BARE = {
    "python": ("src/service_{n}/job.py", 'client = Client("orders", "@@")\n'),
    "javascript": ("web/jobs/job{n}.js", "request({ headers: { Authorization: 'Bearer @@' } }, done);\n"),
    "go": ("internal/job{n}/job.go", 'package job\n\nvar client = api.New("@@", 30)\n'),
    "rust": ("crates/job{n}/src/main.rs", 'fn main() {\n    let client = Client::new("@@");\n}\n'),
    "shell": ("scripts/job-{n}.sh", "#!/bin/sh\n./publish --with '@@'\n"),
    "java": ("services/job{n}/src/Job.java", 'class Job {\n    Client client = Client.of("@@");\n}\n'),
    "markdown": ("docs/notes-{n}.md", "Ask the team first. The one in use today is @@ and it expires in May.\n"),
    "log": ("logs/app-{n}.log", "2024-05-14T08:12:55Z INFO  http: called upstream with @@ in 31 ms\n"),
    "plain": ("notes/{n}.txt", "for the demo\n@@\nremove afterwards\n"),
    "curl": ("scripts/call-{n}.sh", 'curl -sS -H "Authorization: Bearer @@" https://api.northwind.dev/v1/orders\n'),
}


def bare(item: Item, random: Random, number: int) -> tuple[str, Page]:
    """A file where a value that tells what it is stands under no name."""
    path, form = _BARE[random.choice(_TELLS)]
    page = Page()
    if form.startswith("curl"):
        page.put("#!/bin/sh\n")
    page.around(form, item)
    return path.format(n=number), page


def write(syntax: Syntax, items: Iterable[Item], random: Random) -> Page:
    """The whole file."""
    page = Page(text=syntax.head)
    for item in items:
        writer = syntax.write
        if "\n" in item.value:
            assert syntax.block is not None
            writer = syntax.block
        writer(page, item, random)
    page.put(syntax.foot)
    return page


def specials() -> tuple[tuple[str, str, Callable[[Page, Random], None]], ...]:
    """Kinds that live in one type of file: the kind's id, the path, what writes the file."""
    return (
        ("netrc-password", "home{n}/.netrc", _netrc),
        ("pgpass-password", "home{n}/.pgpass", _pgpass),
        ("npmrc-auth", "web/app{n}/.npmrc", _npmrc),
        ("docker-config-auth", "home{n}/.docker/config.json", _docker),
        ("maven-password", "home{n}/.m2/settings.xml", _maven),
        ("nuget-password", "src/app{n}/NuGet.Config", _nuget),
        ("curl-user", "scripts/fetch-{n}.sh", _curl_user),
        ("basic-header", "web/src/legacy{n}.ts", _basic),
        ("gcp-service-account", "deploy/{n}/service-account.json", _gcp),
        ("git-credentials", "home{n}/.git-credentials", _git_credentials),
        ("putty-key", "home{n}/build.ppk", _putty),
        ("pip-index-password", "services/py{n}/pip.conf", _pip),
        ("wireguard-conf", "etc/wireguard/wg{n}.conf", _wireguard),
        ("mysql-command", "scripts/dump-{n}.sh", _mysql_command),
        ("sql-user-password", "db/roles/{n}.sql", _sql_user),
        ("azure-sas", "scripts/upload-{n}.sh", _azure_sas),
        ("django-databases", "src/site{n}/settings.py", _django),
        ("ansible-password", "ansible/group_vars/host{n}.yml", _ansible),
    )


def _netrc(page: Page, random: Random) -> None:
    page.put("machine api.northwind.dev\n  login deploy\n  password ")
    page.plant("netrc-password", password(random))
    page.put("\n")


def _pgpass(page: Page, random: Random) -> None:
    page.put("db.northwind.dev:5432:orders:app:")
    page.plant("pgpass-password", password(random))
    page.put("\n")


def _npmrc(page: Page, random: Random) -> None:
    page.put("registry=https://npm.northwind.dev/\n//npm.northwind.dev/:_auth=")
    page.plant("npmrc-auth", base64.b64encode(f"deploy:{password(random)}".encode()).decode())
    page.put("\nalways-auth=true\n")


def _docker(page: Page, random: Random) -> None:
    page.put('{\n  "auths": {\n    "images.northwind.dev": {\n      "auth": "')
    page.plant("docker-config-auth", base64.b64encode(f"deploy:{password(random)}".encode()).decode())
    page.put('"\n    }\n  }\n}\n')


def _maven(page: Page, random: Random) -> None:
    page.put("<settings>\n  <servers>\n    <server>\n      <id>releases</id>\n      <username>deploy</username>\n")
    page.put("      <password>")
    page.plant("maven-password", html.escape(password(random)))
    page.put("</password>\n    </server>\n  </servers>\n</settings>\n")


def _nuget(page: Page, random: Random) -> None:
    page.put("<configuration>\n  <packageSourceCredentials>\n    <northwind>\n")
    page.put('      <add key="Username" value="deploy" />\n      <add key="ClearTextPassword" value="')
    page.plant("nuget-password", html.escape(password(random)))
    page.put('" />\n    </northwind>\n  </packageSourceCredentials>\n</configuration>\n')


def _curl_user(page: Page, random: Random) -> None:
    page.put("#!/bin/sh\ncurl -fsS -u 'deploy:")
    page.plant("curl-user", password(random))
    page.put("' https://artifacts.northwind.dev/latest.tar.gz -o latest.tar.gz\n")


def _basic(page: Page, random: Random) -> None:
    page.put("export const headers = {\n  Accept: 'application/json',\n  Authorization: 'Basic ")
    page.plant("basic-header", base64.b64encode(f"reporting:{password(random)}".encode()).decode())
    page.put("',\n};\n")


def _gcp(page: Page, random: Random) -> None:
    import keys

    page.put('{\n  "type": "service_account",\n  "project_id": "northwind-orders",\n')
    page.put(f'  "private_key_id": "{draw(random, "{h40}")}",\n  "private_key": "')
    page.plant("gcp-service-account", json.dumps(keys.rsa_pkcs8(random) + "\n")[1:-1])
    page.put('",\n  "client_email": "orders@northwind-orders.iam.gserviceaccount.com",\n')
    page.put(f'  "client_id": "{draw(random, "1{d20}")}",\n  "token_uri": "https://oauth2.googleapis.com/token"\n}}\n')


def _git_credentials(page: Page, random: Random) -> None:
    page.put("https://deploy:")
    page.plant("git-credentials", draw(random, "{a24}"))
    page.put("@git.northwind.dev\n")


def _putty(page: Page, random: Random) -> None:
    public, private = (base64.b64encode(random.randbytes(size)).decode() for size in (84, 42))
    page.put("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: build\nPublic-Lines: 2\n")
    page.put(f"{public[:64]}\n{public[64:]}\n")
    page.plant("putty-key", f"Private-Lines: 1\n{private}")
    page.put(f"\nPrivate-MAC: {draw(random, '{h64}')}\n")


def _pip(page: Page, random: Random) -> None:
    page.put("[global]\nextra-index-url = ")
    page.plant("pip-index-password", f"https://ci:{draw(random, '{a20}')}@packages.northwind.dev/simple")
    page.put("\n")


def _wireguard(page: Page, random: Random) -> None:
    page.put("[Interface]\nAddress = 10.8.0.2/24\nPrivateKey = ")
    page.plant("wireguard-conf", base64.b64encode(random.randbytes(32)).decode())
    page.put(f"\n\n[Peer]\nPublicKey = {base64.b64encode(random.randbytes(32)).decode()}\nAllowedIPs = 10.8.0.0/24\n")


def _mysql_command(page: Page, random: Random) -> None:
    page.put("#!/bin/sh\nmysqldump --host=db.northwind.dev --user=backup --password=")
    page.plant("mysql-command", re.sub(r"[!?*]", "_", password(random)))
    page.put(" shop > shop.sql\n")


def _sql_user(page: Page, random: Random) -> None:
    page.put("CREATE ROLE reporting LOGIN;\nALTER ROLE reporting WITH PASSWORD '")
    page.plant("sql-user-password", password(random))
    page.put("';\nGRANT SELECT ON orders TO reporting;\n")


def _azure_sas(page: Page, random: Random) -> None:
    signature = (
        base64.b64encode(random.randbytes(32)).decode().replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    )
    page.put("#!/bin/sh\nazcopy copy ./out '")
    page.plant(
        "azure-sas",
        "https://northwind.blob.core.windows.net/out?sv=2022-11-02&ss=b&srt=co&sp=rwdl&se=2027-01-01T00:00:00Z&spr=https"
        f"&sig={signature}",
    )
    page.put("'\n")


def _django(page: Page, random: Random) -> None:
    page.put(
        'DATABASES = {\n    "default": {\n        "ENGINE": "django.db.backends.postgresql",\n        "USER": "site",\n'
    )
    page.put('        "PASSWORD": "')
    page.plant("django-databases", password(random))
    page.put('",\n        "HOST": "db.northwind.dev",\n    }\n}\n')


def _ansible(page: Page, random: Random) -> None:
    page.put("---\nansible_user: deploy\nansible_become_pass: ")
    page.plant("ansible-password", "'" + password(random) + "'")
    page.put("\nansible_port: 22\n")


def fits(kind: Kind, syntax: Syntax) -> bool:
    """Whether a value of the kind has a place in files of this type."""
    return kind.plain or syntax.block is not None
