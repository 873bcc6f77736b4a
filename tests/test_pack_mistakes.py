"""Every mistake in a rule pack is told once, with its line and column, what is wrong and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from magray_sec.errors import SettingsError
from magray_sec.regex.pack import load_packs

PACK = """\
version: 1
pack: mine
description: Ours.
languages: [rust]
reject:
  - words: [internal]
rules:
  - id: acme-token
    domain: secrets
    title: Acme token
    description: It opens the door.
    help: Revoke it.
    severity: critical
    confidence: high
    cwe: CWE-798
    references: [https://acme.test/tokens]
    pattern: '\\b(acme_[a-z0-9]{24})\\b'
    keywords: [acme]
    entropy: 3
    paths:
      include: ['*.env']
      exclude: ['test/']
    reject:
      - line: ['not a real one']
        every: true
    examples:
      match: ['key = "acme_{{lowernum:24}}"']
      no_match: ['acme_{{lowernum:23}}']
  - id: no-transmute
    domain: code
    title: transmute
    description: A transmute.
    help: Cast.
    severity: medium
    confidence: medium
    pattern: 'mem::transmute'
    examples: {match: ['mem::transmute(x)'], no_match: ['// transmuted']}
"""

MISTAKES = [
    # Unknown keys, at each depth.
    ("pack: mine", "pack: mine\nauthor: me", "3:1", "unknown key 'author'", "allowed: "),
    ("description: Ours.", "descripton: Ours.", "3:1", "unknown key 'descripton'", "did you mean 'description'?"),
    ("pack: mine", "pack: mine\nseverity: high", "3:1", "unknown key 'severity'", "'severity' belongs in rules[]"),
    ("    entropy: 3", "    entropie: 3", "19:5", "unknown key 'entropie' in rules[0]", "did you mean 'entropy'?"),
    ("    pattern: '\\b", "    regex: '\\b", "17:5", "unknown key 'regex' in rules[0]", "allowed: "),
    ("      exclude: [", "      exlude: [", "22:7", "unknown key 'exlude' in rules[0].paths", "'exclude'"),
    ("      - line: [", "      - lines: [", "24:9", "unknown key 'lines' in rules[0].reject[0]", "'line'"),
    ("  - words: [", "  - word: [", "6:5", "unknown key 'word' in reject[0]", "'words'"),
    ("      no_match: ['acme_{{", "      nomatch: ['acme_{{", "28:7", "unknown key 'nomatch'", "'no_match'"),
    ("      no_match: ['acme_{{", "      nomatch: ['acme_{{", "27:7", "missing key 'no_match'", "'nomatch' is probably"),
    # Missing keys.
    ("version: 1\n", "", "1:1", "missing key 'version'", "add 'version': 1"),
    ("pack: mine\n", "", "1:1", "missing key 'pack'", "my-rules"),
    ("    title: Acme token\n", "", "8:5", "missing key 'title'", "add 'title'"),
    ("    help: Revoke it.\n", "", "8:5", "missing key 'help'", "add 'help'"),
    ("    severity: critical\n", "", "8:5", "missing key 'severity'", "add 'severity'"),
    ("    pattern: 'mem::transmute'\n", "", "29:5", "missing key 'pattern'", "add 'pattern'"),
    ("    examples: {match: ['mem::transmute(x)'], no_match: ['// transmuted']}\n", "", "29:5", "'examples'", "add"),
    ("match: ['mem::transmute(x)'], ", "", "37:15", "missing key 'match' in rules[1].examples", "add 'match'"),
    (", no_match: ['// transmuted']", "", "37:15", "missing key 'no_match' in rules[1].examples", "add 'no_match'"),
    ("['mem::transmute(x)']", "[]", "37:23", "expected a list of texts, found nothing", "at least one"),
    ("['// transmuted']", "[' ']", "37:57", "expected text", ""),
    ("    reject:\n      - line: ['not a real one']\n        every: true", "    reject:\n      - every: true", "24:9", "nothing is said of what is no finding", "add token"),
    # Words that are not allowed.
    ("severity: critical", "severity: crtical", "13:15", "'crtical' is not allowed", "did you mean 'critical'?"),
    ("severity: critical", "severity: HIGH", "13:15", "'HIGH' is not allowed", "did you mean 'high'?"),
    ("severity: critical", "severity: 9", "13:15", "the number 9", "allowed: critical, high"),
    ("severity: critical", "severity: unknown", "13:15", "'unknown' is not allowed", "allowed: critical, high"),
    ("confidence: high", "confidence: certain", "14:17", "'certain' is not allowed", "high, medium, low"),
    ("confidence: high", "confidence: verified", "14:17", "'verified' is not allowed", "high, medium, low"),
    ("domain: code", "domain: codes", "30:13", "'codes' is not allowed", "did you mean 'code'?"),
    ("domain: code", "domain: licenses", "30:13", "'licenses' is not allowed", "secrets, code, workflows"),
    ("languages: [rust]", "languages: [rusty]", "4:13", "'rusty' is not allowed", "did you mean 'rust'?"),
    ("languages: [rust]", "languages: [rust, rust]", "4:12", "'rust' is given twice", ""),
    ("    entropy: 3", "    checksum: lun", "19:15", "'lun' is not allowed", "did you mean 'luhn'?"),
    ("    entropy: 3", "    comments: --", "19:15", "'--' is not allowed", "allowed: //, #"),
    ("    keywords: [acme]", "    keywords: [acme]\n    keywords_in: lines", "19:18", "'lines' is not allowed", "'line'"),
    ("version: 1", "version: 2", "1:10", "expected 1, found the number 2", "write 1"),
    ("version: 1", "version: '1'", "1:10", "expected", ""),
    # Forms.
    ("pack: mine", "pack: My Pack", "2:7", "a name in lower case, such as my-rules", ""),
    ("id: acme-token", "id: Acme_Token", "8:9", "a name in lower case with hyphens", ""),
    ("id: acme-token", "id: secrets/acme-token", "8:9", "a name in lower case with hyphens", ""),
    ("cwe: CWE-798", "cwe: CWE798", "15:10", "a CWE id, such as CWE-798", ""),
    ("cwe: CWE-798", "cwe: 798", "15:10", "a CWE id, such as CWE-798", "quotes"),
    ("cwe: CWE-798", "cwe: cwe-798", "15:10", "a CWE id, such as CWE-798", ""),
    ("https://acme", "http://acme", "16:18", "an https address", ""),
    ("['*.env']", "['!*.env']", "21:17", "a glob in gitignore syntax", "exclude"),
    ("['test/']", "['#test']", "22:17", "a glob in gitignore syntax", ""),
    # Types.
    ("    entropy: 3", "    entropy: high", "19:14", "expected a number of bits a character", ""),
    ("    entropy: 3", "    entropy: '3'", "19:14", "expected a number of bits a character", "remove the quotes"),
    ("    entropy: 3", "    entropy: 0", "19:14", "0 is not more than 0", ""),
    ("    entropy: 3", "    entropy: 9", "19:14", "9 is more than 8", ""),
    ("    entropy: 3", "    entropy: .nan", "19:14", "no number to reckon with", "quotes"),
    ("    entropy: 3", "    ignore_case: no", "19:18", "expected true or false, found the text 'no'", "write false"),
    ("    entropy: 3", "    placeholders: 1", "19:19", "expected true or false", ""),
    ("    entropy: 3", "    preview: [a]", "19:14", "expected text, found a list", "one value"),
    ("    keywords: [acme]", "    keywords: acme", "18:15", "expected a list of texts", "[...]"),
    ("    keywords: [acme]", "    keywords: []", "18:15", "expected a list of texts, found nothing", "at least one"),
    ("    title: Acme token", "    title: 12", "10:12", "expected text, found the number 12", "quotes"),
    ("    title: Acme token", "    title:", "10:5", "expected text, found nothing", ""),
    ("    paths:\n      include: ['*.env']\n      exclude: ['test/']", "    paths: '*.env'", "20:12", "a mapping of include and exclude", ""),
    ("['*.env']", "'*.env'", "21:16", "expected a list of globs", "[...]"),
    ("        every: true", "        every: yes", "25:16", "expected true or false", "write true"),
    ("{match: ['mem::transmute(x)'], no_match: ['// transmuted']}", "['mem::transmute(x)']", "37:15", "a mapping of match and no_match", ""),
    ("match: ['mem::transmute(x)']", "match: mem::transmute(x)", "37:23", "expected a list of texts", "[...]"),
    # What the schema cannot say.
    ("    examples: {match: ['mem", "    aliases: [no-transmute]\n    examples: {match: ['mem", "29:9", "the id code/no-transmute is that of the rule on line 29", ""),
    ("languages: [rust]\n", "", None, "", ""),
    ("id: no-transmute\n    domain: code", "id: acme-token\n    domain: secrets", "29:9", "the id secrets/acme-token is that of the rule on line 8", "an id of its own"),
    ("domain: code", "domain: workflows", "29:5", "has to say which files are workflows", "paths.include"),
    ("    pattern: 'mem::transmute'", "    pattern: 'mem::transmute'\n    entropy: 3", "37:5", "entropy is for secrets", "remove it"),
    ("    pattern: 'mem::transmute'", "    pattern: 'mem::transmute'\n    generic: true", "37:5", "generic is for secrets", "remove it"),
    ("    keywords: [acme]", "    keywords_in: file", "18:5", "there are none", "add keywords"),
    ("acme_{{lowernum:24}}", "acme_{{lowernumb:24}}", "27:15", "unknown template {{lowernumb:24}}", ""),
    ("acme_{{lowernum:23}}", "acme_{{lowernum:x}}", "28:18", "{{lowernum:x}}", ""),
    ("['not a real one']", "['not (a real one']", "24:16", "regular expression refused: RE2: missing )", "RE2"),
    ("words: [internal]", "token: ['[']", "6:13", "regular expression refused: RE2: missing ]", "RE2"),
    ("      exclude: ['test/']", "      matching: ['(?=x)']", "22:18", "regular expression refused: RE2", "in the path"),
    # Patterns.
    ("'mem::transmute'", "'mem(::transmute'", "36:14", "RE2: missing )", "close each parenthesis"),
    ("'mem::transmute'", "'mem)::transmute'", "36:14", "RE2: unexpected )", "open each parenthesis"),
    ("'mem::transmute'", "'mem[::transmute'", "36:14", "RE2: missing ]", "close each class"),
    ("'mem::transmute'", "'(?!x)mem'", "36:14", "RE2: invalid perl operator: (?!", "look-around"),
    ("'mem::transmute'", "'(mem)\\1'", "36:14", "RE2: invalid escape sequence: \\1", "back-references"),
    ("'mem::transmute'", "'mem\\Z'", "36:14", "RE2: invalid escape sequence: \\Z", "\\z"),
    ("'mem::transmute'", "'*mem'", "36:14", "RE2: no argument for repetition operator: *", "backslash"),
    ("'mem::transmute'", "'mem{2000}'", "36:14", "RE2: invalid repetition size: {2000}", "at most 1000"),
    ("'mem::transmute'", "'[z-a]mem'", "36:14", "RE2: invalid character class range: z-a", "class"),
    ("'mem::transmute'", "'(?x) mem'", "36:14", "RE2: invalid perl operator: (?x", "extended syntax"),
    ("'mem::transmute'", "'mem|'", "36:14", "it can match the empty string", "character 1"),
    ("'mem::transmute'", "'mem\\pL'", "36:14", "a Unicode class has no meaning on bytes", "character 4"),
    ("'mem::transmute'", "'mem[é]'", "36:14", "not one member of a class", "character 5"),
    ("'mem::transmute'", "'(?i)é'", "36:14", "write both cases", "character 5"),
    ("'mem::transmute'", "'(?P<a>x)(?P<a>y)'", "36:14", "two groups are called 'a'", "character"),
    ("'mem::transmute'", "'[^\\s\\S]mem'", "36:14", "it can never match", ""),
    ('"acme_{{', '"acme_\t{{', None, "", ""),
    # YAML.
    ("    entropy: 3", "\tentropy: 3", "19:1", "a tab cannot indent YAML", "use spaces"),
    ("    cwe: CWE-798", "    cwe: &cwe CWE-798", "15:10", "an anchor ('&') is not allowed", "quotes"),
    ("    cwe: CWE-798", "    cwe: *cwe", "15:10", "an alias ('*') is not allowed", "quotes"),
    ("    cwe: CWE-798", "    cwe: !!str CWE-798", "15:10", "a tag", "quotes"),
    ("    entropy: 3", "    entropy: 3\n    entropy: 4", "20:5", "the key 'entropy' is given twice", "line 19"),
    ("    title: Acme token", "    title: Acme: token", "10:16", "a ':' that does not fit here", "quotes"),
    ("pack: mine", "pack: mine\n---\npack: mine", "3:1", "a second document starts here", "'---'"),
    ("'// transmuted']", "'// transmuted]", "37:57", "the quote that opens here is never closed", "close it"),
    ("pattern: 'mem::transmute'", 'pattern: "mem\\stransmute"', "36:19", "unknown escape character", "single quotes"),
    ("pack: mine", "pack: mi\x07ne", "2:9", "a control character (U+0007)", "remove it"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "place", "says", "hint"), MISTAKES)
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, place: str | None, says: str, hint: str
) -> None:
    assert old in PACK
    path = tmp_path / "p.yaml"
    path.write_text(PACK.replace(old, new, 1))
    if place is None:
        assert load_packs([str(path)], None).rules
        return
    with pytest.raises(SettingsError) as refused:
        load_packs([str(path)], None)
    errors = (refused.value, *refused.value.more)
    told = [error for error in errors if str(error).startswith(f"{path}:{place}: ") and says in str(error)]
    assert len(told) == 1, errors
    assert hint in told[0].hint
    assert len({str(error) for error in errors}) == len(errors) <= 3
    assert not any("\n" in str(error) + error.hint for error in errors)


def test_the_pack_without_a_mistake_is_right(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(PACK)
    assert [rule.canonical for rule in load_packs([str(path)], None).rules] == [
        "secrets/acme-token",
        "code/no-transmute",
    ]


@pytest.mark.parametrize(
    ("data", "place", "says"),
    [
        (b"", "1:1", "expected a mapping"),
        (b"- a\n", "1:1", "found a list"),
        (b"rules: " + b"[" * 60 + b"]" * 60, "1:57", "nested deeper than 50 levels"),
        (PACK.encode() + b"#" * 10_000_000, "1:1", "larger than 1,000 kB"),
        (b"a: " + b"x" * 30_000, "1:1", "a line longer than"),
        (b"version: 1\npack: \xff\n", "2:7", "not UTF-8"),
        (b"\xff\xfev\x00", "1:1", "not UTF-8"),
    ],
    ids=["empty", "list", "deep", "large", "long line", "latin-1", "utf-16"],
)  # fmt: skip
def test_a_file_that_is_no_pack_at_all(tmp_path: Path, data: bytes, place: str, says: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(data)
    with pytest.raises(SettingsError) as refused:
        load_packs([str(path)], None)
    assert str(refused.value).startswith(f"{path}:{place}: ")
    assert says in str(refused.value)
    assert len(str(refused.value)) < 1000
