//! The metrics of one request: one function each, and its doc comment is the definition.
//! `None` means undefined. Whether the request succeeded is the caller's business: a broken stream has gaps too.

use crate::record::RequestRecord;
use crate::units::{Span, Tokens};

/// Whose token counts the metrics use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TokenBasis {
    /// The local tokenizer's, without BOS and EOS.
    #[default]
    Local,
    /// The usage that the server reports; undefined where it reports none.
    Server,
}

/// Time to first token: `first_token - sent`. The token may be text, reasoning or a tool call.
pub fn ttft(record: &RequestRecord) -> Option<Span> {
    Some(record.first_token()?.since(record.sent))
}

/// TTFT as one who waits in line sees it: `first_token - due`.
pub fn ttft_due(record: &RequestRecord) -> Option<Span> {
    Some(record.first_token()?.since(record.due))
}

/// Time to first output: `first_output - sent`, where output is visible text.
pub fn ttfo(record: &RequestRecord) -> Option<Span> {
    Some(record.first_output?.since(record.sent))
}

/// End-to-end latency: `last_token - sent`. The token of an answer that was not streamed came with its end.
pub fn e2el(record: &RequestRecord) -> Option<Span> {
    Some(record.last_token()?.since(record.sent))
}

/// End-to-end latency as one who waits in line sees it: `last_token - due`.
pub fn e2el_due(record: &RequestRecord) -> Option<Span> {
    Some(record.last_token()?.since(record.due))
}

/// How late the request started: `sent - due`.
pub fn schedule_lag(record: &RequestRecord) -> Span {
    record.sent.since(record.due)
}

/// What setting up the connection took: `connected - sent`. Undefined where an open connection was used.
pub fn connect(record: &RequestRecord) -> Option<Span> {
    Some(record.connected?.since(record.sent))
}

/// Input sequence length in tokens: all of the prompt, also what of it came out of a cache.
pub fn isl(record: &RequestRecord, basis: TokenBasis) -> Option<Tokens> {
    match basis {
        TokenBasis::Local => Some(record.isl),
        TokenBasis::Server => record.usage.prompt(),
    }
}

/// Output sequence length in tokens, reasoning included.
pub fn osl(record: &RequestRecord, basis: TokenBasis) -> Option<Tokens> {
    match basis {
        TokenBasis::Local => Some(record.osl),
        TokenBasis::Server => record.usage.output_tokens,
    }
}

/// Time per output token in milliseconds: `(last_token - first_token) / (osl - 1)`. Defined when `osl >= 2` and the tokens
/// came in two events at least: an answer that came all at once says nothing of the time a token takes.
pub fn tpot_ms(record: &RequestRecord, basis: TokenBasis) -> Option<f64> {
    let osl = osl(record, basis)?.0;
    let decode = record.last_token()?.since(record.first_token()?);
    (osl >= 2 && record.token_events.len() >= 2).then(|| decode.as_ms() / (osl - 1) as f64)
}

/// Output tokens per second of this one request: `osl / e2el`. Undefined where E2EL is zero.
pub fn output_throughput(record: &RequestRecord, basis: TokenBasis) -> Option<f64> {
    let e2el = e2el(record)?;
    let osl = osl(record, basis)?;
    (e2el > Span(0)).then(|| osl.0 as f64 / e2el.as_secs())
}

/// `osl / token-bearing events`: above 1, a gap between events is not a gap between tokens.
pub fn tokens_per_event(record: &RequestRecord, basis: TokenBasis) -> Option<f64> {
    let events = record.token_events.len();
    let osl = osl(record, basis)?;
    (events > 0).then(|| osl.0 as f64 / events as f64)
}

/// Inter-token latencies: the gaps between consecutive token-bearing events; none where there are fewer than two.
pub fn itl(record: &RequestRecord) -> impl Iterator<Item = Span> {
    record.token_events.windows(2).map(|pair| pair[1].since(pair[0]))
}

/// Whether several token-bearing events came in one read, and no other: the answer was not streamed, or something between
/// server and client held it back.
pub fn came_at_once(record: &RequestRecord) -> bool {
    record.token_events.len() > 1 && record.first_token() == record.token_events.last().copied()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::record::{Outcome, Usage};
    use crate::units::{RequestId, Stamp};

    /// A successful request: due at 1 ms, sent at 2 ms, one token per event at the given milliseconds, end 1 ms
    /// after the last.
    pub(crate) fn record(id: u64, token_events_ms: &[u64]) -> RequestRecord {
        let token_events: Vec<Stamp> = token_events_ms.iter().map(|&at| ms(at)).collect();
        let last = token_events_ms.last().copied().unwrap_or(2);
        RequestRecord {
            id: RequestId(id),
            session: None,
            warmup: false,
            response_id: None,
            status: Some(200),
            due: ms(1),
            sent: ms(2),
            connected: None,
            headers: Some(ms(3)),
            first_output: token_events.first().copied(),
            end: ms(last + 1),
            events: token_events.len() as u64 + 1,
            body_bytes: 100,
            isl_target: Tokens(10),
            isl: Tokens(10),
            osl: Tokens(token_events.len() as u64),
            token_events,
            reasoning: Tokens(0),
            max_tokens: None,
            usage: Usage::default(),
            finish: Some("stop".to_owned()),
            terminated: true,
            outcome: Outcome::Ok,
            output: None,
        }
    }

    pub(crate) fn ms(at: u64) -> Stamp {
        Stamp(at * 1_000_000)
    }

    fn reasoning_then_text() -> RequestRecord {
        RequestRecord {
            connected: Some(ms(7)),
            first_output: Some(ms(72)),
            osl: Tokens(9),
            usage: Usage { output_tokens: Some(Tokens(17)), ..Usage::default() },
            ..record(0, &[52, 62, 72, 92])
        }
    }

    #[test]
    fn times_count_from_sent_or_from_due() {
        let check = |actual: Option<Span>, expected_ms: Option<u64>| {
            assert_eq!(actual, expected_ms.map(Span::from_millis));
        };
        let full = reasoning_then_text();
        check(ttft(&full), Some(50));
        check(ttft_due(&full), Some(51));
        check(ttfo(&full), Some(70));
        check(e2el(&full), Some(90));
        check(e2el_due(&full), Some(91));
        check(connect(&full), Some(5));
        check(Some(schedule_lag(&full)), Some(1));

        let empty = record(0, &[]);
        for metric in [ttft, ttft_due, ttfo, e2el, e2el_due, connect] {
            check(metric(&empty), None);
        }
    }

    #[test]
    fn reasoning_is_a_token_but_no_output() {
        let silent = RequestRecord { first_output: None, ..reasoning_then_text() };
        assert_eq!(ttft(&silent), Some(Span::from_millis(50)));
        assert_eq!(ttfo(&silent), None);
    }

    #[test]
    fn an_answer_that_was_not_streamed_has_no_first_token_but_an_end() {
        let whole = RequestRecord { osl: Tokens(9), end: ms(92), ..record(0, &[]) };
        assert_eq!((ttft(&whole), ttfo(&whole), itl(&whole).count()), (None, None, 0));
        assert_eq!(
            (e2el(&whole), e2el_due(&whole)),
            (Some(Span::from_millis(90)), Some(Span::from_millis(91)))
        );
        let basis = TokenBasis::Local;
        assert_eq!((tpot_ms(&whole, basis), tokens_per_event(&whole, basis)), (None, None));
        assert_eq!(output_throughput(&whole, basis), Some(100.0));
    }

    #[test]
    fn rates_follow_the_token_basis() {
        let check = |record: &RequestRecord, basis, expected: (Option<f64>, Option<f64>, Option<f64>)| {
            let actual =
                (tpot_ms(record, basis), output_throughput(record, basis), tokens_per_event(record, basis));
            assert_eq!(actual, expected);
        };
        let full = reasoning_then_text();
        check(&full, TokenBasis::Local, (Some(5.0), Some(100.0), Some(2.25)));
        check(&full, TokenBasis::Server, (Some(2.5), Some(17.0 / 0.09), Some(4.25)));
        let unreported = record(0, &[52, 62]);
        check(&unreported, TokenBasis::Local, (Some(10.0), Some(2.0 / 0.06), Some(1.0)));
        check(&unreported, TokenBasis::Server, (None, None, None));
        check(&record(0, &[52]), TokenBasis::Local, (None, Some(20.0), Some(1.0)));
        let at_once = RequestRecord { osl: Tokens(9), ..record(0, &[52]) };
        check(&at_once, TokenBasis::Local, (None, Some(9.0 / 0.05), Some(9.0)));
        check(&record(0, &[2]), TokenBasis::Local, (None, None, Some(1.0)));
        check(&record(0, &[]), TokenBasis::Local, (None, None, None));
    }

    #[test]
    fn an_answer_whose_tokens_share_one_stamp_came_at_once() {
        for (events, expected) in
            [(&[52, 52, 52][..], true), (&[52, 52, 62], false), (&[52], false), (&[], false)]
        {
            assert_eq!(came_at_once(&record(0, events)), expected, "{events:?}");
        }
    }

    #[test]
    fn gaps_are_between_token_events_and_leave_ttft_out() {
        let check = |events: &[u64], expected: &[u64]| {
            let gaps: Vec<Span> = itl(&record(0, events)).collect();
            let expected: Vec<Span> = expected.iter().map(|&gap| Span::from_millis(gap)).collect();
            assert_eq!(gaps, expected);
        };
        check(&[], &[]);
        check(&[52], &[]);
        check(&[52, 62, 62, 92], &[10, 0, 30]);
    }
}
