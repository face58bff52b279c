//! The files of a new plugin: small ones that are its author's, and with a language that has no package of its SDK, the SDK.
//! `{{name}}` in the former is its name, `{{crate}}` the same as an identifier, `{{sdk}}` where the Rust SDK is, `{{source}}` the file to
//! begin with and `{{test}}` the command of its tests.

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

/// A path in the new directory, and what stands there.
type File = (&'static str, &'static str);

/// What a plugin begins with, and what its author does next.
pub(super) struct Skeleton {
    /// To be filled in.
    own: &'static [File],
    /// To be written as they are.
    sdk: &'static [File],
    source: &'static str,
    pub(super) test: &'static str,
}

macro_rules! sources {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../", $path))
    };
}

/// Of what every language has.
const README: File = ("README.md", sources!("sdk/templates/README.md.in"));
const GITIGNORE: File = (".gitignore", sources!("sdk/templates/gitignore.in"));
const WIT: File = ("wit/llmperf-plugin.wit", sources!("wit/llmperf-plugin.wit"));
const FIXTURES: &[File] = &[
    ("fixtures/two-words/spec.json", sources!("sdk/templates/fixtures/two-words/spec.json")),
    ("fixtures/two-words/request.json", sources!("sdk/templates/fixtures/two-words/request.json")),
    ("fixtures/two-words/response.bin", sources!("sdk/templates/fixtures/two-words/response.bin")),
    (
        "fixtures/two-words/response.meta.json",
        sources!("sdk/templates/fixtures/two-words/response.meta.json"),
    ),
    ("fixtures/two-words/expected.json", sources!("sdk/templates/fixtures/two-words/expected.json")),
    ("fixtures/refused/response.bin", sources!("sdk/templates/fixtures/refused/response.bin")),
    ("fixtures/refused/response.meta.json", sources!("sdk/templates/fixtures/refused/response.meta.json")),
    ("fixtures/refused/expected.json", sources!("sdk/templates/fixtures/refused/expected.json")),
];

const RUST: Skeleton = Skeleton {
    own: &[
        README,
        GITIGNORE,
        ("build.sh", sources!("sdk/templates/rust/build.sh.in")),
        ("Cargo.toml", sources!("sdk/templates/rust/Cargo.toml.in")),
        ("src/lib.rs", sources!("sdk/templates/rust/src/lib.rs.in")),
    ],
    sdk: &[],
    source: "src/lib.rs",
    test: "cargo test",
};

const JAVASCRIPT: Skeleton = Skeleton {
    own: &[
        README,
        GITIGNORE,
        ("build.sh", sources!("sdk/templates/javascript/build.sh.in")),
        ("package.json", sources!("sdk/templates/javascript/package.json.in")),
        ("src/plugin.js", sources!("sdk/templates/javascript/src/plugin.js.in")),
        ("test/plugin.test.js", sources!("sdk/templates/javascript/test/plugin.test.js.in")),
    ],
    sdk: &[
        WIT,
        ("sdk/llmperf.js", sources!("sdk/javascript/llmperf.js")),
        ("sdk/testing.js", sources!("sdk/javascript/testing.js")),
    ],
    source: "src/plugin.js",
    test: "npm test",
};

const PYTHON: Skeleton = Skeleton {
    own: &[
        README,
        GITIGNORE,
        ("build.sh", sources!("sdk/templates/python/build.sh.in")),
        ("test.sh", sources!("sdk/templates/python/test.sh.in")),
        ("src/app.py", sources!("sdk/templates/python/src/app.py.in")),
        ("test/test_app.py", sources!("sdk/templates/python/test/test_app.py.in")),
    ],
    sdk: &[
        WIT,
        ("sdk/api.py", sources!("sdk/python/api.py")),
        ("sdk/llmperf.py", sources!("sdk/python/llmperf.py")),
        ("sdk/testing.py", sources!("sdk/python/testing.py")),
    ],
    source: "src/app.py",
    test: "sh test.sh",
};

const C: Skeleton = Skeleton {
    own: &[
        README,
        GITIGNORE,
        ("build.sh", sources!("sdk/templates/c/build.sh.in")),
        ("test.sh", sources!("sdk/templates/c/test.sh.in")),
        ("src/plugin.c", sources!("sdk/templates/c/src/plugin.c.in")),
        ("test/test.c", sources!("sdk/templates/c/test/test.c.in")),
    ],
    sdk: &[
        WIT,
        ("sdk/json.c", sources!("sdk/c/json.c")),
        ("sdk/json.h", sources!("sdk/c/json.h")),
        ("sdk/llmperf.c", sources!("sdk/c/llmperf.c")),
        ("sdk/llmperf.h", sources!("sdk/c/llmperf.h")),
        ("sdk/plugin.c", sources!("sdk/c/plugin.c")),
        ("sdk/plugin.h", sources!("sdk/c/plugin.h")),
        ("sdk/testing.c", sources!("sdk/c/testing.c")),
        ("sdk/testing.h", sources!("sdk/c/testing.h")),
    ],
    source: "src/plugin.c",
    test: "sh test.sh",
};

const GO: Skeleton = Skeleton {
    own: &[
        README,
        GITIGNORE,
        ("build.sh", sources!("sdk/templates/go/build.sh.in")),
        ("test.sh", sources!("sdk/templates/go/test.sh.in")),
        ("src/main.go", sources!("sdk/templates/go/src/main.go.in")),
        ("src/main_test.go", sources!("sdk/templates/go/src/main_test.go.in")),
    ],
    sdk: &[
        WIT,
        ("go.mod", sources!("sdk/go/go.mod")),
        ("no-wasi.wat", sources!("sdk/go/no-wasi.wat")),
        ("llmperf/abi.go", sources!("sdk/go/llmperf/abi.go")),
        ("llmperf/exports.go", sources!("sdk/go/llmperf/exports.go")),
        ("llmperf/json.go", sources!("sdk/go/llmperf/json.go")),
        ("llmperf/out.go", sources!("sdk/go/llmperf/out.go")),
        ("llmperf/plugin.go", sources!("sdk/go/llmperf/plugin.go")),
        ("llmperf/testing.go", sources!("sdk/go/llmperf/testing.go")),
    ],
    source: "src/main.go",
    test: "sh test.sh",
};

impl Language {
    pub(super) fn skeleton(self) -> &'static Skeleton {
        match self {
            Language::Rust => &RUST,
            Language::Javascript => &JAVASCRIPT,
            Language::Python => &PYTHON,
            Language::C => &C,
            Language::Go => &GO,
        }
    }
}

impl Skeleton {
    /// Writes it into a directory that is not there yet; tells how many files.
    pub(super) fn write(&self, dir: &Path, fill: &dyn Fn(&str) -> String) -> Result<usize> {
        // A link that leads nowhere is something too.
        if dir.symlink_metadata().is_ok() {
            bail!(
                "{} exists already\nhint: choose another name, or another directory to be in",
                dir.display()
            );
        }
        for (path, content) in self.own {
            let own = content.replace("{{source}}", self.source).replace("{{test}}", self.test);
            write(&dir.join(path), &fill(&own))?;
        }
        for (path, content) in self.sdk.iter().chain(FIXTURES) {
            write(&dir.join(path), content)?;
        }
        Ok(self.own.len() + self.sdk.len() + FIXTURES.len())
    }
}

fn write(path: &Path, content: &str) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
    }
    fs::write(path, content).with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn fill(text: &str) -> String {
        ["name", "crate", "sdk"].iter().fold(text.to_owned(), |t, w| t.replace(&format!("{{{{{w}}}}}"), "x"))
    }

    #[test]
    fn nothing_is_left_to_fill_in_and_nothing_is_written_over() {
        for language in Language::value_variants() {
            let dir = tempfile::tempdir().expect("a directory");
            let (skeleton, new) = (language.skeleton(), dir.path().join("new"));
            let all = skeleton.own.len() + skeleton.sdk.len() + FIXTURES.len();
            assert_eq!(skeleton.write(&new, &fill).expect("it is written"), all);
            for (path, _) in skeleton.own {
                let text = fs::read_to_string(new.join(path)).expect(path);
                assert!(!text.contains("{{"), "{path}: {text}");
            }
            assert!(new.join(skeleton.source).exists(), "{language:?}");
            let readme = fs::read_to_string(new.join("README.md")).expect("a page");
            assert!(readme.contains(skeleton.test) && readme.contains(skeleton.source), "{readme}");
            assert!(skeleton.write(&new, &fill).is_err());
        }
    }

    /// A file that is added to an SDK is to be in new plugins too.
    #[test]
    fn every_file_of_an_sdk_comes_along() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk");
        for (language, below, skeleton) in [
            ("javascript", "", &JAVASCRIPT),
            ("python", "", &PYTHON),
            ("c", "", &C),
            ("go", "", &GO),
            ("go", "llmperf", &GO),
        ] {
            let files = fs::read_dir(sdk.join(language).join(below)).expect("an SDK");
            let files = files.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file());
            let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
            let there: BTreeSet<String> =
                files.map(|path| name(&path)).filter(|name| name != "README.md").collect();
            let taken: BTreeSet<String> =
                skeleton.sdk.iter().map(|(path, _)| name(Path::new(path))).collect();
            assert!(there.is_subset(&taken), "{language}: {there:?}");
        }
    }
}
