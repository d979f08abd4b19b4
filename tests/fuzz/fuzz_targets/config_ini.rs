#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kazoo_dynamic_cid_fuzz::config_ini::run(data));
