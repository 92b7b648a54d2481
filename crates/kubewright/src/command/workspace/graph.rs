//! `kubewright workspace graph`.

use std::process::ExitCode;

use clap::ValueEnum;
use kubewright_workspace::graph::draw;
use kubewright_workspace::sources::Sources;

use super::place::PlaceArgs;
use crate::failure::Outcome;
use crate::output;

/// Draw which component needs which, and how that is known
///
/// Circles, edges that are declared but not there, edges that are there but not declared, and
/// replaces without effect are errors.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// How to write it
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Form,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Form {
    /// For people.
    #[default]
    Text,
    /// For Graphviz.
    Dot,
    /// A picture.
    Svg,
    /// For programs.
    Json,
    /// For programs and people.
    Yaml,
}

pub(super) fn run(args: &Args, place: &PlaceArgs) -> Outcome {
    let graph = Sources::of(&place.open()?)?.graph;
    let text = match args.output {
        Form::Text => draw::text(&graph),
        Form::Dot => draw::dot(&graph),
        Form::Svg => draw::svg(&graph),
        Form::Json => output::json(&draw::data(&graph))?,
        Form::Yaml => output::yaml(&draw::data(&graph))?,
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
