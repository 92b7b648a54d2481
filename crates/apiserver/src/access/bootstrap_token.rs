//! Bootstrap tokens: `ID.SECRET`, kept in Secrets of kube-system, for nodes that join.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use regex::Regex;
use serde_json::Value;

use super::identity::Identity;
use crate::store::{ObjectKey, ResourceKey, Store};

const SECRET_TYPE: &str = "bootstrap.kubernetes.io/token";
const GROUP: &str = "system:bootstrappers";

static TOKEN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^([a-z0-9]{6})\.([a-z0-9]{16})$").expect("the pattern is valid"));

static EXTRA_GROUP: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\Asystem:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]\z").expect("the pattern is valid")
});

/// Who has this token, if it is one and good now.
pub(super) fn authenticate(store: &Store, token: &str, now: Timestamp) -> Option<Identity> {
    let parts = TOKEN.captures(token)?;
    let (id, secret) = (parts.get(1)?.as_str(), parts.get(2)?.as_str());
    let key = ObjectKey::new("kube-system", &format!("bootstrap-token-{id}"));
    let stored = store.get(&ResourceKey::new("", "secrets"), &key)?;
    judge(&stored.value(), id, secret, now)
}

fn judge(object: &Value, id: &str, secret: &str, now: Timestamp) -> Option<Identity> {
    let data = |field: &str| {
        let bytes = STANDARD.decode(object["data"][field].as_str().unwrap_or_default());
        String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
    };
    let good = object["type"] == SECRET_TYPE
        && !crate::meta::is_terminating(object)
        && same(&data("token-secret"), secret)
        && data("token-id") == id
        && !has_expired(&data("expiration"), now)
        && data("usage-bootstrap-authentication") == "true";
    if !good {
        return None;
    }
    let mut groups = BTreeSet::from([GROUP.to_owned()]);
    let extra = data("auth-extra-groups");
    for group in extra.split(',').filter(|_| !extra.is_empty()) {
        if !EXTRA_GROUP.is_match(group) {
            return None;
        }
        groups.insert(group.to_owned());
    }
    Some(Identity::new(format!("system:bootstrap:{id}"), groups))
}

/// Compares without telling by the time it takes how much of a guess was right.
fn same(a: &str, b: &str) -> bool {
    let differences = a.bytes().zip(b.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    a.len() == b.len() && differences == 0
}

/// What cannot be read has expired.
fn has_expired(text: &str, now: Timestamp) -> bool {
    !text.is_empty() && text.parse::<Timestamp>().map_or(true, |expiration| expiration < now)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    const SECRET: &str = "0123456789abcdef";

    fn groups(change: &[(&str, &str)]) -> Option<Vec<String>> {
        let fields = [
            ("token-id", "abcdef"),
            ("token-secret", SECRET),
            ("usage-bootstrap-authentication", "true"),
        ];
        let mut object = json!({ "type": SECRET_TYPE, "data": {} });
        for (name, value) in fields.iter().chain(change) {
            object["data"][*name] = json!(STANDARD.encode(value));
        }
        let now = "2024-01-01T00:00:00Z".parse().unwrap();
        judge(&object, "abcdef", SECRET, now).map(|identity| identity.groups)
    }

    #[test]
    fn groups_are_sorted_and_only_of_bootstrappers() {
        assert_eq!(groups(&[]).unwrap(), [GROUP, "system:authenticated"]);
        let two = "system:bootstrappers:z,system:bootstrappers:a:b-c";
        assert_eq!(
            groups(&[("auth-extra-groups", two)]).unwrap(),
            [
                "system:bootstrappers",
                "system:bootstrappers:a:b-c",
                "system:bootstrappers:z",
                "system:authenticated"
            ]
        );
        for bad in ["system:masters", "system:bootstrappers:", "system:bootstrappers:a,", ","] {
            assert_eq!(groups(&[("auth-extra-groups", bad)]), None, "{bad}");
        }
    }

    #[test]
    fn what_makes_a_token_bad() {
        let table = [
            ("token-id", "abcdeg"),
            ("token-secret", "0123456789abcdee"),
            ("token-secret", "0123456789abcde"),
            ("expiration", "2023-12-31T23:59:59Z"),
            ("expiration", "soon"),
            ("usage-bootstrap-authentication", "false"),
            ("usage-bootstrap-authentication", "True"),
        ];
        for change in table {
            assert_eq!(groups(&[change]), None, "{change:?}");
        }
        assert!(groups(&[("expiration", "2024-01-01T01:00:00+00:30")]).is_some());
    }
}
