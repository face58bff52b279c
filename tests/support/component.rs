//! A component of this workspace, built for a test.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds a component as the host's build script builds the bundled plugins: into the same target directory, and without
/// the variables that are meant for the host.
pub(crate) fn build_component(package: &str) -> PathBuf {
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
    let host = std::env::vars_os().filter(|(name, _)| is_for_the_host(&name.to_string_lossy()));
    host.for_each(|(name, _)| _ = cargo.env_remove(name));
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target_dir.join("wasm32-wasip2/plugin").join(format!("{}.wasm", package.replace('-', "_")))
}

/// A variable of the environment that is meant for the host's own build.
pub(crate) fn is_for_the_host(name: &str) -> bool {
    let exact = ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"];
    let prefixes = ["CARGO_BUILD_", "CARGO_PROFILE_", "CARGO_TARGET_"];
    exact.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
}
