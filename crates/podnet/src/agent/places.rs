//! How many calls have plugins at work for them: the runtime may make a hundred sandboxes at once,
//! while each plugin takes memory that counts as the agent's.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinError;
use tokio::time::Instant;

/// Work that takes longer may give its place to another one: a plugin that hangs stops its own pod
/// and not the node.
const SLOW: Duration = Duration::from_secs(10);

/// Places for work that waits for plugins.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    /// Places for work that is slow, as many again.
    slow: Arc<Semaphore>,
}

/// Why a work has not been done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    /// No place was free in time.
    #[error("too many plugins are at work on this node")]
    Full,
    /// It panicked.
    #[error(transparent)]
    Panicked(#[from] JoinError),
}

impl Places {
    /// This many, and as many again for what is slow.
    pub(crate) fn new(places: usize) -> Self {
        let places = || Arc::new(Semaphore::new(places));
        Self { free: places(), slow: places() }
    }

    /// Does something that waits for plugins when there is a place, if that is by then.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        until: Instant,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PlaceError> {
        let free = tokio::time::timeout_at(until, self.free.clone().acquire_owned()).await;
        let Ok(Ok(place)) = free else { return Err(PlaceError::Full) };
        let mut work = tokio::task::spawn_blocking(work);
        if let Ok(done) = tokio::time::timeout(SLOW, &mut work).await {
            return Ok(done?);
        }
        let slow = self.slow.clone().try_acquire_owned();
        if slow.is_ok() {
            drop(place);
        }
        Ok(work.await?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::sync::mpsc;
    use tokio::task::JoinHandle;

    use super::*;

    /// Begins a work that lasts until its gate is dropped; it tells when it is at work.
    fn begin(
        places: &Places,
        at_work: &mpsc::UnboundedSender<usize>,
        number: usize,
        until: Instant,
    ) -> (std::sync::mpsc::Sender<()>, JoinHandle<Result<(), PlaceError>>) {
        let (gate, opened) = std::sync::mpsc::channel();
        let (places, at_work) = (places.clone(), at_work.clone());
        let work = move || {
            at_work.send(number).unwrap();
            // An error, when the gate is dropped.
            let _ = opened.recv();
        };
        (gate, tokio::spawn(async move { places.work(until, work).await }))
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_slow_lets_others_work_but_not_all_of_them() {
        let places = Places::new(1);
        let (tell, mut at_work) = mpsc::unbounded_channel();
        let far = Instant::now() + SLOW * 30;
        let (first, first_done) = begin(&places, &tell, 1, far);
        assert_eq!(at_work.recv().await, Some(1));
        // One has no place in time.
        let (_gate, late) = begin(&places, &tell, 2, Instant::now());
        assert!(matches!(late.await.unwrap(), Err(PlaceError::Full)));
        // The first is slow by and by.
        let (second, second_done) = begin(&places, &tell, 3, far);
        tokio::time::advance(SLOW).await;
        assert_eq!(at_work.recv().await, Some(3));
        // Now both are: there is no place for a third before one of them ends.
        let (third, third_done) = begin(&places, &tell, 4, far);
        tokio::time::advance(SLOW).await;
        assert!(at_work.is_empty() && !third_done.is_finished());
        assert_eq!((places.slow.available_permits(), places.free.available_permits()), (0, 0));
        drop(second);
        second_done.await.unwrap().unwrap();
        assert_eq!(at_work.recv().await, Some(4));
        drop((first, third));
        first_done.await.unwrap().unwrap();
        third_done.await.unwrap().unwrap();
        assert_eq!((places.slow.available_permits(), places.free.available_permits()), (1, 1));
    }
}
