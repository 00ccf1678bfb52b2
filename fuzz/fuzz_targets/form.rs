#![no_main]

#[path = "../shared.rs"]
#[allow(dead_code, reason = "one function of several")]
mod shared;

libfuzzer_sys::fuzz_target!(|data: &[u8]| shared::fuzz_form(data));
