"""The licence of a Python distribution out of its metadata: its expression, else its words for it, in SPDX's.

`License-Expression` (PEP 639) is taken as it stands. Else the `License` field where it is an expression or a usual
spelling of one; else the classifiers. A classifier that several licences share (`BSD License`) is decided by the
licence's text, where that lies beside the metadata.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message

from magray_sec.adapters._spdx import UNKNOWN, Family, Licence, read_licence
from magray_sec.model.scale import Confidence
from magray_sec.model.text import clean

_MOST_FIELD = 200
_STEM = re.compile(r"-(?:only|or-later)\Z")
_ORDER = tuple(Family)

# The last part of a `License ::` classifier. What several licences share is in `_SHARED`.
_CLASSIFIERS: Mapping[str, str] = {
    "Academic Free License (AFL)": "AFL-3.0",
    "Apache Software License": "Apache-2.0",
    "Apple Public Source License": "APSL-2.0",
    "Attribution Assurance License": "AAL",
    "Blue Oak Model License (BlueOak-1.0.0)": "BlueOak-1.0.0",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "CEA CNRS Inria Logiciel Libre License, version 2.1 (CeCILL-2.1)": "CECILL-2.1",
    "CeCILL-B Free Software License Agreement (CECILL-B)": "CECILL-B",
    "CeCILL-C Free Software License Agreement (CECILL-C)": "CECILL-C",
    "CMU License (MIT-CMU)": "MIT-CMU",
    "Common Development and Distribution License 1.0 (CDDL-1.0)": "CDDL-1.0",
    "Common Public License": "CPL-1.0",
    "DFSG approved": "",
    "Eclipse Public License 1.0 (EPL-1.0)": "EPL-1.0",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "Educational Community License, Version 2.0 (ECL-2.0)": "ECL-2.0",
    "Eiffel Forum License": "EFL-2.0",
    "European Union Public Licence 1.0 (EUPL 1.0)": "EUPL-1.0",
    "European Union Public Licence 1.1 (EUPL 1.1)": "EUPL-1.1",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    # Its own text says that without a version any may be taken.
    "GNU General Public License (GPL)": "GPL-1.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU Library or Lesser General Public License (LGPL)": "LGPL-2.0-or-later",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "IBM Public License": "IPL-1.0",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "MirOS License (MirOS)": "MirOS",
    "Motosoto License": "Motosoto",
    "Mozilla Public License 1.0 (MPL)": "MPL-1.0",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Mulan Permissive Software License v2 (MulanPSL-2.0)": "MulanPSL-2.0",
    "NASA Open Source Agreement v1.3 (NASA-1.3)": "NASA-1.3",
    "Nethack General Public License": "NGPL",
    "Nokia Open Source License": "Nokia",
    "Open Group Test Suite License": "OGTSL",
    "Open Software License 3.0 (OSL-3.0)": "OSL-3.0",
    "Other/Proprietary License": "LicenseRef-Proprietary",
    "PostgreSQL License": "PostgreSQL",
    "Python License (CNRI Python License)": "CNRI-Python",
    "Python Software Foundation License": "PSF-2.0",
    "Qt Public License (QPL)": "QPL-1.0",
    "SIL Open Font License 1.1 (OFL-1.1)": "OFL-1.1",
    "Sleepycat License": "Sleepycat",
    "The Unlicense (Unlicense)": "Unlicense",
    "Universal Permissive License (UPL)": "UPL-1.0",
    "University of Illinois/NCSA Open Source License": "NCSA",
    "W3C License": "W3C",
    "X.Net License": "Xnet",
    "Zero-Clause BSD (0BSD)": "0BSD",
    "Zope Public License": "ZPL-2.1",
    "zlib/libpng License": "Zlib",
}
_SHARED: Mapping[str, tuple[str, ...]] = {
    "BSD License": ("BSD-2-Clause", "BSD-3-Clause"),
    "Artistic License": ("Artistic-1.0", "Artistic-2.0"),
}

# Spellings of the `License` field, in lower case, that are usual and mean one licence.
_SPELLINGS: Mapping[str, str] = {
    **dict.fromkeys(("mit license", "the mit license", "the mit license (mit)", "mit licence", "expat"), "MIT"),
    **dict.fromkeys(
        (
            "apache 2",
            "apache 2.0",
            "apache2",
            "apache2.0",
            "apache license 2.0",
            "apache-2",
            "apache license, version 2.0",
            "apache license version 2.0",
            "apache software license 2.0",
            "apache software license, version 2.0",
            "asl 2",
            "asl 2.0",
            "al2",
        ),
        "Apache-2.0",
    ),
    **dict.fromkeys(
        ("bsd 3-clause", "bsd-3", "bsd 3-clause license", "3-clause bsd", "3-clause bsd license", "new bsd"),
        "BSD-3-Clause",
    ),
    **dict.fromkeys(("new bsd license", "modified bsd", "modified bsd license", "bsd 3 clause"), "BSD-3-Clause"),
    **dict.fromkeys(
        ("bsd 2-clause", "bsd-2", "bsd 2-clause license", "2-clause bsd", "simplified bsd", "simplified bsd license"),
        "BSD-2-Clause",
    ),
    **dict.fromkeys(("isc license", "iscl", "isc license (iscl)"), "ISC"),
    **dict.fromkeys(("psf", "psfl", "psf license", "python software foundation license"), "PSF-2.0"),
    **dict.fromkeys(
        ("mpl 2.0", "mpl2", "mpl-2", "mozilla public license 2.0", "mozilla public license 2.0 (mpl 2.0)"), "MPL-2.0"
    ),
    **dict.fromkeys(("gpl", "gnu gpl"), "GPL-1.0-or-later"),
    **dict.fromkeys(("gplv2", "gpl v2", "gnu gplv2"), "GPL-2.0-only"),
    **dict.fromkeys(("gplv2+", "gpl v2+"), "GPL-2.0-or-later"),
    **dict.fromkeys(("gplv3", "gpl v3", "gnu gplv3", "gnu gpl v3"), "GPL-3.0-only"),
    **dict.fromkeys(("gplv3+", "gpl v3+"), "GPL-3.0-or-later"),
    **dict.fromkeys(("lgpl", "gnu lgpl"), "LGPL-2.0-or-later"),
    **dict.fromkeys(("lgplv3", "lgpl v3"), "LGPL-3.0-only"),
    **dict.fromkeys(("lgplv3+", "lgpl v3+"), "LGPL-3.0-or-later"),
    **dict.fromkeys(("agplv3", "agpl v3"), "AGPL-3.0-only"),
    **dict.fromkeys(("agplv3+", "agpl v3+"), "AGPL-3.0-or-later"),
    **dict.fromkeys(("unlicense", "the unlicense"), "Unlicense"),
    **dict.fromkeys(("zlib license", "zlib/libpng"), "Zlib"),
    **dict.fromkeys(
        ("proprietary", "commercial", "other/proprietary license", "all rights reserved"), "LicenseRef-Proprietary"
    ),
}
_SHARED_SPELLINGS: Mapping[str, str] = {"bsd": "BSD License", "bsd license": "BSD License", "bsd-like": "BSD License"}

_SAYS_NOTHING = frozenset({"", "unknown", "none", "n/a", "license", "see license", "see license file", "license.txt"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a distribution says of its licence, in its own words."""

    expression: str = ""
    field: str = ""
    classifiers: tuple[str, ...] = ()
    """The last parts of its `License ::` classifiers."""

    @staticmethod
    def of(metadata: Message) -> Words:
        """Those of a distribution's metadata."""
        from piplicenses import find_license_from_classifier  # noqa: PLC0415

        def said(name: str) -> str:
            return str(metadata.get(name) or "").strip()

        named = find_license_from_classifier([str(entry) for entry in metadata.get_all("Classifier", ())])
        return Words(expression=said("License-Expression"), field=said("License"), classifiers=tuple(named))

    @property
    def printed(self) -> str:
        """The licence as pip-licenses prints it, on one line."""
        from piplicenses import LICENSE_UNKNOWN, FromArg, select_license_by_source  # noqa: PLC0415

        chosen = select_license_by_source(
            FromArg.MIXED, list(self.classifiers), self.field or LICENSE_UNKNOWN, self.expression or LICENSE_UNKNOWN
        )
        return "; ".join(sorted(str(entry).strip().partition("\n")[0] for entry in chosen))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The licence, and how far the words can be believed to mean it."""

    licence: Licence
    confidence: Confidence


Texts = Callable[[], Iterable[tuple[str, str]]]
"""Gives the names and texts of the licence files that lie beside the metadata."""


def find_licence(words: Words, texts: Texts) -> Found:
    """The licence that a distribution is under. `texts` is asked only where the words do not decide."""
    if words.expression:
        return Found(licence=read_licence(words.expression), confidence=Confidence.HIGH)
    named = words.classifiers
    if _says_something(words.field):
        stated = read_licence(words.field)
        if stated.family is not Family.UNKNOWN:
            return _with_classifiers(stated, named, texts)
        spelling = " ".join(words.field.lower().split())
        if spelling in _SPELLINGS:
            return _with_classifiers(read_licence(_SPELLINGS[spelling]), named, texts)
        named = named or ((_SHARED_SPELLINGS[spelling],) if spelling in _SHARED_SPELLINGS else ())
    parts = _spelt(named, texts)
    if parts is None:
        unknown = Licence(expression=UNKNOWN, family=Family.UNKNOWN, said=clean("; ".join(named), limit=200))
        return Found(licence=unknown, confidence=Confidence.MEDIUM)
    if parts:
        # Whether several are a choice is not said, so that each has to be met.
        return Found(licence=read_licence(" AND ".join(parts)), confidence=Confidence.MEDIUM)
    return Found(licence=_unstated(words, texts), confidence=Confidence.MEDIUM)


def _with_classifiers(stated: Licence, names: tuple[str, ...], texts: Texts) -> Found:
    """What the field states, and what the classifiers ask for beyond that: the laxer of two words is not believed."""
    parts = _spelt(names, texts) or []
    beyond = [part for part in parts if _STEM.sub("", part) not in stated.expression]
    harder = [part for part in beyond if _ORDER.index(read_licence(part).family) > _ORDER.index(stated.family)]
    if not harder:
        return Found(licence=stated, confidence=Confidence.HIGH)
    both = " AND ".join([f"({stated.expression})", *harder])
    return Found(licence=read_licence(both), confidence=Confidence.MEDIUM)


def _says_something(field: str) -> bool:
    return len(field) <= _MOST_FIELD and "\n" not in field and field.lower() not in _SAYS_NOTHING


def _spelt(names: tuple[str, ...], texts: Texts) -> list[str] | None:
    """What classifiers mean in SPDX's words; None where one means nothing there, or nobody knows which of several."""
    parts = []
    for name in dict.fromkeys(names):
        spelt = _CLASSIFIERS.get(name)
        if spelt is None:
            spelt = next(_decided(_SHARED.get(name, ()), texts), None)
        if spelt is None:
            return None
        if spelt:
            parts.append(spelt)
    return parts


def _decided(candidates: tuple[str, ...], texts: Texts) -> Iterator[str]:
    """Which of several licences a text beside the metadata is."""
    if candidates:
        for _, text in texts():
            found = recognise(text)
            if found in candidates:
                yield found


def recognise(text: str) -> str | None:
    """Which licence with several forms a text is: a BSD or Artistic licence; None for any other."""
    plain = " ".join(re.sub(r"[^a-z0-9.]+", " ", text.lower()).split())
    if "redistribution and use in source and binary forms" in plain:
        if "all advertising materials mentioning" in plain:
            return "BSD-4-Clause"
        endorses = "be used to endorse or promote products" in plain
        binary = "redistributions in binary form must reproduce" in plain
        return "BSD-3-Clause" if endorses else "BSD-2-Clause" if binary else None
    if "artistic license" in plain:
        return "Artistic-2.0" if "artistic license 2.0" in plain else "Artistic-1.0"
    return None


def _unstated(words: Words, texts: Texts) -> Licence:
    """Where there are no words: the text, which a person has to read, or nothing."""
    if _says_something(words.field):
        return read_licence(words.field)
    if len(words.field) > _MOST_FIELD or "\n" in words.field:
        return read_licence(None, "its License field")
    name = next((name for name, _ in texts()), None)
    return read_licence(None, name)
