//! How a limit of peer pods is spread over nodes.
//!
//! Seats are given to nodes by Sainte-Laguë's divisor method (Webster's): seat number `s` of a
//! node of weight `w`, counted from 0, is worth `w / (2s + 1)`, and the seats worth most are given.
//! With equal weights that is base plus remainder. A divisor method never takes a seat from one
//! node because the limit rose (the method of the largest remainder does: weights 6:6:2 give
//! 4, 4, 2 at ten seats and 5, 5, 1 at eleven), and a node that comes or goes moves only the seats
//! it takes or leaves.
//!
//! Floors are seats given before any other; caps are seats never given. Of seats worth the same
//! those that their node already holds go first, then those of the name that sorts first.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A node that takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share<'a> {
    /// Name of the node; unique among the shares.
    pub name: &'a str,
    /// Its weight against the others. A node of weight 0 gets its floor.
    pub weight: u32,
    /// What it gets in any case: the peer pods that run there.
    pub floor: u64,
    /// What it gets at most; a higher floor wins.
    pub cap: u64,
    /// What it was given before; decides between equals.
    pub held: u64,
}

/// What [`allocate`] came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allocation {
    /// Seats of each share, in the order of the shares.
    pub seats: Vec<u64>,
    /// Seats of the limit that nobody may take: all nodes are at their caps.
    pub unplaced: u64,
    /// Seats given beyond the limit, because the floors need them.
    pub beyond: u64,
}

/// Spreads `limit` seats over `shares`.
///
/// The seats add up to the least of the limit and the caps, or to the floors where these are more.
/// Takes time for `shares` only: the height of the limit does not matter.
pub fn allocate(limit: u64, shares: &[Share<'_>]) -> Allocation {
    let floors: Vec<u64> = shares.iter().map(|share| share.floor).collect();
    if let Some(beyond) = sum(&floors).checked_sub(u128::from(limit)) {
        let beyond = u64::try_from(beyond).unwrap_or(u64::MAX);
        return Allocation { seats: floors, unplaced: 0, beyond };
    }
    let mut seats = bulk(limit, shares);
    let mut left = u64::try_from(u128::from(limit) - sum(&seats)).unwrap_or(0);
    let mut next: BinaryHeap<Seat<'_>> =
        (0..shares.len()).filter_map(|index| Seat::next(index, &shares[index], &seats)).collect();
    while left > 0
        && let Some(seat) = next.pop()
    {
        seats[seat.index] += 1;
        left -= 1;
        next.extend(Seat::next(seat.index, seat.share, &seats));
    }
    Allocation { seats, unplaced: left, beyond: 0 }
}

/// The most seats that can be given by worth alone without exceeding the limit: all seats worth at
/// least some value, for the lowest such value. Fewer than one a node are then left to give, but
/// for nodes at their caps.
fn bulk(limit: u64, shares: &[Share<'_>]) -> Vec<u64> {
    let heaviest = shares.iter().map(|share| share.weight).max().unwrap_or(0).max(1);
    // At `level`, a node of the heaviest weight has every seat s with 2s + 1 <= level.
    let at = |level: u128| -> Vec<u64> {
        shares
            .iter()
            .map(|share| {
                let scaled = u128::from(share.weight) * level / u128::from(heaviest);
                let seats = u64::try_from(scaled.div_ceil(2)).unwrap_or(u64::MAX);
                seats.min(share.cap).max(share.floor)
            })
            .collect()
    };
    let fits = |level| sum(&at(level)) <= u128::from(limit);
    let (mut low, mut high) = (0u128, 2 * u128::from(limit) + 2);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if fits(middle) { low = middle } else { high = middle - 1 }
    }
    at(low)
}

fn sum(seats: &[u64]) -> u128 {
    seats.iter().map(|&seats| u128::from(seats)).sum()
}

/// The next seat of a node; the greatest is given first.
struct Seat<'a> {
    index: usize,
    number: u64,
    share: &'a Share<'a>,
}

impl<'a> Seat<'a> {
    fn next(index: usize, share: &'a Share<'a>, seats: &[u64]) -> Option<Self> {
        let number = seats[index];
        (share.weight > 0 && number < share.cap).then_some(Self { index, number, share })
    }

    /// Compares `weight / (2 * number + 1)` of both, exactly.
    fn worth(&self, other: &Self) -> Ordering {
        let crosswise =
            |weight: u32, number: u64| u128::from(weight) * (2 * u128::from(number) + 1);
        crosswise(self.share.weight, other.number).cmp(&crosswise(other.share.weight, self.number))
    }

    fn rank(&self) -> (bool, Reverse<&str>) {
        (self.number < self.share.held, Reverse(self.share.name))
    }
}

impl Ord for Seat<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.worth(other).then_with(|| self.rank().cmp(&other.rank()))
    }
}

impl PartialOrd for Seat<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Seat<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Seat<'_> {}

#[cfg(test)]
mod tests;
