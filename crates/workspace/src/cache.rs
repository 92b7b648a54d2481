//! Keys: what a component is made of, as one digest.
//!
//! Equal keys mean equal results. A key is known before anything is built or edited, so the names
//! of images that are made from it are the same for everyone who asks; it does not depend on where
//! the workspace is, nor on when.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::git::{Change, hex};
use crate::manifest::Component;

/// Changes when the same ingredients come to give another result.
const FORM: u32 = 2;

/// The key of a component.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key(String);

impl Key {
    /// Its digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first eight digits.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a component is made of.
#[derive(Clone, Debug, Serialize)]
pub struct Ingredients<'a> {
    /// Digest of the committed tree.
    pub tree: &'a str,
    /// Files that are not as committed.
    pub changes: &'a [Change],
    /// Which committed files have no content here.
    pub absent: Option<&'a str>,
    /// Keys of what it needs.
    pub needs: BTreeMap<&'a str, &'a Key>,
    /// The compiler; nothing where none is called by us.
    pub toolchain: Option<&'a str>,
    /// The C compiler; nothing where no C takes part.
    pub compiler: Option<&'a str>,
    /// Variables that builds see and that change them.
    pub environment: &'a BTreeMap<String, String>,
    /// Whether dependencies are those of the workspace.
    pub local: bool,
    /// What the names of versions in flags of the linker stand for.
    pub version: Option<&'a str>,
    /// Digests of the bases of its images.
    pub bases: BTreeMap<&'a str, &'a str>,
}

/// The key of a component that is made of this.
#[must_use]
pub fn key(component: &Component, ingredients: &Ingredients<'_>) -> Key {
    // Where it comes from and where it lies are no part of it.
    let recipe = (&component.build, &component.inputs, &component.image, &component.env);
    let all = serde_json::to_vec(&(FORM, recipe, ingredients));
    // Strings, lists and maps with text for keys are always JSON; a key of nothing would be wrong.
    let all = all.unwrap_or_else(|error| unreachable!("ingredients are no JSON: {error}"));
    Key(hex(&Sha256::digest(&all)))
}

#[cfg(test)]
mod tests;
