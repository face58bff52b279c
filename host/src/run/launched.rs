//! When requests were launched that a program launches one by one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::build::Ready;
use crate::units::{RequestId, Stamp};

/// When requests were launched: they are due then, however long they wait for a slot.
#[derive(Debug, Clone, Default)]
pub(super) struct Launched {
    // Whoever launches and the I/O thread meet here, once a request; it is held for one insertion or removal.
    at: Arc<Mutex<HashMap<RequestId, Stamp>>>,
}

impl Launched {
    /// This request is launched now.
    pub(super) fn at(&self, id: RequestId, at: Stamp) {
        self.at.lock().unwrap_or_else(PoisonError::into_inner).insert(id, at);
    }

    /// When this request was due.
    pub(super) fn due(&self, ready: &Ready, otherwise: Stamp) -> Stamp {
        let id = match ready {
            Ok(request) => request.info.id,
            Err((info, _)) => info.id,
        };
        self.at.lock().unwrap_or_else(PoisonError::into_inner).remove(&id).unwrap_or(otherwise)
    }
}
