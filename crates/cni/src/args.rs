//! `CNI_ARGS`: pairs for the plugin, in one string without any escaping.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The arguments of one call, in order.
///
/// The string form is `KEY=VALUE;KEY=VALUE` and knows no escapes, so a `;` in a value would be
/// read as further arguments. What cannot be written is refused here instead.
///
/// ```
/// use kubewright_cni::CniArgs;
///
/// let args = CniArgs::new().with("IgnoreUnknown", "1")?.with("K8S_POD_NAME", "web-0")?;
/// assert_eq!(args.to_string(), "IgnoreUnknown=1;K8S_POD_NAME=web-0");
/// assert!(CniArgs::new().with("K8S_POD_NAME", "web;MAC=02:00:00:00:00:01").is_err());
/// # Ok::<(), kubewright_cni::ArgsError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CniArgs(Vec<(String, String)>);

/// An argument that cannot be handed over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgsError {
    /// A key that would be read differently.
    #[error(
        "CNI argument {0:?} is not valid: a key must not be empty or contain ';', '=', white space or control characters"
    )]
    Key(String),
    /// A value that would be read differently. It is not shown, as it may be a secret.
    #[error("value of CNI argument {0} is not valid: it contains ';' or control characters")]
    Value(String),
    /// A piece between two `;` without `=`.
    #[error("CNI_ARGS has a part without '=': {0:?}")]
    Pair(String),
}

impl CniArgs {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// These and one more; a key that is there already gets the new value in its place.
    ///
    /// # Errors
    /// [`ArgsError`] when it would be read differently.
    pub fn with(mut self, key: &str, value: &str) -> Result<Self, ArgsError> {
        self.set(key, value)?;
        Ok(self)
    }

    /// Adds an argument, or replaces the value it had.
    ///
    /// # Errors
    /// [`ArgsError`] when it would be read differently.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), ArgsError> {
        let unfit = |letter: char| matches!(letter, ';' | '=') || letter.is_whitespace();
        if key.is_empty() || key.contains(|letter: char| unfit(letter) || letter.is_control()) {
            return Err(ArgsError::Key(key.to_owned()));
        }
        if value.contains(|letter: char| letter == ';' || letter.is_control()) {
            return Err(ArgsError::Value(key.to_owned()));
        }
        match self.0.iter_mut().find(|(present, _)| present == key) {
            Some((_, present)) => value.clone_into(present),
            None => self.0.push((key.to_owned(), value.to_owned())),
        }
        Ok(())
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(present, _)| *present == key).map(|(_, value)| value)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for CniArgs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (key, value)) in self.iter().enumerate() {
            let separator = if position == 0 { "" } else { ";" };
            write!(formatter, "{separator}{key}={value}")?;
        }
        Ok(())
    }
}

impl FromStr for CniArgs {
    type Err = ArgsError;

    /// Reads the string form. Empty parts are skipped, as runtimes write a `;` at the end.
    fn from_str(text: &str) -> Result<Self, ArgsError> {
        text.split(';').filter(|part| !part.is_empty()).try_fold(Self::new(), |args, part| {
            let (key, value) =
                part.split_once('=').ok_or_else(|| ArgsError::Pair(part.to_owned()))?;
            args.with(key, value)
        })
    }
}

/// As libcni keeps them in its cache: a list of pairs.
impl Serialize for CniArgs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for CniArgs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = Option::<Vec<(String, String)>>::deserialize(deserializer)?.unwrap_or_default();
        pairs
            .iter()
            .try_fold(Self::new(), |args, (key, value)| args.with(key, value))
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_slips_in_as_a_further_argument() {
        for key in ["", "a=b", "a;b", "a b", "a\n", "\0"] {
            assert_eq!(CniArgs::new().with(key, "x"), Err(ArgsError::Key(key.to_owned())));
        }
        for value in ["a;b", "a;B=c", "a\nb", "a\0"] {
            assert_eq!(CniArgs::new().with("K", value), Err(ArgsError::Value("K".to_owned())));
        }
    }

    #[test]
    fn a_key_is_there_once() {
        let args: CniArgs = "A=1;B=2;A=3;".parse().unwrap();
        assert_eq!(args.to_string(), "A=3;B=2");
        assert_eq!(args.get("A"), Some("3"));
        assert_eq!("A=1;B".parse::<CniArgs>(), Err(ArgsError::Pair("B".to_owned())));
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_read_back_the_same(
            pairs in prop::collection::vec((".{0,8}", ".{0,12}"), 0..6)
        ) {
            let mut args = CniArgs::new();
            for (key, value) in &pairs {
                let _ = args.set(key, value);
            }
            prop_assert_eq!(args.to_string().parse::<CniArgs>(), Ok(args.clone()));
            let json = serde_json::to_string(&args).unwrap();
            prop_assert_eq!(serde_json::from_str::<CniArgs>(&json).unwrap(), args);
        }
    }
}
