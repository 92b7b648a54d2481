//! Felix's own word on whether it is ready.

use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Uri, header};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Where Felix answers by default. It must be switched on there:
/// `healthEnabled: true` in FelixConfiguration, as Calico's manifests do.
pub const READINESS_URL: &str = "http://localhost:9099/readiness";

/// How long one answer may take. Felix answers from memory.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What Felix said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FelixState {
    /// It is ready: its dataplane was in sync once and is being kept so.
    Ready,
    /// It answers, but not with success.
    NotReady {
        /// The HTTP status it gave; 503 while it starts.
        status: u16,
    },
    /// There is no answer.
    Unreachable {
        /// Why.
        reason: String,
    },
}

/// Asks Felix. A trait for tests; [`FelixHttp`] is the real one.
pub trait Felix: Send + Sync {
    /// Whether Felix is ready. Never fails: no answer is an answer too.
    fn state(&self) -> BoxFuture<'_, FelixState>;
}

/// A URL that cannot be Felix's.
#[derive(Debug, thiserror::Error)]
pub enum FelixUrlError {
    /// It is no URL.
    #[error("\"{url}\" is no URL; give one like {READINESS_URL}")]
    Syntax {
        /// What was given.
        url: String,
        /// What is wrong with it.
        #[source]
        source: http::uri::InvalidUri,
    },
    /// It is of another scheme, or names no host.
    #[error(
        "\"{url}\" is no plain http URL with a host; Felix answers without TLS, as {READINESS_URL}"
    )]
    Scheme {
        /// What was given.
        url: String,
    },
}

/// Asks over HTTP.
#[derive(Clone, Debug)]
pub struct FelixHttp {
    host: String,
    port: u16,
    authority: String,
    path: String,
}

impl FelixHttp {
    /// For the readiness endpoint at `url`.
    ///
    /// # Errors
    /// [`FelixUrlError`] when it is no `http://` URL.
    pub fn new(url: &str) -> Result<Self, FelixUrlError> {
        let uri: Uri =
            url.parse().map_err(|source| FelixUrlError::Syntax { url: url.to_owned(), source })?;
        match (uri.scheme_str(), uri.authority()) {
            (Some("http"), Some(authority)) => Ok(Self {
                host: authority.host().trim_matches(['[', ']']).to_owned(),
                port: authority.port_u16().unwrap_or(80),
                authority: authority.to_string(),
                path: uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            }),
            _ => Err(FelixUrlError::Scheme { url: url.to_owned() }),
        }
    }

    async fn ask(&self) -> Result<u16, Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::get(&self.path)
            .header(header::HOST, &self.authority)
            .body(Empty::<Bytes>::new())?;
        let response = sender.send_request(request);
        tokio::pin!(response);
        // The connection is driven here and not in a task of its own, so that
        // it ends with this call. One that was closed behind the answer has
        // handed the answer over.
        let response = tokio::select! {
            biased;
            response = &mut response => response,
            _ = connection => response.await,
        };
        Ok(response?.status().as_u16())
    }
}

impl Felix for FelixHttp {
    fn state(&self) -> BoxFuture<'_, FelixState> {
        Box::pin(async {
            match tokio::time::timeout(TIMEOUT, self.ask()).await {
                // 200 with details, 204 without.
                Ok(Ok(200..=299)) => FelixState::Ready,
                Ok(Ok(status)) => FelixState::NotReady { status },
                Ok(Err(error)) => FelixState::Unreachable { reason: error.to_string() },
                Err(_) => FelixState::Unreachable {
                    reason: format!("no answer within {} s", TIMEOUT.as_secs()),
                },
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    /// Answers one connection with `answer` on a port of its own.
    fn once(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/readiness", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            assert!(request[..read].starts_with(b"GET /readiness HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        url
    }

    async fn state(url: &str) -> FelixState {
        FelixHttp::new(url).unwrap().state().await
    }

    #[tokio::test]
    async fn felix_is_ready_with_or_without_details() {
        assert_eq!(state(&once("HTTP/1.1 204 No Content\r\n\r\n")).await, FelixState::Ready);
        assert_eq!(
            state(&once("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")).await,
            FelixState::Ready
        );
    }

    #[tokio::test]
    async fn felix_is_not_ready() {
        let url = once("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(state(&url).await, FelixState::NotReady { status: 503 });
        assert!(matches!(state(&once("")).await, FelixState::Unreachable { .. }));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert!(matches!(
            state(&format!("http://127.0.0.1:{port}/")).await,
            FelixState::Unreachable { .. }
        ));
    }

    #[test]
    fn only_plain_http_is_taken() {
        assert!(FelixHttp::new(READINESS_URL).is_ok());
        assert_eq!(FelixHttp::new("http://[::1]:9099/readiness").unwrap().host, "::1");
        for url in ["https://localhost:9099/readiness", "localhost:9099", "/readiness", "http://"] {
            assert!(FelixHttp::new(url).is_err(), "{url}");
        }
    }
}
