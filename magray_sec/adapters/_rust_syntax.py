"""What stands in one Rust file: its unsafe sites, cargo-geiger's counters, the files it brings in.

The file is parsed by tree-sitter, and one query finds all that matters in C; what is left to do here is arithmetic on
byte offsets, so that neither a deep file nor a long one is walked in Python. Nothing is resolved or expanded: what a
macro makes is not known, what stands in one is read as tokens.
"""

from __future__ import annotations

import enum
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter, itemgetter
from typing import Generic, TypeVar

import tree_sitter
import tree_sitter_rust

Span = tuple[int, int]
"""Byte offsets, the end exclusive."""

_T = TypeVar("_T")

_MOST_PATH = 400
"""The characters of an item's path, after which deeper items are called by their ancestor's path."""
_MOST_FOLDERS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many there are without and with the keyword."""

    safe: int = 0
    unsafe: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(safe=self.safe + other.safe, unsafe=self.unsafe + other.unsafe)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """cargo-geiger's five counters; docs/unsafe.md says what each counts."""

    functions: Count = Count()
    expressions: Count = Count()
    impls: Count = Count()
    traits: Count = Count()
    methods: Count = Count()

    def __add__(self, other: Counters) -> Counters:
        return Counters(**{name: count + getattr(other, name) for name, count in self.each()})

    def each(self) -> tuple[tuple[str, Count], ...]:
        """Name and count, in the order of declaration."""
        return tuple((entry.name, getattr(self, entry.name)) for entry in fields(self))


class Kind(enum.Enum):
    """The kinds of unsafe sites. The words are frozen API: identities are made of them."""

    BLOCK = "block"
    FUNCTION = "function"
    METHOD = "method"
    IMPL = "impl"
    TRAIT = "trait"
    EXTERN = "extern"
    EXPORT = "export"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place where the compiler's guarantees end: it is promised, demanded or crossed there."""

    kind: Kind
    item: str
    """The path, inside the file, of the item it is or stands in; empty: the file itself."""
    span: Span
    """A block from its keyword to its end; of an item the head alone."""
    is_test: bool = False
    """In code that only a test build compiles."""
    in_macro: bool = False
    """Among the tokens of a macro's call or definition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """A file that this one brings in, by `mod name;` or `include!`."""

    name: str
    """The module's name; empty for `include!`."""
    inside: tuple[str, ...] = ()
    """The modules with a body that the declaration stands in, outermost first, each by the name of its folder."""
    paths: tuple[str, ...] = ()
    """What `#[path]`, also inside a `cfg_attr`, or `include!` says."""
    is_test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RustFile:
    """What stands in one file."""

    counters: Counters = Counters()
    forbids_unsafe: bool = False
    """It carries `#![forbid(unsafe_code)]`, which holds for the whole crate where the file is a crate's root."""
    sites: tuple[Site, ...] = ()
    """In the order of the file."""
    brings: tuple[Brought, ...] = ()
    broken_at: int | None = None
    """The line (from 1) of the first thing that is not Rust as the parser knows it; None: all of it was understood."""
    refused: str = ""
    """Why nothing of it was read; empty: it was."""


class CountOptions(enum.Flag):
    """How cargo-geiger's counters are counted; for comparing them with those of its versions and options."""

    DEFAULT = 0
    TESTS = enum.auto()
    """Count test modules and test functions too, as with `--include-tests`."""
    LEAK = enum.auto()
    """As the published releases do: whatever follows an exported safe function in its file counts as unsafe."""


def _filler(match: re.Match[bytes]) -> bytes:
    return b"x" * len(match[0])


# What syn calls an expression other than a literal, a path and an unsafe block. A call of a field is a method call:
# one expression, not two. A block that belongs to something is no expression of its own.
_EXPRESSIONS = """
unary_expression reference_expression try_expression binary_expression assignment_expression
compound_assignment_expr type_cast_expression range_expression call_expression return_expression yield_expression
await_expression field_expression array_expression tuple_expression unit_expression break_expression
continue_expression index_expression closure_expression parenthesized_expression struct_expression async_block
gen_block try_block if_expression match_expression while_expression loop_expression for_expression const_block
let_condition block macro_invocation
"""
_TYPED = """
const_item const_parameter field_declaration function_item:return_type function_signature_item:return_type
function_type:return_type closure_expression:return_type higher_ranked_trait_bound impl_item let_declaration
ordered_field_declaration_list parameter pointer_type qualified_type qualified_type:alias reference_type static_item
type_binding type_cast_expression type_item type_parameter:default_type array_type:element
for_expression:pattern let_condition:pattern let_declaration:pattern parameter:pattern field_pattern:pattern
variadic_parameter:pattern
"""
_HOLDING = """
source_file declaration_list bounded_type bracketed_type removed_trait_bound trait_bounds tuple_type type_arguments
captured_pattern mut_pattern or_pattern ref_pattern reference_pattern slice_pattern tuple_pattern tuple_struct_pattern
closure_parameters
"""


def _query() -> str:
    signature = '(function_signature_item (function_modifiers "unsafe"))'
    typed = (entry.partition(":") for entry in _TYPED.split())
    return "\n".join(
        (
            f"[{' '.join(f'({name})' for name in _EXPRESSIONS.split())}] @expression",
            '(let_chain "&&" @and)',
            # Expr::Infer: the placeholder of a destructuring assignment.
            "(assignment_expression left: (identifier) @placeholder)",
            "[(tuple_expression (identifier) @placeholder) (array_expression (identifier) @placeholder)]",
            "(field_initializer (identifier) @placeholder)",
            "(call_expression function: (field_expression field: (field_identifier)) @part)",
            "(generic_function function: (field_expression field: (field_identifier)) @part)",
            "(function_item body: (block) @part)",
            "[(unsafe_block (block) @part) (async_block (block) @part) (gen_block (block) @part)]",
            "[(try_block (block) @part) (const_block (block) @part) (if_expression consequence: (block) @part)]",
            "[(while_expression body: (block) @part) (loop_expression body: (block) @part)]",
            "(for_expression body: (block) @part)",
            # `..=x` is read as an assignment of x to the range `..`.
            "(assignment_expression left: (range_expression) @dots)",
            "(assignment_expression left: (assignment_expression right: (range_expression) @dots))",
            '(expression_statement (macro_invocation) @part ";")',
            "[(expression_statement (macro_invocation) @statement) (block (macro_invocation) @statement)]",
            "(match_pattern !condition . (macro_invocation) @part)",
            "(match_pattern . (macro_invocation) @part condition: (_))",
            # A macro with braces ends its statement; what follows is read as an operation on it.
            "(binary_expression left: (macro_invocation) @operand)",
            "(call_expression function: (macro_invocation) @operand)",
            "(index_expression . (macro_invocation) @operand)",
            *(f"({name} (macro_invocation) @part)" for name in _HOLDING.split()),
            *(f"({name} {field or 'type'}: (macro_invocation) @part)" for name, _, field in typed),
            "(empty_statement) @empty",
            "(function_item) @function",
            '(function_item (function_modifiers "unsafe")) @unsafe-function',
            "(impl_item body: (declaration_list (function_item) @method))",
            "(trait_item body: (declaration_list (function_item) @provided))",
            "(impl_item) @impl",
            '(impl_item "unsafe") @unsafe-impl',
            "(trait_item) @trait",
            '(trait_item "unsafe") @unsafe-trait',
            "(unsafe_block) @unsafe-block",
            "(mod_item) @mod",
            "[(const_item) (static_item) (macro_definition)] @other",
            "[(struct_item) (enum_item) (union_item)] @type",
            "(foreign_mod_item) @foreign",
            f"(trait_item body: (declaration_list {signature} @unsafe-signature))",
            "(attribute_item) @attribute",
            "(source_file (inner_attribute_item) @inner)",
            '[(token_tree "unsafe" @token) (token_tree "mod" @token)]',
            "(token_tree (identifier) @token . (string_literal) . (token_tree))",  # extern "C" { ... }
            '[(ERROR "unsafe" @stray) (ERROR "extern" @stray) (ERROR (function_modifiers "unsafe" @stray))]',
            "(ERROR) @broken",
            "(MISSING) @broken",
        )
    )


# What the grammar does not know though it is Rust, and as many bytes of what it does: `try!()` of the 2015 edition,
# types and `safe` in an extern block, macros named as a primitive type, `()` bounded in a where clause.
_RESPELLED: tuple[tuple[re.Pattern[bytes], bytes | Callable[[re.Match[bytes]], bytes]], ...] = (
    (re.compile(rb"\btry(?=\s*+!\s*+[({\[])"), b"r_y"),
    (re.compile(rb"\bsafe(?=\s++(?:fn|static)\b)"), b"    "),
    (re.compile(rb"\btype[ \t]++\w++[ \t]*+;"), lambda match: b"fn " + b"x" * (len(match[0]) - 6) + b"();"),
    (re.compile(rb"\b(?:str|char|bool|[iu](?:8|16|32|64|128|size)|f(?:32|64))(?=\s*+!\s*+[({\[])"), _filler),
    (re.compile(rb"\(\)(?=\s*+:(?!:))"), b"x_"),
)
# The same for the places of errors alone, tried for whether the file is understood then: a negative number or a `::`
# among type arguments, the where clause of a unit struct, `..` in a destructuring assignment, `~` and `$` among tokens;
# and a parameter's second attribute, or one in a tuple or a pattern.
_BLANKED = re.compile(rb"-(?=\s*+\d)|::(?=\s*+<)|where\b[^{};]{0,2000}+(?=;)|\.\.(?=\s*+\})|[~$][~$\s]*+")
_ATTRIBUTE = re.compile(rb"#\s*+\[[^\[\]]{0,2000}+\]")
_NEAR = 500
_COMPARED = re.compile(rb"<=(?!=)")
_MOST_REPAIRS = 8

_DEPTH_STEP = 1000
_MOST_DEPTH = 5000
_MOST_TOKENS = 5000

_BLANK = re.compile(rb"(?:\s++|//[^\n]*+|/\*.*?\*/)*+", re.DOTALL)
_TEST = re.compile(
    rb"#\s*+!?\s*+\[\s*+(?:(?:\w++\s*+::\s*+)*+(?:test|bench|rstest|test_case|quickcheck|wasm_bindgen_test)\s*+[\](]"
    rb"|cfg\s*+\(\s*+(?:test\s*+\)|all\s*+\((?:[^()]*?,)??\s*+test\s*+[,)]))"
)
"""An attribute that keeps an item out of all builds but a test's."""
_GEIGER_TEST = re.compile(rb"#\s*+\[\s*+test\s*+[\](]")
_GEIGER_CFG_TEST = re.compile(rb"#\s*+\[\s*+cfg\s*+\(\s*+test\s*+[,)]")
_GEIGER_EXPORT = re.compile(rb"#\s*+\[\s*+(?:no_mangle|export_name)\s*+[\]=(]")
_EXPORT = re.compile(rb"#\s*+\[\s*+(?:unsafe\s*+\(\s*+)?(?:no_mangle|export_name|link_section)\s*+[\]=()]")
_FORBID = re.compile(rb"#\s*+!\s*+\[\s*+forbid\s*+\(([^)]*+)\)")
_PATH = re.compile(rb"\bpath\s*+=\s*+\"([^\"\\\n]++)\"")
_INCLUDE = re.compile(rb"\binclude\s*+!\s*+[(\[{]\s*+\"([^\"\\\n]++)\"")
_TOKENS = re.compile(
    rb"unsafe\s*+(?:(?P<block>\{)|(?P<impl>impl\b)|(?P<trait>(?:auto\s++)?trait\b)|(?P<export>\(\s*+(?:no_mangle"
    rb"|export_name|link_section)\b)|(?:extern\s*+(?:\"[^\"\n]*+\"\s*+)?+)?fn\s++(?P<name>\$?\w++)(?P<function>))"
    rb"|(?:unsafe\s++)?extern\s*+(?:\"[^\"\n]*+\"\s*+)?+(?P<extern>\{)"
)
_MACRO_MOD = re.compile(rb"mod\s++([A-Za-z_]\w*+)\s*+;")
_MACRO_PATH = re.compile(rb"#\s*+\[\s*+path\s*+=\s*+\"([^\"\\\n]+)\"\s*+\]\s*+(?:pub\s*+(?:\([^()]*+\)\s*+)?)?\Z")
_ABI = re.compile(rb"[^{\"]*+\"([^\"\n]*+)\"")

_start = attrgetter("start_byte")


class RustReader:
    """Reads Rust files one after the other. Not to be shared by threads."""

    __slots__ = ("_parser", "_query")

    def __init__(self) -> None:
        language = tree_sitter.Language(tree_sitter_rust.language())
        self._parser = tree_sitter.Parser(language)
        self._query = tree_sitter.Query(language, _query())

    def read(self, data: bytes, options: CountOptions = CountOptions.DEFAULT) -> RustFile:
        """What stands in a file of these bytes. Where a part of it is not Rust, the rest is still read."""
        tree = self._parser.parse(data)
        if tree.root_node.has_error:
            tree = self._mended(data, tree)
        return _refusal(tree) or _Reading(data, self._captures(tree), options).result()

    def _mended(self, data: bytes, tree: tree_sitter.Tree) -> tree_sitter.Tree:
        """The tree of the same bytes, with what is Rust and not known to the grammar spelled otherwise."""
        spelled = data
        for pattern, instead in _RESPELLED:
            spelled = pattern.sub(instead, spelled)
        if spelled != data:
            tree = self._parser.parse(spelled)
        tried = tree
        for _ in range(_MOST_REPAIRS):
            if not tried.root_node.has_error:
                return tried
            if _refusal(tried):
                break
            repaired = _repaired(spelled, self._captures(tried).get("broken", ()))
            if repaired == spelled:
                break
            spelled = repaired
            tried = self._parser.parse(spelled)
        return tree  # what is blanked in vain may be what tells a test

    def _captures(self, tree: tree_sitter.Tree) -> dict[str, list[tree_sitter.Node]]:
        return tree_sitter.QueryCursor(self._query).captures(tree.root_node)


def _refusal(tree: tree_sitter.Tree) -> RustFile | None:
    """What is said of a tree that no query can be put to in good time: one takes time that grows with the square of the
    tree's depth, and of the length of a stretch that is not understood; below a depth of 65,535 it never ends."""
    root = tree.root_node
    waiting = [root] if root.has_error else []
    while waiting:
        node = waiting.pop()
        if node.is_error and node.child_count > _MOST_TOKENS:
            line = node.start_point.row + 1
            return RustFile(broken_at=line, refused="a long stretch of it is not Rust")
        waiting += [child for child in node.children if child.has_error]
    cursor = tree.walk()
    # The way down to a node is made of nodes that follow one another: what is deep is met on it.
    step = max(_DEPTH_STEP, root.descendant_count // _DEPTH_STEP)
    for index in range(step, root.descendant_count, step):
        cursor.goto_descendant(index)
        if cursor.depth > _MOST_DEPTH:
            return RustFile(refused=f"it is nested more than {_MOST_DEPTH:,} deep")
    return None


def _repaired(data: bytes, broken: Iterable[tree_sitter.Node]) -> bytes:
    """The same bytes, with what the grammar does not know at its errors made into what it does."""
    repaired = bytearray(data)
    for node in broken:
        if match := _BLANKED.match(data, node.start_byte) or _attribute_at(data, node.start_byte, node.end_byte):
            repaired[match.start() : match.end()] = re.sub(rb"[^\n]", b" ", match[0])
        elif match := _COMPARED.match(data, node.start_byte):
            repaired[match.start() : match.end()] = b"=="
    return bytes(repaired)


def _attribute_at(data: bytes, start: int, end: int) -> re.Match[bytes] | None:
    """The first attribute that begins in a stretch, or right behind it."""
    match = _ATTRIBUTE.search(data, start, min(end, start + _NEAR) + _NEAR)
    return match if match and match.start() < end else _ATTRIBUTE.match(data, _after_blank(data, end))


class _Reading:
    """One file while it is read."""

    def __init__(self, data: bytes, found: Mapping[str, list[tree_sitter.Node]], options: CountOptions) -> None:
        self.data = data
        self.found = found
        self.options = options
        self.items: dict[int, tree_sitter.Node] = {}
        for name in ("function", "impl", "trait", "mod", "other", "foreign"):
            self.items.update((node.start_byte, node) for node in found.get(name, ()))
        self.ends = {node.start_byte: node.end_byte for node in found.get("attribute", ())}
        self.attributes = self._attributes()

    def result(self) -> RustFile:
        tests = self._test_spans()
        return RustFile(
            counters=self._counters(),
            forbids_unsafe=any(
                match and b"unsafe_code" in re.split(rb"[\s,]+", match[1])
                for node in self.found.get("inner", ())
                if (match := _FORBID.match(self.data, node.start_byte))
            ),
            sites=tuple(self._sites(tests)),
            brings=tuple(self._brings(tests)),
            broken_at=min((node.start_point.row + 1 for node in self.found.get("broken", ())), default=None),
        )

    def _attributes(self) -> dict[int, list[int]]:
        """The start of an item -> the starts of its attributes, first to last."""
        owners: dict[int, int] = {}
        owned: dict[int, list[int]] = {}
        for start in sorted(self.ends, reverse=True):
            after = _after_blank(self.data, self.ends[start])
            owners[start] = owners.get(after, after)
            if owners[start] in self.items:
                owned.setdefault(owners[start], []).append(start)
        for starts in owned.values():
            starts.reverse()
        return owned

    def _has(self, item: int, pattern: re.Pattern[bytes]) -> bool:
        return any(pattern.match(self.data, start) for start in self.attributes.get(item, ()))

    def _whole(self, item: tree_sitter.Node) -> Span:
        """The span of an item with its attributes."""
        return self.attributes.get(item.start_byte, (item.start_byte,))[0], item.end_byte

    def _starts(self, name: str) -> list[int]:
        return [node.start_byte for node in self.found.get(name, ())]

    # What cargo-geiger counts

    def _counters(self) -> Counters:
        found = self.found
        methods, provided = set(self._starts("method")), set(self._starts("provided"))
        functions = {
            node.start_byte: node
            for node in found.get("function", ())
            if node.start_byte not in methods and node.start_byte not in provided
        }
        unsafe_functions = set(self._starts("unsafe-function"))
        left_out: list[Span] = []
        if CountOptions.TESTS not in self.options:
            modules = {node.start_byte: node for node in found.get("mod", ())}
            for items, mark in ((functions, _GEIGER_TEST), (modules, _GEIGER_CFG_TEST)):
                left_out += [self._whole(node) for start, node in items.items() if self._has(start, mark)]
            left_out = _union(left_out)
        exported = {
            start
            for start in functions
            if start not in unsafe_functions and self._has(start, _GEIGER_EXPORT) and not _covers(left_out, start)
        }
        # A scope begins behind the first byte: a call on an unsafe block begins where the block does.
        scopes = [(node.start_byte + 1, node.end_byte) for node in found.get("unsafe-block", ())]
        scopes += [self._whole(node) for node in found.get("unsafe-function", ()) if node.start_byte not in provided]
        leaks = CountOptions.LEAK in self.options
        for start, end in (self._whole(functions[start]) for start in exported):
            scopes.append((start, len(self.data) if leaks else end))

        def count(starts: Iterable[int], unsafe: set[int]) -> Count:
            """Of what begins at `starts` and is not left out, those that are `unsafe` and the others."""
            counted = {start for start in starts if not _covers(left_out, start)}
            return Count(safe=len(counted - unsafe), unsafe=len(counted & unsafe))

        return Counters(
            functions=count(functions, exported | unsafe_functions),
            expressions=self._expressions(_union(scopes), left_out),
            impls=count(self._starts("impl"), set(self._starts("unsafe-impl"))),
            traits=count(self._starts("trait"), set(self._starts("unsafe-trait"))),
            methods=count(methods, unsafe_functions),
        )

    def _expressions(self, scopes: list[Span], left_out: list[Span]) -> Count:
        data, found = self.data, self.found
        plus = [*self._starts("expression"), *self._starts("and"), *self._lone_semicolons()]
        plus += [
            node.start_byte
            for node in found.get("placeholder", ())
            if node.end_byte - node.start_byte == 1 and data[node.start_byte] == 0x5F
        ]
        minus = self._starts("part")
        minus += [node.start_byte for node in found.get("dots", ()) if node.end_byte - node.start_byte == 2]
        # A macro with braces is a statement; one with a semicolon is too, and stands among the parts already.
        parts = set(found.get("part", ()))
        braced = [
            *found.get("statement", ()),
            *(node for node in found.get("operand", ()) if _begins_statement(data, node.start_byte)),
        ]
        minus += [node.start_byte for node in braced if data[node.end_byte - 1] == 0x7D and node not in parts]
        total, unsafe = len(plus) - len(minus), 0
        if scopes or left_out:
            plus.sort()
            minus.sort()
            in_both = _common(scopes, left_out)
            total -= _within(plus, left_out) - _within(minus, left_out)
            unsafe = _within(plus, scopes) - _within(minus, scopes) - _within(plus, in_both) + _within(minus, in_both)
        return Count(safe=total - unsafe, unsafe=unsafe)

    def _lone_semicolons(self) -> list[int]:
        """Semicolons that end nothing, which syn makes expressions of. One behind a block or a loop ends it."""
        empty = self._starts("empty")
        if not empty:
            return []
        ends = {node.end_byte for node in (*self.items.values(), *self.found.get("type", ()))}
        lone = []
        for start in empty:
            before = _last_byte(self.data, start)
            if self.data[before : before + 1] in (b"{", b";") or before + 1 in ends:
                lone.append(start)
        return lone

    # What a reader of the code wants to be led to

    def _test_spans(self) -> list[Span]:
        if any(_TEST.match(self.data, start) for start in self._starts("inner")):
            return [(0, len(self.data) + 1)]
        return _union(self._whole(node) for start, node in self.items.items() if self._has(start, _TEST))

    def _sites(self, tests: list[Span]) -> Iterator[Site]:
        raw = sorted(self._raw_sites(), key=lambda site: (site.at, site.span, site.kind.value))
        named = [node for node in self.items.values() if node.type != "foreign_mod_item"]
        named += self.found.get("unsafe-signature", ())
        paths = _Nest(named, "", self._path)
        for site in raw:
            own = site.function
            if site.kind is Kind.EXTERN:
                abi = _ABI.match(self.data, *site.span)
                own = f'extern "{_text(abi[1])}"' if abi else "extern"
            item = "::".join(filter(None, (paths.at(site.at), own)))
            is_test = _covers(tests, site.at)
            yield Site(kind=site.kind, item=item, span=site.span, is_test=is_test, in_macro=site.in_macro)

    def _path(self, around: str, node: tree_sitter.Node) -> str:
        """The path of an item as Rust writes it: `module::Type::function`, `<Type as Trait>`, `macro!`."""
        if len(around) > _MOST_PATH:
            return around
        own = self._part(node, "name")
        if node.type == "impl_item":
            own, trait = self._part(node, "type"), self._part(node, "trait")
            own = f"<{own} as {trait}>" if trait else own
        elif node.type == "macro_definition":
            own += "!"
        return f"{around}::{own}" if around and own else around or own

    def _part(self, node: tree_sitter.Node, name: str) -> str:
        """The text of a node's part on one line, or nothing."""
        part = node.child_by_field_name(name)
        if part is None:
            return ""
        return " ".join(_text(self.data[part.start_byte : min(part.end_byte, part.start_byte + _MOST_PATH)]).split())

    def _raw_sites(self) -> Iterator[_RawSite]:
        found = self.found
        inner = {*self._starts("method"), *self._starts("provided")}
        for node in found.get("unsafe-block", ()):
            yield _RawSite(kind=Kind.BLOCK, span=(node.start_byte, node.end_byte), at=node.start_byte)
        for node in (*found.get("unsafe-function", ()), *found.get("unsafe-signature", ())):
            is_method = node.type == "function_signature_item" or node.start_byte in inner
            yield self._head(Kind.METHOD if is_method else Kind.FUNCTION, node)
        for kind, name in ((Kind.IMPL, "unsafe-impl"), (Kind.TRAIT, "unsafe-trait"), (Kind.EXTERN, "foreign")):
            for node in found.get(name, ()):
                yield self._head(kind, node)
        for item, attributes in self.attributes.items():
            for start in attributes:
                if _EXPORT.match(self.data, start):
                    yield _RawSite(kind=Kind.EXPORT, span=(start, self.ends[start]), at=item)
        for name in ("token", "stray"):
            for node in found.get(name, ()):
                match = _TOKENS.match(self.data, node.start_byte)
                if match and match.lastgroup and not self._continues(match, node.start_byte):
                    function = _text(match["name"]) if match.lastgroup == "function" else ""
                    kind, is_token = Kind(match.lastgroup), name == "token"
                    yield _RawSite(
                        kind=kind, span=match.span(), at=node.start_byte, function=function, in_macro=is_token
                    )

    def _continues(self, match: re.Match[bytes], start: int) -> bool:
        """Whether it is the `extern` of an `unsafe extern` block, which is a site already."""
        before = self.data[max(0, start - 40) : start].rstrip()
        return match.lastgroup == "extern" and match[0][:1] == b"e" and before.endswith(b"unsafe")

    def _head(self, kind: Kind, node: tree_sitter.Node) -> _RawSite:
        body = node.child_by_field_name("body")
        end = node.end_byte if body is None else body.start_byte
        end = node.start_byte + len(self.data[node.start_byte : end].rstrip())
        return _RawSite(kind=kind, span=(node.start_byte, end), at=node.start_byte)

    # What else belongs to the crate

    def _brings(self, tests: list[Span]) -> Iterator[Brought]:
        modules = sorted(self.found.get("mod", ()), key=_start)
        bodies = [node for node in modules if node.child_by_field_name("body") is not None]
        nothing: tuple[str, ...] = ()
        folders = _Nest(bodies, nothing, self._folder)
        with_body = {node.start_byte for node in bodies}
        declared = [(node.start_byte, self._module_name(node), self._mod_paths(node)) for node in modules]
        declared = [entry for entry in declared if entry[0] not in with_body]
        for node in self.found.get("token", ()):
            if match := _MACRO_MOD.match(self.data, node.start_byte):
                path = _MACRO_PATH.search(self.data, max(0, node.start_byte - 300), node.start_byte)
                declared.append((node.start_byte, _text(match[1]), (_text(path[1]),) if path else ()))
        if b"include" in self.data:
            declared += [(match.start(), "", (_text(match[1]),)) for match in _INCLUDE.finditer(self.data)]
        for start, name, paths in sorted(declared):
            yield Brought(name=name, inside=folders.at(start), paths=paths, is_test=_covers(tests, start))

    def _folder(self, around: tuple[str, ...], node: tree_sitter.Node) -> tuple[str, ...]:
        if len(around) > _MOST_FOLDERS:
            return around
        paths = self._mod_paths(node)
        return (*around, paths[0] if paths else self._module_name(node))

    def _module_name(self, node: tree_sitter.Node) -> str:
        return self._part(node, "name").removeprefix("r#")

    def _mod_paths(self, node: tree_sitter.Node) -> tuple[str, ...]:
        starts = self.attributes.get(node.start_byte, ())
        found = (path for start in starts for path in _PATH.findall(self.data, start, self.ends[start]))
        return tuple(_text(path) for path in found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _RawSite:
    kind: Kind
    span: Span
    at: int
    """Where it belongs: a byte of the innermost item that it is or stands in."""
    function: str = ""
    """Its name, for one that is known by its tokens alone."""
    in_macro: bool = False


class _Nest(Generic[_T]):
    """What lies around the places of a file, asked for from its beginning to its end."""

    def __init__(
        self, nodes: Iterable[tree_sitter.Node], outermost: _T, make: Callable[[_T, tree_sitter.Node], _T]
    ) -> None:
        self._waiting = sorted(nodes, key=_start, reverse=True)
        self._open: list[tuple[int, _T]] = []
        self._outermost = outermost
        self._make = make

    def at(self, offset: int) -> _T:
        """What was made of the innermost node around a byte and, in turn, of those around it."""
        while self._waiting and self._waiting[-1].start_byte <= offset:
            node = self._waiting.pop()
            self._open.append((node.end_byte, self._make(self._innermost(node.start_byte), node)))
        return self._innermost(offset)

    def _innermost(self, offset: int) -> _T:
        while self._open and self._open[-1][0] <= offset:
            self._open.pop()
        return self._open[-1][1] if self._open else self._outermost


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _begins_statement(data: bytes, offset: int) -> bool:
    before = _last_byte(data, offset)
    return data[before : before + 1] in (b"{", b"}", b";")


def _last_byte(data: bytes, offset: int) -> int:
    """Where the last byte before an offset is that is not white space; not further than 200 bytes away."""
    return max(0, offset - 200) + len(data[max(0, offset - 200) : offset].rstrip()) - 1


def _after_blank(data: bytes, offset: int) -> int:
    match = _BLANK.match(data, offset)
    return match.end() if match else offset


# Spans: lists of them are sorted and do not touch; starts are sorted where it is not said otherwise.


def _union(spans: Iterable[Span]) -> list[Span]:
    united: list[Span] = []
    for start, end in sorted(spans):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united


def _common(left: list[Span], right: list[Span]) -> list[Span]:
    common: list[Span] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < end:
            common.append((start, end))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return common


def _within(starts: Sequence[int], spans: list[Span]) -> int:
    """How many of the starts lie in a span."""
    return sum(bisect_left(starts, end) - bisect_left(starts, start) for start, end in spans)


def _covers(spans: list[Span], offset: int) -> bool:
    place = bisect_right(spans, offset, key=itemgetter(0))
    return place > 0 and offset < spans[place - 1][1]
