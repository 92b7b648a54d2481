//! Asks controllers for their metrics, again and again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::metrics::{MetricsSource, Scrape};

/// How often.
const EVERY: Duration = Duration::from_secs(5);

/// The metrics of all sources as last seen; asks until it is dropped.
pub(super) struct Scraper {
    latest: watch::Receiver<Arc<Vec<Scrape>>>,
    asking: bool,
    _task: JoinSet<()>,
}

impl Scraper {
    /// Begins to ask.
    pub(super) fn start(sources: Vec<MetricsSource>) -> Self {
        let (sender, latest) = watch::channel(Arc::default());
        let asking = !sources.is_empty();
        let mut task = JoinSet::new();
        if asking {
            task.spawn(async move {
                loop {
                    let scrapes = sources.iter().map(MetricsSource::scrape);
                    let scrapes = futures::future::join_all(scrapes).await;
                    sender.send_if_modified(|known| {
                        let news = **known != scrapes;
                        if news {
                            *known = Arc::new(scrapes);
                        }
                        news
                    });
                    tokio::time::sleep(EVERY).await;
                }
            });
        }
        Self { latest, asking, _task: task }
    }

    /// Whether there is anybody to ask.
    pub(super) fn asks(&self) -> bool {
        self.asking
    }

    /// The metrics as last seen, and news of them. Without sources there never is any.
    pub(super) fn latest(&self) -> watch::Receiver<Arc<Vec<Scrape>>> {
        self.latest.clone()
    }
}
