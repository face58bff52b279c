#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| llmperf_fuzz::response_heads(data));
