//! Where the API server is, from the objects that tell it. Pure.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::config::Kubeconfig;
use kube::runtime::watcher::Event;
use serde::Deserialize;

use crate::acceptance::ServerPlaces;

/// Namespace and name of the API server's Service, and of its addresses.
pub(crate) const SERVICE: (&str, &str) = ("default", "kubernetes");

/// Namespace and name of what tells joining machines where it is.
pub(crate) const INFO: (&str, &str) = ("kube-public", "cluster-info");

/// Namespace and name of what kubeadm was told to make the API server's certificate for.
pub(crate) const KUBEADM: (&str, &str) = ("kube-system", "kubeadm-config");

/// Which object tells.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    Service,
    Slice,
    Info,
    Kubeadm,
}

/// What the watch of such an object has told.
#[derive(Debug)]
pub(super) enum Change {
    /// From the beginning.
    Listing,
    /// The object is there and says this, or is not and says nothing.
    Says(ServerPlaces),
    /// That was all.
    Listed,
}

impl Change {
    pub(super) fn of<K>(event: Event<K>, places: impl Fn(&K) -> ServerPlaces) -> Self {
        match event {
            Event::Init => Self::Listing,
            Event::InitDone => Self::Listed,
            Event::InitApply(object) | Event::Apply(object) => Self::Says(places(&object)),
            Event::Delete(_) => Self::Says(ServerPlaces::default()),
        }
    }
}

/// What one of them has told so far.
#[derive(Debug, Default)]
struct Told {
    listed: bool,
    places: ServerPlaces,
    /// While it tells from the beginning. What it told before holds until it is through.
    anew: Option<ServerPlaces>,
}

/// What all of them have told.
#[derive(Debug, Default)]
pub(super) struct Places {
    told: [Told; 4],
}

impl Places {
    pub(super) fn see(&mut self, source: Source, change: Change) {
        let told = &mut self.told[source as usize];
        match change {
            Change::Listing => told.anew = Some(ServerPlaces::default()),
            Change::Says(places) => match &mut told.anew {
                Some(anew) => *anew = places,
                None => told.places = places,
            },
            Change::Listed => {
                told.places = told.anew.take().unwrap_or_default();
                told.listed = true;
            }
        }
    }

    /// Everything, once each of them has told what it knows.
    pub(super) fn known(&self) -> Option<ServerPlaces> {
        self.told.iter().all(|told| told.listed).then(|| {
            let mut all = ServerPlaces::default();
            self.told.iter().for_each(|told| all.add(&told.places));
            all
        })
    }
}

pub(super) fn of_service(service: &Service) -> ServerPlaces {
    let mut places = ServerPlaces::default();
    let spec = service.spec.as_ref();
    let addresses = spec.and_then(|spec| spec.cluster_ips.clone()).unwrap_or_default();
    let first = spec.and_then(|spec| spec.cluster_ip.clone());
    let addresses =
        addresses.into_iter().chain(first).filter_map(|text| text.parse::<IpAddr>().ok());
    places.service.extend(addresses);
    places
}

pub(super) fn of_slice(slice: &EndpointSlice) -> ServerPlaces {
    let mut places = ServerPlaces::default();
    slice.endpoints.iter().flat_map(|it| &it.addresses).for_each(|it| places.reached_at(it));
    places
}

pub(super) fn of_info(info: &ConfigMap) -> ServerPlaces {
    let mut places = ServerPlaces::default();
    let text = info.data.as_ref().and_then(|data| data.get("kubeconfig"));
    let config = text.and_then(|text| Kubeconfig::from_yaml(text).ok());
    let clusters = config.map(|config| config.clusters).unwrap_or_default();
    for server in clusters.into_iter().filter_map(|named| named.cluster?.server) {
        if let Some(host) = server.parse::<http::Uri>().ok().as_ref().and_then(http::Uri::host) {
            places.reached_at(host);
        }
    }
    places
}

/// What of kubeadm's `ClusterConfiguration`, in each of its versions, is read.
/// <https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/#kubeadm-k8s-io-v1beta4-ClusterConfiguration>
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ClusterConfiguration {
    api_server: Option<ApiServer>,
    control_plane_endpoint: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ApiServer {
    #[serde(rename = "certSANs")]
    cert_sans: Option<Vec<String>>,
}

pub(super) fn of_kubeadm(config: &ConfigMap) -> ServerPlaces {
    let mut places = ServerPlaces::default();
    let text = config.data.as_ref().and_then(|data| data.get("ClusterConfiguration"));
    let read = text.and_then(|text| serde_saphyr::from_str(text).ok());
    let ClusterConfiguration { api_server, control_plane_endpoint } = read.unwrap_or_default();
    let names = api_server.and_then(|server| server.cert_sans).unwrap_or_default();
    names.iter().for_each(|name| places.reached_at(name));
    if let Some(endpoint) = control_plane_endpoint.filter(|endpoint| !endpoint.is_empty()) {
        places.reached_at(host(&endpoint));
    }
    places
}

/// The host of `HOST`, `HOST:PORT`, `ADDRESS` or `[ADDRESS]:PORT`.
fn host(endpoint: &str) -> &str {
    match endpoint.rsplit_once(':') {
        Some((host, _)) if endpoint.parse::<IpAddr>().is_err() => host,
        _ => endpoint,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, from_value, json};

    use super::*;

    fn service(addresses: Value) -> Service {
        from_value(json!({ "spec": { "clusterIP": addresses[0], "clusterIPs": addresses } }))
            .unwrap()
    }

    #[test]
    fn nothing_is_known_before_everything_has_been_told() {
        let mut places = Places::default();
        let slice = from_value::<EndpointSlice>(json!({ "addressType": "IPv4",
            "endpoints": [{ "addresses": ["10.0.0.1"] }] }))
        .unwrap();
        let server = "clusters: [{ name: '', cluster: { server: 'https://[fd00::1]:6443' } }, { name: x, cluster: { server: 'https://API.example.org/x' } }]";
        let info = from_value(json!({ "data": { "kubeconfig": server } })).unwrap();
        let all = [Source::Service, Source::Slice, Source::Info, Source::Kubeadm];
        for source in all {
            places.see(source, Change::Listing);
        }
        places.see(Source::Service, Change::Says(of_service(&service(json!(["172.24.0.1"])))));
        places.see(Source::Slice, Change::Says(of_slice(&slice)));
        places.see(Source::Info, Change::Says(of_info(&info)));
        for source in all {
            assert_eq!(places.known(), None);
            places.see(source, Change::Listed);
        }
        let known = places.known().unwrap();
        assert_eq!(known.service, ["172.24.0.1".parse().unwrap()].into());
        let machines = ["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()];
        assert_eq!(known.machines, machines.into());
        assert_eq!(known.names, ["api.example.org".to_owned()].into());
        // What has gone meanwhile is not told any more when all is told again, and holds until then.
        places.see(Source::Slice, Change::of(Event::Init, of_slice));
        assert_eq!(places.known().unwrap(), known);
        places.see(Source::Slice, Change::of(Event::InitDone, of_slice));
        places.see(Source::Service, Change::of(Event::Delete(service(json!([]))), of_service));
        let known = places.known().unwrap();
        assert_eq!((known.service.len(), known.machines.len()), (0, 1));
    }

    /// What the API server's certificate is for is its own, whether it is announced or not.
    #[test]
    fn kubeadm_was_told_further_names() {
        let read = |text: &str| {
            of_kubeadm(&from_value(json!({ "data": { "ClusterConfiguration": text } })).unwrap())
        };
        let known = read(
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\napiServer:\n  certSANs: [API.lab, 10.0.0.9, '*.wild.lab']\ncontrolPlaneEndpoint: front.lab:6443\n",
        );
        let names = ["api.lab", "*.wild.lab", "front.lab"].map(str::to_owned);
        assert_eq!(known.names, names.into());
        assert_eq!(known.machines, ["10.0.0.9".parse().unwrap()].into());
        for (endpoint, address) in
            [("'[fd00::1]:6443'", "fd00::1"), ("fd00::1", "fd00::1"), ("10.0.0.7:6443", "10.0.0.7")]
        {
            let known = read(&format!("controlPlaneEndpoint: {endpoint}"));
            assert_eq!(known.machines, [address.parse().unwrap()].into(), "{endpoint}");
        }
        let front = read("controlPlaneEndpoint: front.lab");
        assert_eq!(front.names, ["front.lab".to_owned()].into());
        for none in
            ["", "{", "apiServer: {}", "apiServer: { certSANs: null }", "controlPlaneEndpoint: ''"]
        {
            assert_eq!(read(none), ServerPlaces::default(), "{none}");
        }
    }

    #[test]
    fn what_says_nothing_is_no_harm() {
        assert_eq!(of_service(&service(json!(["None"]))), ServerPlaces::default());
        assert_eq!(of_info(&ConfigMap::default()), ServerPlaces::default());
        let broken = from_value(json!({ "data": { "kubeconfig": "{" } })).unwrap();
        assert_eq!(of_info(&broken), ServerPlaces::default());
    }
}
