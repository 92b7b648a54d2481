use serde_json::{Value, json};

use super::*;
use crate::world::tests::{now, world};
use crate::world::{Sight, Source};

fn down(name: &str) -> (Source, Value) {
    let object = json!({ "metadata": { "name": name }, "status": { "conditions": [
        { "type": "Ready", "status": "False" }] } });
    (Source::Nodes, object)
}

#[test]
fn nothing_wrong_is_nothing_to_tell() {
    assert_eq!(attention(&world(&[]), &[], now()), []);
}

#[test]
fn many_of_a_kind_are_told_in_one_line() {
    let nodes: Vec<_> = (0..9).map(|index| down(&format!("w{index}"))).collect();
    let items = attention(&world(&nodes), &[], now());
    assert_eq!(items.len(), MOST_OF_A_KIND + 1);
    assert_eq!(items[MOST_OF_A_KIND].what, "5 more nodes");
}

#[test]
fn the_worst_comes_first() {
    let scrape = Scrape { origin: "a:1".into(), outcome: Err("refused".into()) };
    let items = attention(&world(&[down("w")]), &[scrape], now());
    let seen: Vec<_> = items.iter().map(|it| (it.tone, it.what.as_str())).collect();
    assert_eq!(seen, [(Tone::Bad, "w"), (Tone::Warn, "a:1")]);
}

#[test]
fn nobody_is_told_that_all_is_well_who_does_not_see_all() {
    assert_eq!(blind(&world(&[])), None);
    let title = |world: &World| blind(world).map(|it| it.title).unwrap_or_default();
    assert_eq!(title(&World::new("x")), "Reading the cluster");
    let mut world = world(&[]);
    world.list_fails(Source::Events, Sight::Absent);
    assert_eq!(blind(&world), None, "what is not there is not missed");
    world.list_fails(Source::Pods, Sight::Forbidden);
    assert_eq!(title(&world), "You do not see everything");
    world.list_fails(Source::Leases, Sight::Failed("gone".into()));
    let items = attention(&world, &[], now());
    assert_eq!((items[0].what.as_str(), items[0].tone), ("leases", Tone::Bad));
}
