//! From the generated traits to [`Plugin`] and [`Decode`]. Only [`crate::export!`] names this; nothing here
//! decides anything.

use std::cell::RefCell;
use std::marker::PhantomData;

use crate::bindings::exports::llmperf::plugin::api;
use crate::{Decode, Out, Plugin, decode};

/// The component that `P` becomes.
#[derive(Debug)]
pub struct Component<P>(PhantomData<P>);

impl<P: Plugin> api::Guest for Component<P> {
    type Decoder = Response<P::Decoder>;

    fn describe() -> api::Description {
        P::describe()
    }

    fn build_request(spec: api::RequestSpec) -> Result<api::HttpRequest, String> {
        P::build_request(&spec)
    }

    fn explain(head: api::ResponseHead, body: Vec<u8>) -> api::Failure {
        P::explain(&head, &body)
    }
}

/// One response being read. The generated trait takes `&self`; the host never calls one decoder twice at a
/// time.
#[derive(Debug)]
pub struct Response<D>(RefCell<D>);

impl<D: Decode> api::GuestDecoder for Response<D> {
    fn new(task: String, head: api::ResponseHead) -> Self {
        Response(RefCell::new(D::new(&task, &head)))
    }

    fn push(&self, events: Vec<api::Event>) -> Result<Vec<api::Delta>, String> {
        Ok(decode(&mut *self.0.borrow_mut(), &events))
    }

    fn finish(&self, complete: bool) -> Result<Vec<api::Delta>, String> {
        let mut out = Out::new();
        self.0.borrow_mut().finish(complete, &mut out);
        Ok(out.into_deltas())
    }
}
