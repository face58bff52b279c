//! Judges a plugin as its author and a cautious user need it: what it is, what it asks for, and whether it does what the
//! contract says of it. Every check gives its evidence; one that fails never stops those that do not rest on it.

mod cost;
mod decode;
mod description;
mod expect;
mod fixture;
mod garbage;
mod question;
mod request;
mod state;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::plugin_log::PluginLog;
use super::reader::Reader;
use super::setup::plugin_engine;
use super::turns::Answers;
use crate::error::Error;
use crate::plugin::{Anatomy, Contract, Fault, Limits, Plugin, Treatment};
use crate::provider::Secrets;
use crate::tokens::Tokenizer;

pub use expect::differences;
pub use fixture::{CUTTINGS, Cutting, Fixture};
pub use question::Question;

use cost::Meter;

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckOutcome {
    Ok,
    Failed,
    /// What it needs is not there; the evidence says what.
    Skipped,
}

/// One check of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    pub outcome: CheckOutcome,
    /// What was found; where it failed, every reason on a line of its own. Texts of the plugin in it are not made inert.
    pub evidence: String,
}

/// Checks of a plugin, in order.
#[derive(Debug, Default)]
struct Checks(Vec<Check>);

impl Checks {
    fn note(&mut self, name: &str, outcome: CheckOutcome, evidence: impl Into<String>) {
        self.0.push(Check { name: name.to_owned(), outcome, evidence: evidence.into() });
    }

    /// Good with this evidence, or failed for these reasons; tells which.
    fn judge(&mut self, name: &str, found: Result<String, Vec<String>>) -> bool {
        match found {
            Ok(evidence) => self.note(name, CheckOutcome::Ok, evidence),
            Err(problems) => {
                self.note(name, CheckOutcome::Failed, problems.join("\n"));
                return false;
            }
        }
        true
    }
}

/// The checks that need a plugin that runs.
const OF_A_RUNNING_PLUGIN: &[&str] = &[
    "description",
    "requests",
    "urls and headers",
    "fixtures",
    "arbitrary bytes",
    "http errors",
    "state",
    "log",
    "limits",
    "cost",
];

/// Checks a component. `origin` names it; `fixtures` is a directory of recorded answers.
///
/// # Errors
/// The fixtures cannot be read, or WebAssembly does not run here. What is wrong with the component is in the checks.
pub fn check(origin: &str, bytes: &[u8], fixtures: Option<&Path>) -> Result<Vec<Check>, Error> {
    let fixtures = fixtures.map(Fixture::read_all).transpose().map_err(Error::usage)?;
    let mut checks = Checks::default();
    let anatomy = Anatomy::of(bytes);
    let plugin = match bytes_are_good(&anatomy, &mut checks) {
        true => load(origin, bytes, &mut checks)?,
        false => None,
    };
    match plugin {
        Some(plugin) => try_out(&plugin, &anatomy, fixtures.as_deref(), &mut checks)?,
        None => OF_A_RUNNING_PLUGIN
            .iter()
            .for_each(|name| checks.note(name, CheckOutcome::Skipped, "the plugin does not run")),
    }
    Ok(checks.0)
}

/// What is judged without compiling or running anything.
fn bytes_are_good(anatomy: &Anatomy, checks: &mut Checks) -> bool {
    let about = format!("{}, {} bytes, sha256 {}", anatomy.kind, anatomy.bytes, anatomy.sha256);
    let Some(component) = &anatomy.component else {
        checks.note("file", CheckOutcome::Failed, format!("it is {about}"));
        for name in ["contract", "imports", "loads"] {
            checks.note(name, CheckOutcome::Skipped, "it is no component");
        }
        return false;
    };
    let file = anatomy.defect.as_ref().map_or(Ok(about), |defect| Err(vec![defect.clone()]));
    let file_is_good = checks.judge("file", file);
    let contract = anatomy.contract();
    let spoken = contract.refusal(&component.exports);
    let contract_is_good = checks.judge(
        "contract",
        spoken
            .map_or_else(|| Ok(format!("{} (world plugin)", crate::plugin::CONTRACT)), |why| Err(vec![why])),
    );
    let refused = component.imports.iter().filter(|import| import.treatment == Treatment::Refused);
    let refused: Vec<String> =
        refused.map(|import| format!("{} is what no plugin may have", import.name)).collect();
    let imports = match (refused.is_empty(), component.imports.len()) {
        (false, _) => Err(refused),
        (true, 0) => Ok("none".to_owned()),
        (true, n) => Ok(format!("{n}, each answered by a stub that grants nothing")),
    };
    let imports_are_good = checks.judge("imports", imports);
    let good = file_is_good && contract_is_good && imports_are_good;
    if !good {
        checks.note("loads", CheckOutcome::Skipped, "what is above must be mended first");
    }
    debug_assert!(contract_is_good == (contract == Contract::Spoken));
    good
}

/// Compiles it and asks it what it is.
fn load(origin: &str, bytes: &[u8], checks: &mut Checks) -> Result<Option<Plugin>, Error> {
    let loaded = plugin_engine(Limits::default())?.load(origin, bytes);
    let (found, plugin) = match loaded {
        Ok(plugin) => (Ok("it compiles, links and starts".to_owned()), Some(plugin)),
        Err(error) => {
            let mine = error.downcast_ref::<Fault>().map_or_else(|| format!("{error:#}"), Fault::to_string);
            let what =
                if error.downcast_ref::<Fault>().is_some() { "it cannot describe itself: " } else { "" };
            (Err(vec![format!("{what}{mine}")]), None)
        }
    };
    checks.judge("loads", found);
    Ok(plugin)
}

/// A plugin that runs, and all it takes to try it out.
struct Subject<'a> {
    plugin: &'a Plugin,
    reader: Reader,
    fixtures: &'a [Fixture],
    /// The options that questions of the checks' own are asked with.
    options: Vec<(String, String)>,
}

fn try_out(
    plugin: &Plugin,
    anatomy: &Anatomy,
    fixtures: Option<&[Fixture]>,
    checks: &mut Checks,
) -> Result<(), Error> {
    let mut meter = Meter::new(anatomy);
    let reader = Reader {
        plugin: plugin.clone(),
        tokenizer: Tokenizer::embedded()?,
        secrets: Secrets::default(),
        save_text: true,
        log: PluginLog::new(false, 0),
        answers: Answers::default(),
    };
    let options = question::options(plugin.description(), fixtures.unwrap_or_default());
    let subject = Subject { plugin, reader, fixtures: fixtures.unwrap_or_default(), options };

    checks.judge("description", description::check(plugin, &mut meter));
    request::check(&subject, &mut meter, checks);
    let mut streams = match fixtures {
        None => {
            let why = "none next to the file or its source; --fixtures DIR names some";
            checks.note("fixtures", CheckOutcome::Skipped, why);
            vec![]
        }
        Some(_) => decode::check(&subject, &mut meter, checks),
    };
    let recorded = streams.len();
    let (found, made_up) = garbage::check(&subject, &streams, &mut meter);
    checks.judge("arbitrary bytes", found);
    streams.extend(made_up);
    checks.judge("http errors", garbage::check_explain(plugin, &mut meter));
    checks.judge("state", state::check(&subject, &streams));
    checks.judge("log", meter.judge_log());
    checks.judge("limits", meter.judge_limits());
    cost::check(plugin, &streams[..recorded], checks);
    Ok(())
}

/// Where the fixtures of a component are, unless it is said: `fixtures/` beside it, or in the nearest directory above it that
/// has one (`target/wasm32-wasip2/release/x.wasm` lies three below its source).
pub fn fixtures_near(file: &Path) -> Option<PathBuf> {
    /// As far as a target directory with a target and a profile in it goes.
    const MOST_UP: usize = 4;
    let file = std::path::absolute(file).ok()?;
    file.ancestors().skip(1).take(MOST_UP).map(|dir| dir.join("fixtures")).find(|dir| dir.is_dir())
}

impl Fixture {
    /// Every fixture in a directory, by name.
    ///
    /// # Errors
    /// The directory cannot be read or holds none, or one cannot be read; names the file.
    pub fn read_all(dir: &Path) -> Result<Vec<Fixture>> {
        let entries = std::fs::read_dir(dir)
            .with_context(|| format!("the fixtures of {} cannot be read", dir.display()))?;
        let mut cases: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        cases.retain(|path| path.is_dir());
        cases.sort();
        let mut fixtures = Vec::new();
        for case in cases {
            let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
            fixtures.extend(Fixture::read(&case, name)?);
        }
        if fixtures.is_empty() {
            bail!(
                "{} holds no fixture\nhint: one is a directory in it with response.bin, response.meta.json and expected.json",
                dir.display()
            );
        }
        Ok(fixtures)
    }
}

/// An instance that just started.
fn fresh(plugin: &Plugin) -> Result<crate::plugin::Session, Fault> {
    plugin.session()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixtures_are_found_beside_a_component_and_above_its_target_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        let fixtures = dir.path().join("fixtures");
        std::fs::create_dir(&fixtures).expect("a directory");
        let near = |file: &str| fixtures_near(&dir.path().join(file));
        assert_eq!(near("x.wasm"), Some(fixtures.clone()));
        assert_eq!(near("target/wasm32-wasip2/release/x.wasm"), Some(fixtures));
        assert_eq!(near("a/target/wasm32-wasip2/release/x.wasm"), None);
    }

    #[test]
    fn what_is_no_component_fails_the_first_check_and_skips_the_rest() {
        let checks = check("x", b"\x7fELF", None).expect("checks");
        assert_eq!((checks[0].name.as_str(), checks[0].outcome), ("file", CheckOutcome::Failed));
        assert!(checks[0].evidence.contains("native code"), "{checks:?}");
        assert!(checks[1..].iter().all(|check| check.outcome == CheckOutcome::Skipped));
        assert!(check("x", b"", Some(Path::new("/no/such/dir"))).is_err());
    }
}
