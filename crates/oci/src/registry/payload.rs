//! What is sent with a request; it can be sent again.

use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use futures::stream;
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::{Event, Observer};
use crate::digest::Digest;

/// How much of a file is read at once, in bytes.
const PIECE: usize = 256 << 10;

/// The body of a request as hyper takes it.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The body of a request as it is kept.
#[derive(Clone)]
pub(super) enum Payload {
    Empty,
    Bytes(Bytes),
    Blob(Part),
}

/// A part of a blob in a layout.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) path: PathBuf,
    pub(super) digest: Digest,
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) observer: Observer,
}

impl Payload {
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Blob(part) => part.size,
        }
    }

    pub(super) async fn body(&self) -> io::Result<Body> {
        Ok(match self {
            Self::Empty => Empty::new().map_err(|never| match never {}).boxed_unsync(),
            Self::Bytes(bytes) => {
                Full::new(bytes.clone()).map_err(|never| match never {}).boxed_unsync()
            }
            Self::Blob(part) => part.stream().await?,
        })
    }
}

impl Part {
    async fn stream(&self) -> io::Result<Body> {
        let mut file = File::open(&self.path).await?;
        file.seek(io::SeekFrom::Start(self.offset)).await?;
        file.set_max_buf_size(PIECE);
        let (digest, observer) = (self.digest, self.observer.clone());
        let frames = stream::try_unfold((file, self.size), move |(mut file, left)| {
            let observer = observer.clone();
            async move {
                if left == 0 {
                    return Ok(None);
                }
                let most = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
                let mut piece = Vec::with_capacity(most);
                (&mut file).take(most as u64).read_buf(&mut piece).await?;
                if piece.is_empty() {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "blob was truncated"));
                }
                let read = piece.len() as u64;
                observer(Event::Moved(digest, read));
                Ok(Some((Frame::data(Bytes::from(piece)), (file, left - read))))
            }
        });
        Ok(StreamBody::new(frames).boxed_unsync())
    }
}
