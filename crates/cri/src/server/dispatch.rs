//! From the path of a request to the call it is.

use http::{Request, Response};
use tonic::body::Body;
use tonic::server::Grpc;
use tonic_prost::ProstCodec;

use super::{Answer, Runtime, Status};
use crate::method;

/// Answers one request.
pub(super) async fn answer<R, B>(runtime: &R, request: Request<B>) -> Response<Body>
where
    R: Runtime,
    B: http_body::Body + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    let path = request.uri().path().to_owned();
    macro_rules! calls {
        ($($method:ident => $call:ident),+ $(,)?) => {
            $(if path == method::$method.path {
                return unary(request, |message| runtime.$call(message)).await;
            })+
        };
    }
    calls! {
        LIST_CONTAINERS => list_containers,
        LIST_POD_SANDBOX => list_pod_sandbox,
        POD_SANDBOX_STATUS => pod_sandbox_status,
        REMOVE_POD_SANDBOX => remove_pod_sandbox,
        RUN_POD_SANDBOX => run_pod_sandbox,
        STATUS => status,
        STOP_POD_SANDBOX => stop_pod_sandbox,
        VERSION => version,
    }
    Status::unimplemented(format!("this container runtime does not know {path}")).into_http()
}

async fn unary<Q, A, B, F>(request: Request<B>, call: impl Fn(Q) -> F) -> Response<Body>
where
    Q: prost::Message + Default + Send + 'static,
    A: prost::Message + Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
    F: Answer<A>,
{
    let service = tower::service_fn(|request: tonic::Request<Q>| {
        let answer = call(request.into_inner());
        async move { answer.await.map(tonic::Response::new) }
    });
    Grpc::new(ProstCodec::<A, Q>::default()).unary(service, request).await
}
