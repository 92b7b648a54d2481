use serde_json::json;

use super::*;
use crate::world::tests::{now, world};

fn texts(world: &World) -> Vec<(String, String, String)> {
    let tiles = tiles(world, now()).into_iter();
    tiles.map(|tile| (tile.value, tile.of, tile.text)).collect()
}

#[test]
fn an_empty_cluster_has_nothing_and_no_alarm() {
    let world = world(&[]);
    assert!(tiles(&world, now()).iter().all(|tile| matches!(tile.tone, Tone::Ok | Tone::Idle)));
}

#[test]
fn what_cannot_be_told_is_not_told_as_zero() {
    let unseen = World::new("kata.peerpods.io/vm");
    for (value, of, text) in texts(&unseen) {
        assert_eq!((value.as_str(), of.as_str(), text.as_str()), ("–", "", "reading"));
    }
    let mut forbidden = world(&[]);
    forbidden.list_fails(Source::Pods, Sight::Forbidden);
    assert_eq!(texts(&forbidden)[2].2, "not permitted");
}

#[test]
fn attachments_are_counted_without_those_to_the_network_of_the_cluster() {
    let status = json!([{ "name": "cluster", "interface": "eth0", "default": true, "dns": {} },
        { "name": "n/a", "interface": "net1", "dns": {} }]);
    let pod = json!({ "metadata": { "name": "p", "namespace": "n", "annotations": {
        "k8s.v1.cni.cncf.io/networks": "a@net1,b@net2",
        "k8s.v1.cni.cncf.io/network-status": status.to_string() } } });
    let world = world(&[(Source::Pods, pod)]);
    assert_eq!(texts(&world)[2], ("1".to_owned(), "2".to_owned(), "none failed".to_owned()));
}
