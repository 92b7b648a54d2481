//! Whether this process may write, as everything but the election sees it.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

use super::gate::{GateLayer, NotLeading};
use crate::client;

/// What the election last decided.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Standing {
    pub(crate) term: u64,
    pub(crate) right: Right,
}

/// The right to write.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Right {
    /// Someone else leads, or nobody.
    #[default]
    None,
    /// Until this local time, which renewals move ahead.
    Until(Instant),
    /// Leadership is being handed over: what is under way may finish until this local time.
    Closing(Instant),
    /// No election takes place.
    Always,
}

/// A handle that tells whether this process leads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Leadership {
    standing: watch::Receiver<Standing>,
    writes: Writes,
    lease: Arc<str>,
}

/// One uninterrupted period of leadership.
#[derive(Clone, Debug)]
pub struct Tenure {
    leadership: Leadership,
    term: u64,
}

impl Leadership {
    pub(crate) fn new(lease: Arc<str>) -> (watch::Sender<Standing>, Self) {
        let (sender, standing) = watch::channel(Standing::default());
        (sender, Self { standing, writes: Writes::default(), lease })
    }

    /// Leadership without an election, for what runs once by construction: an agent of one node,
    /// a controller someone embeds under their own election, the local control plane.
    pub fn always() -> Self {
        let (sender, leadership) = Self::new("no lease".into());
        // The receiver keeps the last value after its sender is gone.
        sender.send_replace(Standing { term: 1, right: Right::Always });
        leadership
    }

    /// Whether this process may write at this instant.
    pub fn is_certain(&self) -> bool {
        self.admits(None)
    }

    /// Waits for leadership. Never returns once the election has ended.
    pub async fn acquired(&mut self) -> Tenure {
        loop {
            if self.is_certain() {
                let term = self.standing.borrow_and_update().term;
                return Tenure { leadership: self.clone(), term };
            }
            if self.standing.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The same client, refusing every write while this process does not lead.
    pub fn gate(&self, client: kube::Client) -> kube::Client {
        client::layered(client, GateLayer::new(self.clone(), None))
    }

    /// `namespace/name` of the Lease.
    pub fn lease(&self) -> &str {
        &self.lease
    }

    pub(crate) fn writes(&self) -> &Writes {
        &self.writes
    }

    /// Whether a new write may start, in this term if one is given.
    pub(crate) fn admits(&self, term: Option<u64>) -> bool {
        let standing = self.standing.borrow();
        term.is_none_or(|term| term == standing.term)
            && match standing.right {
                Right::Always => true,
                Right::Until(until) => Instant::now() < until,
                Right::None | Right::Closing(_) => false,
            }
    }

    /// Returns when a write under way must be cut off. Cancel safe.
    pub(crate) async fn lapsed(&self, term: Option<u64>) {
        self.until(term, |right| match right {
            Right::Until(until) | Right::Closing(until) => Some(Some(until)),
            Right::Always => Some(None),
            Right::None => None,
        })
        .await;
    }

    /// Follows the standing until `deadline` says that the right is gone (`None`), or until the
    /// time it names has passed without being moved.
    async fn until(&self, term: Option<u64>, deadline: impl Fn(Right) -> Option<Option<Instant>>) {
        let mut standing = self.standing.clone();
        loop {
            let now = standing.borrow_and_update().clone();
            if term.is_some_and(|term| term != now.term) {
                return;
            }
            let Some(until) = deadline(now.right) else {
                return;
            };
            // Decided by the clock and the latest renewal, not by which of the two woke us: this
            // task may not have been polled for longer than several renewals.
            if until.is_some_and(|until| until <= Instant::now()) {
                return;
            }
            let passed = async {
                match until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = passed => {}
                changed = standing.changed() => if changed.is_err() {
                    // The election is gone: the right ends when it would have ended anyway.
                    match until {
                        Some(until) => return sleep_until(until).await,
                        None => std::future::pending().await,
                    }
                },
            }
        }
    }
}

impl Tenure {
    /// Number of this period, counted from 1 in each process.
    pub fn term(&self) -> u64 {
        self.term
    }

    /// Whether this period still lasts and new writes are admitted.
    pub fn is_certain(&self) -> bool {
        self.leadership.admits(Some(self.term))
    }

    /// Returns as soon as this period is over, or is being handed over. Cancel safe.
    pub async fn lost(&self) {
        self.leadership
            .until(Some(self.term), |right| match right {
                Right::Until(until) => Some(Some(until)),
                Right::Always => Some(None),
                Right::None | Right::Closing(_) => None,
            })
            .await;
    }

    /// The same client, refusing every write once this period is over, also in a later one: what
    /// was decided on the observations of one period is not carried out in another.
    pub fn gate(&self, client: kube::Client) -> kube::Client {
        client::layered(client, GateLayer::new(self.leadership.clone(), Some(self.term)))
    }
}

/// The gated writes under way, so that a voluntary release can wait for them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writes {
    under_way: TaskTracker,
    cut_off: Arc<Mutex<Option<Instant>>>,
}

impl Writes {
    pub(crate) fn start(&self) -> Write {
        Write { writes: self.clone(), answered: false, _token: self.under_way.token() }
    }

    /// Waits until none is under way.
    pub(crate) async fn finished(&self) {
        self.under_way.close();
        self.under_way.wait().await;
        self.under_way.reopen();
    }

    /// When a write was last given up without its answer; the server may still perform it.
    pub(crate) fn last_cut_off(&self) -> Option<Instant> {
        *self.cut_off.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One write under way.
#[derive(Debug)]
pub(crate) struct Write {
    writes: Writes,
    answered: bool,
    _token: TaskTrackerToken,
}

impl Write {
    /// The server has answered.
    pub(crate) fn answered(mut self) {
        self.answered = true;
    }

    /// The write never reached the server.
    pub(crate) fn refused(mut self, refusal: NotLeading) -> NotLeading {
        self.answered = true;
        refusal
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        if !self.answered {
            let mut cut_off = self.writes.cut_off.lock().unwrap_or_else(PoisonError::into_inner);
            *cut_off = Some(Instant::now());
        }
    }
}
