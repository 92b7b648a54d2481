//! The order of version names.

use std::cmp::Ordering;

/// How far a version is, then its numbers; other names come last, by the alphabet.
fn rank(name: &str) -> Option<(u8, u64, u64)> {
    let rest = name.strip_prefix('v')?;
    let split = |rest: &str| -> Option<(u64, usize)> {
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        Some((rest[..length].parse().ok()?, length))
    };
    let (major, length) = split(rest)?;
    let rest = &rest[length..];
    if rest.is_empty() {
        return Some((2, major, 0));
    }
    let (stage, rest) = match (rest.strip_prefix("beta"), rest.strip_prefix("alpha")) {
        (Some(rest), _) => (1, rest),
        (None, Some(rest)) => (0, rest),
        (None, None) => return None,
    };
    let (minor, length) = split(rest)?;
    (length == rest.len()).then_some((stage, major, minor))
}

/// `v2` before `v1` before `v1beta2` before `v1alpha1` before any other name.
pub(crate) fn newest_first(left: &str, right: &str) -> Ordering {
    match (rank(left), rank(right)) {
        (Some(left), Some(right)) => right.cmp(&left),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.cmp(right),
    }
}
