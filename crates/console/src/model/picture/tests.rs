#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};

use super::*;
use crate::model::networks::tests::pod;
use crate::world::Source;
use crate::world::tests::world;

fn two_networks(pods: usize) -> World {
    let mut objects = Vec::new();
    for (name, link) in [("data", "br1"), ("video", "br2")] {
        let config =
            json!({ "type": "bridge", "bridge": link, "ipam": { "subnet": "10.9.0.0/24" } });
        objects.push((
            Source::Definitions,
            json!({ "metadata": { "name": name, "namespace": "n" },
                "spec": { "config": config.to_string() } }),
        ));
    }
    for index in 0..pods {
        let network = if index % 2 == 0 { "data" } else { "video" };
        let status = json!([{ "name": format!("n/{network}"), "interface": "net1",
            "ips": [format!("10.9.0.{index}")], "dns": {} }]);
        objects.push(pod(&format!("p{index:02}"), &format!("{network}@net1"), status, Value::Null));
    }
    world(&objects)
}

#[test]
fn nothing_is_drawn_of_nothing() {
    assert_eq!(picture(&world(&[])), None);
}

#[test]
fn every_interface_has_a_line_to_its_network_and_boxes_do_not_overlap() {
    let drawn = picture(&two_networks(6)).unwrap();
    assert_eq!((drawn.networks.len(), drawn.lines.len(), drawn.left_out), (2, 6, 0));
    for pair in drawn.networks.windows(2) {
        assert!(pair[0].y + pair[0].height < pair[1].y, "{pair:?}");
    }
    let pods: Vec<_> = drawn.nodes.iter().flat_map(|node| &node.pods).collect();
    for pair in pods.windows(2) {
        assert!(pair[0].y + pair[0].height < pair[1].y, "{pair:?}");
    }
    let bottom = drawn.nodes.iter().map(|node| node.y + node.height).max().unwrap();
    assert!(bottom < drawn.height);
    let to = |network: &str| {
        let network = drawn.networks.iter().find(|it| it.full == network).unwrap();
        format!("M{} {}C", network.x + network.width, network.y + network.height / 2)
    };
    let starts = |prefix: &str| drawn.lines.iter().filter(|it| it.path.starts_with(prefix)).count();
    assert_eq!((starts(&to("n/data")), starts(&to("n/video"))), (3, 3));
    assert!(drawn.description.contains("n/data: net1 of n/p00, attached 10.9.0.0"));
}

#[test]
fn long_names_that_begin_alike_are_still_told_apart() {
    let stem = "a-very-long-name-of-a-network-that-goes-on";
    let status = json!([
        { "name": format!("n/{stem}-1"), "interface": "net1", "ips": [], "dns": {} },
        { "name": format!("n/{stem}-2"), "interface": "net2", "ips": [], "dns": {} }]);
    let drawn = picture(&world(&[pod("p", "", status, Value::Null)])).unwrap();
    let begins: Vec<_> = drawn.lines.iter().map(|it| it.path.split('C').next().unwrap()).collect();
    assert_ne!(begins[0], begins[1]);
}

#[test]
fn what_does_not_fit_is_counted() {
    let drawn = picture(&two_networks(MOST_PODS + 5)).unwrap();
    assert_eq!(drawn.left_out, 5);
}

#[test]
fn networks_that_want_the_same_place_share_it() {
    assert_eq!(stack(&[]), Vec::<u32>::new());
    assert_eq!(stack(&[200]), [200 - NETWORK_HEIGHT / 2]);
    let step = NETWORK_HEIGHT + GAP;
    let tops = stack(&[300, 300, 300]);
    assert_eq!(tops, [271 - step, 271, 271 + step]);
    assert_eq!(stack(&[0, 0]), [GAP, GAP + step], "not above the drawing");
    assert_eq!(stack(&[u32::MAX, u32::MAX]), [GAP, GAP + step]);
}
