//! Waiting for what a control plane brings up.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Node;
use kube::runtime::wait::await_condition;
use kube::{Api, Client};

/// Between two questions to an API server that is not up yet: there is nothing to watch.
const PAUSE: Duration = Duration::from_millis(250);

/// It did not come up.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// The API server.
    #[error(
        "the API server is not ready after {} seconds; `crictl ps -a` and `journalctl -u kubelet` tell why",
        patience.as_secs()
    )]
    ApiServer {
        /// How long it was waited for.
        patience: Duration,
        /// What it said last.
        #[source]
        source: Option<Box<kube::Error>>,
    },
    /// The kubelet has not made its Node.
    #[error(
        "there is no Node {name} after {} seconds: its kubelet makes it; `journalctl -u kubelet` tells why not",
        patience.as_secs()
    )]
    Node {
        /// Name of the Node.
        name: String,
        /// How long it was waited for.
        patience: Duration,
    },
}

/// Waits until an API server says that it is ready.
///
/// # Errors
/// [`WaitError::ApiServer`] with what it said last.
pub(super) async fn for_api_server(client: &Client, patience: Duration) -> Result<(), WaitError> {
    let start = Instant::now();
    let mut last = None;
    while start.elapsed() < patience {
        let ready = async {
            let request = http::Request::get("/readyz").body(Vec::new());
            let request = request.map_err(kube::Error::HttpError)?;
            client.request_text(request).await
        };
        match tokio::time::timeout(patience, ready).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => last = Some(Box::new(error)),
            Err(_) => break,
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(WaitError::ApiServer { patience, source: last })
}

/// Waits until there is a Node of this name.
///
/// # Errors
/// [`WaitError::Node`] when there is none in time.
pub(super) async fn for_node(
    client: &Client,
    name: &str,
    patience: Duration,
) -> Result<(), WaitError> {
    let nodes = Api::<Node>::all(client.clone());
    let there = await_condition(nodes, name, |node: Option<&Node>| node.is_some());
    match tokio::time::timeout(patience, there).await {
        Ok(Ok(_)) => Ok(()),
        _ => Err(WaitError::Node { name: name.to_owned(), patience }),
    }
}
