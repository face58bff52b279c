//! The host's side of `wit/llmperf-plugin.wit`, generated. Nothing else lives here.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "llmperf:plugin/plugin",
    ownership: Borrowing { duplicate_if_necessary: true },
});
