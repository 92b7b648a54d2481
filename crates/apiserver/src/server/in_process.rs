//! A kube client without a socket.

use axum::Router;
use axum::body::Body;
use http::Request;
use http::header::ACCEPT_ENCODING;
use kube::client::Body as KubeBody;
use tower::{ServiceBuilder, ServiceExt};

use crate::access::Identity;

pub(super) fn client(router: Router, identity: Identity) -> kube::Client {
    let service = ServiceBuilder::new()
        .map_request(move |mut request: Request<KubeBody>| {
            request.extensions_mut().insert(identity.clone());
            // Nothing is gained by packing what never leaves the process.
            request.headers_mut().remove(ACCEPT_ENCODING);
            request.map(Body::new)
        })
        .service(router.into_service::<Body>().map_err(|never| match never {}));
    kube::Client::new(service, "default")
}
