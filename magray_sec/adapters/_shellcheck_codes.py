"""What ShellCheck's codes mean here: those of them that are about safety; every other is hygiene of its own name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from magray_sec.adapters._lint import Meaning

# By the number alone: https://www.shellcheck.net/wiki/SC2156
_MEANINGS: Mapping[str, Meaning] = {
    "2024": Meaning(rule="code/shellcheck.sc2024", title="Redirection that sudo does not apply to", cwe=("CWE-250",)),
    "2035": Meaning(rule="code/shellcheck.sc2035", title="File names that may be read as options", cwe=("CWE-88",)),
    "2059": Meaning(rule="code/shellcheck.sc2059", title="Variable in the format of printf", cwe=("CWE-134",)),
    "2091": Meaning(rule="code/shellcheck.sc2091", title="Output of a command run as a command", cwe=("CWE-78",)),
    "2092": Meaning(rule="code/shellcheck.sc2092", title="Output of a command run as a command", cwe=("CWE-78",)),
    "2115": Meaning(
        rule="code/rm-variable-root", title="Deletion that an empty variable turns against /", cwe=("CWE-73",)
    ),
    "2156": Meaning(rule="code/find-exec-injection", title="File names inside the text of a shell", cwe=("CWE-78",)),
    "2174": Meaning(rule="code/shellcheck.sc2174", title="Folders made with other permissions", cwe=("CWE-732",)),
    "2186": Meaning(rule="code/shellcheck.sc2186", title="Temporary file with a predictable name", cwe=("CWE-377",)),
    "2294": Meaning(rule="code/eval-variable", title="eval of a variable", cwe=("CWE-95",)),
}
CANONICAL: Mapping[str, str] = {f"SC{number}": meaning.rule for number, meaning in _MEANINGS.items()}
"""Code -> canonical id, where it is not `code/shellcheck.<code>`, or has a CWE."""
_CODE = re.compile(r"(?:SC)?0*(\d{1,6})\Z", re.IGNORECASE)


def name(code: str | int) -> str:
    """A code as it is written: `SC2086`; as it is given where it is none."""
    match = _CODE.match(str(code))
    return f"SC{match[1]}" if match else str(code)


def meaning(code: str) -> Meaning:
    """What a code is here."""
    known = _MEANINGS.get(code.removeprefix("SC"))
    return known or Meaning(rule=f"code/shellcheck.{code.lower()}", title=f"ShellCheck's {code}")


def reference(code: str) -> str:
    """The page on a code."""
    return f"https://www.shellcheck.net/wiki/{code}"
