//! Which object defines a network, and in which order candidates are looked up.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::annotation::{Dialect, Request};
use crate::name::{NameError, check_namespace, check_network};
use crate::pod::Pod;

/// Namespace whose networks are everyone's.
pub const SHARED_NAMESPACE: &str = "default";

/// A network, by the object that defines it: a Network of Kaloom's dialect, or a
/// NetworkAttachmentDefinition of the standard's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct NetworkKey {
    dialect: Dialect,
    namespace: String,
    name: String,
}

#[derive(Serialize, Deserialize)]
struct Parts {
    dialect: Dialect,
    namespace: String,
    name: String,
}

impl NetworkKey {
    /// The key of an object.
    ///
    /// # Errors
    /// [`NameError`] when no object could have these names.
    pub fn new(
        dialect: Dialect,
        namespace: impl Into<String>,
        name: impl Into<String>,
    ) -> Result<Self, NameError> {
        let key = Self { dialect, namespace: namespace.into(), name: name.into() };
        check_namespace(&key.namespace)?;
        check_network(&key.name)?;
        Ok(key)
    }

    /// Whose kind of object it is.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Namespace of the object.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Name of the object.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl TryFrom<Parts> for NetworkKey {
    type Error = NameError;

    fn try_from(parts: Parts) -> Result<Self, NameError> {
        Self::new(parts.dialect, parts.namespace, parts.name)
    }
}

impl From<NetworkKey> for Parts {
    fn from(key: NetworkKey) -> Self {
        Self { dialect: key.dialect, namespace: key.namespace, name: key.name }
    }
}

/// As `network-status` names it: `namespace/name`.
impl fmt::Display for NetworkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A request for a network of a namespace that the pod may not use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "network {network} belongs to another namespace, and namespaces are isolated: use one of the pod's namespace or of {SHARED_NAMESPACE:?}"
)]
pub struct Isolated {
    /// The network, as asked for.
    pub network: NetworkKey,
}

/// Where a requested network may be defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidates {
    /// Where it is looked for first.
    pub first: NetworkKey,
    /// Where it is looked for then.
    pub fallback: Option<NetworkKey>,
}

impl Candidates {
    /// Where to look for the network of a request.
    ///
    /// Kaloom's networks live in `default`; ours may live in the pod's own namespace, which comes
    /// first. The standard knows one place only: the namespace given, or the pod's.
    #[must_use]
    pub fn new(request: &Request, pod: &Pod) -> Self {
        let key = |namespace: &str| NetworkKey {
            dialect: request.dialect,
            namespace: namespace.to_owned(),
            name: request.network.clone(),
        };
        let first = key(request.namespace.as_deref().unwrap_or(pod.namespace()));
        let shared = request.dialect == Dialect::Kaloom
            && request.namespace.is_none()
            && pod.namespace() != SHARED_NAMESPACE;
        Self { first, fallback: shared.then(|| key(SHARED_NAMESPACE)) }
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &NetworkKey> {
        std::iter::once(&self.first).chain(&self.fallback)
    }

    /// Whether a network is one of them.
    #[must_use]
    pub fn contains(&self, network: &NetworkKey) -> bool {
        self.iter().any(|candidate| candidate == network)
    }

    /// Checks that a pod may use them where namespaces are isolated.
    ///
    /// # Errors
    /// [`Isolated`] for a network of neither the pod's namespace nor `default`.
    pub fn check_isolation(&self, pod: &Pod) -> Result<(), Isolated> {
        match [pod.namespace(), SHARED_NAMESPACE].contains(&self.first.namespace()) {
            true => Ok(()),
            false => Err(Isolated { network: self.first.clone() }),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::annotation::parse;

    fn candidates(kaloom: Option<&str>, standard: Option<&str>) -> (Vec<String>, bool) {
        let pod = Pod::new("shop", "web-0", "u1").unwrap();
        let candidates = Candidates::new(&parse(kaloom, standard).list[0], &pod);
        let names = candidates.iter().map(ToString::to_string).collect();
        (names, candidates.check_isolation(&pod).is_ok())
    }

    #[test]
    fn kaloom_looks_in_the_pods_namespace_and_then_in_default() {
        let (names, allowed) = candidates(Some(r#"[{"name":"green"}]"#), None);
        assert_eq!((names, allowed), (vec!["shop/green".into(), "default/green".into()], true));
        let given = r#"[{"name":"green","namespace":"other"}]"#;
        assert_eq!(candidates(Some(given), None), (vec!["other/green".into()], false));
    }

    #[test]
    fn the_standard_looks_in_one_place() {
        assert_eq!(candidates(None, Some("green")), (vec!["shop/green".into()], true));
        assert_eq!(candidates(None, Some("other/green")), (vec!["other/green".into()], false));
        assert_eq!(candidates(None, Some("default/green")), (vec!["default/green".into()], true));
    }

    #[test]
    fn a_key_is_read_back_checked() {
        let key = NetworkKey::new(Dialect::Standard, "a", "b").unwrap();
        let mut json = serde_json::to_value(&key).unwrap();
        assert_eq!(serde_json::from_value::<NetworkKey>(json.clone()).unwrap(), key);
        json["name"] = "../b".into();
        assert!(serde_json::from_value::<NetworkKey>(json).is_err());
    }
}
