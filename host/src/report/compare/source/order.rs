//! The order of a directory's runs, and a label of its own for each.

use std::path::{Component, Path};

use crate::report::compare::{ComparedRun, Tool};
use crate::report::llmperf::file_base;

/// By family and size, then quantisation and load; what is alike in all stays in its order.
pub(super) fn sort(runs: &mut [ComparedRun]) {
    let size = |run: &ComparedRun| run.traits.size.as_ref().map_or(f64::INFINITY, |size| size.billions);
    let load = |run: &ComparedRun| (run.request_rate.unwrap_or(0.0), run.concurrency);
    runs.sort_by(|a, b| {
        let by_family = a.traits.family.cmp(&b.traits.family).then(size(a).total_cmp(&size(b)));
        let by_words = (&a.traits.quantisation, &a.model).cmp(&(&b.traits.quantisation, &b.model));
        let (a, b) = (load(a), load(b));
        by_family.then(by_words).then(a.0.total_cmp(&b.0)).then(a.1.cmp(&b.1))
    });
}

/// Gives each run a label: family and size; what has the same is told apart by quantisation, then load, then directory.
pub(super) fn label(runs: &mut [ComparedRun]) {
    runs.iter_mut().for_each(|run| run.label = run.traits.label());
    let parts: [fn(&ComparedRun) -> String; 2] =
        [|run| run.traits.quantisation.clone().unwrap_or_default(), load];
    for part in parts {
        for group in groups(runs) {
            let words: Vec<String> = group.iter().map(|&at| part(&runs[at])).collect();
            if words.iter().any(|word| *word != words[0]) {
                add(runs, &group, &words);
            }
        }
    }
    for group in groups(runs) {
        let words = directories(&group.iter().map(|&at| &runs[at]).collect::<Vec<_>>());
        add(runs, &group, &words);
    }
    for group in groups(runs) {
        let words: Vec<String> = (1..=group.len()).map(|number| format!("#{number}")).collect();
        add(runs, &group, &words);
    }
}

/// The runs that share a label, where more than one has it.
fn groups(runs: &[ComparedRun]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (at, run) in runs.iter().enumerate() {
        match groups.iter_mut().find(|group| runs[group[0]].label == run.label) {
            Some(group) => group.push(at),
            None => groups.push(vec![at]),
        }
    }
    groups.retain(|group| group.len() > 1);
    groups
}

fn add(runs: &mut [ComparedRun], group: &[usize], words: &[String]) {
    for (&at, word) in group.iter().zip(words) {
        runs[at].label = format!("{} {word}", runs[at].label).trim().to_owned();
    }
}

fn load(run: &ComparedRun) -> String {
    match (run.request_rate, run.concurrency) {
        (Some(rate), _) => format!("{rate}/s"),
        (None, Some(concurrency)) => format!("c{concurrency}"),
        (None, None) => String::new(),
    }
}

/// What tells the places of these runs apart: the last part of the path in which any two differ, or all that differs.
fn directories(runs: &[&ComparedRun]) -> Vec<String> {
    let paths: Vec<Vec<String>> = runs.iter().map(|run| parts(&run.path)).collect();
    let at_end = |back: usize| paths.iter().map(move |path| path.iter().rev().nth(back));
    let longest = paths.iter().map(Vec::len).max().unwrap_or(0);
    let differs = |back: &usize| at_end(*back).any(|part| part != paths[0].iter().rev().nth(*back));
    let Some(back) = (0..longest).find(differs) else { return vec![String::new(); runs.len()] };
    let word = |part: Option<&String>| part.cloned().unwrap_or_default();
    let last: Vec<String> = at_end(back).map(word).collect();
    let unique = |words: &[String]| (1..words.len()).all(|at| !words[..at].contains(&words[at]));
    let words = if unique(&last) {
        last
    } else {
        paths.iter().map(|path| path[..path.len().saturating_sub(back)].join("/")).collect()
    };
    let short = |(word, run): (String, &&ComparedRun)| match run.tool {
        // A run's directory begins with the model's name, which the label says already.
        Tool::Llmperf => {
            word.strip_prefix(&format!("{}_", file_base(&run.model))).unwrap_or(&word).to_owned()
        }
        _ => word,
    };
    words.into_iter().zip(runs).map(short).collect()
}

fn parts(path: &Path) -> Vec<String> {
    let named = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    };
    path.components().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::compare::report::tests::run;

    fn at(model: &str, concurrency: u64, path: &str) -> ComparedRun {
        ComparedRun { concurrency: Some(concurrency), path: path.into(), ..run(model, 20) }
    }

    fn labels(mut runs: Vec<ComparedRun>) -> Vec<String> {
        label(&mut runs);
        runs.into_iter().map(|run| run.label).collect()
    }

    #[test]
    fn a_directorys_runs_stand_by_family_and_size() {
        let mut runs = vec![
            at("qwen2.5:27b", 4, "a"),
            at("qwen2.5:7b", 8, "b"),
            at("qwen2.5:7b", 4, "c"),
            at("gemma2:9b", 4, "d"),
            at("gemma2", 4, "e"),
        ];
        sort(&mut runs);
        let paths: Vec<&str> = runs.iter().map(|run| run.path.to_str().unwrap()).collect();
        assert_eq!(paths, ["d", "e", "c", "b", "a"]);
    }

    #[test]
    fn a_label_says_no_more_than_tells_runs_apart() {
        let quantised = [at("a:7b-q8_0", 4, "r/1/summary.json"), at("a:7b-q4_0", 8, "r/2/summary.json")];
        assert_eq!(labels(quantised.to_vec()), ["A 7B Q8_0", "A 7B Q4_0"]);
        let loads = vec![at("a:7b", 4, "x"), at("a:7b", 16, "y"), at("b:7b", 4, "z")];
        assert_eq!(labels(loads), ["A 7B c4", "A 7B c16", "B 7B"]);
        let places = vec![
            at("a:7b", 4, "results/a-7b_load_1767225600/summary.json"),
            at("a:7b", 4, "results/a-7b_load_1767225700/summary.json"),
            at("a:7b", 8, "other/summary.json"),
        ];
        assert_eq!(labels(places), ["A 7B c4 load_1767225600", "A 7B c4 load_1767225700", "A 7B c8"]);
        let beside = vec![at("a:7b", 4, "old/run/summary.json"), at("a:7b", 4, "new/run/summary.json")];
        assert_eq!(labels(beside), ["A 7B old", "A 7B new"]);
        let crossed = vec![at("a:7b", 4, "old/x"), at("a:7b", 4, "old/y"), at("a:7b", 4, "new/x")];
        assert_eq!(labels(crossed), ["A 7B old/x", "A 7B old/y", "A 7B new/x"]);
        assert_eq!(labels(vec![at("a:7b", 4, "x"), at("a:7b", 4, "x")]), ["A 7B #1", "A 7B #2"]);
    }
}
