//! What holds for every object and every sequence of writes.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::empty::place;
use super::super::extent::fields_of;
use super::super::merge::merge;
use super::super::{Element, Set};
use super::World;

fn text() -> impl Strategy<Value = Value> {
    prop_oneof![Just("1"), Just("2"), Just("")].prop_map(|text| json!(text))
}

fn keys() -> impl Strategy<Value = String> {
    prop_oneof!["[a-d]", Just("e.f/g".to_owned())]
}

fn free() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        text(),
        any::<bool>().prop_map(|flag| json!(flag)),
        (0..3i64).prop_map(|number| json!(number)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::btree_map(keys(), inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn distinct(values: Vec<&'static str>) -> Value {
    let set: std::collections::BTreeSet<_> = values.into_iter().collect();
    json!(set)
}

fn ports() -> impl Strategy<Value = Value> {
    let port = (
        1..3i64,
        prop::option::of(prop_oneof![Just("TCP"), Just("UDP")]),
        prop::option::of(text()),
    );
    prop::collection::vec(port, 0..4).prop_map(|ports| {
        let mut seen = std::collections::BTreeSet::new();
        let kept = ports.into_iter().filter_map(|(port, protocol, name)| {
            if !seen.insert((port, protocol.unwrap_or("TCP"))) {
                return None;
            }
            let mut item = json!({"port": port});
            if let Some(protocol) = protocol {
                item["protocol"] = json!(protocol);
            }
            if let Some(name) = name {
                item["name"] = name;
            }
            Some(item)
        });
        kept.collect()
    })
}

/// The spec of a widget of [`World::widget`].
fn spec() -> BoxedStrategy<Value> {
    let tags = prop::collection::vec(prop_oneof![Just("x"), Just("y"), Just("z")], 0..4);
    (
        prop::option::of(text()),
        prop::option::of(ports()),
        prop::option::of(tags.prop_map(distinct)),
        prop::option::of(prop::collection::vec(text(), 0..3)),
        prop::option::of(prop::collection::btree_map("[xy]", text(), 0..3)),
        prop::option::of(prop::collection::btree_map(keys(), text(), 0..3)),
        prop::option::of(free()),
    )
        .prop_map(|(a, ports, tags, steps, whole, map, free)| {
            let fields = [
                ("a", a),
                ("ports", ports),
                ("tags", tags),
                ("steps", steps.map(|list| json!(list))),
                ("whole", whole.map(|map| json!(map))),
                ("map", map.map(|map| json!(map))),
                ("free", free),
            ];
            let fields =
                fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            json!({"spec": fields.collect::<Map<_, _>>()})
        })
        .boxed()
}

/// A spec without empty objects and lists. In Kubernetes 1.28 emptying an object leaves
/// null behind, so an apply of an empty object is not repeatable, and an object that
/// holds only empty lists is taken for an unowned one.
fn filled() -> BoxedStrategy<Value> {
    fn empty(value: &Value) -> bool {
        match value {
            Value::Object(map) => map.is_empty() || map.values().any(empty),
            Value::Array(list) => list.is_empty() || list.iter().any(empty),
            _ => false,
        }
    }
    spec()
        .prop_map(|mut object| {
            if let Some(fields) = object["spec"].as_object_mut() {
                fields.retain(|_, value| !empty(value));
                fields.entry("a").or_insert_with(|| json!("always"));
            }
            object
        })
        .boxed()
}

#[derive(Debug, Clone)]
enum Write {
    Apply(&'static str, Value, bool),
    Update(&'static str, Value),
}

fn write(spec: fn() -> BoxedStrategy<Value>) -> impl Strategy<Value = Write> {
    let who = prop_oneof![Just("p"), Just("q"), Just("kubectl")];
    let other = prop_oneof![Just("q"), Just("r")];
    prop_oneof![
        (who, spec(), any::<bool>()).prop_map(|(who, spec, force)| Write::Apply(who, spec, force)),
        (other, spec()).prop_map(|(who, spec)| Write::Update(who, spec)),
    ]
}

impl Write {
    /// Whether the write was accepted.
    fn carry_out(&self, world: &mut World) -> bool {
        match self {
            Self::Apply(who, spec, force) => match world.try_apply(who, spec.clone(), *force) {
                Ok(()) => true,
                Err(error) => {
                    assert_eq!(error.code.as_u16(), 409, "{error}");
                    assert!(!force, "a forced apply never conflicts");
                    false
                }
            },
            Self::Update(who, spec) => {
                let spec = spec["spec"].clone();
                world.update(who, |object| object["spec"] = spec);
                true
            }
        }
    }
}

/// Every path in the object, with everything on the way to it.
fn reachable(world: &World) -> Set {
    let object = world.object.as_ref().unwrap();
    let (place, _) = place(&world.schema, object);
    let mut set = Set::default();
    for path in fields_of(place, object).unwrap().paths() {
        for length in 1..=path.len() {
            set.insert(&path[..length]);
        }
    }
    set
}

fn sets(world: &World) -> Vec<(String, Set)> {
    let owners = world.owners().into_iter();
    owners.map(|(id, fields)| (id, Set::from_fields_v1(&fields).unwrap())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    /// There is a shorter way for an object that is not there yet; it must lead to what
    /// the long one makes of an object without anything.
    #[test]
    fn to_create_is_to_apply_to_nothing(who in prop_oneof![Just("p"), Just("kubectl")], spec in spec()) {
        for reset in [Set::default(), Set::of_fields(&[&["spec"]])] {
            let mut created = World { reset: reset.clone(), ..World::widget() };
            let mut applied = World { reset, object: Some(json!({})), ..World::widget() };
            created.apply(who, spec.clone());
            applied.apply(who, spec.clone());
            prop_assert_eq!(created.object, applied.object);
        }
    }

    #[test]
    fn applying_twice_changes_nothing(writes in prop::collection::vec(write(spec), 0..5), last in filled()) {
        let mut world = World::widget();
        for write in &writes {
            write.carry_out(&mut world);
        }
        world.force("p", last.clone());
        let once = world.object.clone();
        world.apply("p", last);
        prop_assert_eq!(&world.object, &once);
    }

    #[test]
    fn what_is_owned_is_there(writes in prop::collection::vec(write(filled), 1..7)) {
        let mut world = World::widget();
        for write in &writes {
            if !write.carry_out(&mut world) {
                continue;
            }
            let there = reachable(&world);
            for (id, set) in sets(&world) {
                prop_assert!(!set.is_empty(), "{} owns nothing", id);
                for path in set.paths() {
                    // Empty lists, and objects that hold nothing else, are there without
                    // being fields that an apply would own.
                    let words: String = path.iter().map(Element::to_string).collect();
                    let object = world.object.as_ref().unwrap();
                    let plain = pointer(&path).is_some_and(|at| object.pointer(&at).is_some());
                    prop_assert!(there.contains(&path) || plain, "{} owns {}", id, words);
                }
            }
        }
    }

    #[test]
    fn an_applied_value_is_in_the_object(writes in prop::collection::vec(write(spec), 0..4), last in filled()) {
        let mut world = World::widget();
        for write in &writes {
            write.carry_out(&mut world);
        }
        world.force("p", last.clone());
        let object = world.object.clone().unwrap();
        let (place, _) = place(&world.schema, &object);
        let again = merge(place, &object, &world.whole(last)).unwrap();
        prop_assert_eq!(&again, &object);
    }

    #[test]
    fn a_refused_apply_only_lists_fields_of_others(
        writes in prop::collection::vec(write(spec), 1..4),
        config in spec(),
    ) {
        let mut world = World::widget();
        for write in &writes {
            write.carry_out(&mut world);
        }
        // Without entries the apply itself would give the fields to before-first-apply.
        prop_assume!(!world.owners().is_empty());
        let owned: Vec<String> = sets(&world)
            .into_iter()
            .filter(|(id, _)| id != "p/Apply")
            .flat_map(|(_, set)| set.paths())
            .map(|path| path.iter().map(Element::to_string).collect())
            .collect();
        if let Err(error) = world.try_apply("p", config, false) {
            let causes = error.details.unwrap().causes;
            prop_assert!(!causes.is_empty());
            for cause in causes {
                prop_assert!(owned.contains(&cause.field), "{}", cause.field);
            }
        }
    }

    #[test]
    fn fields_v1_round_trip(object in spec()) {
        let world = World::widget();
        let object = world.whole(object);
        let (place, _) = place(&world.schema, &object);
        let set = fields_of(place, &object).unwrap();
        let text = set.to_fields_v1();
        prop_assert_eq!(&Set::from_fields_v1(&text).unwrap(), &set);
        prop_assert_eq!(Set::from_fields_v1(&text).unwrap().to_fields_v1(), text);
    }

    #[test]
    fn a_free_object_applied_by_two(a in free(), b in free()) {
        let mut world = World::free();
        world.force("p", json!({"spec": {"v": a}}));
        world.force("q", json!({"spec": {"v": b.clone()}}));
        let once = world.object.clone();
        world.apply("q", json!({"spec": {"v": b}}));
        prop_assert_eq!(&world.object, &once);
    }
}

/// The JSON pointer of a path of field names.
fn pointer(path: &[Element]) -> Option<String> {
    let mut text = String::new();
    for element in path {
        let Element::Field(name) = element else {
            return None;
        };
        text.push('/');
        text.push_str(&name.replace('~', "~0").replace('/', "~1"));
    }
    Some(text)
}
