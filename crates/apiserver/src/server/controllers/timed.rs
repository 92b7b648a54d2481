//! Controllers for which time is a reason to look: what expires, and what fails to happen.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::SelectAll;
use jiff::Timestamp;
use tokio_util::task::TaskTracker;

use crate::server::Core;
use crate::store::ResourceKey;

/// Clocks are set and machines sleep: nothing is waited for longer than this.
pub(super) const LONGEST: Duration = Duration::from_secs(60);

/// How soon something that failed is tried again.
pub(super) const SOON: Duration = Duration::from_secs(1);

/// Looks at everything it has to do with.
pub(super) trait Look: Send + 'static {
    /// What wakes it.
    fn resources(&self) -> Vec<ResourceKey>;

    /// Does what is due; answers when to look again at the latest.
    fn look(&mut self, core: &Core, now: Timestamp) -> impl Future<Output = Duration> + Send;
}

/// Looks once, then at every change, and when it is time.
pub(super) fn spawn(core: &Arc<Core>, tasks: &TaskTracker, mut controller: impl Look) {
    let mut changes: SelectAll<_> = controller
        .resources()
        .iter()
        .map(|resource| {
            let receiver = core.store.subscribe(resource);
            futures::stream::unfold(receiver, async |mut receiver| {
                receiver.changed().await.ok()?;
                Some(((), receiver))
            })
            .boxed()
        })
        .collect();
    let core = core.clone();
    tasks.spawn(async move {
        let stopping = core.stopping();
        loop {
            let again = controller.look(&core, Timestamp::now()).await.min(LONGEST);
            tokio::select! {
                () = stopping.cancelled() => return,
                changed = changes.next() => if changed.is_none() { return },
                () = tokio::time::sleep(again) => {}
            }
        }
    });
}

/// From now until then; a moment where that has passed.
pub(super) fn until(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or(Duration::from_millis(1))
}
