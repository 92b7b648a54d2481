//! Cron schedules: five fields, or a word that stands for them.

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ScheduleError {
    /// Not five fields.
    #[error("expected exactly 5 fields, found {found}: [{text}]")]
    Fields {
        /// How many there are.
        found: usize,
        /// What was given.
        text: String,
    },
    /// One field cannot be read.
    #[error("failed to parse {part} of {name}")]
    Field {
        /// The range that is wrong.
        part: String,
        /// Which field it is in.
        name: &'static str,
    },
    /// A word after `@` that has no meaning.
    #[error("unrecognized descriptor: {0}")]
    Descriptor(String),
    /// `@every` without a duration.
    #[error("failed to parse duration {0}")]
    Duration(String),
    /// A zone without a schedule, or one that does not exist.
    #[error("provided bad location {0}")]
    Zone(String),
}

const MONTHS: &[&str] =
    &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A field: its name, lowest and highest value, words for the values.
type Range = (&'static str, u32, u32, &'static [&'static str]);

const FIELDS: [Range; 5] = [
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day of month", 1, 31, &[]),
    ("month", 1, 12, MONTHS),
    ("day of week", 0, 6, DAYS),
];

/// The schedule names its own time zone.
pub(super) fn has_zone(schedule: &str) -> bool {
    schedule.contains("TZ")
}

/// The zone exists. A machine without a time zone database knows only UTC; there
/// every name passes, rather than refuse what is right elsewhere.
pub(super) fn is_zone(name: &str) -> bool {
    jiff::tz::TimeZone::get(name).is_ok() || jiff::tz::db().is_definitively_empty()
}

/// Reads a schedule.
///
/// # Errors
/// [`ScheduleError`] for what cannot be read.
pub(super) fn check(schedule: &str) -> Result<(), ScheduleError> {
    let mut rest = schedule;
    if let Some(zoned) = schedule.strip_prefix("CRON_TZ=").or(schedule.strip_prefix("TZ=")) {
        let (zone, after) =
            zoned.split_once(' ').ok_or_else(|| ScheduleError::Zone(zoned.to_owned()))?;
        if !is_zone(zone) {
            return Err(ScheduleError::Zone(zone.to_owned()));
        }
        rest = after.trim();
    }
    if rest.starts_with('@') {
        return descriptor(rest);
    }
    let fields: Vec<_> = rest.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Err(ScheduleError::Fields { found: fields.len(), text: rest.to_owned() });
    }
    for (text, range) in fields.iter().zip(FIELDS) {
        for part in text.split(',') {
            if !is_part(part, range) {
                return Err(ScheduleError::Field { part: part.to_owned(), name: range.0 });
            }
        }
    }
    Ok(())
}

fn descriptor(text: &str) -> Result<(), ScheduleError> {
    if let Some(duration) = text.strip_prefix("@every ") {
        return if is_duration(duration) {
            Ok(())
        } else {
            Err(ScheduleError::Duration(duration.to_owned()))
        };
    }
    let known = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
    if known.contains(&text) { Ok(()) } else { Err(ScheduleError::Descriptor(text.to_owned())) }
}

/// `*`, `5`, `1-5`, `*/2`, `1-9/2`, `mon-fri`.
fn is_part(part: &str, (_, low, high, words): Range) -> bool {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (part, None),
    };
    let stepped = step.is_none_or(|step| number(step, &[], 0).is_some_and(|step| step > 0));
    if !stepped {
        return false;
    }
    if range == "*" || range == "?" {
        return true;
    }
    let (first, last) = match range.split_once('-') {
        Some((first, last)) => (first, last),
        None => (range, range),
    };
    match (number(first, words, low), number(last, words, low)) {
        (Some(first), Some(last)) => low <= first && first <= last && last <= high,
        _ => false,
    }
}

fn number(text: &str, words: &[&str], low: u32) -> Option<u32> {
    let word = text.to_ascii_lowercase();
    if let Some(at) = words.iter().position(|one| *one == word) {
        return u32::try_from(at).ok().map(|at| at + low);
    }
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// A duration of Go: `1h30m`, `1.5h`, `300ms`.
fn is_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let letters =
            rest.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
        let number = &rest[..rest.len() - letters.len()];
        let fine = number.bytes().any(|byte| byte.is_ascii_digit())
            && number.bytes().filter(|byte| *byte == b'.').count() <= 1;
        let end = letters
            .find(|letter: char| letter.is_ascii_digit() || letter == '.')
            .unwrap_or(letters.len());
        let unit = &letters[..end];
        if !fine || !["ns", "us", "µs", "ms", "s", "m", "h"].contains(&unit) {
            return false;
        }
        rest = &letters[end..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn schedules_that_mean_something() {
        for text in [
            "0 0 1 1 *",
            "*/5 * * * *",
            "0-30/2 9-17 * jan-mar mon-fri",
            "1,2,3 ? * * 0",
            "@hourly",
            "@every 1h30m",
            "TZ=UTC 0 4 * * *",
            "CRON_TZ=UTC @daily",
            "5/10 * * * *",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn schedules_that_do_not() {
        for text in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 7",
            "5-1 * * * *",
            "*/0 * * * *",
            "a * * * *",
            "@sometimes",
            "@every soon",
            "- * * * *",
            "1-2-3 * * * *",
            "*/ * * * *",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn zones_are_looked_up_where_there_is_a_database() {
        let blind = jiff::tz::db().is_definitively_empty();
        assert_eq!(check("TZ=Nowhere/X 0 0 * * *").is_ok(), blind);
        assert!(check("TZ=UTC").is_err());
    }
}
