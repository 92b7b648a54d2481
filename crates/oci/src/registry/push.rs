//! Images to a registry.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode};

use super::payload::Payload;
use super::session::{Call, Scope, refusal};
use super::upload::Arrival;
use super::{Event, Registry, RegistryError};
use crate::descriptor::{Descriptor, Kind, annotation};
use crate::digest::Digest;
use crate::layout::Layout;
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
        if self.has_manifest(repository, &version, image).await? {
            blobs.iter().for_each(|blob| self.saw(blob.digest, repository));
            return Ok(Pushed { present: blobs.len(), ..Pushed::default() });
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
            if !last && self.has_manifest(repository, version, &document).await? {
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

    async fn has_manifest(
        &self,
        repository: &str,
        version: &str,
        document: &Descriptor,
    ) -> Result<bool, RegistryError> {
        let uri = self.session.uri(&format!("/v2/{repository}/manifests/{version}")).await?;
        let call = Call::new(Method::HEAD, uri).with(ACCEPT, &document.media_type)?;
        let response = self.session.call(&call, &scope(repository)).await?;
        match response.status() {
            StatusCode::OK => Ok(content_digest(response.headers()) == Some(document.digest)),
            StatusCode::NOT_FOUND => Ok(false),
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

fn scope(repository: &str) -> Scope {
    Scope { repository: repository.to_owned(), write: true, from: None }
}

/// What the registry says the digest is.
pub(super) fn content_digest(headers: &HeaderMap) -> Option<Digest> {
    headers.get("docker-content-digest")?.to_str().ok()?.parse().ok()
}
