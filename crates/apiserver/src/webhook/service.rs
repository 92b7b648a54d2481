//! Where the service of a `clientConfig` is reached.
//!
//! In a cluster a Service is an address that every node translates. An embedded server has
//! no nodes, so it goes to the endpoints itself, as kube-apiserver does with
//! `--enable-aggregator-routing`: a ready address of an EndpointSlice, else of the Endpoints
//! of that name; without either, the cluster IP, which somebody may route. A Service of type
//! ExternalName leads to that name: with `externalName: localhost` to this machine, which
//! endpoints cannot do (Kubernetes forbids loopback addresses in them).

use serde_json::Value;

use crate::store::{ObjectKey, ResourceKey, Store};

/// Host and port of a service, or Go's words for why there is none.
pub(super) fn resolve(
    store: &Store,
    namespace: &str,
    name: &str,
    port: u16,
) -> Result<(String, u16), String> {
    let get = |plural: &str| {
        let stored = store.get(&ResourceKey::new("", plural), &ObjectKey::new(namespace, name));
        stored.map(|stored| stored.value())
    };
    let service = get("services").ok_or_else(|| format!("service {name:?} not found"))?;
    let spec = &service["spec"];
    if spec["type"] == "ExternalName" {
        let host = spec["externalName"].as_str().unwrap_or_default();
        return Ok((host.to_owned(), port));
    }
    let ports = spec["ports"].as_array().into_iter().flatten();
    let listed = ports.into_iter().find(|listed| listed["port"] == port);
    let listed =
        listed.ok_or_else(|| format!("no service port {port} found for service {name:?}"))?;
    let port_name = listed["name"].as_str().unwrap_or_default();
    let slices =
        store.list(&ResourceKey::new("discovery.k8s.io", "endpointslices"), Some(namespace));
    let slices = slices.objects.iter().map(|slice| slice.value());
    let of_service =
        slices.filter(|slice| slice["metadata"]["labels"]["kubernetes.io/service-name"] == name);
    let found = of_service
        .into_iter()
        .find_map(|slice| in_slice(&slice, port_name))
        .or_else(|| in_endpoints(&get("endpoints")?, port_name));
    if let Some(found) = found {
        return Ok(found);
    }
    match spec["clusterIP"].as_str() {
        Some(address) if !address.is_empty() && address != "None" && selects_nothing(spec) => {
            Ok((address.to_owned(), port))
        }
        _ => Err(format!("no endpoints available for service {name:?}")),
    }
}

/// Nobody here makes endpoints for a Service without a selector: its address is the
/// business of whoever made it.
fn selects_nothing(spec: &Value) -> bool {
    spec["selector"].as_object().is_none_or(serde_json::Map::is_empty)
}

fn in_slice(slice: &Value, port_name: &str) -> Option<(String, u16)> {
    let port = port(&slice["ports"], port_name)?;
    let endpoints = slice["endpoints"].as_array()?;
    // Unknown readiness counts as ready.
    let ready = endpoints.iter().find(|endpoint| endpoint["conditions"]["ready"] != false)?;
    Some((ready["addresses"][0].as_str()?.to_owned(), port))
}

fn in_endpoints(endpoints: &Value, port_name: &str) -> Option<(String, u16)> {
    let subsets = endpoints["subsets"].as_array()?;
    subsets.iter().find_map(|subset| {
        let address = subset["addresses"][0]["ip"].as_str()?;
        Some((address.to_owned(), port(&subset["ports"], port_name)?))
    })
}

fn port(ports: &Value, name: &str) -> Option<u16> {
    let ports = ports.as_array()?;
    let found = ports.iter().find(|port| port["name"].as_str().unwrap_or_default() == name)?;
    found["port"].as_u64()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;
    use crate::store::{Draft, Expect};

    async fn put(store: &Store, group: &str, plural: &str, name: &str, value: Value) {
        let (resource, key) = (ResourceKey::new(group, plural), ObjectKey::new("ns", name));
        let draft = Draft { value, ..Draft::default() };
        store.put(&resource, &key, Expect::Absent, draft).await.unwrap();
    }

    fn service(spec: Value) -> Value {
        json!({ "metadata": { "name": "hook", "namespace": "ns" }, "spec": spec })
    }

    #[tokio::test]
    async fn endpoints_are_gone_to_directly() {
        let store = Store::in_memory(16);
        let find = || resolve(&store, "ns", "hook", 443);
        assert_eq!(find(), Err("service \"hook\" not found".to_owned()));
        let spec = json!({ "selector": { "a": "b" }, "clusterIP": "10.96.0.9",
            "ports": [{ "name": "https", "port": 443, "targetPort": 8443 }] });
        put(&store, "", "services", "hook", service(spec)).await;
        assert_eq!(find(), Err("no endpoints available for service \"hook\"".to_owned()));
        let endpoints = json!({ "metadata": { "name": "hook" }, "subsets": [
            { "notReadyAddresses": [{ "ip": "10.0.0.1" }], "ports": [{ "name": "https", "port": 1 }] },
            { "addresses": [{ "ip": "10.0.0.2" }], "ports": [{ "name": "https", "port": 8443 }] }] });
        put(&store, "", "endpoints", "hook", endpoints).await;
        assert_eq!(find(), Ok(("10.0.0.2".to_owned(), 8443)));
        let slice = json!({ "metadata": { "name": "hook-x",
                "labels": { "kubernetes.io/service-name": "hook" } },
            "ports": [{ "name": "https", "port": 9443 }],
            "endpoints": [{ "addresses": ["10.0.0.3"], "conditions": { "ready": false } },
                { "addresses": ["10.0.0.4"], "conditions": {} }] });
        put(&store, "discovery.k8s.io", "endpointslices", "hook-x", slice).await;
        assert_eq!(find(), Ok(("10.0.0.4".to_owned(), 9443)));
        let other = resolve(&store, "ns", "hook", 80).unwrap_err();
        assert_eq!(other, "no service port 80 found for service \"hook\"");
    }

    #[tokio::test]
    async fn names_and_addresses_of_others_are_taken_as_they_are() {
        let store = Store::in_memory(16);
        let spec = json!({ "type": "ExternalName", "externalName": "localhost" });
        put(&store, "", "services", "hook", service(spec)).await;
        assert_eq!(resolve(&store, "ns", "hook", 7443), Ok(("localhost".to_owned(), 7443)));
        let spec = json!({ "clusterIP": "10.96.0.9", "ports": [{ "port": 443 }] });
        put(&store, "", "services", "routed", service(spec)).await;
        assert_eq!(resolve(&store, "ns", "routed", 443), Ok(("10.96.0.9".to_owned(), 443)));
    }
}
