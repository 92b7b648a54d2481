//! Tells of long work: bars on a terminal, lines elsewhere.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use kubewright_workspace::name::ComponentName;
use kubewright_workspace::progress::Progress;

/// How often a bar moves although nothing happens.
const TICK: Duration = Duration::from_millis(120);

/// Tells on standard error, so that results stay alone on standard output.
pub(super) struct Voice {
    terminal: bool,
    bars: MultiProgress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    total: usize,
    done: usize,
    running: BTreeMap<ComponentName, (ProgressBar, Instant)>,
}

impl Voice {
    pub(super) fn new() -> Self {
        let terminal = io::stderr().is_terminal();
        Self { terminal, bars: MultiProgress::new(), state: Mutex::default() }
    }

    fn line(&self, line: &str) {
        // Nobody listening ends no work.
        let _ = match self.terminal {
            true => self.bars.println(line),
            false => writeln!(io::stderr(), "{line}"),
        };
    }
}

impl Progress for Voice {
    fn total(&self, pieces: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.total, state.done) = (pieces, 0);
    }

    fn begin(&self, component: &ComponentName, what: &str) {
        let bar = match self.terminal {
            true => {
                let style = ProgressStyle::with_template("  {spinner} {msg} {elapsed}");
                let bar = ProgressBar::new_spinner().with_message(format!("{what} {component}"));
                let bar = self.bars.add(bar);
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
                bar.enable_steady_tick(TICK);
                bar
            }
            false => ProgressBar::hidden(),
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.running.insert(component.clone(), (bar, Instant::now()));
    }

    fn end(&self, component: &ComponentName, what: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.done += 1;
        let mut seconds = 0.0;
        if let Some((bar, begin)) = state.running.remove(component) {
            bar.finish_and_clear();
            seconds = begin.elapsed().as_secs_f64();
        }
        let (done, total) = (state.done, state.total);
        let width = total.to_string().len();
        self.line(&format!("[{done:>width$}/{total}] {component}: {what} ({seconds:.1} s)"));
    }
}
