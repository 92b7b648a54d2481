//! `Impersonate-*` headers: acting as somebody else.

use http::HeaderMap;

use super::attributes::{Attributes, On, Place};
use super::authorize::Authorizer;
use super::identity::{ANONYMOUS, AUTHENTICATED, Identity, UNAUTHENTICATED, split_service_account};
use crate::error::Error;
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
const GROUP: &str = "authentication.k8s.io";

/// One thing to be impersonated, which takes a right of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wish {
    ServiceAccount { namespace: String, name: String },
    User(String),
    Group(String),
    Extra { key: String, value: String },
    Uid(String),
}

/// The caller that the headers name, or `None` where they name nobody.
pub(crate) fn impersonate(
    authorizer: &Authorizer,
    caller: &Identity,
    headers: &HeaderMap,
    path: &str,
) -> Result<Option<Identity>, Refusal> {
    if !headers.keys().any(|name| name.as_str().starts_with("impersonate-")) {
        return Ok(None);
    }
    let wishes = wishes(headers);
    match wishes.first() {
        None => return Ok(None),
        Some(Wish::User(_) | Wish::ServiceAccount { .. }) => {}
        Some(_) => {
            let shown: Vec<String> = wishes.iter().map(Wish::reference).collect();
            return Err(Refusal::NoUser(format!(
                "Internal Server Error: {path:?}: requested [{}] without impersonating a user\n",
                shown.join(" ")
            )));
        }
    }
    for wish in &wishes {
        let asked =
            Attributes { identity: caller, verb: "impersonate", on: On::Resource(wish.place()) };
        authorizer.require(&asked).map_err(Refusal::Forbidden)?;
    }
    Ok(Some(become_one(wishes)))
}

/// The user comes first, then groups, further facts, and the uid.
fn wishes(headers: &HeaderMap) -> Vec<Wish> {
    let texts = |name: &str| -> Vec<String> {
        let values = headers.get_all(name).into_iter();
        values.filter_map(|value| value.to_str().ok()).map(str::to_owned).collect()
    };
    let first = |name: &str| texts(name).into_iter().next().filter(|text| !text.is_empty());
    let mut wishes = Vec::new();
    if let Some(user) = first("impersonate-user") {
        wishes.push(match split_service_account(&user) {
            Some((namespace, name)) => {
                Wish::ServiceAccount { namespace: namespace.to_owned(), name: name.to_owned() }
            }
            None => Wish::User(user),
        });
    }
    wishes.extend(texts("impersonate-group").into_iter().map(Wish::Group));
    for name in headers.keys() {
        if let Some(key) = name.as_str().strip_prefix(EXTRA) {
            let key = percent_decode(key, false);
            let values = texts(name.as_str()).into_iter();
            wishes.extend(values.map(|value| Wish::Extra { key: key.clone(), value }));
        }
    }
    wishes.extend(first("impersonate-uid").map(Wish::Uid));
    wishes
}

impl Wish {
    /// The object on which the caller needs the right to impersonate.
    fn place(&self) -> Place<'_> {
        let core = Place::default();
        let own = Place { group: GROUP, ..Place::default() };
        match self {
            Self::ServiceAccount { namespace, name } => {
                Place { resource: "serviceaccounts", namespace, name, ..core }
            }
            Self::User(name) => Place { resource: "users", name, ..core },
            Self::Group(name) => Place { resource: "groups", name, ..core },
            Self::Extra { key, value } => {
                Place { resource: "userextras", subresource: key, name: value, ..own }
            }
            Self::Uid(name) => Place { resource: "uids", name, ..own },
        }
    }

    /// As Go prints the reference that stands for it: kind, namespace, name, uid, version,
    /// resource version, field path.
    fn reference(&self) -> String {
        let versioned = format!("{GROUP}/v1");
        match self {
            Self::ServiceAccount { namespace, name } => {
                format!("{{ServiceAccount {namespace} {name}  v1  }}")
            }
            Self::User(name) => format!("{{User  {name}    }}"),
            Self::Group(name) => format!("{{Group  {name}    }}"),
            Self::Extra { key, value } => format!("{{UserExtra  {value}  {versioned}  {key}}}"),
            Self::Uid(name) => format!("{{UID  {name}  {versioned}  }}"),
        }
    }
}

fn become_one(wishes: Vec<Wish>) -> Identity {
    let mut identity = Identity::default();
    let groups_given = wishes.iter().any(|wish| matches!(wish, Wish::Group(_)));
    for wish in wishes {
        match wish {
            Wish::ServiceAccount { namespace, name } => {
                let account = Identity::service_account(&namespace, &name);
                identity.user = account.user;
                if !groups_given {
                    identity.groups = account.groups;
                }
            }
            Wish::User(name) => identity.user = name,
            Wish::Group(name) => identity.groups.push(name),
            Wish::Extra { key, value } => identity.extra.entry(key).or_default().push(value),
            Wish::Uid(uid) => identity.uid = uid,
        }
    }
    let anonymous = identity.user == ANONYMOUS;
    let known = identity.is_in(UNAUTHENTICATED) || !anonymous && identity.is_in(AUTHENTICATED);
    if !known {
        let group = if anonymous { UNAUTHENTICATED } else { AUTHENTICATED };
        identity.groups.push(group.to_owned());
    }
    identity
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::store::Store;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap()));
        pairs.collect::<Vec<(http::HeaderName, http::HeaderValue)>>().into_iter().collect()
    }

    fn seen(
        caller: &Identity,
        pairs: &[(&'static str, &'static str)],
    ) -> Result<Option<Identity>, Refusal> {
        let authorizer = Authorizer::new(&Store::in_memory(16));
        impersonate(&authorizer, caller, &headers(pairs), "/api")
    }

    #[test]
    fn an_administrator_may_be_anybody() {
        let pairs = [
            ("impersonate-user", "u"),
            ("impersonate-uid", "7"),
            ("impersonate-group", "g"),
            ("impersonate-extra-example.com%2fscopes", "a"),
        ];
        let identity = seen(&Identity::admin(), &pairs).unwrap().unwrap();
        assert_eq!((&*identity.user, &*identity.uid), ("u", "7"));
        assert_eq!(identity.groups, ["g", AUTHENTICATED]);
        assert_eq!(identity.extra["example.com/scopes"], ["a"]);
        let other = Identity::new("u", []);
        assert!(matches!(seen(&other, &pairs), Err(Refusal::Forbidden(_))));
    }

    #[test]
    fn service_accounts_have_their_groups_unless_others_are_given() {
        let user = ("impersonate-user", "system:serviceaccount:ns:a");
        let groups = |pairs: &[_]| seen(&Identity::admin(), pairs).unwrap().unwrap().groups;
        assert_eq!(
            groups(&[user]),
            ["system:serviceaccounts", "system:serviceaccounts:ns", AUTHENTICATED]
        );
        assert_eq!(groups(&[user, ("impersonate-group", "g")]), ["g", AUTHENTICATED]);
    }

    #[test]
    fn nobody_stays_nobody() {
        let user = ("impersonate-user", ANONYMOUS);
        let identity = seen(&Identity::admin(), &[user]).unwrap().unwrap();
        assert_eq!(identity.groups, [UNAUTHENTICATED]);
    }

    #[test]
    fn groups_need_a_user() {
        let alone = [("impersonate-group", "g"), ("impersonate-uid", "7")];
        let text = "Internal Server Error: \"/api\": requested [{Group  g    } \
                    {UID  7  authentication.k8s.io/v1  }] without impersonating a user\n";
        assert_eq!(seen(&Identity::admin(), &alone), Err(Refusal::NoUser(text.to_owned())));
        assert_eq!(seen(&Identity::admin(), &[]), Ok(None));
    }
}
