#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kubewright_apiserver_fuzz::run("schemas", data));
