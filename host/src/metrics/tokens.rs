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
    /// Part of the server's `input`; `None` where it never says.
    pub cached_input: Option<Tokens>,
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

impl TokenTotals {
    /// Over these, which are the successful requests.
    pub(super) fn of(ok: &[&RequestRecord]) -> TokenTotals {
        TokenTotals {
            input: TokenCount::of(ok, |record| (record.isl, record.usage.input_tokens)),
            output: TokenCount::of(ok, |record| (record.osl, record.usage.output_tokens)),
            reasoning: TokenCount::of(ok, |record| (record.reasoning, record.usage.reasoning_tokens)),
            cached_input: total_reported(ok.iter().map(|record| record.usage.cached_input_tokens)),
        }
    }
}

impl TokenCount {
    fn of(ok: &[&RequestRecord], counts: impl Fn(&RequestRecord) -> (Tokens, Option<Tokens>)) -> TokenCount {
        let pairs = || ok.iter().map(|record| counts(record));
        let both = || pairs().filter_map(|(local, server)| Some((local, server?)));
        let server = total_reported(pairs().map(|(_, server)| server));
        let compared = total(both().map(|(local, _)| local));
        TokenCount {
            local: total(pairs().map(|(local, _)| local)),
            server,
            reported: both().count() as u64,
            disagreement: server
                .filter(|_| compared > Tokens(0))
                .map(|server| (server.0 as f64 - compared.0 as f64) / compared.0 as f64),
        }
    }
}

/// The sum, saturating: what a server reports, or a file holds, may be any number.
pub(super) fn total(counts: impl Iterator<Item = Tokens>) -> Tokens {
    Tokens(counts.fold(0, |sum, count| sum.saturating_add(count.0)))
}

fn total_reported(counts: impl Iterator<Item = Option<Tokens>>) -> Option<Tokens> {
    let mut reported = counts.flatten().peekable();
    reported.peek().is_some().then(|| total(reported))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::request::tests::record;
    use crate::metrics::{Context, TokenBasis, summarize};
    use crate::record::Usage;

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
