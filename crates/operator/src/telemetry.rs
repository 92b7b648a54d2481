//! Logs: to standard error, as text for people or as JSON for machines.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use thiserror::Error;
use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::environment;

/// Command-line options of every command.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logging")]
pub struct LogArgs {
    /// How log lines are written to standard error
    #[arg(long, value_enum, env = environment::LOG_FORMAT, default_value_t, global = true)]
    pub log_format: LogFormat,
    /// A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`
    #[arg(long, value_name = "LEVEL", env = environment::LOG_LEVEL, default_value = "info", global = true)]
    pub log_level: String,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object in each line.
    Json,
}

/// Logging could not be set up.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// The filter cannot be parsed.
    #[error("{level:?} is neither a log level nor a list of filter directives")]
    Level {
        /// What was given.
        level: String,
        /// Where it is wrong.
        #[source]
        source: ParseError,
    },
    /// Something in this process has set up logging before.
    #[error("logging is set up already")]
    Twice(#[source] tracing::subscriber::SetGlobalDefaultError),
}

impl LogArgs {
    /// Sets up logging for the whole process.
    ///
    /// # Errors
    /// When the level cannot be parsed, or logging was set up before.
    pub fn init(&self) -> Result<(), TelemetryError> {
        let no_color = std::env::var_os(environment::NO_COLOR);
        let colours = colours(std::io::stderr().is_terminal(), no_color.as_deref());
        let subscriber = self.subscriber(colours, std::io::stderr)?;
        tracing::subscriber::set_global_default(subscriber).map_err(TelemetryError::Twice)
    }

    fn subscriber<W>(
        &self,
        colours: bool,
        writer: W,
    ) -> Result<Box<dyn tracing::Subscriber + Send + Sync>, TelemetryError>
    where
        W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
    {
        let level = if self.log_level.is_empty() { "info" } else { &self.log_level };
        // Spans and fields, by which `EnvFilter` could choose too, are not worth its regular
        // expressions: half a megabyte of each process.
        let filter: Targets = level
            .parse()
            .map_err(|source| TelemetryError::Level { level: level.to_owned(), source })?;
        let most = filter.iter().map(|(_, level)| level).chain(filter.default_level()).max();
        let builder = tracing_subscriber::fmt()
            .with_max_level(most.unwrap_or(LevelFilter::OFF))
            .with_ansi(colours)
            .with_writer(writer);
        Ok(match self.log_format {
            LogFormat::Text => Box::new(builder.finish().with(filter)),
            LogFormat::Json => {
                let json = builder.json().flatten_event(true).with_ansi(false);
                Box::new(json.finish().with(filter))
            }
        })
    }
}

/// Whether to colour, by <https://no-color.org>.
fn colours(terminal: bool, no_color: Option<&std::ffi::OsStr>) -> bool {
    terminal && no_color.is_none_or(std::ffi::OsStr::is_empty)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::Parser;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        log: LogArgs,
    }

    fn logged(format: LogFormat, level: &str, colours: bool) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let args = LogArgs { log_format: format, log_level: level.to_owned() };
        let subscriber = args.subscriber(colours, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(node = "a", "applied");
            tracing::debug!("looked");
        });
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn json_is_one_object_a_line() {
        let out = logged(LogFormat::Json, "debug", true);
        let lines: Vec<serde_json::Value> =
            out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["message"], "applied");
        assert_eq!(lines[0]["node"], "a");
        assert_eq!(lines[0]["level"], "INFO");
    }

    #[test]
    fn text_obeys_level_and_colour() {
        let plain = logged(LogFormat::Text, "", false);
        assert!(plain.contains("applied") && plain.contains("node=\"a\""), "{plain}");
        assert!(!plain.contains("looked") && !plain.contains('\u{1b}'), "{plain}");
        assert!(logged(LogFormat::Text, "info", true).contains('\u{1b}'));
        // This crate's own lines, by the name of its module.
        let directives = concat!("error,", module_path!(), "=debug");
        assert!(logged(LogFormat::Text, directives, false).contains("looked"));
        assert_eq!(logged(LogFormat::Text, "debug,kubewright_operator=off", false), "");
    }

    #[test]
    fn colours_need_a_terminal_and_consent() {
        assert!(colours(true, None));
        assert!(colours(true, Some("".as_ref())), "an empty NO_COLOR is none");
        assert!(!colours(true, Some("1".as_ref())));
        assert!(!colours(false, None));
    }

    #[test]
    fn arguments_are_checked() {
        let parse = |args: &[&str]| Command::try_parse_from([&["x"], args].concat());
        assert_eq!(parse(&["--log-format", "json"]).unwrap().log.log_format, LogFormat::Json);
        assert!(parse(&["--log-format", "xml"]).is_err());
        let args = parse(&["--log-level", "kube=loud"]).unwrap().log;
        let error = args.init().unwrap_err();
        assert!(error.to_string().contains("kube=loud"), "{error}");
    }
}
