//! How long to wait between attempts to watch a kind.

use std::time::Duration;

use kube::runtime::utils::Backoff;

/// Pauses between attempts, each twice as long as the one before: short at first, a kind may be
/// just about to be installed, and never long.
#[derive(Clone, Debug)]
pub struct Pause {
    next: Duration,
    longest: Duration,
}

impl Pause {
    const FIRST: Duration = Duration::from_millis(50);

    /// Pauses that are never longer than this.
    pub fn up_to(longest: Duration) -> Self {
        Self { next: Self::FIRST.min(longest), longest }
    }

    /// The next pause.
    pub fn next_pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause
    }
}

impl Iterator for Pause {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.next_pause())
    }
}

impl Backoff for Pause {
    fn reset(&mut self) {
        *self = Self::up_to(self.longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_get_longer_up_to_a_bound_and_begin_anew() {
        let mut pause = Pause::up_to(Duration::from_millis(150));
        let taken: Vec<u128> = pause.by_ref().take(4).map(|pause| pause.as_millis()).collect();
        assert_eq!(taken, [50, 100, 150, 150]);
        pause.reset();
        assert_eq!(pause.next_pause(), Duration::from_millis(50));
    }
}
