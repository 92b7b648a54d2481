//! Times, numbers and long texts for people.

use jiff::Timestamp;

/// How long ago something was: `12 s`, `4 min`, `3 h 5 min`, `2 d 4 h`. The future is now.
pub(crate) fn age(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    let pair = |large: i64, unit: &str, small: i64, part: &str| match small {
        0 => format!("{large} {unit}"),
        small => format!("{large} {unit} {small} {part}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => pair(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        86_400..864_000 => pair(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// The same where the time is not known.
pub(crate) fn age_of(now: Timestamp, then: Option<Timestamp>) -> String {
    then.map_or_else(|| "unknown".to_owned(), |then| age(now, then))
}

/// `1 node`, `2 nodes`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The beginning of a text of others, without characters that do not print.
pub(crate) fn clip(text: &str, most: usize) -> String {
    let printable = |character: char| match character {
        character if character.is_control() => ' ',
        // Characters that turn the direction of what follows them.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => '\u{fffd}',
        character => character,
    };
    let mut clipped: String = text.chars().take(most).map(printable).collect();
    if text.chars().nth(most).is_some() {
        clipped.push('…');
    }
    clipped
}

/// A message as a sentence.
pub(crate) fn sentence(message: &str) -> String {
    let mut characters = message.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    let text = first.unwrap_or_default() + characters.as_str();
    if text.ends_with(['.', '!', '?']) { text } else { text + "." }
}
