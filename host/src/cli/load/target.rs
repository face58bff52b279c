//! Where requests go, and what speaks to it.

use std::path::PathBuf;

use clap::Args;

use crate::plan::LoadInput;

#[derive(Debug, Args)]
#[command(next_help_heading = "Target")]
pub(in crate::cli) struct TargetArgs {
    /// Model name: goes into every request, and names the result files
    #[arg(long, short)]
    model: Option<String>,
    /// Provider or API: openai, anthropic, ollama, … [default: openai]
    ///
    /// `llmperf providers` lists them. The name of an API means a server of your own at --base-url. With litellm the
    /// provider is part of the model's name, as LiteLLM has it: --model together_ai/OWNER/NAME.
    #[arg(long, visible_alias = "api")]
    llm_api: Option<String>,
    /// Base URL of the server
    ///
    /// It goes before the provider's environment variable (OPENAI_API_BASE) and the provider's own address.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Environment variable that holds the key
    ///
    /// It is read instead of the provider's own (OPENAI_API_KEY).
    #[arg(long, value_name = "NAME")]
    key_env: Option<String>,
    /// File of providers, in the form of the bundled ones
    ///
    /// Its tables are added to them, and replace those of the same name. So does providers.toml in llmperf's
    /// configuration directory, where there is one.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    providers: Option<PathBuf>,
    /// Header for every request, as 'Name: value'; may be repeated
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// 'mock' starts the built-in target for this run
    ///
    /// No server, key or model is needed then.
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// Plugin to speak the API with, instead of a bundled one
    ///
    /// A WebAssembly component. It runs in a sandbox: without network, files, clock, environment or key.
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    /// Option of the plugin, as NAME=VALUE; may be repeated
    #[arg(long = "plugin-option", value_name = "NAME=VALUE")]
    plugin_options: Vec<String>,
    /// Limit of the plugin, as NAME=VALUE; may be repeated
    ///
    /// fuel=2G (instructions of one call), cpu=5s (of one call, what the host does for it included), memory=256MiB (of one
    /// instance), growth=1GiB (of all instances, beyond what they start with), answer=64MiB (what one call may hand over),
    /// output=16MiB (of one response), log=4KiB (kept of what an instance writes), log-lines=100 (shown of it), faults=10 (in a row, which end the run).
    #[arg(long = "plugin-limit", value_name = "NAME=VALUE", hide_short_help = true)]
    plugin_limits: Vec<String>,
    /// Show what the plugin writes to its stdout and stderr, up to 100 lines
    #[arg(long, hide_short_help = true)]
    plugin_log: bool,
}

impl TargetArgs {
    pub(in crate::cli) fn fill(self, input: &mut LoadInput) {
        input.model = self.model;
        input.llm_api = self.llm_api;
        input.target = self.target;
        input.base_url = self.base_url;
        input.key_env = self.key_env;
        input.providers = self.providers;
        input.headers = self.headers;
        input.plugin = self.plugin;
        input.plugin_options = self.plugin_options;
        input.plugin_limits = self.plugin_limits;
        input.plugin_log = self.plugin_log;
    }
}
