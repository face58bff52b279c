//! The `llmperf` dialect: the numbers that LLMPerf (2024-12) would give for the same requests, by its own formulas,
//! so that its results and ours can be laid side by side. Nothing here is a native metric.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Distribution;
use super::window::{Extent, Window};
use crate::record::{Failure, Outcome, RequestRecord};
use crate::units::{RequestId, Stamp, Tokens};

/// What LLMPerf writes of one finished request. A failed one holds zeros, as LLMPerf initialises them.
/// In a successful one `None` means undefined, where LLMPerf wrote a misleading 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The HTTP status, or the provider's numeric code, else -1; `None` for a successful request.
    pub error_code: Option<i64>,
    /// Empty for a successful request.
    pub error_msg: String,
    /// `(last content - sent) / SSE data chunks without the end marker`: TTFT included, one number per request.
    /// The last token-bearing event stands for the last content.
    pub inter_token_latency_s: Option<f64>,
    /// `first non-empty content - sent`; reasoning and tool calls are not content.
    pub ttft_s: Option<f64>,
    /// `end - sent`.
    pub end_to_end_latency_s: Option<f64>,
    /// `number_output_tokens / end_to_end_latency_s`.
    pub request_output_throughput_token_per_s: Option<f64>,
    /// `number_input_tokens + number_output_tokens`.
    pub number_total_tokens: Tokens,
    /// Local count without reasoning, which LLMPerf does not see, plus one: it counts the tokenizer's BOS.
    pub number_output_tokens: Tokens,
    /// The true local count, where LLMPerf states the length it aimed at.
    pub number_input_tokens: Tokens,
}

/// What LLMPerf sums up over all rows. Failed requests are counted, as LLMPerf meant to, and in no statistic.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// In the order of [`Column::ALL`]; `None` where no successful request defines it.
    pub statistics: [(Column, Option<Distribution>); 6],
    pub num_requests_started: u64,
    /// `number_errors / rows`; `None` where there are no rows.
    pub error_rate: Option<f64>,
    pub number_errors: u64,
    /// The most frequent code first; equally frequent ones by code.
    pub error_code_frequency: Vec<(i64, u64)>,
    /// Output tokens of successful requests per second of the measured window; `None` where there is no window.
    pub mean_output_throughput_token_per_s: Option<f64>,
    /// Successful requests.
    pub num_completed_requests: u64,
    /// `None` where there is no window.
    pub num_completed_requests_per_min: Option<f64>,
}

/// The columns that LLMPerf has statistics of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    InterTokenLatency,
    Ttft,
    EndToEndLatency,
    RequestOutputThroughput,
    InputTokens,
    OutputTokens,
}

impl Column {
    /// Every column, in LLMPerf's order.
    pub const ALL: [Column; 6] = [
        Column::InterTokenLatency,
        Column::Ttft,
        Column::EndToEndLatency,
        Column::RequestOutputThroughput,
        Column::InputTokens,
        Column::OutputTokens,
    ];

    /// LLMPerf's name of the column.
    pub fn name(self) -> &'static str {
        match self {
            Column::InterTokenLatency => "inter_token_latency_s",
            Column::Ttft => "ttft_s",
            Column::EndToEndLatency => "end_to_end_latency_s",
            Column::RequestOutputThroughput => "request_output_throughput_token_per_s",
            Column::InputTokens => "number_input_tokens",
            Column::OutputTokens => "number_output_tokens",
        }
    }

    /// Whether its values are whole numbers.
    pub fn is_whole(self) -> bool {
        matches!(self, Column::InputTokens | Column::OutputTokens)
    }

    fn value(self, row: &Row) -> Option<f64> {
        match self {
            Column::InterTokenLatency => row.inter_token_latency_s,
            Column::Ttft => row.ttft_s,
            Column::EndToEndLatency => row.end_to_end_latency_s,
            Column::RequestOutputThroughput => row.request_output_throughput_token_per_s,
            Column::InputTokens => Some(row.number_input_tokens.0 as f64),
            Column::OutputTokens => Some(row.number_output_tokens.0 as f64),
        }
    }
}

/// Rows as requests end. Warm-up requests are in none, as LLMPerf has no such thing.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    rows: Vec<(Stamp, RequestId, Row)>,
    started: u64,
    extent: Extent,
}

impl Rows {
    /// Takes a record in. A cancelled request is started and not finished: it has no row, and LLMPerf knows none.
    pub fn add(&mut self, record: &RequestRecord) {
        if record.warmup {
            return;
        }
        self.started += 1;
        self.extent.add(record);
        self.rows.extend(Row::of(record).map(|row| (record.end, record.id, row)));
    }

    /// The rows in order of completion, whatever the order they came in, and LLMPerf's summary of them.
    pub fn finish(mut self) -> (Vec<Row>, Results) {
        self.rows.sort_by_key(|&(end, id, _)| (end, id));
        let rows: Vec<Row> = self.rows.into_iter().map(|(_, _, row)| row).collect();
        let window_s = self.extent.window(None).and_then(Window::seconds);
        let results = Results::of(&rows, self.started, window_s);
        (rows, results)
    }
}

impl<'a> FromIterator<&'a RequestRecord> for Rows {
    fn from_iter<T: IntoIterator<Item = &'a RequestRecord>>(records: T) -> Rows {
        let mut rows = Rows::default();
        records.into_iter().for_each(|record| rows.add(record));
        rows
    }
}

/// What LLMPerf's correctness test takes for output tokens: each of its clients counts for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyTokens {
    /// The chunks of the stream.
    Chunks,
    /// Its Llama tokenizer's count, as in the load test: SageMaker's and Vertex AI's answers come in no chunks of a token.
    Tokenizer,
}

impl Row {
    /// The row of a finished request; `None` for a cancelled one.
    fn of(record: &RequestRecord) -> Option<Row> {
        match &record.outcome {
            Outcome::Ok => Some(Row::success(record)),
            Outcome::Failed(failure) => Some(Row::failure(record, failure)),
            Outcome::Cancelled => None,
        }
    }

    fn success(record: &RequestRecord) -> Row {
        let e2e = record.end.since(record.sent).as_secs();
        let chunks = record.events.saturating_sub(u64::from(record.terminated));
        let content = record.first_output.and(record.last_token());
        let content_tokens = record.osl.0.saturating_sub(record.reasoning.0);
        let output = Tokens(content_tokens.saturating_add(1));
        Row {
            error_code: None,
            error_msg: String::new(),
            inter_token_latency_s: content
                .filter(|_| chunks > 0)
                .map(|last| last.since(record.sent).as_secs() / chunks as f64),
            ttft_s: record.first_output.map(|first| first.since(record.sent).as_secs()),
            end_to_end_latency_s: Some(e2e),
            request_output_throughput_token_per_s: (e2e > 0.0).then(|| output.0 as f64 / e2e),
            number_total_tokens: record.isl + output,
            number_output_tokens: output,
            number_input_tokens: record.isl,
        }
    }

    /// What LLMPerf's correctness test writes, by other formulas than its load test: `inter_token_latency_s` is the sum
    /// (last content - sent), output tokens are what `counted` says, and input tokens are not counted. `None` for a cancelled
    /// request.
    pub fn of_correctness(record: &RequestRecord, counted: ReplyTokens) -> Option<Row> {
        let row = Row::of(record)?;
        let output = match (&row.error_code, counted) {
            (Some(_), _) => Tokens(0),
            (None, ReplyTokens::Chunks) => Tokens(record.events.saturating_sub(u64::from(record.terminated))),
            (None, ReplyTokens::Tokenizer) => row.number_output_tokens,
        };
        let e2e = row.end_to_end_latency_s.filter(|&e2e| e2e > 0.0);
        let content = record.first_output.and(record.last_token()).filter(|_| row.error_code.is_none());
        Some(Row {
            inter_token_latency_s: match row.error_code {
                None => content.map(|last| last.since(record.sent).as_secs()),
                Some(_) => row.inter_token_latency_s,
            },
            request_output_throughput_token_per_s: match row.error_code {
                None => e2e.map(|e2e| output.0 as f64 / e2e),
                Some(_) => row.request_output_throughput_token_per_s,
            },
            number_total_tokens: output,
            number_output_tokens: output,
            number_input_tokens: Tokens(0),
            ..row
        })
    }

    fn failure(record: &RequestRecord, failure: &Failure) -> Row {
        Row {
            error_code: Some(error_code(record.status, failure)),
            error_msg: failure.message.clone(),
            inter_token_latency_s: Some(0.0),
            ttft_s: Some(0.0),
            end_to_end_latency_s: Some(0.0),
            request_output_throughput_token_per_s: Some(0.0),
            number_total_tokens: record.isl,
            number_output_tokens: Tokens(0),
            number_input_tokens: record.isl,
        }
    }
}

/// The status where it is the failure; within a successful answer, the provider's code where it is a number; else -1.
fn error_code(status: Option<u16>, failure: &Failure) -> i64 {
    let status = status.filter(|status| !(200..300).contains(status)).map(i64::from);
    status.or_else(|| failure.code.trim().parse().ok()).unwrap_or(-1)
}

impl Results {
    /// Sums up rows, in their order. `window_s` is positive.
    pub fn of(rows: &[Row], num_requests_started: u64, window_s: Option<f64>) -> Results {
        let ok: Vec<&Row> = rows.iter().filter(|row| row.error_code.is_none()).collect();
        let errors: Vec<i64> = rows.iter().filter_map(|row| row.error_code).collect();
        let output: Tokens = ok.iter().map(|row| row.number_output_tokens).sum();
        let distribution =
            |column: Column| Distribution::of(ok.iter().filter_map(|row| column.value(row)).collect());
        Results {
            statistics: Column::ALL.map(|column| (column, distribution(column))),
            num_requests_started,
            error_rate: (!rows.is_empty()).then(|| errors.len() as f64 / rows.len() as f64),
            number_errors: errors.len() as u64,
            error_code_frequency: frequencies(&errors),
            mean_output_throughput_token_per_s: window_s.map(|window| output.0 as f64 / window),
            num_completed_requests: ok.len() as u64,
            num_completed_requests_per_min: window_s.map(|window| ok.len() as f64 / window * 60.0),
        }
    }
}

fn frequencies(codes: &[i64]) -> Vec<(i64, u64)> {
    let mut counts = BTreeMap::new();
    for &code in codes {
        *counts.entry(code).or_insert(0u64) += 1;
    }
    let mut frequencies: Vec<(i64, u64)> = counts.into_iter().collect();
    frequencies.sort_by_key(|&(code, count)| (Reverse(count), code));
    frequencies
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::request::tests::{ms, record};
    use crate::record::FailureKind;

    /// LLMPerf's own example: 50 tokens, 10 ms apart, after 50 ms; a role chunk, a finish chunk and `[DONE]`.
    fn golden_request() -> RequestRecord {
        let tokens: Vec<u64> = (0..50).map(|i| 52 + 10 * i).collect();
        RequestRecord { events: 53, end: ms(552), isl: Tokens(538), ..record(0, &tokens) }
    }

    fn rows(records: &[RequestRecord]) -> Vec<Row> {
        records.iter().collect::<Rows>().finish().0
    }

    fn failed(id: u64, status: Option<u16>, code: &str) -> RequestRecord {
        let failure = Failure { code: code.to_owned(), ..Failure::new(FailureKind::ServerError, "no") };
        RequestRecord { status, outcome: Outcome::Failed(failure), end: ms(100 + id), ..record(id, &[52]) }
    }

    #[test]
    fn a_row_holds_llmperfs_own_formulas() {
        assert_eq!(
            rows(&[golden_request()]),
            [Row {
                error_code: None,
                error_msg: String::new(),
                inter_token_latency_s: Some(0.54 / 52.0),
                ttft_s: Some(0.05),
                end_to_end_latency_s: Some(0.55),
                request_output_throughput_token_per_s: Some(51.0 / 0.55),
                number_total_tokens: Tokens(589),
                number_output_tokens: Tokens(51),
                number_input_tokens: Tokens(538),
            }]
        );
    }

    #[test]
    fn a_reply_is_counted_in_chunks_or_where_there_are_none_of_a_token_by_the_tokenizer() {
        let check = |record: &RequestRecord, counted, tokens| {
            let row = Row::of_correctness(record, counted).expect("a row");
            assert_eq!(
                (row.number_output_tokens, row.number_total_tokens, row.number_input_tokens),
                (Tokens(tokens), Tokens(tokens), Tokens(0))
            );
            let e2e = row.end_to_end_latency_s.filter(|&e2e| e2e > 0.0);
            assert_eq!(
                row.request_output_throughput_token_per_s,
                e2e.map(|e2e| tokens as f64 / e2e).or(Some(0.0))
            );
        };
        // Vertex AI's whole answer of 9 tokens.
        let whole = RequestRecord { events: 1, osl: Tokens(9), end: ms(102), ..record(0, &[]) };
        check(&whole, ReplyTokens::Chunks, 0);
        check(&whole, ReplyTokens::Tokenizer, 10);
        check(&golden_request(), ReplyTokens::Chunks, 52);
        check(&golden_request(), ReplyTokens::Tokenizer, 51);
        for counted in [ReplyTokens::Chunks, ReplyTokens::Tokenizer] {
            check(&failed(0, Some(503), "503"), counted, 0);
        }
    }

    #[test]
    fn reasoning_is_not_content() {
        let thinking =
            RequestRecord { first_output: Some(ms(102)), reasoning: Tokens(5), ..golden_request() };
        let row = &rows(&[thinking])[0];
        assert_eq!((row.ttft_s, row.number_output_tokens), (Some(0.1), Tokens(46)));
        let silent = RequestRecord { first_output: None, reasoning: Tokens(50), ..golden_request() };
        let row = &rows(&[silent])[0];
        assert_eq!(
            (row.ttft_s, row.inter_token_latency_s, row.number_output_tokens),
            (None, None, Tokens(1))
        );
    }

    #[test]
    fn the_error_code_is_the_status_or_the_providers_number_or_minus_one() {
        let check = |status, code: &str, expected| {
            let row = &rows(&[failed(0, status, code)])[0];
            assert_eq!((row.error_code, row.error_msg.as_str()), (Some(expected), "no"));
            assert_eq!((row.ttft_s, row.number_total_tokens), (Some(0.0), Tokens(10)));
        };
        check(Some(503), "503", 503);
        check(Some(429), "rate_limit_exceeded", 429);
        check(Some(200), "429", 429);
        check(Some(200), "overloaded_error", -1);
        check(None, "", -1);
    }

    #[test]
    fn failures_are_counted_and_in_no_statistic() {
        let cancelled = RequestRecord { outcome: Outcome::Cancelled, ..record(9, &[52]) };
        let records = [
            failed(5, None, ""),
            failed(4, Some(503), "503"),
            failed(3, Some(503), "503"),
            cancelled,
            golden_request(),
        ];
        let (_, results) = records.iter().collect::<Rows>().finish();
        assert_eq!(results.num_requests_started, 5);
        assert_eq!((results.number_errors, results.error_rate), (3, Some(0.75)));
        assert_eq!(results.error_code_frequency, [(503, 2), (-1, 1)]);
        assert_eq!(results.num_completed_requests, 1);
        assert!(results.statistics.iter().all(|(_, d)| d.as_ref().is_some_and(|d| d.n == 1)));
        assert_eq!(results.mean_output_throughput_token_per_s, Some(51.0 / 0.55));
    }

    #[test]
    fn warm_up_is_left_out() {
        let warmup = RequestRecord { warmup: true, sent: ms(1), ..record(1, &[2000]) };
        let (rows, results) = [warmup, golden_request()].iter().collect::<Rows>().finish();
        assert_eq!((rows.len(), results.num_requests_started, results.num_completed_requests), (1, 1, 1));
        assert_eq!(results.mean_output_throughput_token_per_s, Some(51.0 / 0.55));
    }

    #[test]
    fn rows_come_in_order_of_completion() {
        let codes =
            |records: &[RequestRecord]| rows(records).iter().map(|r| r.error_code).collect::<Vec<_>>();
        let (a, b) = (failed(1, Some(500), ""), failed(2, Some(502), ""));
        assert_eq!(codes(&[b.clone(), a.clone()]), [Some(500), Some(502)]);
        assert_eq!(codes(&[a, b]), [Some(500), Some(502)]);
    }
}
