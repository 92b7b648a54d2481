#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kubewright_apiserver_fuzz::run("fields_v1", data));
