//! Results, to standard output.

use std::io::{self, IsTerminal, Write};

use anyhow::Context;
use clap::ValueEnum;
use kubewright_node::join::legible;
use kubewright_operator::environment;
use serde::Serialize;

/// How a result is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
    /// For programs and people.
    Yaml,
}

/// `-o`, for every command that lists.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct FormatArgs {
    /// How to write the result
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) output: Format,
}

impl Format {
    /// Writes a value, or what `table` makes of it.
    pub(crate) fn print(
        self,
        value: &impl Serialize,
        table: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        match self {
            Self::Table => print(&table()),
            Self::Json => print(&json(value)?),
            Self::Yaml => print(&yaml(value)?),
        }
    }
}

/// A value as indented JSON.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// A value as YAML. Its fields come in the order of JSON objects, so that it is the same
/// whatever it was made from.
pub(crate) fn yaml(value: &impl Serialize) -> anyhow::Result<String> {
    let value = serde_json::to_value(value)?;
    let mut text = serde_saphyr::to_string(&value)?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// Values as YAML documents, for `kubectl apply -f -`.
pub(crate) fn documents<T: Serialize>(values: &[T]) -> anyhow::Result<String> {
    let documents: anyhow::Result<Vec<_>> = values.iter().map(yaml).collect();
    Ok(documents?.join("---\n"))
}

/// Writes to standard output. That nobody reads on, as in `| head`, is no failure.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Whether to colour, by <https://no-color.org>.
pub(crate) fn colours(terminal: bool) -> bool {
    terminal && std::env::var_os(environment::NO_COLOR).is_none_or(|value| value.is_empty())
}

/// Whether to colour what goes to standard output.
pub(crate) fn stdout_colours() -> bool {
    colours(io::stdout().is_terminal())
}

/// Lines `name  value`, aligned.
pub(crate) fn pairs(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let line = |(name, value): &(&str, String)| format!("{name:<width$}  {}\n", legible(value));
    pairs.iter().map(line).collect()
}

/// Rows under their headings, aligned.
pub(crate) fn columns<const N: usize>(
    headings: &[&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let rows = rows.into_iter().map(|row| row.map(|cell| legible(&cell)));
    let rows: Vec<[String; N]> = [headings.map(str::to_owned)].into_iter().chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn yaml_documents_are_in_stable_order() {
        let values = [serde_json::json!({ "b": [1, "two"], "a": { "c": "yes" } })];
        assert_eq!(documents(&values).unwrap(), yaml(&values[0]).unwrap());
        let text = documents(&[values[0].clone(), values[0].clone()]).unwrap();
        assert_eq!(text.matches("---\n").count(), 1);
        let back: serde_json::Value = serde_saphyr::from_str(&yaml(&values[0]).unwrap()).unwrap();
        assert_eq!(back, values[0]);
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [["1".to_owned(), "2".to_owned()], ["long".to_owned(), String::new()]];
        assert_eq!(columns(&["A", "B"], rows), "A     B\n1     2\nlong\n");
    }

    #[test]
    fn what_others_have_written_moves_no_cursor() {
        let text = "a\u{1b}[2Jb\nc\u{9b}1A\u{202e}d é";
        let shown = "a\\u{1b}[2Jb\\nc\\u{9b}1A\\u{202e}d é";
        assert_eq!(pairs(&[("a", text.into())]), format!("a  {shown}\n"));
        assert_eq!(columns(&["A"], [[text.to_owned()]]), format!("A\n{shown}\n"));
    }

    #[test]
    fn pairs_are_aligned() {
        assert_eq!(pairs(&[("a", "1".into()), ("long", "2".into())]), "a     1\nlong  2\n");
    }
}
