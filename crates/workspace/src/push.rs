//! Images from a layout to registries.

use std::collections::BTreeMap;
use std::io;

use kubewright_oci::reference::ReferenceError;
use kubewright_oci::registry::{Options, Pushed, RegistryError};
use kubewright_oci::{Descriptor, Layout, Reference, Registry};
use serde::Serialize;

use crate::process::Stop;

/// Why an image was not pushed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// Its name is none.
    #[error("image {name} cannot be pushed")]
    Name {
        /// Its name.
        name: String,
        /// What is wrong.
        #[source]
        source: ReferenceError,
    },
    /// The registry, or the way to it.
    #[error("cannot push {name}")]
    Registry {
        /// Its name.
        name: Reference,
        /// Why.
        #[source]
        source: RegistryError,
    },
    /// Someone asked to stop.
    #[error(
        "interrupted while {name} was pushed: what has arrived stays, and the next push goes on from there"
    )]
    Stopped {
        /// Its name.
        name: Reference,
    },
    /// Waiting is impossible.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
}

/// An image that is where it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Its name there.
    pub reference: String,
    /// Its digest.
    pub digest: String,
    /// What had to be done.
    #[serde(flatten)]
    pub pushed: Pushed,
}

/// Pushes images one after the other, the blobs of each in parallel. What one has brought to a
/// registry the next takes over from there. `done` hears of each.
///
/// # Errors
/// At the first that fails, or when `stop` is asked for; what has arrived stays.
pub fn push(
    layout: &Layout,
    images: &[(String, Descriptor)],
    options: &Options,
    stop: &Stop,
    done: &mut dyn FnMut(&Done),
) -> Result<Vec<Done>, PushError> {
    let mut named = Vec::new();
    for (name, image) in images {
        let reference: Reference =
            name.parse().map_err(|source| PushError::Name { name: name.clone(), source })?;
        named.push((reference, image));
    }
    let runtime = tokio::runtime::Runtime::new().map_err(PushError::Runtime)?;
    runtime.block_on(async {
        let mut registries: BTreeMap<String, Registry> = BTreeMap::new();
        let mut all = Vec::new();
        for (name, image) in named {
            let failed = |source| PushError::Registry { name: name.clone(), source };
            let registry = match registries.entry(name.registry().to_owned()) {
                std::collections::btree_map::Entry::Occupied(there) => there.into_mut(),
                std::collections::btree_map::Entry::Vacant(place) => {
                    let new = Registry::new(name.registry(), options.clone());
                    place.insert(new.map_err(failed)?)
                }
            };
            let pushed = tokio::select! {
                pushed = registry.push(layout, image, &name) => pushed.map_err(failed)?,
                () = stop.asked() => return Err(PushError::Stopped { name }),
            };
            let (reference, digest) = (name.to_string(), image.digest.to_string());
            let one = Done { reference, digest, pushed };
            done(&one);
            all.push(one);
        }
        Ok(all)
    })
}
