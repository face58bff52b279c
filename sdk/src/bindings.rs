//! The generated bindings, and nothing else: [`crate::Plugin`] is what an author sees.
#![allow(missing_docs, unreachable_pub, unsafe_code, clippy::all)]

wit_bindgen::generate!({
    path: "../wit",
    world: "plugin",
    additional_derives: [PartialEq],
    additional_type_attributes: { "llmperf:plugin/api@0.1.0/usage": [#[derive(Default)]] },
    pub_export_macro: true,
    export_macro_name: "__export",
});
