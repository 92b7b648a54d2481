//! Tells of bytes on their way: a bar on a terminal, nothing elsewhere but what is done.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};

/// What a bar looks like.
const STYLE: &str = "  {msg} {bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec}";

/// Tells on standard error, so that results stay alone on standard output.
#[derive(Debug)]
pub(super) struct Meter {
    bar: ProgressBar,
    seen: Mutex<u64>,
}

impl Meter {
    /// Of so many bytes, or of so many as will be told.
    pub(super) fn new(what: &'static str, total: u64) -> Self {
        let bar = match io::stderr().is_terminal() {
            true => {
                let style = ProgressStyle::with_template(STYLE);
                let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
                ProgressBar::new(total).with_style(style).with_message(what)
            }
            false => ProgressBar::hidden(),
        };
        Self { bar, seen: Mutex::new(0) }
    }

    /// So many more are to come.
    pub(super) fn more(&self, bytes: u64) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen += bytes;
        self.bar.set_length(*seen);
    }

    /// So many more are there.
    pub(super) fn moved(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// A line of its own.
    pub(super) fn line(&self, line: &str) {
        // Nobody listening ends no work.
        let _ = match self.bar.is_hidden() {
            true => writeln!(io::stderr(), "{line}"),
            false => {
                self.bar.println(line);
                Ok(())
            }
        };
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Bytes as people read them.
pub(super) fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}
