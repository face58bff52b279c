//! The files of a new plugin. `{{name}}` in them is its name, `{{crate}}` the same as an identifier, `{{sdk}}` where the Rust SDK is.
//! Those of Rust are here; those of other languages, which have no packages, come with a copy of their SDK and its example.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

/// What a plugin can be written in, with a skeleton to begin from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    Rust,
    Javascript,
    Python,
    C,
    Go,
}

/// What a plugin begins with, and what its author does next.
pub(super) struct Skeleton {
    /// Path and content.
    files: &'static [(&'static str, &'static str)],
    /// The directory below `sdk/` that is copied too.
    sdk: Option<&'static str>,
    /// Where the example's one file goes.
    example: (&'static str, &'static str),
    pub(super) next: &'static str,
}

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../sdk/templates/", $path))
    };
}

/// The same for every language but Rust, and how it is built.
macro_rules! with_a_script {
    ($script:literal) => {
        &[
            ("README.md", template!("README.md.in")),
            (".gitignore", template!("gitignore.in")),
            ("build.sh", template!($script)),
            (
                "wit/llmperf-plugin.wit",
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/llmperf-plugin.wit")),
            ),
        ]
    };
}

const RUST: &[(&str, &str)] = &[
    ("Cargo.toml", template!("rust/Cargo.toml.in")),
    ("README.md", template!("rust/README.md.in")),
    (".gitignore", template!("rust/gitignore.in")),
    ("src/lib.rs", template!("rust/src/lib.rs.in")),
    ("fixtures/two-words/spec.json", template!("rust/fixtures/two-words/spec.json")),
    ("fixtures/two-words/request.json", template!("rust/fixtures/two-words/request.json")),
    ("fixtures/two-words/response.bin", template!("rust/fixtures/two-words/response.bin")),
    ("fixtures/two-words/response.meta.json", template!("rust/fixtures/two-words/response.meta.json")),
    ("fixtures/two-words/expected.json", template!("rust/fixtures/two-words/expected.json")),
    ("fixtures/refused/response.bin", template!("rust/fixtures/refused/response.bin")),
    ("fixtures/refused/response.meta.json", template!("rust/fixtures/refused/response.meta.json")),
    ("fixtures/refused/expected.json", template!("rust/fixtures/refused/expected.json")),
];
const RUST_NEXT: &str = "  cargo test
  cargo build --release --target wasm32-wasip2
  llmperf plugin check target/wasm32-wasip2/release/{{crate}}.wasm
";
const SCRIPT_NEXT: &str = "  sh build.sh
  llmperf plugin check {{name}}.wasm
";

/// The recorded answers of the example that every SDK has.
const CASES: &str = "parrot-cases";
/// The example's directory in an SDK.
const EXAMPLE: &str = "parrot";
/// How the example names itself, in each language. Its API's address, which holds the word too, stays.
const OWN_NAMES: &[[&str; 2]] = &[
    ["name: 'parrot'", "name: '{{name}}'"],
    ["name = \"parrot\"", "name = \"{{name}}\""],
    ["Name: \"parrot\"", "Name: \"{{name}}\""],
];

impl Language {
    pub(super) fn skeleton(self) -> Skeleton {
        let copied = |sdk, files, example| Skeleton { files, sdk: Some(sdk), example, next: SCRIPT_NEXT };
        match self {
            Language::Rust => Skeleton { files: RUST, sdk: None, example: ("", ""), next: RUST_NEXT },
            Language::Javascript => {
                copied("javascript", with_a_script!("javascript/build.sh.in"), ("parrot.js", "plugin.js"))
            }
            Language::Python => copied("python", with_a_script!("python/build.sh.in"), ("app.py", "app.py")),
            Language::C => copied("c", with_a_script!("c/build.sh.in"), ("parrot.c", "plugin.c")),
            Language::Go => copied("go", with_a_script!("go/build.sh.in"), ("main.go", "main.go")),
        }
    }
}

impl Skeleton {
    /// Writes it into a directory that is not there yet; tells how many files. `sdk` is the directory of the SDKs.
    pub(super) fn write(&self, dir: &Path, sdk: &Path, fill: &dyn Fn(&str) -> String) -> Result<usize> {
        // A link that leads nowhere is something too.
        if dir.symlink_metadata().is_ok() {
            bail!(
                "{} exists already\nhint: choose another name, or another directory to be in",
                dir.display()
            );
        }
        let from = self.sdk.map(|language| sdk.join(language));
        if let Some(from) = from.as_deref().filter(|from| !from.join(EXAMPLE).is_dir()) {
            bail!("there is no SDK in {}\nhint: --sdk names sdk/ of llmperf's sources", from.display());
        }
        let mut written = 0;
        for (path, content) in self.files {
            write(&dir.join(path), fill(content).as_bytes())?;
            written += 1;
        }
        if let Some(from) = from {
            written += self.copy_example(&from.join(EXAMPLE).join(self.example.0), dir, fill)?;
            written += copy(&from, dir, &|name| name != EXAMPLE && name != "README.md")?;
            written += copy_dirs(&sdk.join(CASES), &dir.join("fixtures"))?;
        }
        Ok(written)
    }

    fn copy_example(&self, from: &Path, dir: &Path, fill: &dyn Fn(&str) -> String) -> Result<usize> {
        let source =
            fs::read_to_string(from).with_context(|| format!("{} cannot be read", from.display()))?;
        let named = OWN_NAMES.iter().fold(source, |text, [own, new]| text.replace(own, &fill(new)));
        write(&dir.join("src").join(self.example.1), named.as_bytes())?;
        Ok(1)
    }
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
    }
    fs::write(path, content).with_context(|| format!("{} cannot be written", path.display()))
}

/// Copies what is in a directory and wanted, and all below it; tells how many files.
fn copy(from: &Path, to: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<usize> {
    let in_from = || format!("{} cannot be read", from.display());
    let mut written = 0;
    for entry in fs::read_dir(from).with_context(in_from)? {
        let path = entry.with_context(in_from)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // What tools leave behind is no part of an SDK.
        if !wanted(&name) || name.starts_with(['.', '_']) || ["node_modules", "venv"].contains(&&*name) {
            continue;
        }
        let target = to.join(&name);
        if path.is_dir() {
            written += copy(&path, &target, &|_| true)?;
        } else {
            write(&target, &fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?)?;
            written += 1;
        }
    }
    Ok(written)
}

/// Copies the directories in a directory.
fn copy_dirs(from: &Path, to: &Path) -> Result<usize> {
    copy(from, to, &|name| from.join(name).is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str) -> String {
        ["name", "crate", "sdk"].iter().fold(text.to_owned(), |t, w| t.replace(&format!("{{{{{w}}}}}"), "x"))
    }

    #[test]
    fn nothing_is_left_to_fill_in_and_nothing_is_written_over() {
        let dir = tempfile::tempdir().expect("a directory");
        let (skeleton, new) = (Language::Rust.skeleton(), dir.path().join("new"));
        assert_eq!(skeleton.write(&new, dir.path(), &fill).expect("it is written"), skeleton.files.len());
        for (path, _) in skeleton.files {
            let text = fs::read_to_string(new.join(path)).expect(path);
            assert!(!text.contains("{{"), "{path}: {text}");
        }
        assert!(skeleton.write(&new, dir.path(), &fill).is_err());
    }

    #[test]
    fn another_language_gets_its_sdk_the_example_under_its_own_name_and_the_cases() {
        let dir = tempfile::tempdir().expect("a directory");
        let sdk = dir.path().join("sdk");
        for (file, text) in [
            ("javascript/llmperf.js", "sdk"),
            ("javascript/README.md", "of the SDK"),
            ("javascript/node_modules/x/y.js", "a tool"),
            ("javascript/parrot/parrot.js", "name: 'parrot', postJson(['v1', 'parrot'])"),
            ("parrot-cases/README.md", "of the cases"),
            ("parrot-cases/normal/response.bin", "{}"),
        ] {
            write(&sdk.join(file), text.as_bytes()).expect(file);
        }
        let new = dir.path().join("new");
        assert_eq!(Language::Javascript.skeleton().write(&new, &sdk, &fill).expect("it is written"), 7);
        let read = |file: &str| fs::read_to_string(new.join(file)).expect(file);
        assert_eq!(read("src/plugin.js"), "name: 'x', postJson(['v1', 'parrot'])");
        assert!(read("build.sh").contains("--output x.wasm") && read("README.md").contains("# x"));
        assert_eq!(
            (read("llmperf.js").as_str(), read("fixtures/normal/response.bin").as_str()),
            ("sdk", "{}")
        );
        let error = Language::Python.skeleton().write(&dir.path().join("other"), &sdk, &fill);
        assert!(error.expect_err("no SDK").to_string().contains("hint: --sdk"));
        assert!(!dir.path().join("other").exists());
    }
}
