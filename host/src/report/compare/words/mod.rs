//! The words of the report, a table for each language. A word that a language lacks does not compile.

mod advice;
mod en;
mod zh;

use serde::Serialize;

pub(super) use advice::AdviceWords;

/// The languages that there are words in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    English,
    Chinese,
}

impl Language {
    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Chinese => "zh",
        }
    }

    pub(super) fn words(self) -> &'static Words {
        match self {
            Language::English => &en::WORDS,
            Language::Chinese => &zh::WORDS,
        }
    }

    pub(super) fn advice(self) -> &'static AdviceWords {
        match self {
            Language::English => &advice::ENGLISH,
            Language::Chinese => &advice::CHINESE,
        }
    }
}

impl Words {
    /// The word for a verdict, which results name in capitals; what is none of them stays as it is.
    pub(super) fn verdict_of<'a>(&'a self, name: &'a str) -> &'a str {
        match name {
            "VALID" => self.valid,
            "DOUBTFUL" => self.doubtful,
            "INVALID" => self.invalid,
            other => other,
        }
    }
}

macro_rules! words {
    ($Words:ident: $($word:ident)*) => {
        /// Every word and sentence; `{gap}` is filled in.
        #[derive(Debug, Serialize)]
        pub(crate) struct $Words { $(pub(crate) $word: &'static str,)* }
    };
}

use words;

words! {
    Words:
    title configuration item statistic model_name family quantisation parameters requests requests_cell concurrency rate_cell
    input_length measured_by verdict valid doubtful invalid objectives unknown
    details speed ttft itl e2el ttft_title itl_title e2el_title unit_s unit_ms
    throughput per_request unit_tok_s overall output_throughput request_rate_min request_rate_s error_rate goodput goodput_share
    output
    mean median fastest p95 p99 stddev highest mean_output longest_output
    interval_note
    analysis sizes family_heading no_families speed_changes throughput_changes
    increase decrease noise no_interval interval also_quantisation also_load
    gradient class runs_in small medium large no_sizes
    quantisation_effect no_quantisation by_quantisation
    ranking rule interactive interactive_rule throughput_scenario throughput_rule long_output long_output_rule
    place run shared unsure
    notes note_mixed note_legacy note_format note_no_records note_few note_verdict note_from_records note_torn note_failed note_load note_input
    gate worse undecided within_limit no_difference better too_few would_decide too_many needs passed not_decided failed
    left_out and_more newest
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;

    fn table(language: Language) -> Map<String, Value> {
        let tables = [
            ("", serde_json::to_value(language.words())),
            ("advice.", serde_json::to_value(language.advice())),
        ];
        let words = tables.into_iter().flat_map(|(of, table)| match table.expect("words") {
            Value::Object(table) => table.into_iter().map(move |(word, text)| (format!("{of}{word}"), text)),
            other => panic!("{other}"),
        });
        words.collect()
    }

    fn gaps(sentence: &Value) -> Vec<String> {
        let text = sentence.as_str().expect("a text");
        let mut gaps: Vec<String> =
            text.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0.to_owned())).collect();
        gaps.sort();
        gaps
    }

    #[test]
    fn both_languages_have_every_word_with_the_same_gaps() {
        let (en, zh) = (table(Language::English), table(Language::Chinese));
        assert_eq!(en.keys().collect::<Vec<_>>(), zh.keys().collect::<Vec<_>>());
        assert!(en.len() > 60);
        for (word, english) in &en {
            assert_ne!(english.as_str(), Some(""), "{word}");
            assert_eq!(gaps(english), gaps(&zh[word]), "{word}");
            // Names of statistics and units are the same everywhere.
            let is_name = ["p95", "p99"].contains(&word.as_str());
            assert_eq!(english == &zh[word], is_name, "{word}: {english}");
        }
    }
}
