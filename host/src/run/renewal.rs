//! Fetches a credential that expires before anything is sent, and renews it in time, on a thread of its own: no request
//! ever waits for it.

use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::machine;
use crate::clock::unix_seconds;
use crate::provider::{Credential, Fetch, Lease};
use crate::report::{inert, say};
use crate::transport::Fetcher;

const TOLD_CHARS: usize = 400;

/// Keeps a credential renewed until it is dropped.
pub(super) struct Renewal {
    over: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Renewal {
    /// `None` where the credential does not expire.
    ///
    /// # Errors
    /// It cannot be had.
    pub(super) fn start(credential: &Credential) -> Result<Option<Renewal>> {
        let Some(lease) = credential.lease().cloned() else { return Ok(None) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = Client(Fetcher::new()?);
        // Of a series of runs, the first has fetched it.
        if lease.due_in(unix_seconds()) == 0 {
            runtime.block_on(lease.renew(&client, unix_seconds()))?;
        }
        let (over, until) = oneshot::channel();
        let thread = machine::spawn("renewal", move || keep_renewed(&runtime, &lease, &client, until))?;
        Ok(Some(Renewal { over: Some(over), thread: Some(thread) }))
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        drop(self.over.take());
        if let Some(thread) = self.thread.take() {
            machine::join(thread);
        }
    }
}

fn keep_renewed(runtime: &Runtime, lease: &Lease, client: &Client, mut until: oneshot::Receiver<()>) {
    let renewing = async {
        let mut fails = false;
        loop {
            let wait = Duration::from_secs(lease.due_in(unix_seconds()));
            tokio::time::sleep(wait).await;
            let renewed = lease.renew(client, unix_seconds()).await;
            // Once, and not again for each attempt.
            if let Err(error) = renewed.as_ref()
                && !fails
            {
                let why = inert(&format!("{error:#}"), TOLD_CHARS);
                say(format_args!(
                    "note: the credential could not be renewed, and the last one is used on: {why}"
                ));
            }
            fails = renewed.is_err();
        }
    };
    runtime.block_on(async {
        tokio::select! {
            _ = &mut until => {}
            () = renewing => {}
        }
    });
}

struct Client(Fetcher);

impl Fetch for Client {
    async fn fetch(&self, request: Request<String>) -> Result<Response<Bytes>> {
        self.0.fetch(request).await
    }
}
