//! Makes ten small Go repositories in the shape of Calico v3.14, and a workspace of them, to try
//! `kubewright workspace` with: `cargo run -p kubewright-workspace --example calico -- DIR`.

use std::path::PathBuf;

use kubewright_testkit::Federation;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).ok_or("say in which folder")?;
    std::fs::create_dir_all(&folder)?;
    let federation = Federation::create(&folder)?;
    println!("{}", federation.workspace().display());
    Ok(())
}
