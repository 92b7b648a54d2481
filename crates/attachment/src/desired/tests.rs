#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use super::*;
use crate::annotation::parse;

/// Bridges by `namespace/name`, and devices that are handed out one by one.
#[derive(Default)]
struct Cluster {
    networks: BTreeMap<String, Definition>,
    devices: Vec<String>,
}

impl Cluster {
    fn with(networks: &[(Dialect, &str)]) -> Self {
        let definition = |dialect: &Dialect| match dialect {
            Dialect::Kaloom => Definition::Kaloom { plugin: "bridge".into(), config: "{}".into() },
            Dialect::Standard => {
                Definition::Standard { config: r#"{"cniVersion":"1.0.0","type":"bridge"}"#.into() }
            }
        };
        let networks = networks
            .iter()
            .map(|(dialect, name)| (format!("{dialect} {name}"), definition(dialect)));
        Self { networks: networks.collect(), devices: Vec::new() }
    }
}

impl Lookup for Cluster {
    fn definition(&self, network: &NetworkKey) -> Option<Definition> {
        self.networks.get(&format!("{} {network}", network.dialect())).cloned()
    }

    fn device(&mut self, _: &NetworkKey) -> Option<String> {
        self.devices.pop()
    }
}

fn resolve(
    resolution: &Resolution,
    cluster: &mut Cluster,
    kaloom: Option<&str>,
    standard: Option<&str>,
) -> Vec<(String, Result<(), Reason>)> {
    let pod = Pod::new("shop", "web-0", "u1").unwrap();
    let desired = resolution.resolve(&parse(kaloom, standard), &pod, cluster);
    let one = |wanted: &Wanted| {
        let attachment = wanted.attachment.as_ref().map(drop).map_err(|problem| problem.reason);
        (wanted.network.to_string(), attachment)
    };
    desired.wanted.iter().map(one).collect()
}

#[test]
fn the_first_place_that_defines_a_network_is_taken() {
    let resolution = Resolution::new("/nowhere");
    let green = Some(r#"[{"name":"green"}]"#);
    let mut both =
        Cluster::with(&[(Dialect::Kaloom, "shop/green"), (Dialect::Kaloom, "default/green")]);
    assert_eq!(resolve(&resolution, &mut both, green, None), [("shop/green".into(), Ok(()))]);
    let mut shared = Cluster::with(&[(Dialect::Kaloom, "default/green")]);
    assert_eq!(resolve(&resolution, &mut shared, green, None), [("default/green".into(), Ok(()))]);
    let not_found = Err(Reason::NetworkNotFound);
    assert_eq!(
        resolve(&resolution, &mut Cluster::default(), green, Some("green")),
        [("shop/green".into(), not_found), ("shop/green".into(), not_found)]
    );
    // The standard does not look elsewhere, nor among Kaloom's objects.
    let mut other =
        Cluster::with(&[(Dialect::Standard, "default/green"), (Dialect::Kaloom, "shop/green")]);
    let found = resolve(&resolution, &mut other, None, Some("green"));
    assert_eq!(found, [("shop/green".into(), not_found)]);
}

#[test]
fn isolation_shuts_foreign_namespaces() {
    let mut resolution = Resolution::new("/nowhere");
    let mut cluster =
        Cluster::with(&[(Dialect::Standard, "other/l2"), (Dialect::Standard, "default/l2")]);
    let ask = Some("other/l2,default/l2");
    let open = resolve(&resolution, &mut cluster, None, ask);
    assert_eq!(open, [("other/l2".into(), Ok(())), ("default/l2".into(), Ok(()))]);
    resolution.isolate_namespaces = true;
    let shut = resolve(&resolution, &mut cluster, None, ask);
    let isolated = Err(Reason::NamespaceIsolated);
    assert_eq!(shut, [("other/l2".into(), isolated), ("default/l2".into(), Ok(()))]);
}

#[test]
fn kaloom_attaches_a_network_once_and_the_standard_as_often_as_asked() {
    let resolution = Resolution::new("/nowhere");
    let mut cluster =
        Cluster::with(&[(Dialect::Kaloom, "shop/l2"), (Dialect::Standard, "shop/l2")]);
    let twice = Some(r#"[{"name":"l2"},{"name":"l2"}]"#);
    let reasons: Vec<_> = resolve(&resolution, &mut cluster, twice, Some("l2,l2"))
        .into_iter()
        .map(|(_, result)| result)
        .collect();
    assert_eq!(reasons, [Ok(()), Err(Reason::DuplicateNetwork), Ok(()), Ok(())]);
}

#[test]
fn each_attachment_gets_a_device_of_its_own() {
    let mut cluster = Cluster::with(&[(Dialect::Standard, "shop/l2")]);
    cluster.devices = vec!["second".into(), "first".into()];
    let pod = Pod::new("shop", "web-0", "u1").unwrap();
    let requests = parse(None, Some("l2,l2,l2"));
    let desired = Resolution::new("/nowhere").resolve(&requests, &pod, &mut cluster);
    let devices: Vec<_> = desired
        .wanted
        .iter()
        .map(|wanted| wanted.attachment.as_ref().unwrap().config["plugins"][0]["deviceID"].clone())
        .collect();
    assert_eq!(devices, [serde_json::json!("first"), "second".into(), serde_json::Value::Null]);
}

#[test]
fn a_meta_plugin_needs_no_definition_and_is_kalooms_only() {
    let mut resolution = Resolution::new("/nowhere");
    resolution.meta_plugin = Some(MetaPlugin::new("kactus").unwrap());
    let green = Some(r#"[{"name":"green"}]"#);
    let found = resolve(&resolution, &mut Cluster::default(), green, Some("green"));
    let not_found = Err(Reason::NetworkNotFound);
    assert_eq!(found, [("shop/green".into(), Ok(())), ("shop/green".into(), not_found)]);
}
