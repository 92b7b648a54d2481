//! Every variable of the environment that is read: those of options from the command line's own
//! definition, the others from a list.

use std::collections::BTreeMap;

use anyhow::Result;
use kubewright_node::config::{SEEDER, TOKEN};
use kubewright_operator::environment as operator;
use kubewright_peerpod::options::environment as peerpod;
use kubewright_workspace::build::{CHOICES, PLACES};

use super::{code, filled, table};
use crate::cli;
use crate::generated::each;

/// An option that is also read from the environment.
struct Known {
    flag: String,
    help: String,
    /// Those that have it.
    commands: Vec<String>,
}

pub(super) fn page() -> Result<String> {
    let list = |names: &[&str]| names.iter().map(|it| code(it)).collect::<Vec<_>>().join(", ");
    filled(
        include_str!("environment.md"),
        &[
            ("OPTIONS", options()?.trim_end()),
            ("KUBECONFIG", operator::KUBECONFIG),
            ("SERVICE_HOST", operator::SERVICE_HOST),
            ("POD_NAME", operator::POD_NAME),
            ("NO_COLOR", operator::NO_COLOR),
            ("RELATED_IMAGE", peerpod::RELATED_IMAGE),
            ("SEEDER", SEEDER),
            ("TOKEN", TOKEN),
            ("PLACES", &list(&PLACES)),
            ("CHOICES", &list(&CHOICES)),
        ],
    )
}

fn options() -> Result<String> {
    let mut read: BTreeMap<String, Known> = BTreeMap::new();
    each(&cli::reference(), &mut |words, command| {
        for option in command.get_arguments() {
            let Some(variable) = option.get_env().and_then(|name| name.to_str()) else { continue };
            let known = read.entry(variable.to_owned()).or_insert_with(|| Known {
                flag: option.get_long().map(|long| format!("--{long}")).unwrap_or_default(),
                help: option.get_help().map(ToString::to_string).unwrap_or_default(),
                commands: Vec::new(),
            });
            known.commands.push(words[1..].join(" "));
        }
        Ok(())
    })?;
    let rows = read.into_iter().map(|(variable, option)| {
        [code(&variable), code(&option.flag), commands(&option.commands), option.help]
    });
    Ok(table(["variable", "option", "commands", "meaning"], rows))
}

/// Commands in a cell: of one that stands for all below it, only itself.
fn commands(all: &[String]) -> String {
    if all.iter().any(String::is_empty) {
        return "all".to_owned();
    }
    let below = |it: &String, other: &String| it.starts_with(&format!("{other} "));
    let outermost = all.iter().filter(|it| !all.iter().any(|other| below(it, other)));
    let cells: Vec<String> = outermost
        .map(|it| match all.iter().any(|other| below(other, it)) {
            true => format!("{} and all below it", code(it)),
            false => code(it),
        })
        .collect();
    cells.join(", ")
}
