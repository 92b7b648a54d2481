//! How long to wait before a controller that failed is started again.

use std::time::Duration;

/// Doubles from a first delay to a cap, and starts over after a run that lasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    cap: Duration,
    failures: u32,
}

impl Backoff {
    /// From `first` to `cap`.
    pub fn new(first: Duration, cap: Duration) -> Self {
        Self { first, cap, failures: 0 }
    }

    /// The delay after a run that failed after `ran`. A run longer than the cap counts as a success
    /// before its failure.
    pub fn after(&mut self, ran: Duration) -> Duration {
        if ran > self.cap {
            self.failures = 0;
        }
        let delay = self.first.saturating_mul(2u32.saturating_pow(self.failures)).min(self.cap);
        self.failures = self.failures.saturating_add(1);
        delay
    }
}

impl Default for Backoff {
    /// One second to a minute.
    fn default() -> Self {
        Self::new(Duration::from_secs(1), Duration::from_secs(60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_to_the_cap_and_start_over() {
        let seconds = Duration::from_secs;
        let mut backoff = Backoff::default();
        let delays: Vec<u64> = (0..8).map(|_| backoff.after(seconds(1)).as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60]);
        for _ in 0..100 {
            assert_eq!(backoff.after(seconds(60)), seconds(60), "no overflow, no early reset");
        }
        assert_eq!(backoff.after(seconds(61)), seconds(1));
    }
}
