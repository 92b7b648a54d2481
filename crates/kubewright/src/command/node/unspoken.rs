//! Arguments that may be secrets by mistake.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use crate::failure::Failure;

/// An argument that clap takes as it is: one that it refuses it would repeat. What is wrong with it
/// is told when it is used, in words of ours that do not contain it.
#[derive(Clone)]
pub(crate) struct Unspoken<T: FromStr>(Result<T, T::Err>);

impl<T: FromStr> Unspoken<T>
where
    T::Err: std::error::Error + Clone + Send + Sync + 'static,
{
    /// The value.
    ///
    /// # Errors
    /// When it is none, as an error of usage.
    pub(crate) fn get(&self) -> Result<&T, Failure> {
        self.0.as_ref().map_err(|error| Failure::usage(error.clone()))
    }

    /// The values of an argument that may be given several times.
    ///
    /// # Errors
    /// As of [`Unspoken::get`], of the first that is none.
    pub(crate) fn all(given: &[Self]) -> Result<Vec<T>, Failure>
    where
        T: Clone,
    {
        given.iter().map(|one| one.get().cloned()).collect()
    }
}

impl<T: FromStr> FromStr for Unspoken<T> {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.parse()))
    }
}

impl<T: FromStr> fmt::Debug for Unspoken<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}
