//! Keeps one controller running, whatever becomes of it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use thiserror::Error;
use tokio::time::{Instant, sleep};
use tower::BoxError;
use tracing::{Instrument, error, info, info_span};

use super::Backoff;
use crate::controller::{Context, Controller};
use crate::health::Check;
use crate::metrics::Metrics;
use crate::shutdown::Shutdown;

/// A controller whose type is erased.
pub(super) trait Supervised: Send + Sync {
    fn name(&self) -> &str;
    fn start(&self, context: Context) -> BoxFuture<'static, Result<(), BoxError>>;
}

impl<C: Controller> Supervised for C {
    fn name(&self) -> &str {
        Controller::name(self)
    }

    fn start(&self, context: Context) -> BoxFuture<'static, Result<(), BoxError>> {
        let controller = self.clone();
        Box::pin(async move { controller.run(context).await.map_err(Into::into) })
    }
}

/// What a controller is given, apart from when to stop.
pub(super) struct Surroundings {
    pub(super) client: kube::Client,
    pub(super) metrics: Metrics,
    pub(super) ready: Check,
    pub(super) backoff: Backoff,
}

/// Why a run ended before it was told to.
#[derive(Debug, Error)]
enum Failure {
    #[error("returned without being told to stop")]
    Returned,
    #[error("{}", chain(&**.0))]
    Failed(BoxError),
    #[error("panicked: {0}")]
    Panicked(String),
}

/// Runs `controller` until `stop`, and again after each failure.
pub(super) async fn supervise(
    controller: Arc<dyn Supervised>,
    around: Surroundings,
    stop: Shutdown,
) {
    let name = controller.name().to_owned();
    let Surroundings { client, metrics, ready, mut backoff } = around;
    while !stop.is_triggered() {
        let started = Instant::now();
        let run = stop.child();
        let context = Context::new(&name, client.clone(), &metrics, ready.clone(), run.clone());
        info!(controller = name, "controller started");
        let span = info_span!("controller", name);
        let ended = caught(controller.start(context).instrument(span)).await;
        // What the controller left running in the background ends with it.
        run.trigger();
        let failure = match ended {
            _ if stop.is_triggered() => {
                if let Err(failure) = ended {
                    error!(controller = name, error = %failure, "controller failed while stopping");
                }
                break;
            }
            Ok(()) => Failure::Returned,
            Err(failure) => failure,
        };
        let delay = backoff.after(started.elapsed());
        error!(controller = name, error = %failure, ?delay, "controller failed, starting it again");
        metrics.controller(&name).restarted();
        ready.not_ready(format!("{failure}; starting again in {delay:?}"));
        tokio::select! {
            () = sleep(delay) => {}
            () = stop.triggered() => break,
        }
    }
    info!(controller = name, "controller stopped");
}

/// A panic is an answer like any other.
async fn caught(run: impl Future<Output = Result<(), BoxError>>) -> Result<(), Failure> {
    // Nothing of the run is used after its panic: the next one starts from a clone.
    match AssertUnwindSafe(run).catch_unwind().await {
        Ok(result) => result.map_err(Failure::Failed),
        Err(panic) => Err(Failure::Panicked(
            panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "without a message".to_owned()),
        )),
    }
}

/// The error and its causes, as one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Many errors already end in their cause.
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
