//! The `kubewright-podnet` program: the part of `kubewright` that nodes run.

use std::process::ExitCode;

fn main() -> ExitCode {
    kubewright::cli::podnet()
}
