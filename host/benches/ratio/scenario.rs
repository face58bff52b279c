//! What is run.

/// Concurrent streams, each followed by the next until all requests are done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) streams: usize,
    pub(crate) requests: usize,
    /// Tokens of each answer, one an event.
    pub(crate) tokens: u64,
    pub(crate) ttft_ms: u64,
    pub(crate) itl_ms: u64,
    /// Events in one write of the mock.
    pub(crate) events_per_write: u32,
    /// Only where it is asked for.
    pub(crate) long: bool,
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "64", streams: 64, requests: 2 * 64, ..PACED },
    Scenario { name: "1000", streams: 1000, requests: 2 * 1000, ..PACED },
    Scenario { name: "full", ..FULL },
    // Where an event a write keeps the mock's core busy before the client's.
    Scenario { name: "full-8", events_per_write: 8, ..FULL },
    Scenario { name: "10000", streams: 10_000, requests: 10_000, itl_ms: 200, long: true, ..PACED },
];

const PACED: Scenario = Scenario {
    name: "",
    streams: 0,
    requests: 0,
    tokens: 100,
    ttft_ms: 200,
    itl_ms: 20,
    events_per_write: 1,
    long: false,
};

const FULL: Scenario =
    Scenario { streams: 64, requests: 8 * 64, tokens: 2000, ttft_ms: 0, itl_ms: 0, ..PACED };

impl Scenario {
    /// The same requests, each answered by one token. What this costs is start, prompts, connections and requests; what
    /// the whole scenario costs beyond it is its further tokens.
    pub(crate) fn first_token_only(self) -> Scenario {
        Scenario { tokens: 1, ..self }
    }

    /// The mock's streams have a pace to be compared with.
    pub(crate) fn is_paced(&self) -> bool {
        self.itl_ms > 0
    }

    pub(crate) fn title(&self) -> String {
        let Scenario { name, streams, requests, tokens, ttft_ms, itl_ms, events_per_write, .. } = self;
        let pace = match (itl_ms, events_per_write) {
            (0, 1) => "as fast as the target can".to_owned(),
            (0, n) => format!("as fast as the target can, {n} events a write"),
            (itl, _) => format!("{itl} ms apart after {ttft_ms} ms"),
        };
        format!("{name}: {requests} requests over {streams} streams, {tokens} tokens each, {pace}")
    }
}
