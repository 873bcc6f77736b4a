"""The shipped rules of the domain code, and ids that several languages share."""

from __future__ import annotations

from pathlib import Path

import pytest

from magray_sec import datafiles
from magray_sec.errors import SettingsError
from magray_sec.languages import language_of
from magray_sec.model.finding import Rule
from magray_sec.model.scale import Severity
from magray_sec.regex.compile import compile_rules
from magray_sec.regex.confirm import Confirmed
from magray_sec.regex.examples import fill
from magray_sec.regex.pack import PatternRule, RuleSet, load_packs
from magray_sec.regex.scan import Engine
from magray_sec.regex.trial import example_path

PACK = """\
version: 1
pack: {language}
languages: [{language}]
rules:
  - id: flaw
    domain: code
    title: {title}
    description: It is a flaw.
    help: Mend {language}.
    severity: {severity}
    confidence: {confidence}
    cwe: {cwe}
    references: [https://example.org/{language}]
    pattern: flaw_of_{language}
    examples:
      match: [flaw_of_{language}]
      no_match: [none]
"""


def pack(folder: Path, name: str, language: str, **changes: str) -> str:
    values = {"title": "A flaw", "severity": "high", "confidence": "low", "cwe": "CWE-1", **changes}
    path = folder / f"{name}.yaml"
    path.write_text(PACK.format(language=language, **values), "utf-8")
    return str(path)


@pytest.fixture(scope="module")
def code() -> RuleSet:
    return load_packs([path for path in datafiles.files("rules") if "/code/" in path], None)


@pytest.fixture(scope="module")
def engine(code: RuleSet) -> Engine:
    return Engine(code, compile_rules(code, None))


def finds(engine: Engine, rule: PatternRule, path: str, text: str) -> bool:
    return any(
        judged.rule is rule and isinstance(judged.outcome, Confirmed) for judged in engine.examine(path, text.encode())
    )


def test_rules_for_different_languages_share_an_id_and_join_their_helps(tmp_path: Path) -> None:
    paths = (pack(tmp_path, "go", "go"), pack(tmp_path, "python", "python", confidence="high"))
    rules = load_packs(paths, None)
    assert [rule.canonical for rule in rules.rules] == ["code/flaw", "code/flaw"]
    joined = rules.catalogue["code/flaw"]
    assert joined.help == "For go:\n\nMend go.\n\nFor python:\n\nMend python."
    assert joined.references == ("https://example.org/go", "https://example.org/python")
    found = rules.find("flaw")
    assert found is not None
    assert found.languages == ("go",)
    alone = load_packs(paths[1:], None)
    assert alone.catalogue["code/flaw"] == alone.rules[0].rule
    assert isinstance(alone.catalogue["code/flaw"], Rule)


@pytest.mark.parametrize(
    ("language", "changes"),
    [
        ("go", {}),
        ("python", {"title": "Another flaw"}),
        ("python", {"severity": "low"}),
        ("python", {"cwe": "CWE-2"}),
    ],
)
def test_an_id_is_not_shared_by_what_differs_in_more_than_the_language(
    tmp_path: Path, language: str, changes: dict[str, str]
) -> None:
    paths = (pack(tmp_path, "one", "go"), pack(tmp_path, "two", language, **changes))
    with pytest.raises(SettingsError, match=r"two\.yaml:5:.*the id code/flaw is that of .*one\.yaml:5"):
        load_packs(paths, None)


def test_each_rule_says_where_more_is_written_and_of_which_weakness_it_is_a_case(code: RuleSet) -> None:
    assert [rule.canonical for rule in code.rules if not rule.cwe or not rule.references] == []


def test_code_in_a_comment_is_no_finding(code: RuleSet, engine: Engine) -> None:
    tried = 0
    for rule in code.rules:
        for index, template in enumerate(rule.match_examples if rule.comments else ()):
            text = fill(template, f"{rule.canonical}/{index}")
            if "\n" not in text:
                tried += 1
                assert not finds(engine, rule, example_path(rule), f"{rule.comments} {text}"), (rule.canonical, text)
    assert tried > 400


def test_typescript_is_looked_at_as_javascript_is(code: RuleSet, engine: Engine) -> None:
    rules = [rule for rule in code.rules if rule.languages == ("javascript", "typescript")]
    assert len(rules) > 35
    for rule in rules:
        text = fill(rule.match_examples[0], "0")
        for path in ("a.js", "a.mjs", "a.jsx", "a.ts", "a.tsx"):
            assert language_of(path) in rule.languages
            assert finds(engine, rule, path, text), (rule.canonical, path)
        assert not finds(engine, rule, "a.py", text)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", 'cursor.execute("SELECT * FROM users WHERE name = %s AND age > %s", (name, age))\n'),
        ("a.py", 'cursor.execute(f"SELECT a FROM b WHERE c IN ({marks})", values)\n'),
        ("a.py", 'subprocess.run(["git", "log", ref], check=True, cwd=f"{root}/a")\n'),
        ("a.py", 'subprocess.run("make all | tee log", shell=True, check=True)\n'),
        ("a.py", "requests.get(url, timeout=10, verify=ca)\njwt.decode(token, key, algorithms=[name])\n"),
        ("a.py", "def eval(self, text):\n    return ast.literal_eval(text)\n\nmodel.eval()\n"),
        ("a.py", "yaml.safe_load(text)\nyaml.load(text, Loader=yaml.SafeLoader)\njson.loads(body)\n"),
        ("a.py", 'tar.extractall(path, filter="data")\nhashlib.sha256(data)\nsecrets.token_hex(16)\n'),
        ("a.ts", "await pool.query('SELECT * FROM users WHERE name = $1', [name]);\n"),
        ("a.ts", "await prisma.$queryRaw`SELECT * FROM users WHERE name = ${name}`;\n"),
        ("a.js", "const found = /a(b)/.exec(`${text} `);\nexecFile('git', ['log', ref], done);\n"),
        ("a.js", "function exec(command, options) {\n  return spawn(command, options.args);\n}\n"),
        ("a.js", "box.textContent = name;\nbox.innerHTML = '';\nbox.innerHTML = DOMPurify.sanitize(html);\n"),
        ("a.sh", "curl -s https://acme.test/a.json | python3 -c 'import json'\nmktemp -d\nchmod 755 a\n"),
        ("a.rs", 'Command::new("git").arg(format!("--git-dir={root}")).status()?;\n'),
        ("a.go", 'rows, err := db.QueryContext(ctx, "SELECT a FROM b WHERE c = $1", c)\n'),
        (
            "a.go",
            'cmd := exec.CommandContext(ctx, "git", "log", ref)\nconfig := &tls.Config{InsecureSkipVerify: skip}\n',
        ),
        ("a.go", "n, err := rand.Int(rand.Reader, max)\nnonce := make([]byte, gcm.NonceSize())\n"),
        ("A.java", 'statement = connection.prepareStatement("SELECT a FROM b WHERE c = ?");\n'),
        ("A.java", 'Cipher.getInstance("AES/GCM/NoPadding");\nCipher.getInstance("RSA/ECB/OAEPPadding");\n'),
        ("A.java", "public void checkServerTrusted(X509Certificate[] c, String t) {\n    inner.check(c, t);\n}\n"),
        ("A.java", 'http.requestMatchers("/public/**").permitAll().anyRequest().authenticated();\n'),
        ("Dockerfile", "FROM acme/base:1.2\nRUN curl -fsSLo a https://acme.test/a && sha256sum -c a.sum\nUSER app\n"),
        (
            "compose.yaml",
            "services:\n  app:\n    cap_drop: [ALL]\n    privileged: false\n    volumes: [./data:/data]\n",
        ),
        (
            "a.tf",
            'ingress {\n  from_port = 22\n  cidr_blocks = ["10.0.0.0/8"]\n}\negress {\n  cidr_blocks = ["0.0.0.0/0"]\n}\n',
        ),
        (
            ".github/workflows/a.yml",
            (
                "jobs:\n  a:\n    steps:\n      - env:\n          TITLE: ${{ github.event.issue.title }}\n"
                '        run: |\n          make\n          echo "$TITLE"\n      - uses: acme/a@v1\n        with:\n'
                "          title: ${{ github.event.issue.title }}\n      - run: cargo audit\n"
            ),
        ),
    ],
)
def test_the_safe_idiom_is_no_finding(engine: Engine, path: str, text: str) -> None:
    confirmed = [
        judged.rule.canonical
        for judged in engine.examine(path, text.encode())
        if isinstance(judged.outcome, Confirmed) and judged.rule.severity >= Severity.MEDIUM
    ]
    assert confirmed == []


def test_a_finding_begins_and_ends_on_a_line_of_the_flaw(code: RuleSet, engine: Engine) -> None:
    for rule in code.rules:
        for index, template in enumerate(rule.match_examples):
            text = f"x\n{fill(template, f'{rule.canonical}/{index}')}\ny\n"
            for judged in engine.examine(example_path(rule), text.encode()):
                if judged.rule is rule:
                    found = text.encode()[slice(*judged.match)]
                    assert judged.match[0] >= 2, (rule.canonical, found)
                    assert not found.endswith(b"\n"), (rule.canonical, found)
