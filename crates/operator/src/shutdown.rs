//! Ending in order: one token that everything long-lived watches.

use std::future::Future;
use std::time::Duration;

use futures::{Stream, StreamExt};
use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Tells whether, and lets anyone wait until, it is time to stop. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(CancellationToken);

/// The signal handlers could not be installed.
#[derive(Debug, Error)]
#[error("cannot listen for SIGTERM and SIGINT")]
pub struct SignalError(#[from] std::io::Error);

/// What was to finish did not within its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not finished {0:?} after being asked to stop")]
pub struct DrainTimeout(pub Duration);

impl Shutdown {
    /// Only [`Shutdown::trigger`] triggers it.
    pub fn new() -> Self {
        Self::default()
    }

    /// SIGTERM or SIGINT triggers it; a second one exits the process at once, with 128 and the
    /// number of the signal as a shell reports it.
    ///
    /// # Errors
    /// When the process may not install signal handlers.
    pub fn on_signals() -> Result<Self, SignalError> {
        let term = numbered(signal(SignalKind::terminate())?, SignalKind::terminate());
        let int = numbered(signal(SignalKind::interrupt())?, SignalKind::interrupt());
        let shutdown = Self::new();
        tokio::spawn(
            shutdown.clone().obey(futures::stream::select(term, int), |number| {
                std::process::exit(128 + number)
            }),
        );
        Ok(shutdown)
    }

    async fn obey(self, signals: impl Stream<Item = i32>, exit: impl FnOnce(i32)) {
        let mut signals = std::pin::pin!(signals);
        let Some(number) = signals.next().await else {
            return;
        };
        info!(signal = number, "shutting down; a second signal exits at once");
        self.trigger();
        if let Some(number) = signals.next().await {
            warn!(signal = number, "second signal: exiting without waiting");
            exit(number);
        }
    }

    /// It is time to stop.
    pub fn trigger(&self) {
        self.0.cancel();
    }

    /// Whether it is time to stop.
    pub fn is_triggered(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it is time to stop. Cancel safe.
    pub async fn triggered(&self) {
        self.0.cancelled().await;
    }

    /// Triggered with this one, or on its own.
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// Waits for `work` for as long as it likes, but no longer than `limit` after it is time to stop.
    ///
    /// # Errors
    /// When it was not finished by then; `work` is dropped.
    pub async fn drain<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, DrainTimeout> {
        let too_late = async {
            self.triggered().await;
            tokio::time::sleep(limit).await;
        };
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = too_late => Err(DrainTimeout(limit)),
        }
    }
}

fn numbered(signal: Signal, kind: SignalKind) -> impl Stream<Item = i32> {
    futures::stream::unfold(signal, move |mut signal| async move {
        signal.recv().await.map(|()| (kind.as_raw_value(), signal))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::channel::mpsc;

    #[tokio::test]
    async fn the_first_signal_triggers_and_the_second_exits() {
        let shutdown = Shutdown::new();
        let child = shutdown.child();
        let (signals, received) = mpsc::unbounded();
        let (exits, exited) = tokio::sync::oneshot::channel();
        tokio::spawn(
            shutdown.clone().obey(received, |number| exits.send(number).expect("test waits")),
        );
        signals.unbounded_send(15).expect("obeyed");
        child.triggered().await;
        assert!(shutdown.is_triggered());
        signals.unbounded_send(2).expect("obeyed");
        assert_eq!(exited.await, Ok(2));
    }

    #[tokio::test]
    async fn a_child_stops_alone() {
        let shutdown = Shutdown::new();
        shutdown.child().trigger();
        assert!(!shutdown.is_triggered());
    }

    #[tokio::test(start_paused = true)]
    async fn draining_is_bounded_from_the_trigger_on() {
        let shutdown = Shutdown::new();
        let minute = Duration::from_secs(60);
        let long = tokio::time::sleep(2 * minute);
        assert_eq!(shutdown.drain(minute, long).await, Ok(()), "nobody asked to stop");

        shutdown.trigger();
        let short = tokio::time::sleep(minute / 2);
        assert_eq!(shutdown.drain(minute, short).await, Ok(()));
        let hangs = std::future::pending::<()>();
        assert_eq!(shutdown.drain(minute, hangs).await, Err(DrainTimeout(minute)));
    }
}
