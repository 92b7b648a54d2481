//! From an image to all that it consists of.

use std::collections::HashSet;

use super::{Layout, LayoutError};
use crate::descriptor::{Descriptor, Kind};
use crate::digest::Digest;
use crate::document::Index;
use crate::platform::Platform;

/// How deep indexes may refer to indexes.
pub(crate) const MAX_DEPTH: usize = 4;

impl Layout {
    /// The image for a platform: the descriptor itself when it is a manifest, else the one of the
    /// index that runs there.
    ///
    /// # Errors
    /// When there is none.
    pub fn select(&self, image: &Descriptor, wanted: &Platform) -> Result<Descriptor, LayoutError> {
        match image.kind() {
            Kind::Manifest => Ok(image.clone()),
            Kind::Index => select(&self.index(image)?, image.digest, wanted),
            Kind::Leaf => Err(LayoutError::NotAnImage {
                digest: image.digest,
                media_type: image.media_type.clone(),
            }),
        }
    }

    /// All that an image consists of, each blob once, what is referred to before what refers to
    /// it: the order in which a registry takes them. The image itself comes last. Layers that may
    /// not be passed on are left out.
    ///
    /// # Errors
    /// When a document on the way cannot be read.
    pub fn closure(&self, image: &Descriptor) -> Result<Vec<Descriptor>, LayoutError> {
        let mut found = Vec::new();
        self.collect(image, 0, &mut HashSet::new(), &mut found)?;
        Ok(found)
    }

    fn collect(
        &self,
        descriptor: &Descriptor,
        depth: usize,
        seen: &mut HashSet<Digest>,
        found: &mut Vec<Descriptor>,
    ) -> Result<(), LayoutError> {
        if depth > MAX_DEPTH {
            return Err(LayoutError::TooDeep(descriptor.digest));
        }
        if descriptor.is_foreign() || !seen.insert(descriptor.digest) {
            return Ok(());
        }
        for child in self.children(descriptor)? {
            self.collect(&child, depth + 1, seen, found)?;
        }
        found.push(descriptor.clone());
        Ok(())
    }

    /// What a document refers to directly.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn children(&self, descriptor: &Descriptor) -> Result<Vec<Descriptor>, LayoutError> {
        Ok(match descriptor.kind() {
            Kind::Leaf => Vec::new(),
            Kind::Index => self.index(descriptor)?.manifests,
            Kind::Manifest => {
                let manifest = self.manifest(descriptor)?;
                [vec![manifest.config], manifest.layers].concat()
            }
        })
    }
}

/// The entry of an index that runs on a platform.
fn select(index: &Index, digest: Digest, wanted: &Platform) -> Result<Descriptor, LayoutError> {
    let serving = index.manifests.iter().filter_map(|found| {
        let has = found.platform.as_ref().filter(|has| has.serves(wanted))?;
        Some((has.preference(), found))
    });
    // The first of several that are alike.
    let best = serving.min_by(|(one, _), (other, _)| one.cmp(other));
    best.map(|(_, found)| found.clone()).ok_or_else(|| {
        let known = index.manifests.iter().filter_map(|found| found.platform.as_ref());
        let known = known.map(ToString::to_string).collect();
        LayoutError::NoPlatform { wanted: wanted.clone(), digest, known }
    })
}
