//! What will happen to one request: the configuration and the faults that strike it, resolved before the first byte.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::ask::Ask;
use super::config::{MockConfig, RoleChunk, UsageMode};
use super::fault::Fault;
use super::voice::Api;
use crate::units::Span;

/// One answer, decided.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Script {
    /// Tokens to send, reasoning included.
    pub(super) tokens: u64,
    /// How many of them are reasoning; they come first.
    pub(super) reasoning: u64,
    /// The text, a piece a token; where it is `None`, and beyond its end, words are drawn.
    pub(super) answer: Option<Vec<String>>,
    pub(super) cut_by_limit: bool,
    pub(super) prompt_tokens: u64,
    pub(super) tokens_per_event: u64,
    pub(super) events_per_write: u32,
    pub(super) split: Option<usize>,
    pub(super) usage: bool,
    pub(super) role: RoleChunk,
    pub(super) done: bool,
    pub(super) after_done: bool,
    pub(super) comments: bool,
    pub(super) turn: Turn,
    /// The faults that struck, for the truth log; `None` where none did.
    pub(super) fault: Option<String>,
}

/// The one way in which an answer breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It does not.
    None,
    Status {
        code: u16,
        retry_after: Option<Span>,
    },
    Html,
    Json,
    Empty,
    Close,
    /// The stream goes wrong once this many tokens are sent.
    Cut {
        after: u64,
        kind: Cut,
    },
}

/// How a stream goes wrong in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    Stall,
    Reset,
    Truncate,
    Malformed,
    ErrorEvent,
}

impl Script {
    /// Decides the answer to request `n` (from 1).
    pub(super) fn new(
        config: &MockConfig,
        api: Api,
        ask: &Ask,
        answer: Option<Vec<String>>,
        n: u64,
    ) -> Script {
        let tokens = match &answer {
            Some(pieces) => {
                let all = (pieces.len() as u64).saturating_add(config.reasoning_tokens);
                all.min(ask.max_tokens.unwrap_or(u64::MAX))
            }
            None => config.output_tokens.or(ask.max_tokens).unwrap_or(config.default_output_tokens),
        };
        let mut script = Script {
            tokens,
            reasoning: config.reasoning_tokens.min(tokens),
            answer,
            cut_by_limit: ask.max_tokens == Some(tokens),
            // The rule of thumb for English; the mock owns no tokenizer.
            prompt_tokens: config.prompt_tokens.unwrap_or(ask.prompt_bytes.div_ceil(4)),
            tokens_per_event: config.tokens_per_event.into(),
            events_per_write: config.events_per_write,
            split: config.split,
            usage: match config.usage {
                UsageMode::Auto => api == Api::Messages || !ask.stream || ask.include_usage,
                UsageMode::Always => true,
                UsageMode::Never => false,
            },
            role: config.role,
            done: config.done,
            after_done: false,
            comments: config.comments,
            turn: Turn::None,
            fault: None,
        };
        let mut rng = rng_for(config.seed, n, Purpose::Faults);
        for rule in &config.faults {
            if rule.when.strikes(n, rng.random()) {
                script.strike(rule.fault);
            }
        }
        script
    }

    /// The text of this token, where it is a given one.
    pub(super) fn piece(&self, token: u64) -> Option<&str> {
        let index = usize::try_from(token.checked_sub(self.reasoning)?).ok()?;
        Some(self.answer.as_ref()?.get(index)?.as_str())
    }

    fn strike(&mut self, fault: Fault) {
        let half = self.tokens / 2;
        let tokens = self.tokens;
        let cut = |after: Option<u64>, kind| Turn::Cut { after: after.unwrap_or(half).min(tokens), kind };
        let turn = match fault {
            Fault::Status { code, retry_after } => Turn::Status { code, retry_after },
            Fault::Html => Turn::Html,
            Fault::Json => Turn::Json,
            Fault::Empty => Turn::Empty,
            Fault::Close => Turn::Close,
            Fault::Stall { after } => cut(after, Cut::Stall),
            Fault::Reset { after } => cut(after, Cut::Reset),
            Fault::Truncate { after } => cut(after, Cut::Truncate),
            Fault::Malformed { after } => cut(after, Cut::Malformed),
            Fault::ErrorEvent { after } => cut(after, Cut::ErrorEvent),
            _ => Turn::None,
        };
        if turn != Turn::None {
            if self.turn != Turn::None {
                return;
            }
            self.turn = turn;
        }
        match fault {
            Fault::NoDone => self.done = false,
            Fault::AfterDone => self.after_done = true,
            Fault::Endless => self.tokens = u64::MAX,
            Fault::LateRole => self.role = RoleChunk::Late,
            Fault::NoRole => self.role = RoleChunk::None,
            Fault::Usage => self.usage = true,
            Fault::NoUsage => self.usage = false,
            Fault::Comments => self.comments = true,
            Fault::Split(bytes) => self.split = Some(bytes),
            Fault::Batch(events) => self.events_per_write = events,
            _ => {}
        }
        let word = fault.word();
        self.fault = Some(match self.fault.take() {
            Some(words) => words + "," + &word,
            None => word,
        });
    }
}

/// What a request's random numbers are for. Each purpose has its own, so that a rule more does not change a delay.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Faults,
    Tokens,
}

/// The random numbers of request `n`: the same ones, whatever runs beside it.
pub(super) fn rng_for(seed: u64, n: u64, purpose: Purpose) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(n.wrapping_mul(2).wrapping_add(purpose as u64));
    rng
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(faults: &[&str], n: u64) -> Script {
        let faults = faults.iter().map(|rule| rule.parse().unwrap()).collect();
        let ask = Ask {
            model: "m".into(),
            stream: true,
            max_tokens: Some(10),
            include_usage: false,
            prompt_bytes: 9,
        };
        Script::new(&MockConfig { faults, ..MockConfig::default() }, Api::Chat, &ask, None, n)
    }

    #[test]
    fn of_the_faults_that_break_an_answer_the_first_wins_and_the_others_shape_it() {
        fn check(faults: &[&str], turn: Turn, fault: Option<&str>) {
            let script = script(faults, 1);
            assert_eq!((script.turn, script.fault.as_deref()), (turn, fault), "{faults:?}");
        }
        check(&[], Turn::None, None);
        check(&["reset", "500"], Turn::Cut { after: 5, kind: Cut::Reset }, Some("reset"));
        check(&["reset:#2", "500"], Turn::Status { code: 500, retry_after: None }, Some("500"));
        check(&["stall,after=99"], Turn::Cut { after: 10, kind: Cut::Stall }, Some("stall"));
        check(&["split=1", "html", "comments"], Turn::Html, Some("split=1,html,comments"));
    }

    #[test]
    fn shares_repeat_with_the_seed_and_come_near_their_number() {
        let struck = || (1..=2000).filter(|&n| script(&["500:25%"], n).fault.is_some()).collect::<Vec<u64>>();
        assert_eq!(struck(), struck());
        assert!((400..600).contains(&struck().len()), "{}", struck().len());
    }

    #[test]
    fn the_number_of_tokens_is_the_configured_the_asked_or_the_default_one() {
        fn check(output: Option<u64>, asked: Option<u64>, tokens: u64, cut_by_limit: bool) {
            let ask = Ask {
                model: "m".into(),
                stream: true,
                max_tokens: asked,
                include_usage: false,
                prompt_bytes: 9,
            };
            let config = MockConfig { output_tokens: output, reasoning_tokens: 50, ..MockConfig::default() };
            let script = Script::new(&config, Api::Chat, &ask, None, 1);
            assert_eq!((script.tokens, script.cut_by_limit), (tokens, cut_by_limit));
            assert_eq!((script.reasoning, script.prompt_tokens), (tokens.min(50), 3));
        }
        check(None, None, 100, false);
        check(None, Some(7), 7, true);
        check(Some(9), Some(7), 9, false);
    }
}
