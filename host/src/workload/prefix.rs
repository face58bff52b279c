//! A prefix that a share of the requests begin with, all of them the same: what a server's prefix cache is tested with.

use rand::RngExt;

use super::verses::{Purpose, Verses, random};
use crate::record::RequestSpec;
use crate::units::{RequestId, Tokens};

/// Which requests begin with a shared prefix, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrefixConfig {
    pub tokens: Tokens,
    /// Of all requests, 0 to 1; each is drawn by its id.
    pub share: f64,
}

/// The prefix of a run.
#[derive(Debug)]
pub(super) struct Prefix {
    text: String,
    seed: u64,
    share: f64,
}

impl Prefix {
    pub(super) fn new(config: PrefixConfig, seed: u64, verses: &Verses) -> Prefix {
        let text = verses.block(config.tokens, &mut random(seed, Purpose::Prefix, 0));
        Prefix { text, seed, share: config.share }
    }

    /// Puts the prefix in front of the request's first words, where the session that began with `first` has it.
    pub(super) fn apply(&self, spec: &mut RequestSpec, first: RequestId, verses: &Verses) {
        if random(self.seed, Purpose::Share, first.0).random::<f64>() >= self.share {
            return;
        }
        let Some(message) = spec.messages.iter_mut().find(|message| !message.text.is_empty()) else { return };
        let bare = verses.tokenizer.count(&message.text);
        message.text.insert_str(0, &self.text);
        let added = verses.tokenizer.count(&message.text).0.saturating_sub(bare.0);
        spec.isl.0 += added;
        spec.isl_target.0 += added;
    }
}
