//! Adding a network to a pod's annotation and taking one out again, in the form that the pod
//! already uses, leaving everything else as it was written.
//!
//! ```text
//!  annotation ─▶ parsed as far as needed ─▶ one element more or less ─▶ annotation, or none
//! ```
//!
//! Entries are kept as they are, with fields that nobody here knows. The short form stays the
//! short form as long as it can say what is asked for.

use std::collections::BTreeMap;

use kubewright_attachment::annotation::{self, AnnotationError, Dialect, KALOOM};
use serde_json::{Map, Value, json};

/// The forms that a pod uses, the standard's first.
pub fn dialects_of(
    annotations: &BTreeMap<String, String>,
) -> impl Iterator<Item = Dialect> + Clone {
    let used = |dialect: &Dialect| {
        annotations.get(dialect.annotation()).is_some_and(|text| !text.trim().is_empty())
    };
    [Dialect::Standard, Dialect::Kaloom].into_iter().filter(used)
}

/// A network, by its name and where it is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkName {
    /// Namespace; `None` is that of the pod (the standard) or `default` and that of the pod
    /// (Kaloom).
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl std::fmt::Display for NetworkName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A text that names no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} names no network: write NAME or NAMESPACE/NAME, in lower-case letters, digits, '-' and '.'"
)]
pub struct InvalidNetwork {
    text: String,
}

impl std::str::FromStr for NetworkName {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, text),
        };
        let label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let sound = |word: &str, dots: bool| {
            (1..=253).contains(&word.len())
                && word.chars().all(|c| label(c) || (dots && c == '.'))
                && !word.starts_with(['-', '.'])
                && !word.ends_with(['-', '.'])
        };
        if !sound(name, true) || !namespace.is_none_or(|namespace| sound(namespace, false)) {
            return Err(InvalidNetwork { text: text.to_owned() });
        }
        Ok(Self { namespace: namespace.map(str::to_owned), name: name.to_owned() })
    }
}

/// What is wanted of an attachment beside its network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Name of the interface.
    pub interface: Option<String>,
    /// Hardware address.
    pub mac: Option<String>,
    /// Addresses.
    pub ips: Vec<String>,
}

/// Why an annotation cannot be edited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// What is there is not understood, and so is not touched.
    #[error("annotation {annotation} is not understood, and nothing was changed: {reason}")]
    Unreadable {
        /// The annotation.
        annotation: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The agent would follow none of it.
    #[error("nothing was changed, since nothing of the annotation would be followed any more")]
    Void(#[source] AnnotationError),
    /// Kaloom's form cannot say it.
    #[error("annotation {KALOOM}, which the pod uses, has no place for {what}; leave it out")]
    NoPlace {
        /// What was asked for.
        what: &'static str,
    },
    /// It is there already.
    #[error(
        "network {network} is already in annotation {annotation}; to attach it once more give an --interface of its own"
    )]
    Present {
        /// The network.
        network: NetworkName,
        /// The annotation.
        annotation: &'static str,
    },
    /// There is nothing to take out.
    #[error("network {network} is not in annotation {annotation}")]
    Absent {
        /// The network.
        network: NetworkName,
        /// The annotation.
        annotation: &'static str,
    },
    /// There is more than one to take out.
    #[error(
        "network {network} is in annotation {annotation} {count} times; say which with --interface"
    )]
    Ambiguous {
        /// The network.
        network: NetworkName,
        /// The annotation.
        annotation: &'static str,
        /// How often.
        count: usize,
    },
}

/// The annotation with one attachment more.
///
/// `namespace` is that of the pod.
///
/// # Errors
/// When the annotation is not understood, cannot say it, says it already, or would be void then.
pub fn attach(
    dialect: Dialect,
    current: Option<&str>,
    namespace: &str,
    network: &NetworkName,
    wish: &Wish,
) -> Result<String, EditError> {
    let annotation = dialect.annotation();
    let mut list = List::read(dialect, current)?;
    let same = |entry: &Entry| {
        entry.is(dialect, namespace, network) && entry.interface() == wish.interface.as_deref()
    };
    if list.entries.iter().any(same) {
        return Err(EditError::Present { network: network.clone(), annotation });
    }
    list.entries.push(Entry::new(dialect, network, wish)?);
    let text = list.write(annotation)?;
    let requests = match dialect {
        Dialect::Kaloom => annotation::parse(Some(&text), None),
        Dialect::Standard => annotation::parse(None, Some(&text)),
    };
    requests.void.into_iter().next().map_or(Ok(text), |error| Err(EditError::Void(error)))
}

/// Which attachment to a network is meant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Which<'a> {
    /// The one with this interface; without it, the only one.
    pub interface: Option<&'a str>,
    /// Whether an entry that leaves the interface's name open may have that one.
    pub may_be_unnamed: bool,
}

/// The annotation with one attachment less; `None` when nothing is left of it.
///
/// `namespace` is that of the pod.
///
/// # Errors
/// When the annotation is not understood, or does not name just one such attachment.
pub fn detach(
    dialect: Dialect,
    current: Option<&str>,
    namespace: &str,
    network: &NetworkName,
    which: Which<'_>,
) -> Result<Option<String>, EditError> {
    let annotation = dialect.annotation();
    let mut list = List::read(dialect, current)?;
    let those = |is_meant: &dyn Fn(Option<&str>) -> bool| -> Vec<usize> {
        let entries = list.entries.iter().enumerate();
        let entries = entries.filter(|(_, entry)| entry.is(dialect, namespace, network));
        entries.filter(|(_, entry)| is_meant(entry.interface())).map(|(index, _)| index).collect()
    };
    let mut found = those(&|its| which.interface.is_none() || its == which.interface);
    if found.is_empty() && which.may_be_unnamed {
        found = those(&|its| its.is_none());
    }
    match *found.as_slice() {
        [] => return Err(EditError::Absent { network: network.clone(), annotation }),
        [one] => drop(list.entries.remove(one)),
        _ => {
            let (network, count) = (network.clone(), found.len());
            return Err(EditError::Ambiguous { network, annotation, count });
        }
    }
    if list.entries.is_empty() {
        return Ok(None);
    }
    list.write(annotation).map(Some)
}

/// How often an annotation names a network.
///
/// # Errors
/// When the annotation is not understood.
pub fn count(
    dialect: Dialect,
    current: Option<&str>,
    namespace: &str,
    network: &NetworkName,
) -> Result<usize, EditError> {
    let list = List::read(dialect, current)?;
    Ok(list.entries.iter().filter(|entry| entry.is(dialect, namespace, network)).count())
}

/// The networks that an annotation names, with the interfaces it asks for.
///
/// # Errors
/// When the annotation is not understood.
pub fn networks(
    dialect: Dialect,
    current: Option<&str>,
) -> Result<Vec<(NetworkName, Option<String>)>, EditError> {
    let list = List::read(dialect, current)?;
    let name = |entry: &Entry| {
        let (namespace, name) = entry.name();
        NetworkName { namespace: namespace.map(str::to_owned), name: name.to_owned() }
    };
    Ok(list.entries.iter().map(|e| (name(e), e.interface().map(str::to_owned))).collect())
}

/// One element of the annotation.
enum Entry {
    /// `[namespace/]name[@interface]`.
    Short(String),
    /// An object.
    Long(Map<String, Value>),
}

impl Entry {
    fn new(dialect: Dialect, network: &NetworkName, wish: &Wish) -> Result<Self, EditError> {
        let mut object = Map::new();
        object.insert("name".to_owned(), network.name.as_str().into());
        if let Some(namespace) = &network.namespace {
            object.insert("namespace".to_owned(), namespace.as_str().into());
        }
        match dialect {
            Dialect::Kaloom if wish.interface.is_some() => {
                return Err(EditError::NoPlace { what: "the name of an interface" });
            }
            Dialect::Kaloom if !wish.ips.is_empty() => {
                return Err(EditError::NoPlace { what: "addresses" });
            }
            Dialect::Kaloom => {
                if let Some(mac) = &wish.mac {
                    object.insert("ifMac".to_owned(), mac.as_str().into());
                }
            }
            Dialect::Standard => {
                if let Some(interface) = &wish.interface {
                    object.insert("interface".to_owned(), interface.as_str().into());
                }
                if let Some(mac) = &wish.mac {
                    object.insert("mac".to_owned(), mac.as_str().into());
                }
                if !wish.ips.is_empty() {
                    object.insert("ips".to_owned(), json!(wish.ips));
                }
            }
        }
        Ok(Self::Long(object))
    }

    fn text(&self, field: &str) -> Option<&str> {
        let Self::Long(object) = self else { return None };
        object.get(field)?.as_str().filter(|text| !text.is_empty())
    }

    fn name(&self) -> (Option<&str>, &str) {
        match self {
            Self::Short(text) => {
                let name = text.split_once('@').map_or(text.as_str(), |(name, _)| name);
                match name.split_once('/') {
                    Some((namespace, name)) => (Some(namespace), name),
                    None => (None, name),
                }
            }
            Self::Long(_) => (self.text("namespace"), self.text("name").unwrap_or_default()),
        }
    }

    fn interface(&self) -> Option<&str> {
        match self {
            Self::Short(text) => text.split_once('@').map(|(_, interface)| interface),
            Self::Long(_) => self.text("interface"),
        }
    }

    fn is(&self, dialect: Dialect, pod: &str, network: &NetworkName) -> bool {
        let default = match dialect {
            Dialect::Standard => pod,
            Dialect::Kaloom => "default",
        };
        let (namespace, name) = self.name();
        let wanted = network.namespace.as_deref();
        name == network.name && namespace.unwrap_or(default) == wanted.unwrap_or(default)
    }

    /// In the short form, if that can say it.
    fn shortened(&self) -> Option<String> {
        match self {
            Self::Short(text) => Some(text.clone()),
            Self::Long(object) => {
                let sayable = ["name", "namespace", "interface"];
                if !object.keys().all(|key| sayable.contains(&key.as_str())) {
                    return None;
                }
                // The kernel takes names of interfaces that would be another element there.
                if self.interface().is_some_and(|name| name.contains([',', '@', '/', ' '])) {
                    return None;
                }
                let (namespace, name) = self.name();
                let namespace = namespace.map(|word| format!("{word}/")).unwrap_or_default();
                let interface = self.interface().map(|word| format!("@{word}")).unwrap_or_default();
                Some(format!("{namespace}{name}{interface}"))
            }
        }
    }

    /// In the long form.
    fn lengthened(&self) -> Value {
        match self {
            Self::Long(object) => object.clone().into(),
            Self::Short(_) => {
                let (namespace, name) = self.name();
                let mut object = Map::new();
                object.insert("name".to_owned(), name.into());
                for (field, word) in [("namespace", namespace), ("interface", self.interface())] {
                    if let Some(word) = word {
                        object.insert(field.to_owned(), word.into());
                    }
                }
                object.into()
            }
        }
    }
}

/// An annotation.
struct List {
    entries: Vec<Entry>,
    short: bool,
}

impl List {
    fn read(dialect: Dialect, text: Option<&str>) -> Result<Self, EditError> {
        let text = text.unwrap_or_default().trim();
        let unreadable =
            |reason: String| EditError::Unreadable { annotation: dialect.annotation(), reason };
        if text.is_empty() {
            return Ok(Self { entries: Vec::new(), short: dialect == Dialect::Standard });
        }
        if dialect == Dialect::Standard && !text.starts_with(['[', '{']) {
            let entries = text.split(',').map(|word| Entry::Short(word.trim().to_owned()));
            return Ok(Self { entries: entries.collect(), short: true });
        }
        let values: Vec<Value> =
            serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
        let entries = values.into_iter().map(|value| match value {
            Value::Object(object) => Ok(Entry::Long(object)),
            _ => Err(unreadable("an element is no object".to_owned())),
        });
        Ok(Self { entries: entries.collect::<Result<_, _>>()?, short: false })
    }

    fn write(&self, annotation: &'static str) -> Result<String, EditError> {
        if self.short {
            let words: Option<Vec<String>> = self.entries.iter().map(Entry::shortened).collect();
            if let Some(words) = words {
                return Ok(words.join(","));
            }
        }
        let values: Vec<Value> = self.entries.iter().map(Entry::lengthened).collect();
        serde_json::to_string(&values)
            .map_err(|error| EditError::Unreadable { annotation, reason: error.to_string() })
    }
}

#[cfg(test)]
mod tests;
