"""The lints of clippy that say something of security or correctness, and how bad what they find is.

Clippy's own level says how sure it is of its advice and nothing of what follows from the flaw: the severities, and the
CWE numbers, are ours. Its lints of style, speed and taste are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from magray_sec.model.finding import Rule
from magray_sec.model.scale import Confidence, Domain, Severity

_CLIPPY = "https://rust-lang.github.io/rust-clippy/master/index.html#"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a class of lints is about."""

    title: str
    severity: Severity
    confidence: Confidence
    description: str
    advice: str
    cwe: str = ""
    """Of those of its lints that have none of their own."""
    lints: tuple[str, ...] = ()
    """`name`, or `name=CWE-1`."""


def _kind(
    title: str, severity: Severity, confidence: Confidence, cwe: str, lints: str, *, description: str, advice: str
) -> Kind:
    return Kind(
        title=title,
        severity=severity,
        confidence=confidence,
        cwe=cwe,
        lints=tuple(lints.split()),
        description=description,
        advice=advice,
    )


_KINDS = (
    _kind(
        "Code that can panic",
        Severity.LOW,
        Confidence.MEDIUM,
        "CWE-248",
        "unwrap_used expect_used panic todo unimplemented unreachable get_unwrap unwrap_in_result fallible_impl_from "
        "panicking_unwrap=CWE-617 option_env_unwrap iterator_step_by_zero=CWE-617 iter_out_of_bounds=CWE-129",
        description="Where what it takes for granted does not hold, the thread ends: input that nobody thought of "
        "becomes a denial of service.",
        advice="Return an error (`?`, `ok_or`), or handle the other case. Where it cannot happen, say why in an "
        "`expect`.",
    ),
    _kind(
        "Index or range that is not checked",
        Severity.LOW,
        Confidence.LOW,
        "CWE-129",
        "indexing_slicing string_slice char_indices_as_byte_indices",
        description="An index beyond the end, or inside of a character, panics; where it comes from input, anybody can "
        "end the program.",
        advice="Take `get`, `get_mut`, `split_at_checked` or an iterator, and handle `None`.",
    ),
    _kind(
        "Arithmetic that can overflow or lose digits",
        Severity.LOW,
        Confidence.LOW,
        "CWE-190",
        "arithmetic_side_effects integer_division=CWE-369 cast_possible_truncation=CWE-197 cast_sign_loss=CWE-195 "
        "cast_possible_wrap=CWE-681 float_cmp=CWE-1077 cast_abs_to_unsigned=CWE-681 cast_enum_truncation=CWE-197 "
        "cast_nan_to_int=CWE-681 inverted_saturating_sub=CWE-191 panicking_overflow_checks "
        "float_equality_without_abs=CWE-682 enum_clike_unportable_variant=CWE-681",
        description="A release build wraps around silently, a debug build panics, and a cast drops what does not fit: "
        "a length or a balance comes out wrong.",
        advice="Take `checked_`, `saturating_` or `wrapping_` operations, and `try_from` in place of `as`.",
    ),
    _kind(
        "Memory that safe code can corrupt",
        Severity.HIGH,
        Confidence.HIGH,
        "CWE-119",
        "not_unsafe_ptr_arg_deref=CWE-822 transmuting_null=CWE-476 unsound_collection_transmute=CWE-843 "
        "wrong_transmute=CWE-843 transmute_null_to_fn=CWE-476 eager_transmute=CWE-843 uninit_assumed_init=CWE-908 "
        "uninit_vec=CWE-908 mem_replace_with_uninit=CWE-908 mut_from_ref out_of_bounds_indexing=CWE-125 "
        "size_of_in_element_count=CWE-131 zst_offset=CWE-823 cast_slice_different_sizes=CWE-131 "
        "cast_slice_from_raw_parts",
        description="What it does is undefined behaviour, or lets a caller cause it without the word `unsafe`.",
        advice="Mend it: make the function `unsafe`, take `MaybeUninit`, and let a safe type hold the memory.",
    ),
    _kind(
        "Memory handled in a way that is easily wrong",
        Severity.MEDIUM,
        Confidence.MEDIUM,
        "CWE-119",
        "cast_ptr_alignment=CWE-704 mem_forget=CWE-401 default_union_representation=CWE-188 "
        "crosspointer_transmute=CWE-843 missing_transmute_annotations=CWE-843 macro_metavars_in_unsafe "
        "pointers_in_nomem_asm_block repr_packed_without_abi=CWE-188 from_raw_with_void_ptr=CWE-843 "
        "swap_ptr_to_ref vec_resize_to_zero=CWE-682",
        description="The layout, the type or the life of memory is taken for granted where the language does not "
        "promise it.",
        advice="Say the types of a `transmute`, give structures a `repr`, and let destructors run.",
    ),
    _kind(
        "Unsafe code that nobody explains",
        Severity.INFO,
        Confidence.HIGH,
        "CWE-710",
        "undocumented_unsafe_blocks multiple_unsafe_ops_per_block missing_safety_doc unsafe_removed_from_name",
        description="Nothing says why the code is sound, or what its callers have to keep; the next change breaks it "
        "unnoticed.",
        advice="Write a `// SAFETY:` comment for each operation, and a `# Safety` section for each unsafe function.",
    ),
    _kind(
        "Lock or thread handled wrongly",
        Severity.MEDIUM,
        Confidence.MEDIUM,
        "CWE-667",
        "await_holding_lock=CWE-833 await_holding_refcell_ref=CWE-833 await_holding_invalid_type=CWE-833 "
        "let_underscore_lock if_let_mutex=CWE-833 arc_with_non_send_sync=CWE-362 "
        "non_send_fields_in_send_ty=CWE-362 mutex_atomic let_underscore_future=CWE-252 async_yields_async "
        "rc_clone_in_vec_init declare_interior_mutable_const=CWE-362",
        description="A lock is held over a point where the task waits, or let go at once; or what is not made for "
        "several threads is given to them: deadlocks and races.",
        advice="Let guards go before an `await`, name them (`let _guard`), and share by `Arc<Mutex<_>>`.",
    ),
    _kind(
        "File or stream handled wrongly",
        Severity.MEDIUM,
        Confidence.MEDIUM,
        "CWE-665",
        "permissions_set_readonly_false=CWE-732 non_octal_unix_permissions=CWE-732 suspicious_open_options "
        "ineffective_open_options nonsensical_open_options join_absolute_paths=CWE-22 path_buf_push_overwrite=CWE-22 "
        "unused_io_amount=CWE-252 filetype_is_file=CWE-59 read_line_without_trim=CWE-20 path_ends_with_ext=CWE-20",
        description="A file gets rights, a place or a content that was not meant: everyone may write it, a path leaves "
        "its folder, half of the bytes are missing.",
        advice="Set modes by `0o600`, check that a joined path stays below its base, and use `read_exact` and "
        "`write_all`.",
    ),
    _kind(
        "Result that is not looked at",
        Severity.LOW,
        Confidence.MEDIUM,
        "CWE-252",
        "let_underscore_must_use zombie_processes=CWE-772",
        description="What went wrong is not noticed, and the program goes on as if it had not.",
        advice="Handle the error, or say why it does not matter.",
    ),
    _kind(
        "Program or process handled wrongly",
        Severity.LOW,
        Confidence.MEDIUM,
        "CWE-88",
        "suspicious_command_arg_space exit=CWE-382",
        description="A program gets one word where several were meant, or the process ends without cleaning up.",
        advice="Give each argument by itself, and end by returning from `main`.",
    ),
    _kind(
        "Loop or recursion without an end",
        Severity.MEDIUM,
        Confidence.MEDIUM,
        "CWE-835",
        "infinite_iter infinite_loop lines_filter_map_ok empty_loop while_immutable_condition never_loop=CWE-670 "
        "unconditional_recursion=CWE-674 recursive_format_impl=CWE-674 print_in_format_impl",
        description="It never ends, or ends in a stack that overflows.",
        advice="Give it a condition that changes, or a bound.",
    ),
    _kind(
        "Memory without a bound",
        Severity.LOW,
        Confidence.LOW,
        "CWE-770",
        "large_stack_arrays large_futures",
        description="A stack overflows where the same data on the heap would not.",
        advice="Box it.",
    ),
    _kind(
        "Output left over from debugging",
        Severity.INFO,
        Confidence.HIGH,
        "CWE-489",
        "dbg_macro",
        description="Values are printed that nobody should see, in a program that is shipped.",
        advice="Delete it, or log what is harmless.",
    ),
    _kind(
        "Expression that is not what was meant",
        Severity.MEDIUM,
        Confidence.HIGH,
        "CWE-682",
        "erasing_op absurd_extreme_comparisons=CWE-570 bad_bit_mask eq_op=CWE-570 ineffective_bit_mask=CWE-570 "
        "impossible_comparisons=CWE-570 redundant_comparisons=CWE-570 almost_swapped min_max modulo_one "
        "self_assignment=CWE-563 unit_cmp=CWE-570 unit_hash unit_return_expecting_ord ifs_same_cond=CWE-561 "
        "match_str_case_mismatch=CWE-561 overly_complex_bool_expr=CWE-570 invalid_regex=CWE-185 "
        "invisible_characters=CWE-1007 approx_constant mistyped_literal_suffixes possible_missing_comma "
        "reversed_empty_ranges inherent_to_string_shadow_display iter_next_loop iter_skip_zero "
        "suspicious_splitn inline_fn_without_body serde_api_misuse "
        "derive_ord_xor_partial_ord=CWE-697 derived_hash_with_manual_eq=CWE-697 "
        "impl_hash_borrow_with_str_and_bytes=CWE-697",
        description="As it stands it has always the same outcome, or another than the words suggest. A check that is "
        "always true checks nothing.",
        advice="Write what was meant, and a test that fails without it.",
    ),
    _kind(
        "Expression that is probably not what was meant",
        Severity.LOW,
        Confidence.MEDIUM,
        "CWE-670",
        "almost_complete_range cast_enum_constructor confusing_method_to_numeric_cast const_is_empty "
        "crate_in_macro_def drop_non_drop forget_non_drop duplicate_mod infallible_try_from manual_unwrap_or_default "
        "misnamed_getters misrefactored_assign_op multi_assignments mut_range_bound mutable_key_type "
        "needless_character_iteration no_effect_replace non_canonical_clone_impl non_canonical_partial_ord_impl "
        "possible_missing_else redundant_locals repeat_vec_with_capacity single_range_in_vec_init size_of_ref "
        "suspicious_arithmetic_impl suspicious_assignment_formatting suspicious_else_formatting suspicious_map "
        "suspicious_op_assign_impl suspicious_to_owned suspicious_unary_op_formatting type_id_on_box "
        "unnecessary_get_then_check unnecessary_option_map_or_else unnecessary_result_map_or_else "
        "zero_repeat_side_effects",
        description="It looks like one thing and does another; in a check of rights or of input that is a hole.",
        advice="Write it so that both are the same.",
    ),
)

_OTHER = Kind(
    title="Advice of the compiler or of clippy",
    severity=Severity.INFO,
    confidence=Confidence.LOW,
    description="A lint that is not one of security; it stands in a report that was made elsewhere.",
    advice="The lint's own page says what it is about.",
)


def _table() -> Mapping[str, tuple[Kind, str]]:
    found = {}
    for kind in _KINDS:
        for entry in kind.lints:
            name, _, cwe = entry.partition("=")
            found[name] = (kind, cwe or kind.cwe)
    return MappingProxyType(found)


LINTS: Mapping[str, tuple[Kind, str]] = _table()
"""The lints that are looked for, without `clippy::`: what each is about, and its CWE."""


def rule(lint: str) -> Rule:
    """The rule of a lint, by its name with or without `clippy::`."""
    name = lint.removeprefix("clippy::")
    kind, cwe = LINTS.get(name, (_OTHER, ""))
    is_clippy = lint.startswith("clippy::") or name in LINTS
    return Rule(
        id=f"code/clippy.{name.replace('::', '.')}",
        domain=Domain.CODE,
        title=f"{kind.title} ({name})",
        description=kind.description,
        help=f"{kind.description}\n\n### What to do\n\n{kind.advice}\n\nThe lint is `{lint}`; how severe it is, is "
        "said by magray-sec, not by clippy.",
        cwe=(cwe,) if cwe else (),
        references=(f"{_CLIPPY}{name}",) if is_clippy else (),
        severity=kind.severity,
    )


def confidence(lint: str) -> Confidence:
    """How sure it is that what the lint finds is a flaw."""
    return LINTS.get(lint.removeprefix("clippy::"), (_OTHER, ""))[0].confidence
