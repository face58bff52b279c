//! The magpie: a component that says of itself what is written into it.

#[path = "../../support/component.rs"]
mod builder;

use std::sync::OnceLock;

use serde_json::Value;

use builder::build_component;

const MARKER: &[u8] = b"magpie-card:";
/// Bytes of the card, its marker included.
const CARD_BYTES: usize = 4096;

/// The component with this card.
pub(crate) fn magpie(card: &Value) -> Vec<u8> {
    let mut bytes = magpie_without_a_card();
    let card = card.to_string();
    assert!(card.len() <= CARD_BYTES - MARKER.len(), "the card is too long");
    let blank = |window: &[u8]| window.starts_with(MARKER) && window.ends_with(b"    ");
    let at = bytes.windows(MARKER.len() + 4).position(blank).expect("the marker is in the component");
    let start = at + MARKER.len();
    bytes[start..start + card.len()].copy_from_slice(card.as_bytes());
    bytes
}

/// The component as it was built, which cannot describe itself.
pub(crate) fn magpie_without_a_card() -> Vec<u8> {
    static BUILT: OnceLock<Vec<u8>> = OnceLock::new();
    BUILT
        .get_or_init(|| std::fs::read(build_component("llmperf-magpie")).expect("the component was built"))
        .clone()
}
