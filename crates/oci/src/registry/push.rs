//! Images to a registry.

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode};

use super::payload::Payload;
use super::pull::ACCEPTED;
use super::session::{Call, Scope, refusal};
use super::upload::Arrival;
use super::{Event, Registry, RegistryError};
use crate::descriptor::{Descriptor, Kind, annotation};
use crate::digest::Digest;
use crate::document::Index;
use crate::layout::Layout;
use crate::platform::Platform;
use crate::reference::Reference;

/// What pushing an image came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Pushed {
    /// Blobs that were sent.
    pub uploaded: usize,
    /// Their size in bytes.
    pub bytes: u64,
    /// Blobs that were taken over from another repository of the registry.
    pub mounted: usize,
    /// Blobs that were there.
    pub present: usize,
    /// Manifests and indexes that were sent.
    pub manifests: usize,
}

impl Pushed {
    fn count(mut self, blob: &Descriptor, arrival: Arrival) -> Self {
        match arrival {
            Arrival::Present => self.present += 1,
            Arrival::Mounted => self.mounted += 1,
            Arrival::Uploaded => {
                self.uploaded += 1;
                self.bytes += blob.size;
            }
        }
        self
    }
}

impl Registry {
    /// Pushes an image, or an index of images, from a layout: blobs in parallel, then manifests,
    /// the image itself last, under its tag or its digest. What is there is not sent again.
    ///
    /// # Errors
    /// When the registry refuses or cannot be reached, or the layout cannot be read. What has
    /// arrived stays, and the next try goes on from there.
    pub async fn push(
        &self,
        layout: &Layout,
        image: &Descriptor,
        to: &Reference,
    ) -> Result<Pushed, RegistryError> {
        let repository = to.repository();
        let all = layout.closure(image)?;
        let version = to.tag().map_or_else(|| image.digest.to_string(), str::to_owned);
        let (blobs, documents): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|one| one.kind() == Kind::Leaf);
        // A registry takes an image only when all of it is there: so all of it is.
        let there = self.found(repository, &version, image).await?;
        if there == Found::Same {
            blobs.iter().for_each(|blob| self.saw(blob.digest, repository));
            return Ok(Pushed { present: blobs.len(), ..Pushed::default() });
        }
        if there == Found::Other && !self.options.replace {
            self.keeps_platforms(layout, image, to).await?;
        }
        for document in &documents {
            self.learn_base(layout, document)?;
        }
        let mut pushed = stream::iter(blobs)
            .map(|blob| async move {
                let arrival = self.push_blob(layout, &blob, repository).await?;
                Ok::<_, RegistryError>((blob, arrival))
            })
            .buffer_unordered(self.options.parallel.max(1))
            .try_fold(Pushed::default(), |pushed, (blob, arrival)| async move {
                Ok(pushed.count(&blob, arrival))
            })
            .await?;
        for document in documents {
            let own = document.digest.to_string();
            let last = document.digest == image.digest;
            let version = if last { &version } else { &own };
            if !last && self.found(repository, version, &document).await? == Found::Same {
                continue;
            }
            self.put_manifest(layout, &document, repository, version).await?;
            pushed.manifests += 1;
        }
        Ok(pushed)
    }

    /// An image says on which it stands: in whose repository its lower layers are.
    fn learn_base(&self, layout: &Layout, document: &Descriptor) -> Result<(), RegistryError> {
        if document.kind() != Kind::Manifest {
            return Ok(());
        }
        let manifest = layout.manifest(document)?;
        let name = manifest.annotations.as_ref().and_then(|all| all.get(annotation::BASE_NAME));
        let base: Option<Reference> = name.and_then(|name| name.parse().ok());
        if let Some(base) = base.filter(|base| base.registry() == self.host()) {
            // A guess for its own layers: a mount that fails becomes an upload.
            manifest.layers.iter().for_each(|layer| self.saw(layer.digest, base.repository()));
        }
        Ok(())
    }

    /// Refuses to replace an index by one of fewer platforms: machines of the others would find
    /// nothing any more.
    async fn keeps_platforms(
        &self,
        layout: &Layout,
        image: &Descriptor,
        to: &Reference,
    ) -> Result<(), RegistryError> {
        let (there, text) = match self.document(&scope(to.repository()), &to.version()).await {
            Ok(found) => found,
            // An image of a form that was given up long ago, or gone in this moment.
            Err(RegistryError::Protocol { .. } | RegistryError::NotFound(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        if there.kind() != Kind::Index {
            return Ok(());
        }
        let Ok(there) = serde_json::from_slice::<Index>(&text) else { return Ok(()) };
        let ours = match image.kind() {
            Kind::Index => platforms(&layout.index(image)?),
            _ => {
                let config = layout.config(&layout.manifest(image)?)?;
                BTreeSet::from([Platform::from(&config.platform).to_string()])
            }
        };
        let lost: Vec<String> = platforms(&there).difference(&ours).cloned().collect();
        match lost.is_empty() {
            true => Ok(()),
            false => Err(RegistryError::Loses { name: to.to_string(), lost }),
        }
    }

    /// What has a name, compared with a document.
    async fn found(
        &self,
        repository: &str,
        version: &str,
        document: &Descriptor,
    ) -> Result<Found, RegistryError> {
        let uri = self.session.uri(&format!("/v2/{repository}/manifests/{version}")).await?;
        let call = Call::new(Method::HEAD, uri).with(ACCEPT, &ACCEPTED.join(", "))?;
        let (call, response) = self.session.find(call, &scope(repository)).await?;
        match response.status() {
            StatusCode::OK if content_digest(response.headers()) == Some(document.digest) => {
                Ok(Found::Same)
            }
            StatusCode::OK => Ok(Found::Other),
            StatusCode::NOT_FOUND => Ok(Found::Nothing),
            _ => Err(refusal(&call.method, &call.uri, response).await),
        }
    }

    async fn put_manifest(
        &self,
        layout: &Layout,
        document: &Descriptor,
        repository: &str,
        version: &str,
    ) -> Result<(), RegistryError> {
        let observer = &self.options.observer;
        observer(Event::Begin(document.digest, document.size));
        let bytes = layout.read(document)?;
        let uri = self.session.uri(&format!("/v2/{repository}/manifests/{version}")).await?;
        let call = Call::new(Method::PUT, uri)
            .with(CONTENT_TYPE, &document.media_type)?
            .sending(Payload::Bytes(bytes.into()));
        let response = self.session.call(&call, &scope(repository)).await?;
        if response.status() != StatusCode::CREATED {
            return Err(refusal(&call.method, &call.uri, response).await);
        }
        observer(Event::Moved(document.digest, document.size));
        observer(Event::Done(document.digest));
        Ok(())
    }
}

/// What a registry has under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    Same,
    Other,
}

/// The platforms of an index. What is for none, such as an attestation, is left out.
fn platforms(index: &Index) -> BTreeSet<String> {
    let platforms = index.manifests.iter().filter_map(|one| one.platform.as_ref());
    platforms.filter(|one| one.os != "unknown").map(ToString::to_string).collect()
}

fn scope(repository: &str) -> Scope {
    Scope { repository: repository.to_owned(), write: true, from: None }
}

/// What the registry says the digest is.
pub(super) fn content_digest(headers: &HeaderMap) -> Option<Digest> {
    headers.get("docker-content-digest")?.to_str().ok()?.parse().ok()
}
