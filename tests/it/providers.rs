//! The providers that come with the host: each is served by a plugin, and README.md lists them as they are.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use llmperf::plugin::bundled;
use llmperf::provider::{Catalog, ProviderEntry, Scheme};

/// Where README.md holds the table.
const BEGIN: &str = "<!-- begin of the table of APIs -->\n";
const END: &str = "<!-- end of the table of APIs -->\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn every_provider_is_served_by_a_plugin_and_every_plugin_has_a_page() {
    let catalog = Catalog::bundled().expect("the bundled list");
    for entry in catalog.entries() {
        assert!(bundled().any(|plugin| plugin.name == entry.api), "{}: {}", entry.name, entry.api);
    }
    for plugin in bundled() {
        let page = root().join("plugins").join(plugin.name).join("README.md");
        let text = fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        assert!(text.contains("llmperf load"), "{} shows no command", page.display());
    }
}

#[test]
fn the_readmes_table_is_what_the_providers_and_fixtures_are() {
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path).expect("README.md");
    let (before, rest) = readme.split_once(BEGIN).expect("README.md has the table");
    let (kept, after) = rest.split_once(END).expect("the table ends");
    let table = table(&Catalog::bundled().expect("the bundled list"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).expect("README.md is written");
        return;
    }
    assert_eq!(table, kept, "if that is meant, run again with UPDATE_SNAPSHOTS=1");
}

fn table(catalog: &Catalog) -> String {
    let mut text = "| API (plugin) | providers: `--llm-api`, and LiteLLM's prefix | credential | tested with |\n|---|---|---|---|\n".to_owned();
    for plugin in bundled() {
        let served: Vec<&ProviderEntry> =
            catalog.entries().iter().filter(|entry| entry.api == plugin.name).collect();
        let names: Vec<String> = served.iter().map(|entry| names(entry)).collect();
        let ways: BTreeSet<&str> = served.iter().flat_map(|entry| entry.credential.iter().map(way)).collect();
        let ways: Vec<&str> = ways.into_iter().collect();
        let ways = if ways.is_empty() { "none".to_owned() } else { ways.join(", ") };
        let name = plugin.name;
        writeln!(
            text,
            "| [`{name}`](plugins/{name}/README.md) | {} | {ways} | {} |",
            names.join("; "),
            tested(catalog, name)
        )
        .expect("a String takes anything");
    }
    text
}

fn names(entry: &ProviderEntry) -> String {
    match entry.litellm.is_empty() {
        true => entry.name.clone(),
        false => format!("{} (`{}`)", entry.name, entry.litellm.join("` `")),
    }
}

fn way(scheme: &Scheme) -> &'static str {
    match scheme {
        Scheme::Bearer { .. } => "bearer",
        Scheme::Header { .. } => "header",
        Scheme::Query { .. } => "query",
        Scheme::Sigv4 { .. } => "SigV4",
        Scheme::Google => "Google token",
        Scheme::WatsonxIam { .. } => "IBM IAM",
    }
}

fn tested(catalog: &Catalog, api: &str) -> String {
    let answers = directories(&root().join("plugins").join(api).join("fixtures")).len();
    let goldens = directories(&root().join("tests/fixtures/requests"));
    let requests = goldens.iter().flat_map(|dir| files(dir)).filter(|file| {
        let golden: serde_json::Value =
            serde_json::from_slice(&fs::read(file).expect("a golden")).expect("JSON");
        let model = golden["call"]["args"]["model"].as_str().unwrap_or_default();
        catalog.route(model).is_ok_and(|(entry, _)| entry.api == api)
    });
    let parts = [(answers, "answer"), (requests.count(), "captured request")];
    let parts = parts.iter().filter(|(n, _)| *n > 0);
    let parts: Vec<String> =
        parts.map(|(n, what)| format!("{n} {what}{}", if *n == 1 { "" } else { "s" })).collect();
    parts.join(", ")
}

fn directories(dir: &Path) -> Vec<PathBuf> {
    entries(dir).into_iter().filter(|path| path.is_dir()).collect()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    entries(dir).into_iter().filter(|path| path.is_file()).collect()
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect()
}
