//! Build script of testkit, and the CNI plugin of the tests in one.
//!
//! A program that the tests of any crate can rely on must be built whenever testkit is, also for
//! `cargo test -p OTHER`, which builds no binaries of testkit. Cargo builds only one program then:
//! this one. So it is the plugin, and as a build script only puts itself where the tests find it.

// Public in testkit, for the tests.
#[allow(unreachable_pub)]
#[path = "../src/cni/behaviour.rs"]
mod behaviour;
mod plugin;

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs, io};

fn main() -> ExitCode {
    if env::var_os("CNI_COMMAND").is_some() {
        return kubewright_cni::plugin::main(&plugin::TestPlugin);
    }
    match install() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot put the CNI plugin of the tests into OUT_DIR: {error}");
            ExitCode::FAILURE
        }
    }
}

fn install() -> io::Result<()> {
    let out = env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?;
    let folder = PathBuf::from(out).join("cni");
    fs::create_dir_all(&folder)?;
    let plugin = folder.join("testkit-cni-plugin");
    // Not over the old one: a test may be running it.
    match fs::remove_file(&plugin) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::copy(env::current_exe()?, &plugin)?;
    println!("cargo::rustc-env=TESTKIT_CNI_BIN_DIR={}", folder.display());
    // Cargo runs it again when it was built anew; nothing else changes what it does.
    println!("cargo::rerun-if-changed=build/main.rs");
    Ok(())
}
