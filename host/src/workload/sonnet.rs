//! LLMPerf's requests: an instruction, then lines of Shakespeare's sonnets in random order, cut to a length in
//! tokens. It decides what a request asks; `prompt` makes the text as long as it has to be.

use std::sync::Arc;

use super::verses::{Purpose, Verses, random};
use super::{Normal, WorkloadError};
use crate::record::{Message, RequestSpec};
use crate::units::{RequestId, Tokens};

/// What the sonnet workload is made from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SonnetConfig {
    /// All randomness comes from it.
    pub seed: u64,
    /// Input tokens of a request: those of its prompt, without BOS and EOS.
    pub isl: Normal,
    /// Output tokens a request asks for.
    pub osl: Normal,
}

impl SonnetConfig {
    /// Checks that all lengths are some, and that a request can ask for output.
    pub(super) fn check(&self) -> Result<(), WorkloadError> {
        self.isl.check(["--mean-input-tokens", "--stddev-input-tokens"])?;
        self.osl.check(["--mean-output-tokens", "--stddev-output-tokens"])?;
        if self.osl.is_below(Tokens(1)) {
            return Err(WorkloadError::OutputFloor { mean: self.osl.mean });
        }
        Ok(())
    }
}

/// A stream of sonnet requests, each with a prompt of its own.
#[derive(Debug)]
pub(super) struct SonnetWorkload {
    config: SonnetConfig,
    verses: Arc<Verses>,
}

impl SonnetWorkload {
    /// A workload of lengths that were checked.
    ///
    /// # Errors
    /// A prompt of the length cannot be, because the instruction is longer.
    pub(super) fn new(config: SonnetConfig, verses: Arc<Verses>) -> Result<SonnetWorkload, WorkloadError> {
        let floor = verses.tokenizer.count(&instruction(Tokens(config.osl.mean as u64)));
        if config.isl.is_below(floor) {
            return Err(WorkloadError::InputFloor { mean: config.isl.mean, floor });
        }
        Ok(SonnetWorkload { config, verses })
    }

    /// The request with this id. The same seed and id give the same request, in whatever order and on whatever
    /// thread it is made.
    ///
    /// Its `isl` equals its `isl_target` wherever the tokenizer can make a text of that length. A target below the
    /// instruction, which grows with the digits of the output length, is raised to it.
    pub(super) fn request(&self, id: RequestId) -> RequestSpec {
        let mut rng = random(self.config.seed, Purpose::Request, id.0);
        let osl = self.config.osl.draw(&mut rng, Tokens(1));
        let instruction = instruction(osl);
        let floor = self.verses.tokenizer.count(&instruction);
        let isl_target = self.config.isl.draw(&mut rng, floor);
        let (prompt, isl) = self.verses.grow(instruction, floor, isl_target, &mut rng);
        let message = |role: &str, text| Message { role: role.to_owned(), text };
        RequestSpec {
            id,
            session: None,
            messages: vec![message("system", String::new()), message("user", prompt)],
            isl_target,
            isl,
            max_tokens: Some(osl),
        }
    }
}

/// LLMPerf's words.
fn instruction(osl: Tokens) -> String {
    format!(
        "Randomly stream lines from the following text with {osl} output tokens. Don't generate eos tokens:\n\n"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use sha2::{Digest, Sha256};

    use super::super::verses::sonnets;
    use super::*;
    use crate::tokens::Tokenizer;

    /// LLMPerf's defaults, and its seed.
    const DEFAULT: SonnetConfig = SonnetConfig {
        seed: 11_111,
        isl: Normal { mean: 550.0, stddev: 150.0 },
        osl: Normal { mean: 150.0, stddev: 80.0 },
    };

    fn fixed(isl: f64, osl: f64) -> SonnetConfig {
        let length = |mean| Normal { mean, stddev: 0.0 };
        SonnetConfig { seed: 1, isl: length(isl), osl: length(osl) }
    }

    fn made(config: SonnetConfig) -> Result<SonnetWorkload, WorkloadError> {
        config.check()?;
        SonnetWorkload::new(config, Arc::new(Verses::new(Tokenizer::embedded().unwrap())?))
    }

    fn llama(config: SonnetConfig) -> SonnetWorkload {
        made(config).unwrap()
    }

    fn prompt(request: &RequestSpec) -> &str {
        &request.messages[1].text
    }

    fn sha256(text: &str) -> String {
        Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_embedded_sonnets_are_the_ones_described() {
        let text = sonnets();
        assert_eq!(sha256(&text), "eecce5ef927a52b98844769142226299beb1c785b948801c7c7f41f8ec382d8d");
        assert_eq!(text.split_inclusive('\n').count(), 2155);
        assert!(text.is_ascii() && text.ends_with('\n'));
    }

    #[test]
    fn a_request_is_what_llmperf_asks() {
        let request = llama(fixed(100.0, 150.0)).request(RequestId(7));
        assert_eq!(request.id, RequestId(7));
        assert_eq!(request.max_tokens, Some(Tokens(150)));
        assert_eq!((request.isl_target, request.isl), (Tokens(100), Tokens(100)));
        let [system, user] = &request.messages[..] else { panic!("{request:?}") };
        assert_eq!((system.role.as_str(), system.text.as_str()), ("system", ""));
        assert_eq!(user.role, "user");
        let verse = user.text.strip_prefix(
            "Randomly stream lines from the following text with 150 output tokens. Don't generate eos tokens:\n\n",
        );
        let sonnets = sonnets();
        let lines: Vec<&str> = verse.unwrap().split_inclusive('\n').collect();
        assert!(lines.len() > 3);
        assert!(lines.iter().all(|line| sonnets.contains(line)), "{lines:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_prompts_in_any_order() {
        // Whoever changes these makes two versions' runs of one plan different: say so in the changelog.
        let expected = [
            "350 189 7fb4d8ae7fa6e706",
            "387 206 d0446e3864bdebbb",
            "531 177 b0844383374759e2",
            "537 132 226509be88d990f2",
            "385 146 87134167943ff67f",
        ];
        let (workload, again) = (llama(DEFAULT), llama(DEFAULT));
        let made: Vec<(u64, RequestSpec)> = (0..5).map(|id| (id, workload.request(RequestId(id)))).collect();
        let found: Vec<String> = made
            .iter()
            .map(|(_, r)| format!("{} {} {}", r.isl, r.max_tokens.unwrap(), &sha256(prompt(r))[..16]))
            .collect();
        assert_eq!(found, expected);
        for (id, request) in made.into_iter().rev() {
            assert_eq!(again.request(RequestId(id)), request);
        }
        let other = llama(SonnetConfig { seed: 11_112, ..DEFAULT });
        assert_ne!(prompt(&other.request(RequestId(0))), prompt(&again.request(RequestId(0))));
    }

    #[test]
    fn every_request_has_a_prompt_of_its_own_and_lengths_as_asked() {
        let workload = llama(DEFAULT);
        let requests: Vec<RequestSpec> = (0..1000).map(|id| workload.request(RequestId(id))).collect();
        assert_eq!(requests.iter().map(prompt).collect::<HashSet<_>>().len(), 1000);
        assert!(requests.iter().all(|request| request.isl == request.isl_target));
        let check = |lengths: Vec<f64>, mean: f64, stddev: f64| {
            let found = lengths.iter().sum::<f64>() / 1e3;
            let variance = lengths.iter().map(|n| (n - found).powi(2)).sum::<f64>() / 1e3;
            // Five standard errors.
            assert!((found - mean).abs() < stddev / 6.0, "{found}");
            assert!((variance.sqrt() / stddev - 1.0).abs() < 0.12, "{}", variance.sqrt());
        };
        check(requests.iter().map(|request| request.isl.0 as f64).collect(), 550.0, 150.0);
        // Drawing again below 1 moves a mean of 150 ± 80 to about 155 ± 75.
        check(requests.iter().map(|r| r.max_tokens.unwrap().0 as f64).collect(), 155.4, 74.6);
    }

    #[test]
    fn every_length_from_the_floor_up_is_exact() {
        let mut workload = llama(fixed(1000.0, 150.0));
        let floor = workload.verses.tokenizer.count(&instruction(Tokens(150))).0;
        for length in floor..=2000 {
            workload.config.isl.mean = length as f64;
            let request = workload.request(RequestId(length));
            assert_eq!((request.isl_target, request.isl), (Tokens(length), Tokens(length)));
        }
    }

    #[test]
    fn a_target_below_the_instruction_is_raised_to_it() {
        // The instruction has 25 tokens where it names a number of two digits, and 26 with three.
        let osl = Normal { mean: 99.0, stddev: 30.0 };
        let isl = Normal { mean: 25.0, stddev: 0.0 };
        let workload = llama(SonnetConfig { seed: 1, isl, osl });
        let requests: Vec<_> = (0..20).map(|id| workload.request(RequestId(id))).collect();
        assert!(requests.iter().all(|request| request.isl_target == request.isl));
        let raised = requests.iter().find(|request| request.isl == Tokens(26)).unwrap();
        assert_eq!(prompt(raised), instruction(raised.max_tokens.unwrap()));
    }

    #[test]
    fn impossible_lengths_are_errors_that_name_the_flag() {
        let check = |config: SonnetConfig, expected: &str| {
            let error = made(config).unwrap_err().to_string();
            assert!(error.contains(expected), "{error:?} does not say {expected:?}");
            assert!(error.contains("\nhint: "), "{error:?}");
        };
        check(
            fixed(10.0, 150.0),
            "--mean-input-tokens is 10, but the shortest possible prompt has 26 tokens",
        );
        check(fixed(0.0, 150.0), "--mean-input-tokens is 0");
        check(fixed(-5.0, 150.0), "--mean-input-tokens is -5");
        check(fixed(f64::NAN, 150.0), "--mean-input-tokens is NaN");
        check(fixed(550.0, 0.0), "--mean-output-tokens is 0, so");
        check(fixed(550.0, 0.9), "--mean-output-tokens is 0.9, so");
        check(fixed(550.0, f64::INFINITY), "--mean-output-tokens is inf");
        let mut config = fixed(550.0, 150.0);
        config.isl.stddev = -1.0;
        check(config, "--stddev-input-tokens is -1");
        config = fixed(550.0, 150.0);
        config.osl.stddev = f64::NAN;
        check(config, "--stddev-output-tokens is NaN");
    }
}
