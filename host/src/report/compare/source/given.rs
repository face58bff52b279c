//! The paths as they are given: a shell's `results/*` names more than runs, and some runs twice.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};

use super::{NoRun, entries, order, read_path};
use crate::report::compare::document::fill;
use crate::report::compare::{ComparedRun, Language, Tool};

/// Paths that a note or an error names.
const MOST_NAMED: usize = 5;

/// What was read otherwise than the paths say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputNote {
    /// These are no runs, or runs that are there already.
    LeftOut(Vec<PathBuf>),
    /// Of several runs of one plan the newest was taken.
    Newest { directory: PathBuf, runs: usize, taken: PathBuf },
}

impl InputNote {
    /// A sentence.
    pub fn text(&self, language: Language) -> String {
        let words = language.words();
        match self {
            InputNote::LeftOut(paths) => {
                let mut named = names(paths);
                if let Some(more) = paths.len().checked_sub(MOST_NAMED).filter(|&more| more > 0) {
                    named = fill(words.and_more, &[("paths", &named), ("more", &more.to_string())]);
                }
                fill(words.left_out, &[("paths", &named)])
            }
            InputNote::Newest { directory, runs, taken } => fill(
                words.newest,
                &[
                    ("path", &directory.display().to_string()),
                    ("runs", &runs.to_string()),
                    ("taken", &taken.display().to_string()),
                ],
            ),
        }
    }
}

fn names(paths: &[PathBuf]) -> String {
    let named: Vec<String> = paths.iter().take(MOST_NAMED).map(|path| path.display().to_string()).collect();
    named.join(", ")
}

/// The runs of all paths: in the order given, and those of one directory by family and size. Among several paths, one that is no
/// run is left out, and so is what repeats a run: a sweep's document beside its runs, LLMPerf's format beside the run itself.
pub(super) fn all(paths: &[PathBuf]) -> Result<(Vec<ComparedRun>, Vec<InputNote>)> {
    let mut runs: Vec<(&Path, ComparedRun)> = Vec::new();
    let mut left_out: Vec<PathBuf> = Vec::new();
    let mut first_error = None;
    for path in paths {
        match read(path) {
            Ok(read) => runs.extend(read.into_iter().map(|run| (path.as_path(), run))),
            Err(error) if paths.len() > 1 && error.is::<NoRun>() => {
                left_out.push(path.clone());
                first_error.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(error) = first_error.filter(|_| runs.is_empty()) {
        return Err(error);
    }
    let repeats: Vec<bool> = (0..runs.len()).map(|at| is_repeated(at, &runs)).collect();
    let mut kept: Vec<ComparedRun> = Vec::new();
    for ((path, run), repeats) in runs.into_iter().zip(repeats) {
        if !repeats {
            kept.push(run);
        } else if left_out.last().is_none_or(|last| last != path) {
            left_out.push(path.to_owned());
        }
    }
    if is_whole_directory(paths) {
        order::sort(&mut kept);
    }
    let notes = if left_out.is_empty() { vec![] } else { vec![InputNote::LeftOut(left_out)] };
    Ok((kept, notes))
}

/// The one run that a path stands for; of several of one plan the newest.
pub(super) fn one(path: &Path, notes: &mut Vec<InputNote>) -> Result<ComparedRun> {
    let mut runs = read(path)?;
    let count = runs.len();
    let of_one_plan = |a: &ComparedRun, b: &ComparedRun| {
        (&a.model, a.concurrency, a.request_rate) == (&b.model, b.concurrency, b.request_rate)
    };
    let alike = runs.iter().all(|run| run.started.is_some() && of_one_plan(run, &runs[0]));
    if count > 1 && !alike {
        let paths: Vec<PathBuf> = runs.iter().map(|run| directory(run).to_owned()).collect();
        let more = if count > MOST_NAMED { ", …" } else { "" };
        return Err(anyhow!(
            "{} holds {count} runs of different plans\nhint: name one of them: {}{more}",
            path.display(),
            names(&paths)
        ));
    }
    runs.sort_by(|a, b| (a.started, &a.path).cmp(&(b.started, &b.path)));
    let taken = runs.pop().ok_or_else(|| anyhow!("{} holds no runs", path.display()))?;
    if count > 1 {
        let directory = directory(&taken).to_owned();
        notes.push(InputNote::Newest { directory: path.to_owned(), runs: count, taken: directory });
    }
    Ok(taken)
}

fn read(path: &Path) -> Result<Vec<ComparedRun>> {
    let mut runs = Vec::new();
    if path.is_file() && path.extension().is_none_or(|extension| extension != "json") {
        return Err(NoRun::of(path, "is no result that compare reads"));
    }
    read_path(path, &mut runs)?;
    if path.is_dir() {
        order::sort(&mut runs);
    }
    Ok(runs)
}

/// What names a run: its directory, or LLMPerf's file.
fn directory(run: &ComparedRun) -> &Path {
    match run.tool {
        Tool::Llmperf => run.path.parent().unwrap_or(&run.path),
        Tool::LlmperfFiles | Tool::LegacyLlmperf => &run.path,
    }
}

/// Whether another path names the same run more directly.
fn is_repeated(at: usize, runs: &[(&Path, ComparedRun)]) -> bool {
    let (path, run) = &runs[at];
    let of_series = |path: &Path, run: &ComparedRun| path.is_file() && path != run.path;
    let is_same = |other: &ComparedRun| match (run.tool, other.tool) {
        (Tool::LlmperfFiles, Tool::Llmperf) => {
            run.started.is_some() && run.started == other.started && run.model == other.model
        }
        _ => of_series(path, run) && fs::canonicalize(&run.path).ok() == fs::canonicalize(&other.path).ok(),
    };
    let others = runs.iter().enumerate().filter(|(number, _)| *number != at);
    others.into_iter().any(|(_, (path, other))| !of_series(path, other) && is_same(other))
}

/// Whether these paths are what a shell makes of `DIRECTORY/*`.
fn is_whole_directory(paths: &[PathBuf]) -> bool {
    let Some(parent) = paths.first().and_then(|path| path.parent()) else { return false };
    let is_shown =
        |path: &PathBuf| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.'));
    let here = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let named = |path: &PathBuf| path.file_name().map(ToOwned::to_owned);
    let shown: Vec<_> = entries(here).iter().filter(|path| is_shown(path)).map(named).collect();
    paths.len() > 1
        && paths.iter().all(|path| path.parent() == Some(parent))
        && paths.iter().map(named).collect::<Vec<_>>() == shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::compare::report::tests::run;

    #[test]
    fn only_a_whole_directory_in_its_order_is_one() {
        let directory = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = ["a", "b.json", "c"].map(|name| directory.path().join(name)).to_vec();
        paths.iter().for_each(|path| fs::write(path, "").unwrap());
        fs::write(directory.path().join(".hidden"), "").unwrap();
        assert!(is_whole_directory(&paths));
        assert!(!is_whole_directory(&paths[..2]), "a choice");
        assert!(!is_whole_directory(&[paths[1].clone(), paths[0].clone(), paths[2].clone()]));
    }

    #[test]
    fn the_document_of_a_series_and_llmperfs_format_repeat_their_run() {
        let at = |path: &str, tool: Tool, started: u64| {
            let mut run = run("m:7b", 20);
            (run.path, run.tool, run.started) = (path.into(), tool, Some(started));
            run
        };
        let runs = [
            (Path::new("r"), at("r/summary.json", Tool::Llmperf, 5)),
            (Path::new("m_summary.json"), at("m_summary.json", Tool::LlmperfFiles, 5)),
            (Path::new("n_summary.json"), at("n_summary.json", Tool::LlmperfFiles, 6)),
            (Path::new("o_summary.json"), at("o_summary.json", Tool::LegacyLlmperf, 5)),
        ];
        let repeated: Vec<bool> = (0..4).map(|at| is_repeated(at, &runs)).collect();
        assert_eq!(repeated, [false, true, false, false]);
    }

    #[test]
    fn a_note_names_a_few() {
        let paths: Vec<PathBuf> = (0..7).map(|n| format!("f{n}").into()).collect();
        let text = InputNote::LeftOut(paths).text(Language::English);
        assert_eq!(text, "left out, as it is no run: f0, f1, f2, f3, f4 and 2 more");
    }
}
