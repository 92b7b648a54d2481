//! Trying again: soon at first, then ever later, and not for ever.

use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);

/// What is left of the time to wait.
#[derive(Debug)]
pub(crate) struct Patience {
    until: Instant,
    pause: Duration,
}

impl Patience {
    /// This long from now on.
    pub(crate) fn new(patience: Duration) -> Self {
        // A century is for ever, and does not overflow.
        let bounded = patience.min(Duration::from_secs(3_000_000_000));
        Self { until: Instant::now() + bounded, pause: FIRST }
    }

    /// Waits a little; `false` when the time is over.
    pub(crate) async fn wait(&mut self) -> bool {
        let now = Instant::now();
        if now >= self.until {
            return false;
        }
        tokio::time::sleep_until(self.until.min(now + self.pause)).await;
        self.pause = LONGEST.min(self.pause * 2);
        true
    }

    /// When the time is over.
    pub(crate) fn until(&self) -> Instant {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_the_time_is_kept() {
        let begin = Instant::now();
        let mut patience = Patience::new(Duration::from_secs(10));
        let mut times = 0;
        while patience.wait().await {
            times += 1;
        }
        assert_eq!(begin.elapsed().as_secs(), 10);
        assert!((10..20).contains(&times), "{times}");
    }
}
