//! Builds the bundled plugins to WebAssembly components and leaves a table of them for `plugin::catalog` to embed.
//!
//! They get a target directory of their own, shared by all profiles of the host, so that a plugin is compiled once
//! and again only when it changes; and an environment of their own, so that what is meant for the host
//! (`RUSTFLAGS`, `CARGO_TARGET_DIR`, a clippy wrapper) does not reach the guest.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const TARGET: &str = "wasm32-wasip2";

fn main() {
    if let Err(error) = embed_plugins() {
        // One line is what cargo shows as an error; a compiler's own words follow as they are.
        let text = error.to_string();
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        println!("cargo::error={first}");
        eprint!("{rest}");
        std::process::exit(1);
    }
}

fn embed_plugins() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("..").canonicalize()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let sdk = ["sdk/src", "sdk/README.md", "sdk/Cargo.toml"];
    for watched in ["plugins", "wit", "Cargo.toml", "Cargo.lock"].into_iter().chain(sdk) {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }

    let names = plugin_names(&root)?;
    ensure_target()?;
    let target_dir = plugin_target_dir(&out);
    build(&root, &target_dir, &names)?;

    let mut table = String::from("pub(super) static BUNDLED: &[(&str, &[u8])] = &[\n");
    for name in &names {
        let file = format!("llmperf_plugin_{}.wasm", name.replace('-', "_"));
        let wasm = target_dir.join(TARGET).join("plugin").join(file);
        writeln!(table, "    ({name:?}, include_bytes!({:?})),", wasm.display().to_string())?;
    }
    table.push_str("];\n");
    fs::write(out.join("bundled.rs"), table)?;
    Ok(())
}

/// The folders of `plugins/`, each a crate `llmperf-plugin-<folder>`.
fn plugin_names(root: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join("plugins"))? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// `<target>/plugins`: beside the profiles, found from OUT_DIR (`<target>/[<triple>/]<profile>/build/<crate>-<hash>/out`),
/// since cargo does not tell a build script its target directory.
fn plugin_target_dir(out: &Path) -> PathBuf {
    let profile_dir = out.ancestors().nth(3).unwrap_or(out);
    let above = profile_dir.parent().unwrap_or(profile_dir);
    let named_by_triple = env::var_os("TARGET").is_some_and(|triple| above.file_name() == Some(&triple));
    let target = if named_by_triple { above.parent().unwrap_or(above) } else { above };
    target.join("plugins")
}

/// Makes sure that the compiler has the WebAssembly target, and lets rustup add it where it is missing.
fn ensure_target() -> Result<(), Box<dyn Error>> {
    if has_target()? {
        return Ok(());
    }
    let toolchain = env::var("RUSTUP_TOOLCHAIN").ok();
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]);
    if let Some(toolchain) = &toolchain {
        rustup.args(["--toolchain", toolchain]);
    }
    println!("cargo::warning=the bundled plugins need the target {TARGET}: letting rustup add it");
    let added = rustup.status().is_ok_and(|status| status.success());
    if added && has_target()? {
        return Ok(());
    }
    let toolchain = toolchain.map(|t| format!(" --toolchain {t}")).unwrap_or_default();
    Err(format!("the bundled plugins need the target {TARGET}; run: rustup target add {TARGET}{toolchain}")
        .into())
}

fn has_target() -> Result<bool, Box<dyn Error>> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output()?;
    let libdir = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(output.status.success() && fs::read_dir(libdir).is_ok_and(|mut entries| entries.next().is_some()))
}

fn build(root: &Path, target_dir: &Path, names: &[String]) -> Result<(), Box<dyn Error>> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["build", "--locked", "--profile", "plugin", "--target", TARGET]);
    cargo.arg("--target-dir").arg(target_dir);
    for name in names {
        cargo.args(["--package", &format!("llmperf-plugin-{name}")]);
    }
    for (key, _) in env::vars_os() {
        if meant_for_the_host(&key.to_string_lossy()) {
            cargo.env_remove(key);
        }
    }
    let output = cargo.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("building the bundled plugins failed:\n{}", String::from_utf8_lossy(&output.stderr)).into())
}

fn meant_for_the_host(variable: &str) -> bool {
    let exact = [
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTFLAGS",
        "CARGO_TARGET_DIR",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
    ];
    let prefixes = ["CARGO_BUILD_", "CARGO_PROFILE_", "CARGO_TARGET_"];
    exact.contains(&variable) || prefixes.iter().any(|prefix| variable.starts_with(prefix))
}
