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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::Tokenizer;
    use crate::workload::{Normal, SonnetConfig, Workload};

    fn requests(prefix: Option<PrefixConfig>) -> Vec<RequestSpec> {
        let length = |mean| Normal { mean, stddev: 0.0 };
        let config = SonnetConfig { seed: 1, isl: length(60.0), osl: length(10.0) };
        let workload = Workload::new(config, None, prefix, Tokenizer::embedded().unwrap()).unwrap();
        (0..200).map(|id| workload.request(RequestId(id), &[]).unwrap().0).collect()
    }

    #[test]
    fn a_share_of_the_requests_begin_with_the_same_tokens() {
        let bare = requests(None);
        let with = requests(Some(PrefixConfig { tokens: Tokens(100), share: 0.25 }));
        let mut prefixes = std::collections::HashSet::new();
        let mut count = 0;
        for (bare, with) in bare.iter().zip(&with) {
            let [bare_text, text] = [bare, with].map(|spec| spec.messages[1].text.as_str());
            let prefix = text.strip_suffix(bare_text).expect("what is asked stays as it is");
            if prefix.is_empty() {
                assert_eq!(bare, with);
                continue;
            }
            count += 1;
            prefixes.insert(prefix.to_owned());
            assert_eq!(with.isl, Tokenizer::embedded().unwrap().count(text));
            assert!(with.isl.0.abs_diff(160) <= 1, "{}", with.isl);
        }
        assert_eq!(prefixes.len(), 1);
        // 200 draws of a quarter: 50, and five standard errors.
        assert!((20..=80).contains(&count), "{count}");
        assert_eq!(with, requests(Some(PrefixConfig { tokens: Tokens(100), share: 0.25 })));
    }

    #[test]
    fn a_share_of_one_is_every_request_and_of_zero_none() {
        let bare = requests(None);
        let all = requests(Some(PrefixConfig { tokens: Tokens(3), share: 1.0 }));
        assert!(bare.iter().zip(&all).all(|(bare, with)| with.isl > bare.isl));
        assert_eq!(bare, requests(Some(PrefixConfig { tokens: Tokens(3), share: 0.0 })));
    }
}
