#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn equal(name: &str) -> Share<'_> {
    Share { name, weight: 1, floor: 0, cap: u64::MAX, held: 0 }
}

fn weighted(weights: &[u32], limit: u64) -> Vec<u64> {
    let names: Vec<String> = (0..weights.len()).map(|i| format!("n{i}")).collect();
    let shares: Vec<Share<'_>> =
        names.iter().zip(weights).map(|(name, &weight)| Share { weight, ..equal(name) }).collect();
    allocate(limit, &shares).seats
}

#[test]
fn nothing_is_lost_where_the_limit_does_not_divide() {
    assert_eq!(weighted(&[1; 7], 100), [15, 15, 14, 14, 14, 14, 14]);
}

#[test]
fn a_limit_below_the_number_of_nodes_is_given_whole() {
    assert_eq!(weighted(&[1; 5], 3), [1, 1, 1, 0, 0]);
}

#[test]
fn without_nodes_the_limit_is_unplaced() {
    let none = Allocation { seats: vec![], unplaced: 20, beyond: 0 };
    assert_eq!(allocate(20, &[]), none);
}

#[test]
fn no_weight_shrinks_when_the_limit_rises() {
    // The method of the largest remainder gives 4, 4, 2 and then 5, 5, 1.
    let mut shares = [6, 6, 2].map(|weight| Share { weight, ..equal("") });
    for (share, name) in shares.iter_mut().zip(["a", "b", "c"]) {
        share.name = name;
    }
    for (share, held) in shares.iter_mut().zip([4, 4, 2]) {
        share.held = held;
    }
    assert_eq!(allocate(10, &shares).seats, [4, 4, 2]);
    assert_eq!(allocate(11, &shares).seats, [5, 4, 2]);
}

#[test]
fn weights_of_zero_get_nothing() {
    assert_eq!(weighted(&[0, 1], 4), [0, 4]);
}

#[test]
fn the_remainder_stays_with_its_holders() {
    let shares = [equal("a"), Share { held: 1, ..equal("b") }, Share { held: 1, ..equal("c") }];
    assert_eq!(allocate(2, &shares).seats, [0, 1, 1]);
}

#[test]
fn floors_beyond_the_limit_are_kept_and_told() {
    let shares = [Share { floor: 3, ..equal("a") }, Share { floor: 4, ..equal("b") }, equal("c")];
    let kept = Allocation { seats: vec![3, 4, 0], unplaced: 0, beyond: 2 };
    assert_eq!(allocate(5, &shares), kept);
}

#[test]
fn caps_leave_the_rest_to_others_and_then_unplaced() {
    let capped = [Share { cap: 1, ..equal("a") }, Share { cap: 5, ..equal("b") }];
    assert_eq!(allocate(5, &capped).seats, [1, 4]);
    assert_eq!(allocate(9, &capped), Allocation { seats: vec![1, 5], unplaced: 3, beyond: 0 });
}

#[test]
fn the_greatest_limits_are_spread_at_once() {
    let names: Vec<String> = (0..5_000).map(|i| format!("n{i:04}")).collect();
    let shares: Vec<Share<'_>> = names.iter().map(|name| equal(name)).collect();
    let spread = allocate(u64::MAX, &shares);
    assert_eq!(sum(&spread.seats), u128::from(u64::MAX));
}

fn total(seats: &[u64]) -> u64 {
    seats.iter().sum()
}

/// The definition, seat by seat.
fn naive(limit: u64, shares: &[Share<'_>]) -> Vec<u64> {
    let mut seats: Vec<u64> = shares.iter().map(|share| share.floor).collect();
    while total(&seats) < limit {
        let best =
            shares.iter().enumerate().filter_map(|(i, share)| Seat::next(i, share, &seats)).max();
        let Some(best) = best else { break };
        seats[best.index] += 1;
    }
    seats
}

#[derive(Clone, Debug)]
struct Node {
    weight: u32,
    floor: u64,
    cap: Option<u64>,
    held: u64,
}

fn node(weights: std::ops::RangeInclusive<u32>) -> impl Strategy<Value = Node> {
    let cap = prop_oneof![3 => Just(None), 1 => (0u64..12).prop_map(Some)];
    (weights, prop_oneof![3 => Just(0u64), 1 => 0u64..6], cap, 0u64..8)
        .prop_map(|(weight, floor, cap, held)| Node { weight, floor, cap, held })
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("node-{i:03}")).collect()
}

fn shares<'a>(names: &'a [String], nodes: &[Node]) -> Vec<Share<'a>> {
    let share = |(name, node): (&'a String, &Node)| Share {
        name,
        weight: node.weight,
        floor: node.floor,
        cap: node.cap.unwrap_or(u64::MAX),
        held: node.held,
    };
    names.iter().zip(nodes).map(share).collect()
}

fn holding<'a>(shares: &[Share<'a>], held: &[u64]) -> Vec<Share<'a>> {
    shares.iter().zip(held).map(|(share, &held)| Share { held, ..share.clone() }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn every_limit_is_given_whole(limit in 0u64..100_000, count in 1usize..200) {
        let names = names(count);
        let shares: Vec<Share<'_>> = names.iter().map(|name| equal(name)).collect();
        let spread = allocate(limit, &shares);
        prop_assert_eq!(total(&spread.seats), limit);
        let (least, most) = (spread.seats.iter().min().unwrap(), spread.seats.iter().max().unwrap());
        prop_assert!(most - least <= 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn it_is_the_method_of_its_definition(
        limit in 0u64..120, nodes in prop::collection::vec(node(0..=9), 0..12),
    ) {
        let names = names(nodes.len());
        let shares = shares(&names, &nodes);
        prop_assert_eq!(allocate(limit, &shares).seats, naive(limit, &shares));
    }

    #[test]
    fn sums_floors_and_caps_hold(
        limit in 0u64..200, nodes in prop::collection::vec(node(1..=9), 0..20),
    ) {
        let names = names(nodes.len());
        let shares = shares(&names, &nodes);
        let spread = allocate(limit, &shares);
        let floors: u64 = shares.iter().map(|share| share.floor).sum();
        let most = shares.iter().fold(0u64, |sum, share| {
            sum.saturating_add(share.cap.max(share.floor))
        });
        prop_assert_eq!(total(&spread.seats), limit.min(most).max(floors));
        prop_assert_eq!(spread.beyond, floors.saturating_sub(limit));
        prop_assert_eq!(total(&spread.seats) + spread.unplaced, limit + spread.beyond);
        for (share, &seats) in shares.iter().zip(&spread.seats) {
            prop_assert!(seats >= share.floor);
            prop_assert!(seats <= share.cap.max(share.floor));
        }
    }

    #[test]
    fn nodes_that_no_floor_or_cap_binds_differ_by_one(
        limit in 0u64..200, nodes in prop::collection::vec(node(1..=1), 1..20),
    ) {
        let names = names(nodes.len());
        let shares = shares(&names, &nodes);
        let spread = allocate(limit, &shares);
        prop_assume!(spread.beyond == 0);
        let free: Vec<u64> = shares.iter().zip(&spread.seats)
            .filter(|(share, seats)| **seats > share.floor && **seats < share.cap)
            .map(|(_, &seats)| seats)
            .collect();
        if let (Some(least), Some(most)) = (free.iter().min(), free.iter().max()) {
            prop_assert!(most - least <= 1, "{:?}", spread.seats);
        }
    }

    #[test]
    fn what_it_gave_stays(
        limit in 0u64..200, nodes in prop::collection::vec(node(1..=9), 1..20),
    ) {
        let names = names(nodes.len());
        let shares = shares(&names, &nodes);
        let first = allocate(limit, &shares).seats;
        prop_assert_eq!(&allocate(limit, &holding(&shares, &first)).seats, &first);
    }

    #[test]
    fn one_more_in_the_limit_is_one_more_on_one_node(
        limit in 0u64..200, nodes in prop::collection::vec(node(1..=9), 1..20),
    ) {
        let names = names(nodes.len());
        let shares = shares(&names, &nodes);
        let before = allocate(limit, &shares).seats;
        let after = allocate(limit + 1, &holding(&shares, &before)).seats;
        let moved: u64 = before.iter().zip(&after).map(|(b, a)| b.abs_diff(*a)).sum();
        prop_assert!(moved <= 1, "{before:?} {after:?}");
        prop_assert!(before.iter().zip(&after).all(|(b, a)| a >= b));
    }

    #[test]
    fn a_node_that_comes_only_takes_and_one_that_goes_only_leaves(
        limit in 0u64..200, nodes in prop::collection::vec(node(1..=9), 2..20),
    ) {
        let names = names(nodes.len());
        let all = shares(&names, &nodes);
        let (newcomer, others) = all.split_last().unwrap();
        let before = allocate(limit, others).seats;
        let mut joined = holding(others, &before);
        joined.push(Share { held: 0, ..newcomer.clone() });
        let after = allocate(limit, &joined).seats;
        let old = &after[..others.len()];
        prop_assert!(old.iter().zip(&before).all(|(a, b)| a <= b), "{before:?} {after:?}");
        // Gone again.
        let left = allocate(limit, &holding(others, old)).seats;
        prop_assert!(left.iter().zip(old).all(|(l, o)| l >= o), "{after:?} {left:?}");
    }
}
