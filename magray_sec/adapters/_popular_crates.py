"""Names of crates that nearly everybody uses, and whether another name is one slip of the finger away from one.

The list is for that comparison alone: a name on it is no praise, and one that is not on it no reproach.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Mapping

_SHORTEST = 5
"""Letters of a name that has to be compared: shorter ones stand next to each other by chance."""

_POPULAR = """
actix actix-http actix-rt actix-web adler32 aead ahash aho-corasick alloy anstream anstyle anyhow approx arbitrary
arc-swap arrayref arrayvec arrow ashpd askama assert_cmd async-channel async-compression async-executor async-graphql
async-io async-lock async-process async-std async-stream async-task async-trait atomic-waker atty autocfg aws-config
aws-sdk-s3 axum axum-core backoff backtrace base16ct base64 base64ct bevy bigdecimal bincode bindgen bitflags bitvec
blake2 blake3 block-buffer blocking bollard boring borsh bstr bumpalo bytemuck byteorder bytes bytesize cached camino
candle-core cargo-platform cargo_metadata cargo_toml cexpr cfg-if chacha20 chacha20poly1305 chrono chrono-tz ciborium
cipher clang-sys clap_builder clap_complete clap_derive clap_lex cmake colorchoice colored combine comfy-table
concurrent-queue config console const-oid constant_time_eq cookie cookie_store core-foundation core-graphics cpufeatures
cranelift crc32fast criterion critical-section crossbeam crossbeam-channel crossbeam-deque crossbeam-epoch
crossbeam-queue crossbeam-utils crossterm crypto-bigint crypto-common csv-core ctrlc curve25519-dalek darling dashmap
data-encoding deadpool derivative derive_builder derive_more deranged dialoguer diesel difflib digest directories
dirs-next dirs-sys dotenv dotenvy downcast-rs dyn-clone ecdsa ed25519 ed25519-dalek either elliptic-curve embedded-hal
encode_unicode encoding_rs enum-iterator enumflags2 env_logger envy equivalent errno ethers event-listener eyre
color-eyre fallible-iterator fastrand fern filetime fixedbitset flate2 float-cmp flume fnv foreign-types form_urlencoded
fs-err fs_extra futures futures-channel futures-core futures-executor futures-io futures-lite futures-macro futures-sink
futures-task futures-timer futures-util generic-array getopts getrandom gimli git2 glium globset globwalk gloo half
handlebars hashbrown hashlink headers heapless heck hermit-abi hickory-resolver hidapi hkdf hmac home hostname httparse
http-body httpdate httpmock humansize humantime hyper hyper-rustls hyper-tls hyper-util iana-time-zone icu_collections
ident_case idna ignore image indexmap indicatif indoc inotify insta instant inventory io-lifetimes ipnet iri-string
is-terminal itertools jni-sys jobserver js-sys json5 jsonschema jsonwebtoken kurbo lalrpop lambda_runtime lapin
lazy_static lazycell leptos lettre lexical libc libgit2-sys libloading libp2p librocksdb-sys libsqlite3-sys libz-sys
linked-hash-map linux-raw-sys litemap lock_api log4rs lz4_flex mach2 matchers matches matchit maplit memchr memmap2
memoffset miette mime_guess minimal-lexical miniz_oxide mockall mongodb moka multer multipart mysql native-tls nalgebra
ndarray nohash-hasher notify ntapi num-bigint num-complex num-conv num-derive num-integer num-iter num-rational
num-traits num_cpus num_enum num_threads object object_store once_cell oorandom opaque-debug opencv openssl
openssl-macros openssl-probe openssl-sys opentelemetry ordered-float os_str_bytes owo-colors parking parking_lot
parking_lot_core paste pem-rfc7468 percent-encoding pest_derive petgraph phf_shared pin-project pin-project-internal
pin-project-lite pin-utils pkcs1 pkcs8 pkg-config plotters polars polling poly1305 portable-atomic postgres
postgres-types powerfmt ppv-lite86 predicates pretty_assertions prettyplease prettytable-rs proc-macro-crate
proc-macro-error proc-macro-hack proc-macro2 proptest prometheus prost prost-build prost-derive prost-types protobuf
pulldown-cmark pyo3-macros quick-error quick-xml quickcheck quinn quote radium rand_chacha rand_core rand_distr ratatui
raw-window-handle rayon rayon-core rcgen rdkafka redis redox_syscall redox_users regex regex-automata regex-lite
regex-syntax remove_dir_all reqwest rfc6979 rkyv rocket rocksdb rstest rusqlite rust-embed rust_decimal
rustc-demangle rustc-hash rustc_version rustix rustls rustls-native-certs rustls-pemfile rustls-pki-types rustls-webpki
rustversion rustyline same-file scheduled-thread-pool schemars scoped-tls scopeguard scraper sea-orm secp256k1 secrecy
security-framework semver sentry serde serde-value serde_bytes serde_cbor serde_derive serde_json serde_path_to_error
serde_qs serde_repr serde_spanned serde_urlencoded serde_with serde_yaml serial_test serialport sha-1 sharded-slab
shellexpand shlex signal-hook signal-hook-registry signature simd-adler32 similar siphasher slotmap smallvec smol_str
snafu socket2 solana-sdk spin sqlparser sqlx-core sqlx-macros ssh2 stable_deref_trait static_assertions strsim structopt
strum strum_macros subtle supports-color surf swc_common symbolic synstructure sysinfo syntect tabled target-lexicon
tauri tempfile tendril termcolor terminal_size termion textwrap thiserror thiserror-impl thread_local threadpool tiff
time-core time-macros tiny-keccak tinystr tinytemplate tinyvec tokio tokio-macros tokio-native-tls tokio-openssl
tokio-postgres tokio-rustls tokio-stream tokio-tungstenite tokio-util toml_datetime toml_edit tonic tonic-build torch
tower tower-http tower-layer tower-service tracing tracing-appender tracing-attributes tracing-core tracing-error
tracing-futures tracing-log tracing-opentelemetry tracing-serde tracing-subscriber tree-sitter trybuild tungstenite
typemap typenum uname unicase unicode-bidi unicode-ident unicode-normalization unicode-segmentation unicode-width
unicode-xid universal-hash unsafe-libyaml untrusted ureq urlencoding utf8parse uuid-macro-internal valuable vcpkg
version_check void wait-timeout walkdir warp wasm-bindgen wasm-bindgen-backend wasm-bindgen-futures wasm-bindgen-macro
wasm-bindgen-shared wasmer wasmtime wayland-client web-sys web-time webbrowser webpki webpki-roots which wgpu widestring
winapi winapi-util windows windows-core windows-link windows-sys windows-targets winit winnow winreg wiremock
x25519-dalek xmlparser yaml-rust yansi yasna zerocopy zerocopy-derive zeroize zeroize_derive zerofrom zerovec zstd-safe
zstd-sys
"""

# Crates with users of their own whose names happen to stand beside one of the list.
_INNOCENT = """
adler2 arrow2 bincode2 bit-vec blake cache cbindgen chronos confik crayon flame hyperx memmap nom-derive pastey
proc-macro-error2 proc-macro-error3 rustfix socket termios yaml-rust2
"""


def lookalike(name: str) -> str | None:
    """The popular crate whose name is one slip away from `name`: a letter left out, put in, changed, or two swapped.
    None where there is none, or where `name` is well known itself. `-` and `_` count as one, as crates.io counts them,
    so that a name that differs in them alone is one slip away as well."""
    if name in _known() or len(name) < _SHORTEST:
        return None
    spelt = _spelt(name)
    near = {found for part in _shortened(spelt) for found in _by_part().get(part, ())}
    return min((found for found in near if _is_one_slip(_spelt(found), spelt)), default=None)


@functools.cache
def _known() -> frozenset[str]:
    return frozenset((*_POPULAR.split(), *_INNOCENT.split()))


def _spelt(name: str) -> str:
    return name.replace("_", "-").lower()


@functools.cache
def _by_part() -> Mapping[str, tuple[str, ...]]:
    """Each popular name, by all that is left of it when a letter is taken out."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in _POPULAR.split():
        if len(name) >= _SHORTEST:
            for part in _shortened(_spelt(name)):
                found[part].append(name)
    return {part: tuple(names) for part, names in found.items()}


def _shortened(name: str) -> set[str]:
    return {name, *(name[:place] + name[place + 1 :] for place in range(len(name)))}


def _is_one_slip(left: str, right: str) -> bool:
    if len(left) != len(right):
        longer, shorter = (left, right) if len(left) > len(right) else (right, left)
        return len(longer) == len(shorter) + 1 and shorter in _shortened(longer)
    apart = [place for place in range(len(left)) if left[place] != right[place]]
    if len(apart) == 1:
        # sha1 and sha2, windows-0-48 and windows-0-52: numbers are told apart on purpose.
        return not (left[apart[0]].isdigit() and right[apart[0]].isdigit())
    if len(apart) == 2:
        first, second = apart
        return second == first + 1 and left[first] == right[second] and left[second] == right[first]
    return not apart
