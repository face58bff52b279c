//! Everything a run needs, loaded and checked together before anything is sent.

use std::sync::Arc;

use anyhow::{Context, Result, bail};

use super::build::Builder;
use super::machine;
use super::plugin_log::PluginLog;
use super::reader::Reader;
use super::renewal::Renewal;
use super::turns::Answers;
use crate::clock::Clock;
use crate::error::Error;
use crate::mock::{self, Delay, MockConfig, MockHandle, UsageMode};
use crate::plan::{Plan, PluginSource, Target};
use crate::plugin::{Engine, Fault, Limits, OptionSpec, Plugin, Store, bundled};
use crate::provider::{Credential, Env, Provider, looks_secret};
use crate::record::{Failure, PreparedRequest};
use crate::tokens::Tokenizer;
use crate::units::{RequestId, Span};
use crate::workload::Workload;

/// The built-in target answers like a fast hosted model: the first token after 200 ms, then 50 a second.
const BUILT_IN_TTFT: Span = Span::from_millis(200);
const BUILT_IN_ITL: Span = Span::from_millis(20);

/// A load test with all its parts in place.
pub struct Setup {
    pub(super) plan: Plan,
    pub(super) clock: Clock,
    pub(super) builder: Arc<Builder>,
    pub(super) reader: Reader,
    pub(super) tokenizer: Tokenizer,
    /// Keeps a credential renewed that expires.
    pub(super) _renewal: Option<Renewal>,
    /// The built-in target, where it is the target.
    pub(super) mock: Option<MockHandle>,
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl Setup {
    /// Loads the tokenizer and the plugin, checks the workload against the one and the options against the other, and
    /// starts the built-in target if the plan asks for it. The run's clock starts here.
    pub fn new(plan: Plan) -> Result<Setup, Error> {
        Setup::with_env(plan, &|name| std::env::var(name).ok())
    }

    /// The same with another environment for the plugin's options; the plan has what it took from it already.
    pub fn with_env(plan: Plan, env: Env<'_>) -> Result<Setup, Error> {
        Setup::assemble(plan, env, true)
    }

    /// Without the built-in target and without a credential that has to be fetched: to be looked at, not to be run.
    pub(super) fn unconnected(plan: Plan) -> Result<Setup, Error> {
        Setup::assemble(plan, &|name| std::env::var(name).ok(), false)
    }

    fn assemble(plan: Plan, env: Env<'_>, connected: bool) -> Result<Setup, Error> {
        let clock = Clock::start();
        // The two take most of the start, and neither waits for the other.
        let tokenizer = {
            let path = plan.tokenizer.clone();
            machine::spawn("tokenizer", move || match path {
                Some(path) => Tokenizer::from_file(&path),
                None => Tokenizer::embedded(),
            })?
        };
        let plugin = load_plugin(&plan.plugin, plan.limits);
        let tokenizer = machine::join(tokenizer).map_err(Error::usage)?;
        let plugin = plugin?;
        let options = plugin_options(&plan, &plugin.description().options, env).map_err(Error::usage)?;
        let workload = match plan.check {
            Some(check) => Workload::of_check(check, plan.workload.seed, tokenizer.clone()),
            None => Workload::new(plan.workload, plan.dataset.clone(), plan.prefix, tokenizer.clone()),
        };
        let workload = workload.map_err(Error::usage)?;
        let (provider, mock) = provider(&plan, connected)?;
        let renewal = match connected {
            true => Renewal::start(&provider.credential).map_err(Error::usage)?,
            false => None,
        };
        let log = PluginLog::new(plan.show_plugin_log, plan.limits.log_lines);
        let reader = Reader {
            plugin: plugin.clone(),
            tokenizer: tokenizer.clone(),
            secrets: provider.secrets(),
            save_text: plan.save_text,
            log: log.clone(),
            answers: Answers::default(),
        };
        let builder = Arc::new(Builder {
            workload,
            plugin,
            provider,
            model: plan.sent_model.clone(),
            sampling: serde_json::Value::Object(plan.sampling.clone()).to_string(),
            options,
            log,
        });
        Ok(Setup { plan, clock, builder, reader, tokenizer, _renewal: renewal, mock })
    }

    /// Sees that the connections of this run may be open at a time.
    pub(super) fn ensure_open_files(&self) -> Result<(), Error> {
        // The built-in target holds the other end of every connection.
        let files_each = if self.mock.is_some() { 2 } else { 1 };
        machine::ensure_open_files(self.plan.concurrency, files_each).map_err(Error::usage)
    }

    /// The plan this was set up for.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The run's first request as it would go on the wire. Nothing is sent.
    ///
    /// # Errors
    /// Why the run's first request would fail before it is sent.
    pub fn first_request(&self) -> Result<Arc<PreparedRequest>, Failure> {
        let (ready, _) = self.builder.build(RequestId(0), &[]);
        ready.map_err(|(_, failure)| failure)
    }

    /// Where requests go, for people.
    pub fn target(&self) -> String {
        match self.mock {
            Some(_) => "the built-in target".to_owned(),
            None => self.builder.provider.base.to_string(),
        }
    }

    /// The API that is spoken, for people: the word that chose it, or what the plugin itself says.
    pub fn api(&self) -> String {
        match self.plan.plugin {
            PluginSource::Bundled(_) | PluginSource::Installed(_) => self.plan.llm_api.clone(),
            PluginSource::File(_) => self.builder.plugin.description().name.clone(),
        }
    }

    /// The plugin's name and version, for people.
    pub fn plugin(&self) -> String {
        let description = self.builder.plugin.description();
        format!("{} {}", description.name, description.version)
    }
}

/// The engine that plugins run in; what it compiled is kept in the user's cache directory.
pub fn plugin_engine(limits: Limits) -> Result<Engine> {
    let cache =
        directories::ProjectDirs::from("", "", "llmperf").map(|dirs| dirs.cache_dir().join("compiled"));
    Engine::new(limits, cache.as_deref())
}

pub(super) fn load_plugin(source: &PluginSource, limits: Limits) -> Result<Plugin, Error> {
    let engine = plugin_engine(limits)?;
    let loaded = match source {
        PluginSource::Bundled(name) => {
            let plugin =
                bundled().find(|plugin| plugin.name == *name).expect("a plan names bundled plugins only");
            engine.load_bundled(&plugin)
        }
        PluginSource::Installed(plugin) => {
            let wasm = Store::open().and_then(|store| store.component(plugin));
            engine.load(&plugin.name, &wasm.map_err(Error::usage)?)
        }
        PluginSource::File(path) => {
            let origin = path.display().to_string();
            let wasm = std::fs::read(path).with_context(|| format!("plugin {origin} cannot be read"));
            engine.load(&origin, &wasm.map_err(Error::usage)?)
        }
    };
    loaded.map_err(|error| {
        // What it is, is the user's to mend; what it does, its author's.
        if error.downcast_ref::<Fault>().is_some() { Error::plugin(error) } else { Error::usage(error) }
    })
}

fn provider(plan: &Plan, connected: bool) -> Result<(Provider, Option<MockHandle>)> {
    let (name, config) = match &plan.target {
        Target::Provider(provider) => return Ok(((**provider).clone(), None)),
        Target::BuiltIn => (
            "mock".to_owned(),
            MockConfig {
                ttft: Delay::Fixed(BUILT_IN_TTFT),
                itl: Delay::Fixed(BUILT_IN_ITL),
                // It owns no tokenizer; its estimate of the prompt would only raise questions.
                usage: UsageMode::Never,
                // What is asked for an answer gets the right one.
                answers: plan.check.map(|check| mock::Answers::by(move |prompt| check.right_reply(prompt))),
                ..MockConfig::default()
            },
        ),
    };
    let mock = if connected { Some(mock::spawn(config)?) } else { None };
    // Its port is not known before it is there.
    let origin = mock.as_ref().map_or("http://mock".to_owned(), |mock| mock.base_url().to_string());
    let base = format!("{origin}/v1").parse().context("the built-in target has no address")?;
    Ok((
        Provider { name, base, path: vec![], query: vec![], credential: Credential::None, headers: vec![] },
        mock,
    ))
}

/// The options of the plan and the defaults of the plugin; each must be known and of its kind.
fn plugin_options(plan: &Plan, known: &[OptionSpec], env: Env<'_>) -> Result<Vec<(String, String)>> {
    for (name, _) in &plan.plugin_options {
        if !known.iter().any(|option| option.name == *name) {
            let names: Vec<_> = known.iter().map(|option| option.name.as_str()).collect();
            bail!(
                "--plugin-option {name} is not an option of this plugin\nhint: it has {}",
                names.join(", ")
            );
        }
    }
    let mut options = Vec::new();
    for option in known {
        let given = plan.plugin_options.iter().rev().find(|(name, _)| *name == option.name);
        let given = given.map(|(_, value)| value.clone()).or_else(|| from_environment(plan, option, env));
        let Some(value) = given.or_else(|| option.default.clone()) else {
            if option.required {
                bail!(
                    "this plugin needs --plugin-option {}=…{}: {}",
                    option.name,
                    option.env.iter().map(|name| format!(" or {name}")).collect::<String>(),
                    option.help
                );
            }
            continue;
        };
        if !option.kind.fits(&value) {
            bail!("--plugin-option {}={value} is no {:?}", option.name, option.kind);
        }
        options.push((option.name.clone(), value));
    }
    Ok(options)
}

/// The first of the option's variables that is set. A guest never sees a credential, whatever it calls it; and one that did not
/// come with llmperf sees nothing that is named like one.
fn from_environment(plan: &Plan, option: &OptionSpec, env: Env<'_>) -> Option<String> {
    let is_trusted = matches!(plan.plugin, PluginSource::Bundled(_));
    let is_open =
        |name: &&String| !plan.credential_variables.contains(name) && (is_trusted || !looks_secret(name));
    let open = option.env.iter().filter(is_open);
    open.filter_map(|name| env(name)).find(|value| !value.is_empty())
}
