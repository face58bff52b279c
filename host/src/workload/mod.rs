//! The workload: a seeded stream of [`RequestSpec`]s, the same for the same seed.
//! Nothing here sends, waits or reads a clock, and no two requests share state: any may be made first, on any thread.

mod check;
mod content;
mod dataset;
mod length;
mod prefix;
mod prompt;
mod sonnet;
mod verses;

pub use check::{Check, number_words};
pub use dataset::{Dataset, DatasetFormat};
pub use length::Normal;
pub use prefix::PrefixConfig;
pub use sonnet::SonnetConfig;

use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use serde_json::Value;

use crate::record::{Grade, RequestSpec};
use crate::tokens::Tokenizer;
use crate::units::{RequestId, Span, Tokens};

use check::CheckWorkload;
use content::DatasetWorkload;
use prefix::Prefix;
use sonnet::SonnetWorkload;
use verses::Verses;

/// What a run asks, request by request. Requests of one session have ids in a row; every other is a session of its own.
#[derive(Debug)]
pub struct Workload {
    verses: Arc<Verses>,
    content: Content,
    prefix: Option<Prefix>,
}

#[derive(Debug)]
enum Content {
    Sonnet(SonnetWorkload),
    Dataset(DatasetWorkload),
    Check(CheckWorkload),
}

impl Workload {
    /// The requests of a dataset, or where there is none LLMPerf's own.
    ///
    /// # Errors
    /// A length is none, or lies below what a request can be.
    pub fn new(
        config: SonnetConfig,
        dataset: Option<Arc<Dataset>>,
        prefix: Option<PrefixConfig>,
        tokenizer: Tokenizer,
    ) -> Result<Workload, WorkloadError> {
        config.check()?;
        let verses = Arc::new(Verses::new(tokenizer)?);
        let content = match dataset {
            Some(dataset) => Content::Dataset(DatasetWorkload::new(dataset, config.seed, config.osl)),
            None => Content::Sonnet(SonnetWorkload::new(config, Arc::clone(&verses))?),
        };
        let prefix = prefix.map(|prefix| Prefix::new(prefix, config.seed, &verses));
        Ok(Workload { verses, content, prefix })
    }

    /// The questions of a check.
    ///
    /// # Errors
    /// A length lies below what a question can be.
    pub fn of_check(check: Check, seed: u64, tokenizer: Tokenizer) -> Result<Workload, WorkloadError> {
        let verses = Arc::new(Verses::new(tokenizer)?);
        let content = Content::Check(CheckWorkload::new(check, seed, Arc::clone(&verses))?);
        Ok(Workload { verses, content, prefix: None })
    }

    /// What the reply to this request is worth; `None` where nothing says what it should be.
    pub fn grade(&self, id: RequestId, reply: &str) -> Option<Grade> {
        match &self.content {
            Content::Check(check) => Some(check.grade(id, reply)),
            Content::Sonnet(_) | Content::Dataset(_) => None,
        }
    }

    /// The words of a check's question, and what it was made from, by name; `None` where the request is none.
    pub fn question(&self, id: RequestId) -> Option<(String, Vec<(&'static str, Value)>)> {
        match &self.content {
            Content::Check(check) => {
                let question = check.question(id);
                Some((question.prompt, question.facts))
            }
            Content::Sonnet(_) | Content::Dataset(_) => None,
        }
    }

    /// The request with this id, whose session got these answers before it, and how long its asker thinks after the last
    /// of them. The first of a session, which most are all of, has no answers before it.
    ///
    /// # Errors
    /// The dataset changed since it was checked.
    pub fn request(&self, id: RequestId, answers: &[String]) -> Result<(RequestSpec, Span)> {
        let (mut spec, think) = match &self.content {
            Content::Sonnet(sonnet) => (sonnet.request(id), Span(0)),
            Content::Check(check) => (check.request(id), Span(0)),
            Content::Dataset(dataset) => dataset.request(&self.verses, id, answers)?,
        };
        if let Some(prefix) = &self.prefix {
            prefix.apply(&mut spec, self.session(id).0, &self.verses);
        }
        Ok((spec, think))
    }

    /// The first request of the session with this number.
    pub fn first_of(&self, session: u64) -> RequestId {
        match &self.content {
            Content::Sonnet(_) | Content::Check(_) => RequestId(session),
            Content::Dataset(dataset) => dataset.first_of(session),
        }
    }

    /// How many sessions the first `requests` requests belong to.
    pub fn sessions(&self, requests: u64) -> u64 {
        let Some(last) = requests.checked_sub(1) else { return 0 };
        match &self.content {
            Content::Sonnet(_) | Content::Check(_) => requests,
            Content::Dataset(dataset) => dataset.session_of(RequestId(last)) + 1,
        }
    }

    /// The first request of this one's session, and the one behind its last. It takes no more than a look into memory.
    pub fn session(&self, id: RequestId) -> (RequestId, RequestId) {
        match &self.content {
            Content::Sonnet(_) | Content::Check(_) => (id, RequestId(id.0 + 1)),
            Content::Dataset(dataset) => dataset.session(id),
        }
    }
}

/// Why a workload cannot be made from what the user asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkloadError {
    /// A length that is no finite number, is negative, or is more than [`Normal::MAX`].
    Length { flag: &'static str, value: f64 },
    /// Every prompt would be shorter than the instruction it has to begin with.
    InputFloor { mean: f64, floor: Tokens },
    /// A needle in a text shorter than what stands around it.
    NeedleFloor { tokens: Tokens, floor: Tokens },
    /// Every request would ask for no output.
    OutputFloor { mean: f64 },
    /// The tokenizer finds no tokens in the sonnets, so no prompt can reach a length.
    SilentTokenizer { name: String },
}

impl fmt::Display for WorkloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WorkloadError::Length { flag, value } => write!(
                f,
                "{flag} is {value}, which is no length in tokens\nhint: give a number from 0 to {}",
                Normal::MAX
            ),
            WorkloadError::InputFloor { mean, floor } => write!(
                f,
                "--mean-input-tokens is {mean}, but the shortest possible prompt has {floor} tokens\n\
                 hint: give --mean-input-tokens {floor} or more"
            ),
            WorkloadError::NeedleFloor { tokens, floor } => write!(
                f,
                "--needle-tokens is {tokens}, but the shortest possible prompt has {floor} tokens\n\
                 hint: give --needle-tokens {floor} or more"
            ),
            WorkloadError::OutputFloor { mean } => write!(
                f,
                "--mean-output-tokens is {mean}, so every request would ask for no output\n\
                 hint: give --mean-output-tokens 1 or more"
            ),
            WorkloadError::SilentTokenizer { name } => write!(
                f,
                "tokenizer {name} finds no tokens in English text, so no prompt can have a length\n\
                 hint: give the tokenizer of the model under test, or none to count with the built-in Llama tokenizer"
            ),
        }
    }
}

impl std::error::Error for WorkloadError {}
