#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kazoo_dynamic_cid_fuzz::call::run(data));
