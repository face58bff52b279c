//! What breaks between client and server.

use super::table::Case;

pub(crate) const CASES: &[Case] = &[];
