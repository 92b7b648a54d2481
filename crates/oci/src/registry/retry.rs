//! When a registry is asked again.

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use jiff::Timestamp;
use jiff::fmt::rfc2822;

use super::RegistryError;

/// The first pause; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(500);
/// The longest pause. A registry that wants more is asked too early, and then refuses.
const LONGEST: Duration = Duration::from_secs(120);

/// How long the registry asks to be left alone: RFC 9110, section 10.2.3.
pub(super) fn after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(date.duration_since(Timestamp::now())).ok()
}

/// How long to wait after the try of this number, from 1.
pub(super) fn pause(asked: Option<Duration>, tries: u32) -> Duration {
    let own = FIRST * 2_u32.saturating_pow(tries.min(16) - 1);
    asked.unwrap_or_default().max(own).min(LONGEST)
}

/// How long to wait after a failure.
pub(super) fn pause_after(error: &RegistryError, tries: u32) -> Duration {
    match error {
        RegistryError::Status { retry_after, .. } => pause(*retry_after, tries),
        _ => pause(None, tries),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn registries_say_when_they_want_to_be_asked_again() {
        let after =
            |text: &str| after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]));
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        assert_eq!(after("soon"), None);
        // A time that is over.
        assert_eq!(after("Wed, 21 Oct 2015 07:28:00 GMT"), None);
        assert!(after("Fri, 31 Dec 2100 23:59:59 GMT").unwrap() > LONGEST);
        assert_eq!(pause(Some(Duration::from_secs(7)), 1), Duration::from_secs(7));
        assert_eq!(pause(Some(Duration::MAX), 1), LONGEST);
        assert_eq!(pause(None, 3), Duration::from_secs(2));
    }
}
