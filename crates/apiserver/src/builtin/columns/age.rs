//! Durations in the words of kubectl: `5s`, `3m20s`, `2d4h`.

use jiff::Timestamp;

/// Seconds in the way that kubectl shows them: two units at most, the smaller one only
/// while the larger is small.
pub fn human_duration(seconds: i64) -> String {
    let two = |large: i64, word: &str, small: i64, other: &str| match small {
        0 => format!("{large}{word}"),
        small => format!("{large}{word}{small}{other}"),
    };
    let minutes = seconds / 60;
    let hours = minutes / 60;
    let days = hours / 24;
    match seconds {
        // A little is forgiven: clocks differ.
        ..=-2 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, "h", minutes % 60, "m"),
        _ if hours < 48 => format!("{hours}h"),
        _ if hours < 24 * 8 => two(days, "d", hours % 24, "h"),
        _ if days < 365 * 2 => format!("{days}d"),
        _ if days < 365 * 8 => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

/// Time since an RFC 3339 time; `<unknown>` when there is none.
pub fn age(since: &str, now: Timestamp) -> String {
    match since.parse::<Timestamp>() {
        Ok(since) => human_duration(now.as_second() - since.as_second()),
        Err(_) => "<unknown>".to_owned(),
    }
}
