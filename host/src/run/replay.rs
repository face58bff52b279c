//! `llmperf replay`: a recording goes through the same decoding as its run did, and comes to the same summary, bit for bit
//! where plugin, tokenizer and token basis are the same. Nothing is sent and no clock is read.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::background::Need;
use super::decode::Decoding;
use super::faults::Faults;
use super::footer::Footer;
use super::plugin_log::PluginLog;
use super::reader::Reader;
use super::results::{self, Results};
use super::resummarise::resummarise;
use super::turns::Answers;
use super::{Ended, QUEUED_RECORDS, ResultFiles, decode, machine, setup};
use crate::error::Error;
use crate::metrics::{Block, Summary, Tallied, Tally};
use crate::plan::{ReplayPlan, recorded_plugin};
use crate::provider::Secrets;
use crate::record::Exchange;
use crate::record::archive::{RECORDING_FILE, RecordingReader};
use crate::report::{Manifest, ManifestPart, RunDir, add_dialects, plugin_json};
use crate::tokens::Tokenizer;
use crate::units::RequestId;

/// A recording, read again.
#[derive(Debug)]
pub struct Replayed {
    pub summary: Summary,
    pub dialects: Vec<Block>,
    /// All of it as `summary.json` has it.
    pub json: Value,
    /// Where the results went; `None` where none were to be saved.
    pub files: Result<Option<ResultFiles>>,
    /// What is not as it was in the run, for people.
    pub notes: Vec<String>,
    pub label: ReplayLabel,
}

/// What the run was, for people; the words are the recording's.
#[derive(Debug, Clone)]
pub struct ReplayLabel {
    pub model: String,
    pub target: String,
    pub api: String,
    pub plugin: String,
    pub load: String,
    pub open_loop: bool,
}

/// Reads a recording again, or the records of a run where its directory is named.
pub fn replay(plan: &ReplayPlan) -> Result<Replayed, Error> {
    if RunDir::is_one(&plan.recording) && !plan.recording.join(RECORDING_FILE).exists() {
        return resummarise(plan);
    }
    let recording = RecordingReader::open(&plan.recording).map_err(Error::usage)?;
    let damaged = |error| anyhow::Error::from(error).context("the header of the recording cannot be read");
    let header = recording.header().clone();
    let recorded = Manifest::of(&header).map_err(|error| Error::usage(damaged(error)))?;
    let token_basis = plan.token_basis.unwrap_or(recorded.token_basis());
    let reader = reader(plan, &recorded)?;
    let comparison = Comparison::of(&reader, &recorded, recording.path());
    let mut results = Results::of_replay(plan, &recorded, &comparison.manifest(header))?;

    let (record_sender, incoming) = sync_channel(QUEUED_RECORDS);
    let faults = Faults::default();
    let decoding =
        Decoding { reader: reader.clone(), records: record_sender, record_waits: Arc::default(), faults };
    let queues = (machine::cores(), decode::MOST_QUEUED);
    // Nothing is measured here that decoding could disturb.
    let need = Need::default();
    need.arise();
    let (handover, decoders) = decode::start(&decoding, queues, None, &need)?;
    drop(decoding);
    let feeding: JoinHandle<Result<Fed>> = machine::spawn("read", move || feed(recording, &handover))?;
    let context = reader.context(token_basis, recorded.measured());
    let mut tally = Tally::new(context, &plan.slos, &plan.dialects);
    for record in incoming {
        results.keep(&record);
        tally.add(&record);
    }
    decoders.into_iter().for_each(machine::join);
    let fed = machine::join(feeding).map_err(Error::usage)?;

    let Tallied { summary, dialects, .. } = tally.finish(fed.footer.dropped);
    let server = fed.footer.server.as_deref();
    let mut json = results::report_json(&summary, Ended::Complete, &fed.footer.opened_ahead(), server);
    json["ended"] = json!(fed.footer.ended);
    json["replay"] = comparison.json(&fed);
    json["plugin"] = plugin_json(&reader.plugin.usage());
    add_dialects(&mut json, &dialects);
    let files = results.finish_replay(&recorded, &json);
    let notes = comparison.notes(&fed);
    Ok(Replayed { summary, dialects, json, files, notes, label: label(&reader, &recorded) })
}

fn reader(plan: &ReplayPlan, recorded: &Manifest) -> Result<Reader, Error> {
    let source = match &plan.plugin {
        Some(source) => source.clone(),
        None => {
            recorded_plugin(recorded.plugin_file(), recorded.plugin.name.clone()).map_err(Error::usage)?
        }
    };
    let plugin = setup::load_plugin(&source, plan.limits)?;
    let tokenizer = match (&plan.tokenizer, recorded.tokenizer_file()) {
        (Some(path), _) => Tokenizer::from_file(path),
        (None, Some(path)) => Tokenizer::from_file(&path).context(
            "the recording was made with this tokenizer, which cannot be used; --tokenizer names another",
        ),
        (None, None) => Tokenizer::embedded(),
    };
    Ok(Reader {
        plugin,
        tokenizer: tokenizer.map_err(Error::usage)?,
        // They were crossed out before anything was recorded.
        secrets: Secrets::default(),
        save_text: plan.save_text,
        answers: Answers::default(),
        log: PluginLog::new(plan.show_plugin_log, plan.limits.log_lines),
    })
}

/// What a recording held.
struct Fed {
    footer: Footer,
    /// It ends without its footer: the run was killed.
    torn: bool,
    /// Responses that had begun, and of whose end nothing is known.
    cut_off: usize,
}

/// Hands a recording to the decode threads, as the I/O thread did.
fn feed(mut recording: RecordingReader, handover: &decode::Handover) -> Result<Fed> {
    let mut begun: HashSet<RequestId> = HashSet::new();
    while let Some(exchange) = recording.next_exchange()? {
        let id = exchange.id();
        match exchange {
            Exchange::Part(_) => begun.insert(id),
            Exchange::End(_) | Exchange::Unsent(_) => begun.remove(&id),
        };
        // Fails only where a decode thread is gone; its panic is told where it is joined.
        let _ = handover.of(id).blocking_send(exchange);
    }
    let footer = recording.footer().map(Footer::of).transpose();
    let footer = footer.context("the footer of the recording cannot be read")?;
    Ok(Fed { torn: footer.is_none(), footer: footer.unwrap_or_default(), cut_off: begun.len() })
}

/// What was used in the run and what is used now.
struct Comparison {
    recording: String,
    plugin: Pair,
    tokenizer: Pair,
}

struct Pair {
    name: String,
    recorded_sha256: String,
    sha256: String,
}

impl Pair {
    fn of(recorded: &ManifestPart, name: &str, sha256: &str) -> Pair {
        Pair { name: name.to_owned(), recorded_sha256: recorded.sha256.clone(), sha256: sha256.to_owned() }
    }

    fn is_same(&self) -> bool {
        self.recorded_sha256 == self.sha256
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "sha256": self.sha256,
            "recorded_sha256": self.recorded_sha256,
            "same": self.is_same(),
        })
    }

    /// `None` where nothing has changed.
    fn note(&self, what: &str, changes: &str) -> Option<String> {
        let short = |digest: &str| digest.chars().take(12).collect::<String>();
        (!self.is_same()).then(|| {
            let (then, now) = (short(&self.recorded_sha256), short(&self.sha256));
            format!("another {what} than in the run (sha256 {now}…, then {then}…): {changes}")
        })
    }
}

impl Comparison {
    fn of(reader: &Reader, recorded: &Manifest, path: &Path) -> Comparison {
        let (plugin, tokenizer) = (&reader.plugin, &reader.tokenizer);
        Comparison {
            recording: path.display().to_string(),
            plugin: Pair::of(&recorded.plugin, &plugin.description().name, plugin.digest()),
            tokenizer: Pair::of(&recorded.tokenizer, tokenizer.name(), tokenizer.digest()),
        }
    }

    /// The manifest of the replay: that of the run, and what is otherwise now.
    fn manifest(&self, mut recorded: Value) -> Value {
        recorded["replay"] = json!({
            "llmperf_version": env!("CARGO_PKG_VERSION"),
            "recording": self.recording,
            "plugin": self.plugin.json(),
            "tokenizer": self.tokenizer.json(),
        });
        recorded
    }

    fn json(&self, fed: &Fed) -> Value {
        json!({
            "recording": self.recording,
            "torn": fed.torn,
            "cut_off_responses": fed.cut_off,
            "plugin": self.plugin.json(),
            "tokenizer": self.tokenizer.json(),
        })
    }

    fn notes(&self, fed: &Fed) -> Vec<String> {
        let plugin = self.plugin.note("plugin", "what it reads in the responses may differ");
        let tokenizer = self
            .tokenizer
            .note("tokenizer", "output tokens are counted anew; input tokens are as they were counted then");
        let torn = fed.torn.then(|| {
            let cut_off = match fed.cut_off {
                0 => String::new(),
                n => format!(", {n} responses are cut off and left out"),
            };
            format!("the recording is torn: its run was killed{cut_off}, and what was dropped is not known")
        });
        [plugin, tokenizer, torn].into_iter().flatten().collect()
    }
}

fn label(reader: &Reader, recorded: &Manifest) -> ReplayLabel {
    let description = reader.plugin.description();
    ReplayLabel {
        model: recorded.model().to_owned(),
        target: recorded.target(),
        api: recorded.llm_api().to_owned(),
        plugin: format!("{} {}", description.name, description.version),
        load: format!("replay of {}", recorded.load()),
        open_loop: recorded.is_open_loop(),
    }
}
