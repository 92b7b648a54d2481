//! Images from a registry into a layout.

use std::collections::HashSet;
use std::io::Write as _;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::header::{ACCEPT, CONTENT_TYPE, RANGE};
use http::{Method, Response, StatusCode};
use hyper::body::Incoming;

use super::push::content_digest;
use super::session::{Call, Scope, refusal};
use super::{Event, Registry, RegistryError, protocol, shown, transport};
use crate::descriptor::{Descriptor, Kind, media_type};
use crate::digest::{Digest, Mismatch};
use crate::document::MAX_DOCUMENT;
use crate::layout::{BlobWriter, Layout, LayoutError, MAX_DEPTH};
use crate::platform::Platform;
use crate::reference::Reference;

/// How often a blob may fail without a byte of progress.
const TRIES: u32 = 4;

/// What an image may be.
pub(super) const ACCEPTED: [&str; 4] =
    [media_type::INDEX, media_type::MANIFEST, media_type::DOCKER_LIST, media_type::DOCKER_MANIFEST];

impl Registry {
    /// What a name stands for now: to pin it.
    ///
    /// # Errors
    /// When it is not there, or the registry sends something else.
    pub async fn resolve(&self, name: &Reference) -> Result<Descriptor, RegistryError> {
        let scope = scope(name.repository());
        Ok(self.document(&scope, &name.version()).await?.0)
    }

    /// Pulls an image into a layout, without giving it a name there. Of an index, the images for
    /// these platforms, or all when there is none given. What the layout has is not pulled again.
    ///
    /// # Errors
    /// When it is not there, has no image for a platform, or the registry sends something else.
    pub async fn pull(
        &self,
        name: &Reference,
        platforms: &[Platform],
        layout: &Layout,
    ) -> Result<Descriptor, RegistryError> {
        let repository = name.repository();
        let (image, bytes) = self.document(&scope(repository), &name.version()).await?;
        layout.write(&image.media_type, &bytes)?;
        for platform in platforms {
            // That there is none is said before anything large is moved.
            if image.kind() == Kind::Index {
                layout.select(&image, platform)?;
            }
        }
        let mut seen = HashSet::new();
        let mut blobs = Vec::new();
        let mut left = vec![(image.clone(), 0)];
        while let Some((document, depth)) = left.pop() {
            if depth > MAX_DEPTH {
                return Err(LayoutError::TooDeep(document.digest).into());
            }
            if !layout.has(&document) {
                let (found, bytes) =
                    self.document(&scope(repository), &document.digest.to_string()).await?;
                expect(&document, &found, self.host())?;
                layout.write(&document.media_type, &bytes)?;
            }
            for child in layout.children(&document)? {
                let wanted = platforms.is_empty()
                    || child
                        .platform
                        .as_ref()
                        .is_none_or(|has| platforms.iter().any(|platform| has.serves(platform)));
                if !wanted || child.is_foreign() || !seen.insert(child.digest) {
                    continue;
                }
                match child.kind() {
                    Kind::Leaf => blobs.push(child),
                    _ => left.push((child, depth + 1)),
                }
            }
        }
        stream::iter(blobs)
            .map(|blob| async move { self.pull_blob(repository, &blob, layout).await })
            .buffer_unordered(self.options.parallel.max(1))
            .try_collect::<()>()
            .await?;
        Ok(image)
    }

    /// A manifest or an index.
    pub(super) async fn document(
        &self,
        scope: &Scope,
        version: &str,
    ) -> Result<(Descriptor, Vec<u8>), RegistryError> {
        let repository = &scope.repository;
        let uri = self.session.uri(&format!("/v2/{repository}/manifests/{version}")).await?;
        let call = Call::new(Method::GET, uri).with(ACCEPT, &ACCEPTED.join(", "))?;
        let (call, response) = self.session.find(call, scope).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => {
                let joint = if version.contains(':') { '@' } else { ':' };
                let host = self.host();
                return Err(RegistryError::NotFound(format!(
                    "{host}/{repository}{joint}{version}"
                )));
            }
            _ => return Err(refusal(&call.method, &call.uri, response).await),
        }
        let content_type =
            response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.map(|text| text.split(';').next().unwrap_or(text).trim());
        let media_type = ACCEPTED.iter().find(|accepted| content_type == Some(**accepted));
        let media_type = media_type.ok_or_else(|| {
            let found = content_type.unwrap_or("nothing").chars().take(100).collect::<String>();
            protocol(&call.method, &call.uri, format!("it is {found:?}, which is no image"))
        })?;
        let said = content_digest(response.headers());
        let bytes = transport::whole(response.into_body(), MAX_DOCUMENT, &call.method, &call.uri);
        let bytes = bytes.await?;
        let descriptor = Descriptor::of(media_type, &bytes);
        // By digest, what comes must have it; by tag, the registry must agree with itself.
        let wanted = version.parse::<Digest>().ok().or(said);
        if let Some(wanted) = wanted.filter(|wanted| *wanted != descriptor.digest) {
            let source = Mismatch::Digest { wanted, found: descriptor.digest };
            return Err(RegistryError::Content { url: shown(&call.uri), source });
        }
        Ok((descriptor, bytes.into()))
    }

    async fn pull_blob(
        &self,
        repository: &str,
        blob: &Descriptor,
        layout: &Layout,
    ) -> Result<(), RegistryError> {
        if layout.has(blob) {
            return Ok(());
        }
        let observer = &self.options.observer;
        observer(Event::Begin(blob.digest, blob.size));
        let mut writer = layout.writer()?;
        let mut failures = 0;
        loop {
            let before = writer.size();
            match self.fetch(repository, blob, &mut writer).await {
                Ok(()) => break,
                Err(error @ (RegistryError::Connection { .. } | RegistryError::Timeout { .. })) => {
                    failures = if writer.size() > before { 1 } else { failures + 1 };
                    if failures == TRIES {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        writer.commit_as(blob)?;
        observer(Event::Done(blob.digest));
        Ok(())
    }

    /// Appends what is left of a blob.
    async fn fetch(
        &self,
        repository: &str,
        blob: &Descriptor,
        writer: &mut BlobWriter,
    ) -> Result<(), RegistryError> {
        let offset = writer.size();
        let (call, response) = self.open(repository, blob, offset).await?;
        let mut skip = match response.status() {
            StatusCode::PARTIAL_CONTENT if offset > 0 => 0,
            // A registry without ranges begins anew.
            StatusCode::OK => offset,
            _ => return Err(refusal(&call.method, &call.uri, response).await),
        };
        let mut body = response.into_body();
        while let Some(piece) = transport::piece(&mut body, &call.method, &call.uri).await? {
            let over = usize::try_from(skip).unwrap_or(usize::MAX).min(piece.len());
            skip -= over as u64;
            let piece = &piece[over..];
            if writer.size() + piece.len() as u64 > blob.size {
                let source = Mismatch::Long { digest: blob.digest, wanted: blob.size };
                return Err(RegistryError::Content { url: shown(&call.uri), source });
            }
            writer.write_all(piece).map_err(|source| LayoutError::Io {
                verb: "write",
                path: "a blob".into(),
                source,
            })?;
            (self.options.observer)(Event::Moved(blob.digest, piece.len() as u64));
        }
        match writer.size() == blob.size {
            true => Ok(()),
            false => {
                let (digest, wanted, found) = (blob.digest, blob.size, writer.size());
                let source = Mismatch::Short { digest, wanted, found };
                Err(RegistryError::Content { url: shown(&call.uri), source })
            }
        }
    }

    /// Asks for a blob.
    async fn open(
        &self,
        repository: &str,
        blob: &Descriptor,
        offset: u64,
    ) -> Result<(Call, Response<Incoming>), RegistryError> {
        let path = format!("/v2/{repository}/blobs/{}", blob.digest);
        let mut call = Call::new(Method::GET, self.session.uri(&path).await?);
        if offset > 0 {
            call = call.with(RANGE, &format!("bytes={offset}-"))?;
        }
        self.session.find(call, &scope(repository)).await
    }
}

fn scope(repository: &str) -> Scope {
    Scope { repository: repository.to_owned(), write: false, from: None }
}

/// What an index says of a document must hold.
fn expect(wanted: &Descriptor, found: &Descriptor, host: &str) -> Result<(), RegistryError> {
    let url = format!("{host} {}", wanted.digest);
    if found.size != wanted.size {
        let (digest, wanted) = (wanted.digest, wanted.size);
        let source = match found.size > wanted {
            true => Mismatch::Long { digest, wanted },
            false => Mismatch::Short { digest, wanted, found: found.size },
        };
        return Err(RegistryError::Content { url, source });
    }
    match found.media_type == wanted.media_type {
        true => Ok(()),
        false => Err(RegistryError::Protocol {
            method: Method::GET,
            url,
            why: format!("it is {} and was announced as {}", found.media_type, wanted.media_type),
        }),
    }
}
