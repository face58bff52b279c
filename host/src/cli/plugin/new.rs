//! `llmperf plugin new`: writes a plugin to begin with, whose tests pass.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;

use super::print_result;
use super::skeleton::Language;
use crate::error::Error;
use crate::plugin::bundled;

/// Writes ./NAME with a plugin for a made-up API, tests that pass and recorded answers, to be changed into what the real API needs.
#[derive(Debug, Args)]
pub(in crate::cli) struct NewArgs {
    /// The API's name: lower-case letters, digits and dashes
    name: String,
    /// What to write it in
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    language: Language,
    /// Where the Rust SDK is: the directory sdk/ of llmperf's sources, a git URL or a version [default: that of the checkout that
    /// llmperf was built in, or that holds the current directory]. Other languages' SDKs are written into the plugin
    #[arg(long, value_name = "PATH|URL|VERSION")]
    sdk: Option<String>,
}

pub(in crate::cli) fn run(args: NewArgs) -> Result<u8, Error> {
    let NewArgs { name, language, sdk } = args;
    check_name(&name).map_err(Error::usage)?;
    let dependency = match (language, sdk) {
        (Language::Rust, sdk) => dependency(sdk.as_deref()).map_err(Error::usage)?,
        (_, None) => String::new(),
        (_, Some(sdk)) => {
            return Err(Error::usage(anyhow!(
                "--sdk {sdk} is for Rust\nhint: leave it out; the SDKs of other languages are in llmperf itself"
            )));
        }
    };
    let identifier = name.replace('-', "_");
    let fill = |text: &str| {
        text.replace("{{name}}", &name).replace("{{crate}}", &identifier).replace("{{sdk}}", &dependency)
    };
    let skeleton = language.skeleton();
    let written = skeleton.write(Path::new(&name), &fill).map_err(Error::usage)?;
    print_result(&format!(
        "wrote {written} files to {name}/. Next:\n\n  cd {name}\n  sh build.sh\n  {}\n  llmperf plugin check {name}.wasm\n",
        skeleton.test
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

/// The SDK as `Cargo.toml` names it.
fn dependency(given: Option<&str>) -> Result<String> {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let path = match given {
        Some(url) if url.contains("://") || url.starts_with("git@") => {
            return Ok(format!("{{ git = {} }}", quoted(url)));
        }
        Some(version) if semver::VersionReq::parse(version).is_ok() => return Ok(quoted(version)),
        path => sdk_dir(path)?,
    };
    let path = path.canonicalize().with_context(|| format!("--sdk {} cannot be found", path.display()))?;
    let path = path.to_str().context("the path of the SDK is no text, and Cargo.toml can hold text only")?;
    Ok(format!("{{ path = {} }}", quoted(path)))
}

/// The directory of the Rust SDK.
fn sdk_dir(given: Option<&str>) -> Result<PathBuf> {
    match given {
        Some(path) if is_sdk(Path::new(path)) => Ok(PathBuf::from(path)),
        Some(path) => {
            bail!(
                "--sdk {path} is no directory with llmperf's SDK for Rust\nhint: it is sdk/ of llmperf's sources"
            )
        }
        None => near_by().context("the SDK is not found\nhint: --sdk names it: sdk/ of llmperf's sources"),
    }
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
}
