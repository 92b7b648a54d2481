//! Devices that a device plugin has given to the pod become its interfaces' devices.

use std::convert::Infallible;
use std::path::Path;

use hyper_util::rt::{TokioExecutor, TokioIo};
use kube::Api;
use kube::api::PostParams;
use kubewright_podnet::api::{NetworkAttachmentDefinition, NetworkAttachmentDefinitionSpec};
use kubewright_testkit::require;
use serde_json::json;
use tokio::net::UnixListener;
use tonic::Status;
use tonic_prost::ProstCodec;

use crate::lab::{Lab, STANDARD, eventually, ready};

#[derive(Clone, PartialEq, prost::Message)]
struct ListRequest {}

#[derive(Clone, PartialEq, prost::Message)]
struct ListResponse {
    #[prost(message, repeated, tag = "1")]
    pods: Vec<Pod>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Pod {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    namespace: String,
    #[prost(message, repeated, tag = "3")]
    containers: Vec<Container>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Container {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    devices: Vec<Devices>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Devices {
    #[prost(string, tag = "1")]
    resource: String,
    #[prost(string, repeated, tag = "2")]
    ids: Vec<String>,
}

/// A kubelet that has given two devices to pod `p`, and knows the older call only.
fn kubelet(socket: &Path, namespace: &str) {
    let devices =
        Devices { resource: "example.com/port".into(), ids: vec!["d1".into(), "d2".into()] };
    let container = Container { name: "a".into(), devices: vec![devices] };
    let pod = Pod { name: "p".into(), namespace: namespace.into(), containers: vec![container] };
    let answer = ListResponse { pods: vec![pod] };
    let listener = UnixListener::bind(socket).unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            let service =
                hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    let answer = answer.clone();
                    async move {
                        if request.uri().path() != "/v1.PodResourcesLister/List" {
                            let unknown: http::Response<tonic::body::Body> =
                                Status::unimplemented("no such call").into_http();
                            return Ok::<_, Infallible>(unknown);
                        }
                        let list = tower::service_fn(move |_: tonic::Request<ListRequest>| {
                            let answer = answer.clone();
                            async move { Ok::<_, Status>(tonic::Response::new(answer)) }
                        });
                        let codec = ProstCodec::<ListResponse, ListRequest>::default();
                        Ok(tonic::server::Grpc::new(codec).unary(list, request).await)
                    }
                });
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn each_attachment_gets_a_device_that_the_kubelet_has_given_to_the_pod() {
    require!(ready());
    let lab = Lab::start().await;
    let mut config = lab.scripted("calls", json!({}));
    config["capabilities"] = json!({ "deviceID": true });
    let spec = NetworkAttachmentDefinitionSpec { config: config.to_string() };
    let mut definition = NetworkAttachmentDefinition::new("port", spec);
    let resource = ("k8s.v1.cni.cncf.io/resourceName".to_owned(), "example.com/port".to_owned());
    definition.metadata.annotations = Some([resource].into());
    let api: Api<NetworkAttachmentDefinition> =
        Api::namespaced(lab.client(), lab.cluster.namespace());
    api.create(&PostParams::default(), &definition).await.unwrap();
    let _agent = lab.agent();
    lab.running("p", json!({ STANDARD: "port@a0,port@b0,port@c0" })).await;
    // As long as the kubelet does not tell, nothing is attached without a device.
    let (entries, failures) = lab.told("p", |_, failures| failures.len() == 3).await;
    assert_eq!(entries, []);
    assert!(failures[0].problem.message.contains("pod-resources"), "{failures:?}");

    kubelet(&lab.path("pod-resources.sock"), lab.cluster.namespace());
    lab.told("p", |entries, failures| entries.len() == 2 && failures.len() == 1).await;
    let given = |interface: &str| {
        let calls = lab.calls("calls", "ADD");
        let call = calls.iter().find(|call| call.ifname == interface).unwrap();
        let device = call.config["deviceID"].as_str().unwrap().to_owned();
        assert_eq!(call.config["runtimeConfig"]["deviceID"], device.as_str());
        device
    };
    assert_eq!((given("a0").as_str(), given("b0").as_str()), ("d1", "d2"));
    // When one goes, the other keeps its own.
    lab.annotate("p", STANDARD, "port@b0").await;
    lab.attached("p", &["b0"]).await;
    eventually("a0 is detached", || lab.calls("calls", "DEL").len() == 1).await;
    assert_eq!(lab.calls("calls", "ADD").len(), 2);
    // And what is free again is given out again.
    lab.annotate("p", STANDARD, "port@c0,port@b0").await;
    lab.attached("p", &["c0", "b0"]).await;
    assert_eq!((given("c0").as_str(), given("b0").as_str()), ("d1", "d2"));
}
