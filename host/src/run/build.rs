//! Builds requests ahead of time: prompts by the workload, payloads by the plugin, the rest by the provider.
//! Background threads only; a request is ready before a slot asks for it.

use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Result;

use super::background::{self, Need};
use super::machine;
use super::plugin_log::PluginLog;
use crate::load::{Source, lanes};
use crate::plugin::{Context, Plugin};
use crate::provider::Provider;
use crate::record::{Failure, FailureKind, PreparedRequest, RequestInfo, RequestSpec};
use crate::units::{RequestId, Span, Tokens};
use crate::workload::Workload;

/// A request for a slot: ready to be sent, or why it never will be.
pub(super) type Ready = Result<Arc<PreparedRequest>, (RequestInfo, Failure)>;

/// Everything needed to build any request of a run.
pub(super) struct Builder {
    pub(super) workload: Workload,
    pub(super) plugin: Plugin,
    pub(super) provider: Provider,
    pub(super) model: String,
    /// JSON object text.
    pub(super) sampling: String,
    pub(super) options: Vec<(String, String)>,
    pub(super) log: PluginLog,
}

impl Builder {
    /// Builds one request, whose session got these answers before it; with the time its asker thinks after the last of
    /// them. The same one for the same id and answers, whoever asks.
    pub(super) fn build(&self, id: RequestId, answers: &[String]) -> (Ready, Span) {
        match self.workload.request(id, answers) {
            Ok((spec, think)) => (
                self.prepare(&spec, &self.sampling).map(Arc::new).map_err(|failure| (spec.info(), failure)),
                think,
            ),
            Err(error) => {
                let info = RequestInfo {
                    id,
                    session: None,
                    isl_target: Tokens(0),
                    isl: Tokens(0),
                    max_tokens: None,
                };
                (Err((info, Failure::new(FailureKind::Workload, format!("{error:#}")))), Span(0))
            }
        }
    }

    /// Makes of what is to be asked what goes on the wire, with these sampling parameters (JSON object text).
    pub(super) fn prepare(&self, spec: &RequestSpec, sampling: &str) -> Result<PreparedRequest, Failure> {
        let context = Context {
            task: self.plugin.description().task(),
            model: &self.model,
            stream: true,
            sampling,
            options: &self.options,
        };
        let mut session = self.plugin.session().map_err(crate::plugin::Fault::into_failure)?;
        let built = session.build_request(spec, &context);
        self.log.show(&session.take_log());
        self.plugin.keep(session);
        let built = built.map_err(|fault| match fault {
            crate::plugin::Fault::Error(why) => Failure::new(FailureKind::PluginRequest, why),
            fault => fault.into_failure(),
        })?;
        let prepared = self.provider.prepare(spec, built);
        prepared.map_err(|refusal| Failure::new(FailureKind::PluginRequest, refusal.to_string()))
    }
}

/// Items that wait in one lane. The source takes what is to be ready ahead; the lanes only decouple.
const LANE_ITEMS: usize = 4;

/// Starts builders for the requests of a run: for the first of each session, since what follows it hangs on the answers. The
/// first `ahead` are built at normal priority, since the run waits for them and nothing is measured yet.
pub(super) fn start(
    builder: &Arc<Builder>,
    requests: u64,
    ahead: usize,
    need: &Need,
) -> Result<(Source<Ready>, Vec<JoinHandle<()>>)> {
    let sessions = builder.workload.sessions(requests);
    let lanes_wanted = machine::cores().min(usize::try_from(sessions).unwrap_or(usize::MAX)).max(1);
    let (lanes, source) = lanes(lanes_wanted, LANE_ITEMS);
    let step = lanes.len();
    let mut threads = vec![];
    for (lane, first) in lanes.into_iter().zip(0..) {
        let builder = Arc::clone(builder);
        let mut sessions = (first..sessions).step_by(step);
        threads.extend(background::spawn("build", need, ahead.div_ceil(step) as u64, move || {
            let Some(session) = sessions.next() else { return false };
            lane.put(builder.build(builder.workload.first_of(session), &[]).0)
        })?);
    }
    Ok((source, threads))
}
