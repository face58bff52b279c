//! `llmperf plugin new`: writes a plugin to begin with, whose tests pass. The skeletons are files below `sdk/templates/`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, ValueEnum};

use super::print_result;
use crate::error::Error;
use crate::plugin::bundled;

/// Writes ./NAME with a plugin for a made-up API, recorded answers and a test, to be changed into what the real API needs.
#[derive(Debug, Args)]
pub(in crate::cli) struct NewArgs {
    /// The API's name: lower-case letters, digits and dashes
    name: String,
    /// What to write it in
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    language: Language,
    /// The Rust SDK: its directory, a git URL, or a version [default: the one of the checkout that llmperf was built in, or
    /// that holds the current directory]
    #[arg(long, value_name = "PATH|URL|VERSION")]
    sdk: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    Rust,
    Javascript,
    Python,
    C,
    Go,
}

impl Language {
    fn word(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::Javascript => "javascript",
            Language::Python => "python",
            Language::C => "c",
            Language::Go => "go",
        }
    }

    /// What a plugin in it begins with; `None` where there is no skeleton. Another language is a row here.
    fn skeleton(self) -> Option<Skeleton> {
        match self {
            Language::Rust => Some(Skeleton { files: RUST, next: RUST_NEXT }),
            Language::Javascript | Language::Python | Language::C | Language::Go => None,
        }
    }
}

/// The files of a new plugin, and what its author does next. `{{name}}` in them is the plugin's name, `{{crate}}` the same as
/// an identifier, `{{sdk}}` where the SDK is.
struct Skeleton {
    files: &'static [(&'static str, &'static str)],
    next: &'static str,
}

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../sdk/templates/", $path))
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

pub(in crate::cli) fn run(args: NewArgs) -> Result<u8, Error> {
    let NewArgs { name, language, sdk } = args;
    check_name(&name).map_err(Error::usage)?;
    let skeleton = language.skeleton().ok_or_else(|| {
        Error::usage(anyhow!(
            "there is no skeleton in {} yet\nhint: leave out --language for one in Rust; any language that compiles to a component will do, by the contract in wit/",
            language.word()
        ))
    })?;
    if sdk.is_some() && language != Language::Rust {
        return Err(Error::usage(anyhow!("--sdk is for --language rust\nhint: leave it out")));
    }
    let sdk = match language {
        Language::Rust => dependency(sdk.as_deref()).map_err(Error::usage)?,
        _ => String::new(),
    };
    let fill = |text: &str| {
        text.replace("{{name}}", &name).replace("{{crate}}", &name.replace('-', "_")).replace("{{sdk}}", &sdk)
    };
    write(Path::new(&name), &skeleton, &fill).map_err(Error::usage)?;
    let written = skeleton.files.len();
    print_result(&format!(
        "wrote {written} files to {name}/. Next:\n\n  cd {name}\n{}",
        fill(skeleton.next)
    ))?;
    Ok(0)
}

/// Names that a crate may not have, or that the skeleton's own dependencies have.
const TAKEN: &[&str] =
    &["alloc", "core", "llmperf-sdk", "proc-macro", "serde", "serde-json", "std", "test", "wit-bindgen"];

fn check_name(name: &str) -> Result<()> {
    let of_words = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let begins_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !begins_well || !name.split('-').all(of_words) {
        bail!(
            "{name:?} cannot be the name of a plugin\nhint: lower-case letters, digits and single dashes between them, a letter first"
        );
    }
    if bundled().any(|plugin| plugin.name == name) {
        bail!("{name} is the name of a plugin that comes with llmperf\nhint: choose another");
    }
    if TAKEN.contains(&name) {
        bail!("{name} is a name that a crate cannot have here\nhint: choose another");
    }
    Ok(())
}

fn write(dir: &Path, skeleton: &Skeleton, fill: &dyn Fn(&str) -> String) -> Result<()> {
    // A link that leads nowhere is something too.
    if dir.symlink_metadata().is_ok() {
        bail!("{} exists already\nhint: choose another name, or another directory to be in", dir.display());
    }
    for (path, content) in skeleton.files {
        let path = dir.join(path);
        let parent = path.parent().unwrap_or(dir);
        fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
        fs::write(&path, fill(content)).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

/// The SDK as `Cargo.toml` names it.
fn dependency(given: Option<&str>) -> Result<String> {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let path = match given {
        Some(url) if url.contains("://") || url.starts_with("git@") => {
            return Ok(format!("{{ git = {} }}", quoted(url)));
        }
        Some(version) if semver::VersionReq::parse(version).is_ok() => return Ok(quoted(version)),
        Some(path) if is_sdk(Path::new(path)) => PathBuf::from(path),
        Some(path) => {
            bail!("--sdk {path} is no directory with the crate llmperf-sdk\nhint: it is sdk/ of llmperf's sources")
        }
        None => near_by().context(
            "the Rust SDK is not found\nhint: --sdk names it: sdk/ of llmperf's sources, or the URL of their git repository",
        )?,
    };
    let path = path.canonicalize().with_context(|| format!("--sdk {} cannot be found", path.display()))?;
    let path = path.to_str().context("the path of the SDK is no text, and Cargo.toml can hold text only")?;
    Ok(format!("{{ path = {} }}", quoted(path)))
}

/// `sdk/` of the checkout that this program was built in (`target/release/llmperf`), or in which it is called.
fn near_by() -> Option<PathBuf> {
    let places = [std::env::current_exe(), std::env::current_dir()];
    let sdks = places.iter().flatten().flat_map(|place| place.ancestors()).map(|dir| dir.join("sdk"));
    sdks.into_iter().find(|sdk| is_sdk(sdk))
}

fn is_sdk(dir: &Path) -> bool {
    let manifest = fs::read_to_string(dir.join("Cargo.toml")).unwrap_or_default();
    manifest.contains("name = \"llmperf-sdk\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_words_and_not_taken() {
        for good in ["shout", "my-api2", "a"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in
            ["", "-", "a-", "a--b", "2a", "Shout", "a/b", "..", "a b", "é", "openai-chat", "serde", "a_b"]
        {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_sdk_is_a_path_a_git_url_or_a_version() {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/../sdk");
        assert!(dependency(Some(here)).expect("a path").starts_with("{ path = \"/"));
        assert_eq!(dependency(Some("https://h/llmperf")).expect("a URL"), "{ git = \"https://h/llmperf\" }");
        assert_eq!(dependency(Some("0.1")).expect("a version"), "\"0.1\"");
        let error = dependency(Some("/no/such")).expect_err("nothing there").to_string();
        assert!(error.contains("--sdk /no/such") && error.contains("hint:"), "{error}");
    }

    #[test]
    fn nothing_is_left_to_fill_in_and_nothing_is_written_over() {
        let dir = tempfile::tempdir().expect("a directory");
        let skeleton = Language::Rust.skeleton().expect("a skeleton");
        let fill = |text: &str| {
            ["name", "crate", "sdk"]
                .iter()
                .fold(text.to_owned(), |t, word| t.replace(&format!("{{{{{word}}}}}"), "x"))
        };
        let new = dir.path().join("new");
        write(&new, &skeleton, &fill).expect("it is written");
        for (path, _) in skeleton.files {
            let text = fs::read_to_string(new.join(path)).expect(path);
            assert!(!text.contains("{{"), "{path}: {text}");
        }
        assert!(write(&new, &skeleton, &fill).is_err());
    }
}
