//! What a run leaves behind: files, and what a person reads. It shows numbers and computes none.
//! Texts that a server, a plugin or a user supplied are made inert before they reach a terminal.

mod batch;
mod compare;
mod console;
mod correctness;
mod dialect;
mod files;
mod html;
mod inert;
pub mod llmperf;
mod manifest;
mod plugin_usage;
mod progress;
mod python_json;
mod record_json;
mod run_dir;
mod run_verdict;
mod summarise;
mod summary_json;
mod sweep;
mod talk;

pub use batch::{BatchRow, batch_table, text_table};
pub use compare::{
    Accuracy, ComparedRun, Facts, Format, InputNote, Language, Size, Tool, Traits, compare_json,
    comparison_notes, damage_notes, gate_json, gate_text, read_pair, read_runs, render_comparison,
};
pub use console::{RunLabel, grouped, render, render_dialects};
pub use correctness::{CheckLabel, CheckedRun, LISTED_MISMATCHES, Mismatch};
pub use dialect::add_dialects;
pub use files::{ReadRecords, RecordsWriter, read_records, write_atomically};
pub use html::html_page;
pub use inert::inert;
pub use manifest::{Manifest, ManifestPart};
pub use plugin_usage::{plugin_json, plugin_line};
pub use progress::Progress;
pub use record_json::{parse_record, write_record};
pub use run_dir::RunDir;
pub use run_verdict::RunVerdict;
pub use summarise::{Summarised, SummaryTerms, summarise};
pub use summary_json::{SCHEMA_VERSION, ascii_json, summary_json};
pub use sweep::{LoadAxis, SeriesRow, bracket_line, saturation_line, search_json, series_table, sweep_json};
pub use talk::{prompt, say};
