//! Which plugins there are: the bundled ones, embedded when the host was built.

mod table {
    include!(concat!(env!("OUT_DIR"), "/bundled.rs"));
}

/// A plugin that came with the host.
#[derive(Clone, Copy)]
pub struct Bundled {
    /// The API's name on the command line, and the plugin's folder in the source tree.
    pub name: &'static str,
    /// The component.
    pub wasm: &'static [u8],
}

impl std::fmt::Debug for Bundled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bundled({}, {} bytes)", self.name, self.wasm.len())
    }
}

/// The bundled plugins, by name.
pub fn bundled() -> impl ExactSizeIterator<Item = Bundled> {
    table::BUNDLED.iter().map(|&(name, wasm)| Bundled { name, wasm })
}
