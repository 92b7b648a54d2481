#![allow(clippy::unwrap_used)]

mod world;

use proptest::prelude::*;

use super::*;
use crate::annotation::{AnnotationError, Dialect};
use world::{Ask, World};

fn ask(network: &str) -> Ask {
    Ask { network: network.to_owned(), ..Ask::default() }
}

fn named(network: &str, interface: &str) -> Ask {
    Ask { interface: Some(interface.to_owned()), ..ask(network) }
}

fn hashed(network: &str, ordinal: usize) -> String {
    InterfaceName::hashed(network, ordinal).to_string()
}

/// Actions in short.
fn short(actions: &[Action]) -> Vec<String> {
    let one = |action: &Action| match action {
        Action::Detach { record, why } => format!("detach {} {why:?}", record.interface),
        Action::Adopt { wanted, interface } => format!("adopt {wanted} {interface}"),
        Action::Attach { wanted, interface, after: None } => format!("attach {wanted} {interface}"),
        Action::Attach { wanted, interface, after: Some(_) } => {
            format!("attach {wanted} {interface} after")
        }
        Action::Refuse { wanted, problem } => format!("refuse {wanted:?} {}", problem.reason),
    };
    actions.iter().map(one).collect()
}

#[test]
fn what_is_asked_for_is_attached_once() {
    let mut world = World::new(vec![ask("l2"), named("other", "data0"), ask("l2")]);
    let (first, second) = (hashed("l2", 0), hashed("l2", 1));
    let expected =
        [format!("attach 0 {first}"), "attach 1 data0".into(), format!("attach 2 {second}")];
    assert_eq!(short(&world.plan()), expected);
    world.run();
    assert_eq!(short(&world.plan()), [""; 0]);
}

#[test]
fn detaching_comes_before_attaching() {
    let mut world = World::new(vec![named("a", "x"), named("b", "y"), ask("c")]);
    world.run();
    world.asks = vec![named("b", "x"), named("a", "y")];
    assert_eq!(
        short(&world.plan()),
        [
            "detach x Unwanted".to_owned(),
            "detach y Unwanted".into(),
            format!("detach {} Unwanted", hashed("c", 0)),
            "attach 0 x after".into(),
            "attach 1 y after".into(),
        ]
    );
}

#[test]
fn a_change_replaces_under_the_same_name() {
    let mut world = World::new(vec![ask("l2")]);
    world.run();
    world.asks[0].revision = 1;
    let name = hashed("l2", 0);
    assert_eq!(
        short(&world.plan()),
        [format!("detach {name} Changed"), format!("attach 0 {name} after")]
    );
}

#[test]
fn of_two_alike_the_right_one_stays() {
    let second = Ask { revision: 7, ..ask("l2") };
    let mut world = World::new(vec![ask("l2"), second.clone()]);
    world.run();
    world.asks = vec![second];
    assert_eq!(short(&world.plan()), [format!("detach {} Unwanted", hashed("l2", 0))]);
    world.run();
    world.asks.push(ask("l2"));
    assert_eq!(short(&world.plan()), [format!("attach 1 {}", hashed("l2", 0))]);
}

#[test]
fn what_did_not_come_to_its_end_is_taken_back_and_made_again() {
    for state in [State::Adding, State::Deleting] {
        let mut world = World::new(vec![ask("l2")]);
        world.run();
        world.records[0].state = state;
        let name = hashed("l2", 0);
        let again = [format!("detach {name} Interrupted"), format!("attach 0 {name} after")];
        assert_eq!(short(&world.plan()), again);
        world.asks.clear();
        assert_eq!(short(&world.plan()), again[..1]);
        // Whoever asked for it cannot be read: not made again, but not left half made either.
        world.void = vec![Dialect::Standard];
        assert_eq!(short(&world.plan())[0], again[0]);
    }
}

#[test]
fn a_lost_link_is_made_again_unless_there_never_was_one() {
    let mut world = World::new(vec![ask("l2"), ask("vfio")]);
    world.run();
    world.links.clear();
    world.records[1].link = None;
    let name = hashed("l2", 0);
    assert_eq!(
        short(&world.plan()),
        [format!("detach {name} LinkLost"), format!("attach 0 {name} after")]
    );
}

#[test]
fn records_of_other_sandboxes_and_boots_are_detached() {
    let mut world = World::new(vec![ask("l2")]);
    world.run();
    let name = hashed("l2", 0);
    world.replace_sandbox("second");
    assert_eq!(
        short(&world.plan()),
        [format!("detach {name} SandboxGone"), format!("attach 0 {name}")]
    );
    world.boot_id = "next".into();
    assert_eq!(
        short(&world.plan()),
        [format!("detach {name} Rebooted"), format!("attach 0 {name}")]
    );
    assert_eq!(short(&world.plan_with(Presence::Gone)), [format!("detach {name} Rebooted")]);
    assert_eq!(short(&world.plan_with(Presence::Unknown)), [""; 0]);
}

#[test]
fn the_clusters_network_is_never_touched() {
    let mut world = World::new(vec![ask("l2")]);
    world.run();
    world.records[0].role = crate::record::Role::Default;
    world.asks.clear();
    assert_eq!(short(&world.plan()), [""; 0]);
    assert_eq!(short(&world.plan_with(Presence::Gone)), [""; 0]);
}

/// It may be one that the runtime does not list yet.
#[test]
fn a_sandbox_made_through_us_is_the_runtimes_to_take_down() {
    let mut world = World::new(vec![ask("l2"), ask("other")]);
    world.run();
    world.records[0].role = crate::record::Role::Default;
    assert_eq!(short(&world.plan_with(Presence::Gone)), [""; 0]);
    let name = hashed("other", 0);
    world.asks.remove(0);
    world.replace_sandbox("second");
    assert_eq!(short(&world.plan()), [format!("attach 0 {name}")]);
    world.boot_id = "next".into();
    assert_eq!(short(&world.plan())[0], format!("detach {name} Rebooted"));
}

#[test]
fn what_cannot_be_told_stays() {
    let mut world = World::new(vec![ask("l2"), ask("other")]);
    world.run();
    world.asks[0].fails = true;
    world.asks.pop();
    assert_eq!(
        short(&world.plan()),
        [
            format!("detach {} Unwanted", hashed("other", 0)),
            "refuse Some(0) NetworkNotFound".into()
        ]
    );
    world.run();
    world.asks.clear();
    world.void = vec![Dialect::Standard];
    assert_eq!(short(&world.plan()), ["refuse None InvalidAnnotation"]);
    world.void = vec![Dialect::Kaloom];
    assert_eq!(short(&world.plan()).len(), 2);
}

#[test]
fn names_that_meet_are_refused_naming_both() {
    let world = World::new(vec![named("a", "x"), named("b", "x")]);
    let actions = world.plan();
    assert_eq!(short(&actions), ["attach 0 x", "refuse Some(1) InterfaceCollision"]);
    let Action::Refuse { problem, .. } = &actions[1] else { panic!() };
    assert!(problem.message.contains("shop/a") && problem.message.contains("shop/b"), "{problem}");
    // By hash: the name asked for is that of another network.
    let name = hashed("green", 0);
    let world = World::new(vec![ask("green"), named("red", &name)]);
    let actions = world.plan();
    assert_eq!(short(&actions)[0], "refuse Some(0) InterfaceCollision", "who names it goes first");
    // Both dialects define a network of this name.
    let kaloom = Ask { dialect: Some(Dialect::Kaloom), ..ask("green") };
    let world = World::new(vec![kaloom, ask("green")]);
    assert_eq!(short(&world.plan())[1], "refuse Some(1) InterfaceCollision");
}

#[test]
fn what_others_attached_is_adopted() {
    let name = hashed("l2", 0);
    // Under our name.
    let mut world = World::new(vec![ask("l2")]);
    world.add_link(&name);
    assert_eq!(short(&world.plan()), [format!("adopt 0 {name}")]);
    world.run();
    assert_eq!(short(&world.plan()), [""; 0]);
    // Under a name that the status tells.
    let mut world = World::new(vec![ask("l2"), ask("l2")]);
    for link in ["net1", "net2", "net3"] {
        world.add_link(link);
    }
    world.report("shop/l2", "net1");
    world.report("shop/l2", "net2");
    world.report("shop/other", "net3");
    assert_eq!(short(&world.plan()), ["adopt 0 net1", "adopt 1 net2"]);
    world.run();
    assert_eq!(short(&world.plan()), [""; 0]);
    // With another hardware address than is asked for now.
    let mac = "02:00:00:00:00:09".parse().unwrap();
    let mut world = World::new(vec![Ask { mac: Some(mac), ..named("l2", "net1") }]);
    world.add_link("net1");
    world.report("shop/l2", "net1");
    let expected = ["adopt 0 net1", "detach net1 Changed", "attach 0 net1 after"];
    assert_eq!(short(&world.plan()), expected);
}

#[test]
fn what_is_not_known_to_be_an_attachment_is_not_taken() {
    let mut world = World::new(vec![named("l2", "net1")]);
    world.add_link("net1");
    assert_eq!(short(&world.plan()), ["refuse Some(0) InterfaceTaken"]);
    world.report("shop/other", "net1");
    assert_eq!(short(&world.plan()), ["refuse Some(0) InterfaceTaken"]);
}

/// Who gets the name is the same before and after it is on record.
#[test]
fn a_name_that_one_gets_by_name_is_no_other_ones_to_wait_for() {
    let first = hashed("a", 0);
    let mut world = World::new(vec![named("b", &first), ask("a"), named("a", &first)]);
    world.add_link(&first);
    let attach = format!("attach 1 {}", hashed("a", 1));
    let adopt = format!("adopt 2 {first}");
    assert_eq!(short(&world.plan()), ["refuse Some(0) InterfaceTaken".into(), attach, adopt]);
    world.run();
    assert_eq!(short(&world.plan()), ["refuse Some(0) InterfaceCollision"]);
}

#[test]
fn pods_of_the_node_are_refused_and_cleaned_up() {
    let mut world = World::new(vec![ask("l2")]);
    world.run();
    world.host_network = true;
    let detach = format!("detach {} Unwanted", hashed("l2", 0));
    assert_eq!(short(&world.plan()), [detach, "refuse Some(0) HostNetwork".into()]);
}

#[test]
fn numbers_are_the_first_that_are_free() {
    let mut world = World::new(vec![ask("a"), named("b", "net2"), ask("c")]);
    world.naming = Naming::Numbered;
    world.add_link("net3");
    assert_eq!(short(&world.plan()), ["attach 0 net1", "attach 1 net2", "attach 2 net4"]);
    world.run();
    world.asks.remove(0);
    world.run();
    world.asks.insert(0, ask("d"));
    assert_eq!(short(&world.plan()), ["attach 0 net1"]);
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let network = prop::sample::select(vec!["a", "b", "c"]);
    let namespace = prop::option::weighted(0.2, Just("foreign".to_owned()));
    let interface = prop::option::weighted(
        0.4,
        prop::sample::select(vec!["x".to_owned(), "y".into(), "net1".into(), hashed("a", 0)]),
    );
    let mac = prop::option::weighted(0.2, Just("02:00:00:00:00:09".parse().unwrap()));
    let kaloom = prop::option::weighted(0.2, Just(Dialect::Kaloom));
    let ask = (network, namespace, interface, 0u8..3, prop::bool::weighted(0.1), mac, kaloom);
    let ask = ask.prop_map(|(network, namespace, interface, revision, fails, mac, dialect)| Ask {
        network: network.to_owned(),
        namespace,
        interface,
        revision,
        fails,
        mac,
        dialect,
    });
    prop::collection::vec(ask, 0..5)
}

/// What may happen between two reconciliations.
#[derive(Clone, Debug)]
enum Chance {
    Asks(Vec<Ask>),
    /// The plan is carried out up to this action, and in the middle of it.
    Killed(usize, State),
    Sandbox(u8),
    Boot(u8),
    LinkLost(usize),
    RecordLost(usize),
    ForeignLink(String),
    Void(Option<Dialect>),
}

fn chances() -> impl Strategy<Value = Vec<Chance>> {
    let dialect = prop::sample::select(vec![Dialect::Kaloom, Dialect::Standard]);
    let chance = prop_oneof![
        4 => asks().prop_map(Chance::Asks),
        2 => (0usize..6, prop::sample::select(vec![State::Adding, State::Attached, State::Deleting]))
            .prop_map(|(action, state)| Chance::Killed(action, state)),
        1 => (0u8..3).prop_map(Chance::Sandbox),
        1 => (0u8..3).prop_map(Chance::Boot),
        1 => (0usize..5).prop_map(Chance::LinkLost),
        1 => (0usize..5).prop_map(Chance::RecordLost),
        1 => prop::sample::select(vec!["x".to_owned(), "net1".into(), hashed("a", 0)])
            .prop_map(Chance::ForeignLink),
        1 => prop::option::of(dialect).prop_map(Chance::Void),
    ];
    prop::collection::vec(chance, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Whatever happened, one plan that succeeds is enough, and no plan attaches what is there.
    #[test]
    fn one_plan_is_enough(chances in chances(), numbered in any::<bool>()) {
        let mut world = World::new(Vec::new());
        world.naming = if numbered { Naming::Numbered } else { Naming::Hash };
        for chance in chances {
            match chance {
                Chance::Asks(asks) => world.asks = asks,
                Chance::Killed(action, state) => {
                    world.run_until(action, state);
                    continue;
                }
                Chance::Sandbox(number) => world.replace_sandbox(&format!("s{number}")),
                Chance::Boot(number) => world.reboot(&format!("b{number}")),
                Chance::LinkLost(index) if index < world.links.len() => {
                    world.links.remove(index);
                }
                Chance::RecordLost(index) if index < world.records.len() => {
                    world.records.remove(index);
                }
                Chance::ForeignLink(name) => world.add_link(&name),
                Chance::Void(dialect) => world.void = dialect.into_iter().collect(),
                Chance::LinkLost(_) | Chance::RecordLost(_) => continue,
            }
            let refused = world.run();
            let again = world.plan();
            let refusals = |action: &Action| matches!(action, Action::Refuse { .. });
            prop_assert!(again.iter().all(refusals), "{again:?}\n{world:?}");
            prop_assert_eq!(again.len(), refused);
            world.assert_served();
        }
    }
}

#[test]
fn a_void_annotation_is_refused_with_its_error() {
    let error = AnnotationError {
        dialect: Dialect::Standard,
        element: Some(1),
        field: Some("name".into()),
        fault: "is missing".into(),
    };
    let mut world = World::new(Vec::new());
    world.void = vec![Dialect::Standard];
    let Action::Refuse { wanted: None, problem } = &world.plan()[0] else { panic!() };
    assert!(problem.message.starts_with("annotation k8s.v1.cni.cncf.io/networks is void"));
    assert!(error.to_string().ends_with("[1].name: is missing"));
}
