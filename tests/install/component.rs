//! The magpie: a component that says of itself what is written into it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

const MARKER: &[u8] = b"magpie-card:";
/// Bytes of the card, its marker included.
const CARD_BYTES: usize = 4096;

/// The component with this card.
pub(crate) fn magpie(card: &Value) -> Vec<u8> {
    let mut bytes = magpie_without_a_card();
    let card = card.to_string();
    assert!(card.len() <= CARD_BYTES - MARKER.len(), "the card is too long");
    let blank = |window: &[u8]| window.starts_with(MARKER) && window.ends_with(b"    ");
    let at = bytes.windows(MARKER.len() + 4).position(blank).expect("the marker is in the component");
    let start = at + MARKER.len();
    bytes[start..start + card.len()].copy_from_slice(card.as_bytes());
    bytes
}

/// The component as it was built, which cannot describe itself.
pub(crate) fn magpie_without_a_card() -> Vec<u8> {
    static BUILT: OnceLock<Vec<u8>> = OnceLock::new();
    BUILT.get_or_init(|| std::fs::read(build("llmperf-magpie")).expect("the component was built")).clone()
}

/// Builds a component as the host's build script builds the bundled plugins: into the same target directory, and without
/// the variables that are meant for the host.
fn build(package: &str) -> PathBuf {
    let target_dir =
        Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target directory").join("plugins");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()));
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    cargo.args([
        "build",
        "--locked",
        "--profile",
        "plugin",
        "--target",
        "wasm32-wasip2",
        "--package",
        package,
    ]);
    cargo.arg("--target-dir").arg(&target_dir);
    for (key, _) in std::env::vars_os() {
        let name = key.to_string_lossy();
        let exact = ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"];
        let prefixes = ["CARGO_BUILD_", "CARGO_PROFILE_", "CARGO_TARGET_"];
        if exact.contains(&&*name) || prefixes.iter().any(|prefix| name.starts_with(prefix)) {
            cargo.env_remove(&key);
        }
    }
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target_dir.join("wasm32-wasip2/plugin").join(format!("{}.wasm", package.replace('-', "_")))
}
