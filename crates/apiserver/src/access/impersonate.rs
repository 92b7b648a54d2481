//! `Impersonate-*` headers: acting as somebody else.

use std::collections::BTreeMap;

use http::HeaderMap;

use super::{AUTHENTICATED, Identity, MASTERS, UNAUTHENTICATED};
use crate::error::{Error, GroupName};
use crate::http::query::percent_decode;

/// Why somebody may not act as somebody else.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Groups or further facts without a user; the text is the whole answer.
    NoUser(String),
    /// Not allowed.
    Forbidden(Error),
}

const EXTRA: &str = "impersonate-extra-";

/// The caller that the headers name, or `None` where they name nobody.
pub(crate) fn impersonate(
    caller: &Identity,
    headers: &HeaderMap,
    path: &str,
) -> Result<Option<Identity>, Refusal> {
    let texts = |name: &str| -> Vec<String> {
        let values = headers.get_all(name).into_iter();
        values.filter_map(|value| value.to_str().ok()).map(str::to_owned).collect()
    };
    let user = texts("impersonate-user").into_iter().next().unwrap_or_default();
    let mut groups = texts("impersonate-group");
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in headers.keys() {
        if let Some(key) = name.as_str().strip_prefix(EXTRA) {
            extra.insert(percent_decode(key, false), texts(name.as_str()));
        }
    }
    if user.is_empty() {
        if groups.is_empty() && extra.is_empty() && texts("impersonate-uid").is_empty() {
            return Ok(None);
        }
        let words = "without impersonating a user";
        return Err(Refusal::NoUser(format!(
            "Internal Server Error: {path:?}: requested groups or extra fields {words}\n"
        )));
    }
    if !caller.is_in(MASTERS) {
        let why = format!(
            "User {:?} cannot impersonate resource \"users\" in API group \"\" at the cluster scope",
            caller.user
        );
        return Err(Refusal::Forbidden(Error::forbidden(&GroupName::new("", "users"), &user, why)));
    }
    let known = if user == "system:anonymous" { UNAUTHENTICATED } else { AUTHENTICATED };
    if !groups.iter().any(|group| group == known) {
        groups.push(known.to_owned());
    }
    Ok(Some(Identity { user, groups, extra }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap()));
        pairs.collect::<Vec<(http::HeaderName, http::HeaderValue)>>().into_iter().collect()
    }

    #[test]
    fn an_administrator_may_be_anybody() {
        let headers = headers(&[
            ("impersonate-user", "u"),
            ("impersonate-group", "g"),
            ("impersonate-extra-scopes", "a"),
        ]);
        let seen = impersonate(&Identity::admin(), &headers, "/").unwrap().unwrap();
        assert_eq!(seen.user, "u");
        assert_eq!(seen.groups, ["g", AUTHENTICATED]);
        assert_eq!(seen.extra["scopes"], ["a"]);
        let other = Identity::new("u", []);
        assert!(matches!(impersonate(&other, &headers, "/"), Err(Refusal::Forbidden(_))));
    }

    #[test]
    fn groups_need_a_user() {
        let alone = headers(&[("impersonate-group", "g")]);
        let refused = impersonate(&Identity::admin(), &alone, "/api");
        assert!(matches!(refused, Err(Refusal::NoUser(_))));
        assert_eq!(impersonate(&Identity::admin(), &HeaderMap::new(), "/"), Ok(None));
    }
}
