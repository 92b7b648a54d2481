//! When to try again: later each time, never all at once, without end.

use std::time::Duration;

/// Pauses between attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first pause.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), longest: Duration::from_secs(120) }
    }
}

impl Backoff {
    /// Pause after the `failures`th failure in a row (from 1): twice as long each time up to the
    /// longest, less a part by luck of up to a half, so that what failed together is not tried
    /// together. `luck` is any number; the same gives the same.
    #[must_use]
    pub fn pause(&self, failures: u32, luck: u64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let pause = self.first.saturating_mul(1 << doublings).min(self.longest);
        let part = (mixed(luck) >> 32) as u32;
        let jitter = (pause / 2).mul_f64(f64::from(part) / f64::from(u32::MAX));
        pause.saturating_sub(jitter)
    }
}

/// Spreads numbers that are close together, as ticks of a clock are (the finaliser of SplitMix64).
fn mixed(luck: u64) -> u64 {
    let mut x = luck.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pauses_grow_to_the_longest_and_never_end(failures in any::<u32>(), luck in any::<u64>()) {
            let backoff = Backoff::default();
            let pause = backoff.pause(failures, luck);
            prop_assert!(pause >= backoff.first / 2 && pause <= backoff.longest);
            prop_assert_eq!(pause, backoff.pause(failures, luck));
            if failures > 20 {
                prop_assert!(pause >= backoff.longest / 2);
            }
        }
    }

    #[test]
    fn those_that_fail_together_are_not_tried_together() {
        let backoff = Backoff::default();
        let pauses: std::collections::BTreeSet<_> =
            (0..100).map(|luck| backoff.pause(5, luck)).collect();
        assert!(pauses.len() > 90, "{pauses:?}");
    }
}
