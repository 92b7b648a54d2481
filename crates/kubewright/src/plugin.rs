//! kubewright as a plugin of kubectl, by the name under which it is started.
//!
//! `kubectl kubewright …` runs a program `kubectl-kubewright`, and to complete that line one called
//! `kubectl_complete-kubewright` (<https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/>,
//! <https://github.com/kubernetes/kubernetes/blob/v1.28.0/staging/src/k8s.io/kubectl/pkg/cmd/plugin/plugin_completion.go>).
//! Both are links to the program.

use std::ffi::OsStr;
use std::path::Path;

use clap::{Arg, Command};

const PLUGIN: &str = "kubectl-kubewright";
const COMPLETER: &str = "kubectl_complete-kubewright";

/// How help and usage name the plugin.
pub(crate) const LINE: &str = "kubectl kubewright";

/// What the program is started as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Program,
    Plugin,
    /// What kubectl asks how a line can go on.
    Completer,
}

impl Role {
    /// By the first argument of the process.
    pub(crate) fn of(program: Option<&OsStr>) -> Self {
        let name = program.and_then(|path| Path::new(path).file_name());
        match name.and_then(OsStr::to_str) {
            Some(PLUGIN) => Self::Plugin,
            Some(COMPLETER) => Self::Completer,
            _ => Self::Program,
        }
    }
}

/// What may stand in place of the last word: a line each, with a description behind a tab, and as
/// the last line `:4` where files may not, else `:0`, as cobra numbers its directives.
pub(crate) fn complete(root: &Command, words: &[&str]) -> String {
    let (word, before) = words.split_last().map_or(("", words), |(word, before)| (*word, before));
    let mut command = root;
    for (at, name) in before.iter().enumerate() {
        let is_value = at > 0 && option(command, before[at - 1]).is_some();
        if let Some(found) = command.find_subcommand(name).filter(|_| !is_value) {
            command = found;
        }
    }
    let candidates: Vec<(String, String)> = match before.last().and_then(|it| option(command, it)) {
        Some(option) => values(option),
        None => match word.split_once('=') {
            Some((name, _)) => {
                let option = option(command, name).into_iter();
                let of = |(value, help)| (format!("{name}={value}"), help);
                option.flat_map(values).map(of).collect()
            }
            None if word.starts_with('-') => command
                .get_arguments()
                .filter(|arg| !arg.is_hide_set())
                .filter_map(|arg| Some((format!("--{}", arg.get_long()?), help(arg.get_help()))))
                .collect(),
            None => {
                let below = command.get_subcommands().filter(|below| !below.is_hide_set());
                let names =
                    below.map(|below| (below.get_name().to_owned(), help(below.get_about())));
                names.chain(command.get_positionals().flat_map(values)).collect()
            }
        },
    };
    let fitting: Vec<_> = candidates.iter().filter(|(name, _)| name.starts_with(word)).collect();
    let directive = if candidates.is_empty() { ":0\n" } else { ":4\n" };
    let lines = fitting.iter().map(|(name, help)| match help.is_empty() {
        true => format!("{name}\n"),
        false => format!("{name}\t{help}\n"),
    });
    lines.chain([directive.to_owned()]).collect()
}

/// The option that a word names, if it takes a value that is not in the word.
fn option<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    let named = |arg: &&Arg| match word.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => word
            .strip_prefix('-')
            .is_some_and(|name| arg.get_short().is_some_and(|short| name.chars().eq([short]))),
    };
    command.get_arguments().find(named).filter(|arg| arg.get_action().takes_values())
}

fn values(arg: &Arg) -> Vec<(String, String)> {
    let values = arg.get_possible_values().into_iter().filter(|value| !value.is_hide_set());
    values.map(|value| (value.get_name().to_owned(), help(value.get_help()))).collect()
}

/// The first line of a help text.
fn help(text: Option<&clap::builder::StyledStr>) -> String {
    let text = text.map(ToString::to_string).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::reference;

    fn complete(words: &[&str]) -> Vec<String> {
        let text = super::complete(&reference(), words);
        let name = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
        text.lines().map(name).collect()
    }

    #[test]
    fn the_name_decides() {
        for (path, role) in [
            (Some("/usr/bin/kubewright"), Role::Program),
            (Some("/usr/bin/kubectl-kubewright"), Role::Plugin),
            (Some("kubectl_complete-kubewright"), Role::Completer),
            (None, Role::Program),
        ] {
            assert_eq!(Role::of(path.map(OsStr::new)), role, "{path:?}");
        }
    }

    #[test]
    fn a_line_goes_on_as_the_command_line_allows() {
        assert_eq!(complete(&["po"]), ["podnet", ":4"]);
        assert_eq!(complete(&["node", "acc"]), ["accept", ":4"]);
        assert_eq!(complete(&["manifests", "peer"]), ["peerpod", ":4"]);
        assert_eq!(complete(&["manifests", "--image", "node", "--repl"]), ["--replicas", ":4"]);
        assert_eq!(complete(&["version", "-o", ""]), ["table", "json", "yaml", ":4"]);
        assert_eq!(complete(&["version", "--output", "j"]), ["json", ":4"]);
        assert_eq!(complete(&["version", "--output=y"]), ["--output=yaml", ":4"]);
        // Anything, a file among it.
        assert_eq!(complete(&["console", "--tls-key-file", "k"]), [":0"]);
        assert!(complete(&[]).contains(&"manifests".to_owned()));
        assert!(super::complete(&reference(), &["crd"]).starts_with("crds\tPrint the Custom"));
    }

    #[test]
    fn help_is_that_of_the_plugin() {
        let command = crate::cli::command(Role::Plugin);
        let refused = command.try_get_matches_from([PLUGIN, "node", "accept", "--no"]);
        let text = refused.map_err(|error| error.to_string()).err().unwrap_or_default();
        assert!(text.contains("Usage: kubectl kubewright node accept"), "{text}");
    }
}
