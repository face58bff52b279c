#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| llmperf_fuzz::wit_conversion(data));
