//! One blob on its way to a registry: in pieces, going on where it stopped, also in another
//! process.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use http::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use http::{Method, Response, StatusCode, Uri};
use hyper::body::Incoming;

use super::payload::{Part, Payload};
use super::session::{Call, Scope, refusal};
use super::{Event, Registry, RegistryError, protocol, retry};
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::layout::Layout;

/// How often a blob may fail without a byte of progress.
const TRIES: u32 = 4;

/// How a blob came to be in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It was there.
    Present,
    /// It was there in another repository.
    Mounted,
    /// It was sent.
    Uploaded,
}

/// An upload that the registry has begun, and how much of it has arrived.
struct Upload {
    uri: Uri,
    offset: u64,
}

impl Registry {
    /// Brings a blob of a layout into a repository.
    pub(super) async fn push_blob(
        &self,
        layout: &Layout,
        blob: &Descriptor,
        repository: &str,
    ) -> Result<Arrival, RegistryError> {
        (self.options.observer)(Event::Begin(blob.digest, blob.size));
        let arrival = self.bring_blob(layout, blob, repository).await?;
        self.saw(blob.digest, repository);
        (self.options.observer)(Event::Done(blob.digest));
        Ok(arrival)
    }

    async fn bring_blob(
        &self,
        layout: &Layout,
        blob: &Descriptor,
        repository: &str,
    ) -> Result<Arrival, RegistryError> {
        let digest = blob.digest;
        let scope = Scope { repository: repository.to_owned(), write: true, from: None };
        let uri = self.session.uri(&format!("/v2/{repository}/blobs/{digest}")).await?;
        let head = Call::new(Method::HEAD, uri);
        // Where the registry leads elsewhere, an object store has it.
        let response = self.session.call(&head, &scope).await?;
        match response.status() {
            status if status == StatusCode::OK || status.is_redirection() => {
                return Ok(Arrival::Present);
            }
            StatusCode::NOT_FOUND => {}
            _ => return Err(refusal(&head.method, &head.uri, response).await),
        }
        let mut begun = None;
        if let Some(from) = self.other_repository(digest, repository) {
            let query = format!("?mount={digest}&from={from}");
            let scope = Scope { from: Some(from), ..scope.clone() };
            match self.begin(repository, &query, &scope).await {
                Ok((_, None)) => return Ok(Arrival::Mounted),
                Ok((_, upload)) => begun = upload,
                // Whoever may not read there may still write here.
                Err(RegistryError::Unauthorized { .. } | RegistryError::Status { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.upload(layout, blob, repository, begun).await?;
        Ok(Arrival::Uploaded)
    }

    /// Asks for a place to upload to, or to mount instead.
    async fn begin(
        &self,
        repository: &str,
        query: &str,
        scope: &Scope,
    ) -> Result<(Response<Incoming>, Option<Upload>), RegistryError> {
        let uri = self.session.uri(&format!("/v2/{repository}/blobs/uploads/{query}")).await?;
        let call = Call::new(Method::POST, uri);
        let response = self.session.call(&call, scope).await?;
        match response.status() {
            StatusCode::CREATED => Ok((response, None)),
            StatusCode::ACCEPTED => {
                let uri = self.location(&call, &response)?;
                Ok((response, Some(Upload { uri, offset: 0 })))
            }
            _ => Err(refusal(&call.method, &call.uri, response).await),
        }
    }

    fn location(&self, call: &Call, response: &Response<Incoming>) -> Result<Uri, RegistryError> {
        let location = response.headers().get(LOCATION);
        let location =
            location.ok_or_else(|| protocol(&call.method, &call.uri, "it does not say where"))?;
        self.session.follow(&call.method, &call.uri, location)
    }

    async fn upload(
        &self,
        layout: &Layout,
        blob: &Descriptor,
        repository: &str,
        mut begun: Option<Upload>,
    ) -> Result<(), RegistryError> {
        let scope = Scope { repository: repository.to_owned(), write: true, from: None };
        let journal = Journal::of(layout, self.host(), repository, blob.digest);
        if let Some(uri) = journal.read()
            && let Ok(Some(upload)) = self.ask(&uri, blob, &scope).await
        {
            begun = Some(upload);
        }
        let mut failures = 0;
        loop {
            let upload = match begun.take() {
                Some(upload) => upload,
                None => match self.begin(repository, "", &scope).await? {
                    (_, Some(upload)) => upload,
                    // Created without being asked to: it is there.
                    (_, None) => return Ok(()),
                },
            };
            let (uri, offset) = (upload.uri.clone(), upload.offset);
            match self.pieces(layout, blob, upload, &journal, &scope).await {
                Ok(()) => {
                    journal.forget();
                    return Ok(());
                }
                Err((error, last)) => {
                    failures = if last > offset { 1 } else { failures + 1 };
                    if failures == TRIES || !may_pass(&error) {
                        return Err(error);
                    }
                    tokio::time::sleep(retry::pause_after(&error, failures)).await;
                    let uri = journal.read().unwrap_or(uri);
                    // Where the registry has lost it, a new one begins.
                    begun = self.ask(&uri, blob, &scope).await.ok().flatten();
                }
            }
        }
    }

    /// Sends what is left of a blob. A failure says how far it came.
    async fn pieces(
        &self,
        layout: &Layout,
        blob: &Descriptor,
        mut upload: Upload,
        journal: &Journal,
        scope: &Scope,
    ) -> Result<(), (RegistryError, u64)> {
        loop {
            let at = upload.offset;
            let size = self.options.piece.max(1).min(blob.size - at);
            let part = Part {
                path: layout.blob_path(&blob.digest),
                digest: blob.digest,
                offset: at,
                size,
                observer: self.options.observer.clone(),
            };
            let last = at + size == blob.size;
            let sent = match last {
                true => self.put(&upload, part, scope).await.map(|()| None),
                false => self.patch(&upload, part, scope).await.map(Some),
            };
            match sent.map_err(|error| (error, at))? {
                None => return Ok(()),
                Some(next) => {
                    journal.write(&next.uri);
                    upload = next;
                }
            }
        }
    }

    /// A piece that is not the last.
    async fn patch(
        &self,
        upload: &Upload,
        part: Part,
        scope: &Scope,
    ) -> Result<Upload, RegistryError> {
        let end = part.offset + part.size;
        let call = Call::new(Method::PATCH, upload.uri.clone())
            .with(CONTENT_TYPE, "application/octet-stream")?
            .with(CONTENT_RANGE, &format!("{}-{}", part.offset, end - 1))?
            .sending(Payload::Blob(part));
        let response = self.session.once(&call, scope).await?;
        if response.status() != StatusCode::ACCEPTED {
            return Err(refusal(&call.method, &call.uri, response).await);
        }
        let offset = arrived(&response).unwrap_or(end).min(end);
        if offset <= upload.offset {
            return Err(protocol(&call.method, &call.uri, "nothing of what was sent has arrived"));
        }
        Ok(Upload { uri: self.location(&call, &response)?, offset })
    }

    /// The last piece, with which the upload becomes a blob.
    async fn put(&self, upload: &Upload, part: Part, scope: &Scope) -> Result<(), RegistryError> {
        let joint = if upload.uri.query().is_some() { '&' } else { '?' };
        let uri = format!("{}{joint}digest={}", upload.uri, part.digest);
        let uri = uri.parse().map_err(|_| {
            protocol(&Method::PUT, &upload.uri, "its address does not take a digest")
        })?;
        let mut call =
            Call::new(Method::PUT, uri).with(CONTENT_TYPE, "application/octet-stream")?;
        if part.offset > 0 {
            let range = format!("{}-{}", part.offset, part.offset + part.size - 1);
            call = call.with(CONTENT_RANGE, &range)?;
        }
        let call = call.sending(if part.size > 0 { Payload::Blob(part) } else { Payload::Empty });
        let response = self.session.once(&call, scope).await?;
        match response.status() {
            StatusCode::CREATED => Ok(()),
            _ => Err(refusal(&call.method, &call.uri, response).await),
        }
    }

    /// How much of an upload has arrived. None when the registry has lost it.
    async fn ask(
        &self,
        uri: &Uri,
        blob: &Descriptor,
        scope: &Scope,
    ) -> Result<Option<Upload>, RegistryError> {
        let call = Call::new(Method::GET, uri.clone());
        let response = self.session.call(&call, scope).await?;
        let offset = arrived(&response);
        match (response.status(), offset) {
            (StatusCode::NO_CONTENT, Some(offset)) if offset <= blob.size => {
                let uri = self.location(&call, &response).unwrap_or_else(|_| uri.clone());
                Ok(Some(Upload { uri, offset }))
            }
            _ => Ok(None),
        }
    }
}

/// Whether it may go better the next time.
fn may_pass(error: &RegistryError) -> bool {
    match error {
        RegistryError::Connection { .. }
        | RegistryError::Timeout { .. }
        | RegistryError::Protocol { .. } => true,
        RegistryError::Status { status, .. } => {
            status.is_server_error()
                || matches!(
                    *status,
                    StatusCode::TOO_MANY_REQUESTS
                        | StatusCode::RANGE_NOT_SATISFIABLE
                        | StatusCode::NOT_FOUND
                        | StatusCode::BAD_REQUEST
                )
        }
        _ => false,
    }
}

/// `Range: 0-99` says that 100 bytes are there; registries say `0-0` when there is none.
fn arrived(response: &Response<Incoming>) -> Option<u64> {
    let range = response.headers().get(RANGE)?.to_str().ok()?;
    let range = range.strip_prefix("bytes=").unwrap_or(range);
    let (_, last) = range.split_once('-')?;
    match last.parse::<u64>().ok()? {
        0 => Some(0),
        last => last.checked_add(1),
    }
}

/// Where a begun upload goes on, kept beside the blobs for the next process. It can only save
/// work: whatever is wrong with it, the upload begins anew.
struct Journal {
    path: PathBuf,
    host: String,
}

impl Journal {
    fn of(layout: &Layout, host: &str, repository: &str, digest: Digest) -> Self {
        let name = Digest::of(format!("{host}/{repository}@{digest}").as_bytes());
        Self { path: layout.root().join(".uploads").join(name.hex()), host: host.to_owned() }
    }

    fn read(&self) -> Option<Uri> {
        let uri: Uri = fs::read_to_string(&self.path).ok()?.trim().parse().ok()?;
        // A layout that came from elsewhere must not send blobs elsewhere.
        uri.authority().filter(|authority| authority.as_str() == self.host)?;
        Some(uri)
    }

    fn write(&self, uri: &Uri) {
        let write = || -> std::io::Result<()> {
            let folder = self.path.parent().ok_or(std::io::ErrorKind::NotFound)?;
            fs::create_dir_all(folder)?;
            // Readable by its owner alone: the address lets anyone write to the upload.
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(uri.to_string().as_bytes())?;
            file.persist(&self.path)?;
            Ok(())
        };
        // Without it an interrupted upload begins anew, as said above.
        let _ = write();
    }

    fn forget(&self) {
        let _ = fs::remove_file(&self.path);
        // With the last upload goes the folder; that others are in it is no error.
        let _ = self.path.parent().map(fs::remove_dir);
    }
}
