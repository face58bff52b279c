//! What `llmperf plugin new` writes, taken through the commands that its README has.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::component::is_for_the_host;
use super::toolchain::{Language, caches, lend_tools};

/// A new plugin in a directory of its own.
pub(crate) struct New {
    dir: PathBuf,
    language: Language,
}

impl New {
    /// `llmperf plugin new shout-api --language …`.
    pub(crate) fn write(parent: &Path, language: Language) -> New {
        let mut llmperf = Command::new(env!("CARGO_BIN_EXE_llmperf"));
        llmperf.args(["plugin", "new", "shout-api", "--language", language.name()]);
        let said = done(llmperf.current_dir(parent));
        let new = New { dir: parent.join("shout-api"), language };
        let readme = fs::read_to_string(new.dir.join("README.md")).expect("its page");
        for command in ["sh build.sh", new.test(), "llmperf plugin check shout-api.wasm"] {
            assert!(said.contains(command) && readme.contains(command), "{command}: {said}{readme}");
        }
        new
    }

    pub(crate) fn build(&self) -> PathBuf {
        lend_tools(self.language, &self.dir);
        self.run("sh build.sh");
        self.dir.join("shout-api.wasm")
    }

    pub(crate) fn run_tests(&self) {
        let said = self.run(self.test());
        let passed = match self.language {
            Language::Rust => "2 passed; 0 failed",
            Language::C => "3 tests passed",
            Language::JavaScript => "pass 3",
            Language::Python => "Ran 3 tests",
            Language::Go => "ok",
        };
        assert!(said.contains(passed), "{said}");
    }

    fn test(&self) -> &'static str {
        match self.language {
            Language::Rust => "cargo test",
            Language::JavaScript => "npm test",
            Language::C | Language::Python | Language::Go => "sh test.sh",
        }
    }

    /// Runs a command of the README: what it said.
    fn run(&self, command: &str) -> String {
        let mut words = command.split(' ');
        let mut process = Command::new(words.next().expect("a program"));
        process.args(words).current_dir(&self.dir).envs(caches());
        let host = std::env::vars_os().filter(|(name, _)| is_for_the_host(&name.to_string_lossy()));
        host.for_each(|(name, _): (OsString, OsString)| _ = process.env_remove(name));
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target directory");
        done(process.env("CARGO_TARGET_DIR", target.join("plugins/new")).env("CARGO_NET_OFFLINE", "true"))
    }
}

fn done(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?} does not start: {e}"));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    said
}
