#![allow(clippy::unwrap_used)]

use std::convert::Infallible;

use http::{Request as HttpRequest, Response as HttpResponse};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixListener;
use tonic::body::Body;

use super::*;

fn allocated(resource: &str, ids: &[&str]) -> Allocated {
    let device_ids = ids.iter().map(|id| (*id).to_owned()).collect();
    Allocated { resource_name: resource.to_owned(), device_ids }
}

/// Two containers with devices of the same resource, in a pod of a name that another has too.
fn pods() -> Vec<Resources> {
    let container = |devices| Container { name: "c".into(), devices };
    let pod = |namespace: &str, containers| Resources {
        name: "web".into(),
        namespace: namespace.into(),
        containers,
    };
    vec![
        pod("other", vec![container(vec![allocated("intel.com/sriov", &["0000:00:00.9"])])]),
        pod(
            "default",
            vec![
                container(vec![allocated("intel.com/sriov", &["0000:00:00.1"])]),
                container(vec![
                    allocated("intel.com/sriov", &["0000:00:00.2"]),
                    allocated("a/b", &["x", "y"]),
                ]),
            ],
        ),
    ]
}

async fn answer(
    request: HttpRequest<Incoming>,
    get: bool,
) -> Result<HttpResponse<Body>, Infallible> {
    let path = request.uri().path().to_owned();
    if path == LIST {
        let service = tower::service_fn(|_: Request<ListRequest>| async {
            Ok::<_, Status>(tonic::Response::new(ListResponse { pod_resources: pods() }))
        });
        let codec = ProstCodec::<ListResponse, ListRequest>::default();
        return Ok(tonic::server::Grpc::new(codec).unary(service, request).await);
    }
    assert_eq!(path, GET);
    let service = tower::service_fn(|request: Request<GetRequest>| async move {
        let GetRequest { name, namespace } = request.into_inner();
        let found = pods().into_iter().find(|pod| pod.name == name && pod.namespace == namespace);
        match get {
            false => Err(Status::unknown("PodResources API Get method disabled")),
            true => Ok(tonic::Response::new(GetResponse { pod_resources: found })),
        }
    });
    let codec = ProstCodec::<GetResponse, GetRequest>::default();
    Ok(tonic::server::Grpc::new(codec).unary(service, request).await)
}

/// A kubelet, with its feature gate for Get open or closed.
fn kubelet(socket: &Path, get: bool) {
    let listener = UnixListener::bind(socket).unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = hyper::service::service_fn(move |request| answer(request, get));
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
        }
    });
}

#[tokio::test]
async fn devices_are_told_in_the_order_of_containers_by_get_and_by_list() {
    let folder = tempfile::tempdir().unwrap();
    for get in [true, false] {
        let socket = folder.path().join(format!("{get}.sock"));
        kubelet(&socket, get);
        let resources = PodResources::new(&socket);
        let devices = resources.devices(&PodKey::new("default", "web")).await.unwrap();
        assert_eq!(devices["intel.com/sriov"], ["0000:00:00.1", "0000:00:00.2"]);
        assert_eq!(devices["a/b"], ["x", "y"]);
        let nobody = resources.devices(&PodKey::new("default", "nobody")).await;
        assert!(matches!(nobody, Err(PodResourcesError::Unknown(_))), "{nobody:?}");
    }
}

#[tokio::test]
async fn a_kubelet_that_is_not_there_is_named_with_its_socket() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("none.sock");
    let error = PodResources::new(&socket).devices(&PodKey::new("a", "b")).await.unwrap_err();
    assert!(error.to_string().contains(&socket.display().to_string()), "{error}");
    assert!(matches!(error, PodResourcesError::Unavailable { .. }));
}
