//! What a file is, by its first bytes. The usual mistakes have a name.

use anyhow::{Result, bail};

/// A component larger than this is refused unread; CPython with its standard library is some 18 MiB.
const MAX_COMPONENT_BYTES: usize = 64 << 20;

/// What a file that was given as a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A WebAssembly component: what a plugin must be.
    Component,
    /// A core WebAssembly module.
    CoreModule,
    /// WebAssembly of a later kind.
    OtherWasm,
    /// Nothing.
    Empty,
    /// ELF: a program, a shared library, or wasmtime's `.cwasm`.
    NativeCode,
    /// WebAssembly as text.
    WasmText,
    /// Anything else.
    Other,
}

impl FileKind {
    /// Looks at the first bytes.
    pub fn of(bytes: &[u8]) -> FileKind {
        match bytes {
            [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => FileKind::Component,
            [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => FileKind::CoreModule,
            [0, b'a', b's', b'm', ..] => FileKind::OtherWasm,
            [] => FileKind::Empty,
            [0x7f, b'E', b'L', b'F', ..] => FileKind::NativeCode,
            [b'(', ..] => FileKind::WasmText,
            _ => FileKind::Other,
        }
    }
}

impl std::fmt::Display for FileKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            FileKind::Component => "a WebAssembly component",
            FileKind::CoreModule => "a core WebAssembly module",
            FileKind::OtherWasm => "WebAssembly of a kind this host does not know",
            FileKind::Empty => "an empty file",
            FileKind::NativeCode => "native code (ELF; a .cwasm or a shared library)",
            FileKind::WasmText => "WebAssembly text",
            FileKind::Other => "not WebAssembly",
        })
    }
}

/// Says what a file is that is no component, or too large a one.
pub(super) fn refuse_what_is_no_component(bytes: &[u8]) -> Result<()> {
    if bytes.len() > MAX_COMPONENT_BYTES {
        bail!("it is larger than {} MiB", MAX_COMPONENT_BYTES >> 20);
    }
    match FileKind::of(bytes) {
        FileKind::Component => Ok(()),
        FileKind::Empty => bail!("the file is empty"),
        kind @ FileKind::CoreModule => bail!(
            "it is {kind}, not a component\nhint: build it for wasm32-wasip2, or wrap it with `wasm-tools component new`"
        ),
        kind @ FileKind::NativeCode => bail!("it is {kind}, which is never loaded"),
        kind @ FileKind::WasmText => {
            bail!("it is {kind}\nhint: turn it into a component with `wasm-tools parse`")
        }
        kind => bail!("it is {kind}"),
    }
}
