//! `cargo xtask bench workspace`: graphs and builds, images pushed and workspaces bundled, next to
//! git, buildah, skopeo and sha256sum.

mod bundle;
mod files;
mod plan;
mod push;

use anyhow::Result;
use clap::{Parser, ValueEnum};

/// Measures the workspace.
#[derive(Parser)]
struct Options {
    /// What to measure.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Part::Plan, Part::Push, Part::Bundle])]
    parts: Vec<Part>,
    /// Size of the image that is pushed, in MB before compression.
    #[arg(long, default_value_t = 411)]
    image: u64,
    /// Size of the bundle, in MB.
    #[arg(long, default_value_t = 332)]
    bundle: u64,
    /// Rounds; the best of each is compared.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum Part {
    Plan,
    Push,
    Bundle,
}

fn main() -> Result<()> {
    if bundle::is_writer() {
        return bundle::writes();
    }
    let options = Options::parse();
    for part in &options.parts {
        match part {
            Part::Plan => plan::measure(options.rounds)?,
            Part::Push => push::measure(options.image * 1_000_000, options.rounds)?,
            Part::Bundle => bundle::measure(options.bundle * 1_000_000, options.rounds)?,
        }
    }
    Ok(())
}
