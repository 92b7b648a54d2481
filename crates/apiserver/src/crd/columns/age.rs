//! Ages in words, as kubectl shows them.

use jiff::Timestamp;

/// The time since `then`, with two units where the first is small.
pub(super) fn of(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - then.as_second();
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let (days, years) = (hours / 24, hours / 24 / 365);
    let two = |large: i64, unit: char, small: i64, lesser: char| match small {
        0 => format!("{large}{unit}"),
        small => format!("{large}{unit}{small}{lesser}"),
    };
    match () {
        () if seconds < -1 => "<invalid>".to_owned(),
        () if seconds < 0 => "0s".to_owned(),
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, 'm', seconds % 60, 's'),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => two(hours, 'h', minutes % 60, 'm'),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => two(days, 'd', hours % 24, 'h'),
        () if years < 2 => format!("{days}d"),
        () if years < 8 => two(years, 'y', days % 365, 'd'),
        () => format!("{years}y"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn units_grow_with_the_age() {
        let now = Timestamp::from_second(1_000_000_000).unwrap();
        let age = |seconds: i64| of(Timestamp::from_second(1_000_000_000 - seconds).unwrap(), now);
        assert_eq!(age(-1), "0s");
        assert_eq!(age(119), "119s");
        assert_eq!(age(125), "2m5s");
        assert_eq!(age(60 * 60), "60m");
        assert_eq!(age(3 * 3600 + 60), "3h1m");
        assert_eq!(age(50 * 3600), "2d2h");
        assert_eq!(age(100 * 86_400), "100d");
        assert_eq!(age(3 * 365 * 86_400), "3y");
    }
}
