//! The `kubewright` program. What it does is in the library beside it, which `cargo xtask gen`
//! uses too.

use std::process::ExitCode;

fn main() -> ExitCode {
    kubewright::main()
}
