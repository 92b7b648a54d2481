#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{KINDS, created};
use crate::builtin::Part;
use crate::builtin::workloads::strategy;
use crate::schema::{self, Format, Schema, Shape};

/// Decisions drawn from bytes; when they are used up, the simplest choice.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn of(&mut self, count: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or_default()) % count
    }

    fn text(&mut self) -> Value {
        let words = [
            "",
            "a",
            "b",
            "Always",
            "OnFailure",
            "Never",
            "Indexed",
            "RollingUpdate",
            "Recreate",
            "In",
            "Exists",
            "..",
            "/x",
            "../x",
            "UPPER",
            "metadata.name",
            "metadata.labels['a']",
            "a/b/c",
            "TCP",
            "File",
            "1%",
            "ä",
            "* * * * *",
            "Resource",
            "x:1",
        ];
        words[self.of(words.len())].into()
    }

    fn value(&mut self, schema: &Schema, depth: usize) -> Value {
        match &schema.resolve().shape {
            Shape::Struct(object) => {
                let mut map = Map::new();
                for (name, field) in &object.fields {
                    // The upper levels are full, the lower ones sparse.
                    let odds = if depth < 3 { 2 } else { depth };
                    if depth < 9 && self.of(odds) != 0 {
                        map.insert(name.clone(), self.value(field, depth + 1));
                    }
                }
                map.into()
            }
            Shape::Map { values, .. } => {
                let mut map = Map::new();
                for _ in 0..self.of(3) {
                    let keys = ["cpu", "memory", "a.io/d", "hugepages-2Mi", "a", "Bad Key", ""];
                    let key = keys[self.of(keys.len())].to_owned();
                    map.insert(key, self.value(values, depth + 1));
                }
                map.into()
            }
            Shape::List { items, .. } => {
                let count = self.of(3);
                (0..count).map(|_| self.value(items, depth + 1)).collect()
            }
            Shape::String(Format::Time) => "2024-01-01T00:00:00Z".into(),
            Shape::String(Format::MicroTime) => "2024-01-01T00:00:00.000000Z".into(),
            Shape::String(Format::Byte) => "YQ==".into(),
            Shape::String(Format::Plain) | Shape::Named(_) => self.text(),
            Shape::Integer { .. } => [0, 1, -1, 80, 70_000, 30][self.of(6)].into(),
            Shape::Number => json!(0.5),
            Shape::Boolean => json!(self.of(2) == 1),
            Shape::IntOrString => {
                [json!(1), json!("25%"), json!("x"), json!(-1)][self.of(4)].clone()
            }
            Shape::Quantity => {
                let amounts = ["1", "500m", "1Gi", "0", "-1", "1n", "2e3"];
                amounts[self.of(amounts.len())].into()
            }
            Shape::Any => json!({}),
        }
    }
}

fn arbitrary() -> impl proptest::strategy::Strategy<Value = (usize, Value, Value)> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..3000);
    (0..KINDS.len(), bytes(), bytes()).prop_map(|(at, one, two)| {
        let (group, version, _, kind) = KINDS[at];
        let schema = schema::by_kind(group, version, kind).unwrap();
        let make = |bytes: &[u8]| {
            let mut object = Choices(bytes.iter()).value(schema, 0);
            let prefix = if group.is_empty() { "" } else { "/" };
            object["apiVersion"] = json!(format!("{group}{prefix}{version}"));
            object["kind"] = json!(kind);
            object
        };
        (at, make(&one), make(&two))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn defaulting_twice_changes_nothing((at, object, _) in arbitrary()) {
        let strategy = strategy(KINDS[at].0, KINDS[at].2).unwrap();
        let mut once = object;
        strategy.default(&mut once);
        let mut twice = once.clone();
        strategy.default(&mut twice);
        prop_assert_eq!(twice, once);
    }

    #[test]
    fn no_object_is_too_odd_to_be_judged((at, object, other) in arbitrary()) {
        let strategy = strategy(KINDS[at].0, KINDS[at].2).unwrap();
        let stored = created(KINDS[at].0, KINDS[at].2, object);
        strategy.validate_create(&stored);
        strategy.warnings(&stored);
        strategy.selectable_fields(&stored);
        strategy.grace_period(&stored, None);
        for part in ["status", "scale", "ephemeralcontainers"].map(Part::Sub).into_iter().chain([Part::Main]) {
            let mut new = other.clone();
            strategy.default(&mut new);
            strategy.prepare_update(part, &mut new, &stored);
            strategy.validate_update(part, &new, &stored);
        }
        crate::builtin::workloads::scale::of(&stored);
        crate::builtin::workloads::quality::class(&stored);
        if KINDS[at].0 == "autoscaling" {
            for version in ["v1", "v2"] {
                crate::builtin::workloads::autoscaler::convert(&stored, version);
            }
        }
    }

    #[test]
    fn an_update_that_changes_nothing_is_no_change((at, object, _) in arbitrary()) {
        let strategy = strategy(KINDS[at].0, KINDS[at].2).unwrap();
        let stored = created(KINDS[at].0, KINDS[at].2, object);
        let mut same = stored.clone();
        strategy.default(&mut same);
        strategy.prepare_update(Part::Main, &mut same, &stored);
        prop_assert_eq!(&same["metadata"]["generation"], &stored["metadata"]["generation"]);
        for error in strategy.validate_update(Part::Main, &same, &stored) {
            let change = ["immutable", "updates", "modified"];
            prop_assert!(!change.iter().any(|word| error.detail.contains(word)), "{}", error);
        }
    }
}
