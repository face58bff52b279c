//! Token totals of a run, counted here and by the server, and how far the two disagree.

use crate::record::RequestRecord;
use crate::units::Tokens;

/// Token counts, ours and the server's.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TokenTotals {
    pub input: TokenCount,
    pub output: TokenCount,
    /// Part of `output`.
    pub reasoning: TokenCount,
    /// Part of the server's `input`: what came out of its cache; `None` where it never says.
    pub cached_input: Option<Tokens>,
    /// `cached_input / input tokens` over the requests whose server says what was cached; `None` where none does.
    pub cached_share: Option<f64>,
}

/// One count, both ways.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TokenCount {
    pub local: Tokens,
    /// The sum over those requests whose server reports it; `None` where none does.
    pub server: Option<Tokens>,
    /// Requests whose server reports it.
    pub reported: u64,
    /// `(server - local) / local` over the requests whose server reports it; `None` where that divides by zero.
    pub disagreement: Option<f64>,
}

/// Token counts as they come. Sums saturate, so their order does not matter.
#[derive(Debug, Clone, Default)]
pub(super) struct TokenTally {
    input: CountTally,
    output: CountTally,
    reasoning: CountTally,
    cached_input: Option<Tokens>,
    /// The input tokens of those requests whose server says what was cached.
    cached_of: Tokens,
}

#[derive(Debug, Clone, Default)]
struct CountTally {
    local: Tokens,
    server: Option<Tokens>,
    reported: u64,
    /// The local count of those requests whose server reports one.
    compared: Tokens,
}

impl TokenTally {
    /// Takes a successful request in.
    pub(super) fn add(&mut self, record: &RequestRecord) {
        self.input.add(record.isl, record.usage.prompt());
        self.output.add(record.osl, record.usage.output_tokens);
        self.reasoning.add(record.reasoning, record.usage.reasoning_tokens);
        if let Some(cached) = record.usage.cached() {
            add_reported(&mut self.cached_input, Some(cached));
            self.cached_of += record.usage.prompt().unwrap_or(record.isl).max(cached);
        }
    }

    pub(super) fn totals(self) -> TokenTotals {
        TokenTotals {
            input: self.input.count(),
            output: self.output.count(),
            reasoning: self.reasoning.count(),
            cached_input: self.cached_input,
            cached_share: self
                .cached_input
                .filter(|_| self.cached_of > Tokens(0))
                .map(|cached| cached.0 as f64 / self.cached_of.0 as f64),
        }
    }
}

impl CountTally {
    fn add(&mut self, local: Tokens, server: Option<Tokens>) {
        self.local += local;
        add_reported(&mut self.server, server);
        if server.is_some() {
            self.reported += 1;
            self.compared += local;
        }
    }

    fn count(self) -> TokenCount {
        let compared = self.compared.0 as f64;
        TokenCount {
            local: self.local,
            server: self.server,
            reported: self.reported,
            disagreement: self
                .server
                .filter(|_| self.compared > Tokens(0))
                .map(|server| (server.0 as f64 - compared) / compared),
        }
    }
}

fn add_reported(sum: &mut Option<Tokens>, reported: Option<Tokens>) {
    if let Some(reported) = reported {
        *sum = Some(sum.unwrap_or_default() + reported);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::request::tests::record;
    use crate::metrics::{Context, TokenBasis, summarize};
    use crate::record::Usage;

    #[test]
    fn what_came_out_of_a_cache_is_a_share_of_the_input_of_those_requests_that_say_it() {
        let said = |id, input: u64, cached: Option<u64>| RequestRecord {
            usage: Usage {
                input_tokens: Some(Tokens(input)),
                cached_input_tokens: cached.map(Tokens),
                ..Usage::default()
            },
            ..record(id, &[52])
        };
        let check = |records: &[RequestRecord], cached: Option<u64>, share| {
            let tokens = summarize(records, Context::default()).tokens;
            assert_eq!((tokens.cached_input, tokens.cached_share), (cached.map(Tokens), share));
        };
        check(&[said(0, 100, Some(90)), said(1, 100, Some(10)), said(2, 1000, None)], Some(100), Some(0.5));
        check(&[said(0, 100, Some(0))], Some(0), Some(0.0));
        check(&[said(0, 0, Some(0))], Some(0), None);
        check(&[said(0, 100, None)], None, None);
    }

    #[test]
    fn server_counts_are_compared_over_the_requests_that_have_both() {
        let reporting = |id, output| RequestRecord {
            usage: Usage { output_tokens: Some(Tokens(output)), ..Usage::default() },
            ..record(id, &[52, 62])
        };
        let context = Context { token_basis: TokenBasis::Server, ..Context::default() };
        let check =
            |records: &[RequestRecord], server, disagreement, throughput: Option<f64>, notes: usize| {
                let summary = summarize(records, context);
                let output = &summary.tokens.output;
                assert_eq!((output.server, output.disagreement), (server, disagreement));
                assert_eq!(summary.output_throughput.map(f64::round), throughput);
                assert_eq!(summary.notes.len(), notes, "{:?}", summary.notes);
            };
        check(&[reporting(0, 2), reporting(1, 2)], Some(Tokens(4)), Some(0.0), Some(66.0), 0);
        check(&[reporting(0, 2), reporting(1, 3)], Some(Tokens(5)), Some(0.25), Some(82.0), 1);
        check(&[reporting(0, 3), record(1, &[52])], Some(Tokens(3)), Some(0.5), None, 2);
        check(
            &[reporting(0, u64::MAX), reporting(1, 1)],
            Some(Tokens(u64::MAX)),
            Some(4.611686018427388e18),
            Some(3.024056405526156e20),
            1,
        );
        check(&[record(0, &[52])], None, None, None, 1);
        check(&[], None, None, None, 0);
    }
}
