//! Questions whose right answer is known, and the judgement of replies. Pure in the request's id and the seed: what was
//! asked need not be kept to be judged.

mod json;
mod needle;
mod number;
mod repeat;

use std::sync::Arc;

use serde_json::Value;

pub use number::number_words;

use super::WorkloadError;
use super::verses::{Purpose, Verses, random};
use crate::record::{Grade, Message, RequestSpec};
use crate::units::{RequestId, Tokens};

/// What is asked, and what makes a reply right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// LLMPerf's: a number in words, to be written in digits.
    Number,
    /// A fact hidden in a prompt of this length in tokens, to be found.
    Needle { tokens: Tokens },
    /// An object of a small schema.
    Json,
    /// The same reply as to the same question at another time. Alone it finds every reply right.
    Repeat,
}

/// One question.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Question {
    pub(super) prompt: String,
    /// Input tokens it aims at; `None` where it has the length it has.
    pub(super) target: Option<Tokens>,
    /// What it was made from, by name.
    pub(super) facts: Vec<(&'static str, Value)>,
}

impl Question {
    /// A question of no length in particular.
    fn of(prompt: String, facts: Vec<(&'static str, Value)>) -> Question {
        Question { prompt, target: None, facts }
    }
}

impl Check {
    /// The word of `--check`.
    pub fn word(self) -> &'static str {
        match self {
            Check::Number => "number",
            Check::Needle { .. } => "needle",
            Check::Json => "json",
            Check::Repeat => "repeat",
        }
    }

    /// The reply of a target that makes no mistakes to a prompt of this check; `None` where it is none.
    pub fn right_reply(self, prompt: &str) -> Option<String> {
        match self {
            Check::Number => number::right_reply(prompt),
            Check::Needle { .. } => needle::right_reply(prompt),
            Check::Json => json::right_reply(prompt),
            Check::Repeat => repeat::right_reply(prompt),
        }
    }

    fn question(self, verses: &Verses, seed: u64, id: RequestId) -> Question {
        let mut rng = random(seed, Purpose::Check, id.0);
        match self {
            Check::Number => number::question(&mut rng),
            Check::Needle { tokens } => needle::question(verses, tokens, &mut rng),
            Check::Json => json::question(&mut rng),
            Check::Repeat => repeat::question(verses, &mut rng),
        }
    }

    fn grade(self, seed: u64, id: RequestId, reply: &str) -> Grade {
        let mut rng = random(seed, Purpose::Check, id.0);
        match self {
            Check::Number => number::grade(&mut rng, reply),
            Check::Needle { .. } => needle::grade(&mut rng, reply),
            Check::Json => json::grade(reply),
            Check::Repeat => Grade::Right,
        }
    }
}

/// A stream of questions.
#[derive(Debug)]
pub(super) struct CheckWorkload {
    check: Check,
    seed: u64,
    verses: Arc<Verses>,
}

impl CheckWorkload {
    /// # Errors
    /// No prompt can be as short as was asked for.
    pub(super) fn new(check: Check, seed: u64, verses: Arc<Verses>) -> Result<CheckWorkload, WorkloadError> {
        if let Check::Needle { tokens } = check {
            needle::fits(&verses, tokens)?;
        }
        Ok(CheckWorkload { check, seed, verses })
    }

    /// The request with this id: LLMPerf's empty system message, the question, and no limit of output tokens.
    pub(super) fn request(&self, id: RequestId) -> RequestSpec {
        let Question { prompt, target, .. } = self.question(id);
        let isl = self.verses.tokenizer.count(&prompt);
        let message = |role: &str, text| Message { role: role.to_owned(), text };
        RequestSpec {
            id,
            session: None,
            messages: vec![message("system", String::new()), message("user", prompt)],
            isl_target: target.unwrap_or(isl),
            isl,
            max_tokens: None,
        }
    }

    pub(super) fn question(&self, id: RequestId) -> Question {
        self.check.question(&self.verses, self.seed, id)
    }

    pub(super) fn grade(&self, id: RequestId, reply: &str) -> Grade {
        self.check.grade(self.seed, id, reply)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::tokens::Tokenizer;

    const ALL: [Check; 4] =
        [Check::Number, Check::Needle { tokens: Tokens(300) }, Check::Json, Check::Repeat];

    fn workload(check: Check, seed: u64) -> CheckWorkload {
        let verses = Arc::new(Verses::new(Tokenizer::embedded().unwrap()).unwrap());
        CheckWorkload::new(check, seed, verses).unwrap()
    }

    #[test]
    fn the_same_seed_asks_the_same_questions_and_another_asks_others() {
        for check in ALL {
            let prompts = |seed| {
                let workload = workload(check, seed);
                (0..20).map(|id| workload.question(RequestId(id)).prompt).collect::<Vec<_>>()
            };
            assert_eq!(prompts(1), prompts(1), "{check:?}");
            assert_ne!(prompts(1), prompts(2), "{check:?}");
            assert!(prompts(1).into_iter().collect::<HashSet<_>>().len() >= 19, "{check:?}");
        }
    }

    #[test]
    fn a_target_without_mistakes_is_right_and_silence_is_not() {
        for check in ALL {
            let workload = workload(check, 7);
            for id in (0..50).map(RequestId) {
                let prompt = workload.question(id).prompt;
                let reply = check.right_reply(&prompt).expect("a reply");
                assert_eq!(workload.grade(id, &reply), Grade::Right, "{check:?}: {prompt}");
                let silent = workload.grade(id, "");
                assert_eq!(matches!(silent, Grade::Wrong { .. }), check != Check::Repeat, "{check:?}");
            }
            assert_eq!(check.right_reply("What is this?"), None, "{check:?}");
        }
    }

    #[test]
    fn a_request_is_what_llmperf_asks() {
        let workload = workload(Check::Number, 1);
        let request = workload.request(RequestId(3));
        let [system, user] = &request.messages[..] else { panic!("{request:?}") };
        assert_eq!((system.role.as_str(), system.text.as_str()), ("system", ""));
        assert_eq!((user.role.as_str(), &user.text), ("user", &workload.question(RequestId(3)).prompt));
        assert_eq!((request.max_tokens, request.session), (None, None));
    }
}
