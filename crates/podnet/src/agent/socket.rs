//! The socket that the plugin asks on: root only, and nobody can hold it up.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kubewright_attachment::protocol::{MAX_LINE, ProtocolError, Reply, Request};
use kubewright_cni::{CniError, ErrorCode};
use kubewright_operator::Shutdown;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How long a client may take to write its request, or to read its answer: both are one line.
const PATIENCE: Duration = Duration::from_secs(10);

/// Clients at the same time. A runtime starts a few pods at once; beyond that many, others wait in
/// the queue of the kernel.
const CLIENTS: usize = 128;

/// The socket cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {}; is another agent running?", socket.display())]
pub struct SocketError {
    /// Where.
    pub socket: PathBuf,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// Who answers.
pub(crate) trait Answers: Send + Sync + 'static {
    /// The answer to a request.
    fn answer(&self, request: Request) -> impl Future<Output = Reply> + Send;
}

/// Takes the place of a socket that nobody serves any more.
///
/// It is made under another name and renamed, so that at no time it can be opened by others or
/// is missing.
pub(crate) fn bind(socket: &Path) -> Result<UnixListener, SocketError> {
    let failed = |source| SocketError { socket: socket.to_owned(), source };
    if std::os::unix::net::UnixStream::connect(socket).is_ok() {
        return Err(failed(io::ErrorKind::AddrInUse.into()));
    }
    let folder = socket.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder).map_err(failed)?;
    let beside = folder.join(format!(".{}.sock", std::process::id()));
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = UnixListener::bind(&beside).map_err(failed)?;
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    fs::rename(&beside, socket).map_err(failed)?;
    Ok(listener)
}

/// Answers until `shutdown`; requests that were begun by then are answered.
pub(crate) async fn serve<A: Answers>(
    listener: UnixListener,
    socket: PathBuf,
    answers: Arc<A>,
    shutdown: Shutdown,
) {
    let room = Arc::new(Semaphore::new(CLIENTS));
    let mut clients = JoinSet::new();
    loop {
        let place = tokio::select! {
            () = shutdown.triggered() => break,
            place = room.clone().acquire_owned() => place,
        };
        let stream = tokio::select! {
            () = shutdown.triggered() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Too many open files, say: some may be closed meanwhile.
                    tracing::warn!(%error, "a call of the plugin was not taken");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        while clients.try_join_next().is_some() {}
        let answers = answers.clone();
        clients.spawn(async move {
            let _place = place;
            if let Err(error) = converse(stream, &*answers).await {
                tracing::debug!(%error, "a call of the plugin was not answered");
            }
        });
    }
    // The next agent may listen there already.
    let _ = fs::remove_file(&socket);
    drop(listener);
    clients.join_all().await;
}

async fn converse<A: Answers>(stream: UnixStream, answers: &A) -> Result<(), ProtocolError> {
    let peer = stream.peer_cred()?.uid();
    let own = rustix::process::geteuid().as_raw();
    if peer != 0 && peer != own {
        tracing::warn!(uid = peer, "a call that is not root's was refused");
        return Ok(());
    }
    let (read, mut write) = stream.into_split();
    let mut line = Vec::new();
    let mut reader = BufReader::new(read).take(MAX_LINE as u64 + 1);
    let read = tokio::time::timeout(PATIENCE, reader.read_until(b'\n', &mut line)).await;
    let read = read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let request = match line.last() {
        Some(b'\n') => Request::from_line(&line),
        _ if read > MAX_LINE => Err(ProtocolError::TooLong),
        _ => return Err(ProtocolError::Closed(read)),
    };
    let reply = match request {
        Ok(request) => answers.answer(request).await,
        Err(error) => Reply::Error(CniError::from_error(ErrorCode::DecodingFailure, &error)),
    };
    let line = reply.to_line()?;
    let written = tokio::time::timeout(PATIENCE, async {
        write.write_all(&line).await?;
        write.shutdown().await
    });
    written.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    Ok(())
}

#[cfg(test)]
mod tests;
