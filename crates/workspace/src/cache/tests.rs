#![allow(clippy::unwrap_used)]
use std::path::PathBuf;

use super::*;
use crate::manifest::Manifest;

fn component() -> Component {
    let text = "[component.a]\npath = \"a\"\nbuild = { go = \"./cmd/a\", output = \"bin/a\" }\n";
    let manifest: Manifest = toml::from_str(text).unwrap();
    manifest.component.into_values().next().unwrap()
}

#[test]
fn every_ingredient_counts_and_places_do_not() {
    let (none, some) = (BTreeMap::new(), BTreeMap::from([("A".to_owned(), "1".to_owned())]));
    let plain = Ingredients {
        tree: "tree",
        changes: &[],
        absent: None,
        needs: BTreeMap::new(),
        toolchain: Some("go1.19"),
        compiler: None,
        environment: &none,
        local: true,
        version: None,
        bases: BTreeMap::new(),
    };
    let component = component();
    let before = key(&component, &plain);
    assert_eq!(before.as_str().len(), 64);
    let change = [Change { path: PathBuf::from("x"), digest: None }];
    let others = [
        Ingredients { tree: "other", ..plain.clone() },
        Ingredients { changes: &change, ..plain.clone() },
        Ingredients { needs: BTreeMap::from([("b", &before)]), ..plain.clone() },
        Ingredients { absent: Some("digest"), ..plain.clone() },
        Ingredients { toolchain: Some("go1.20"), ..plain.clone() },
        Ingredients { compiler: Some("gcc 12"), ..plain.clone() },
        Ingredients { environment: &some, ..plain.clone() },
        Ingredients { local: false, ..plain.clone() },
        Ingredients { version: Some("v1"), ..plain.clone() },
        Ingredients { bases: BTreeMap::from([("base", "sha256:1")]), ..plain.clone() },
    ];
    let mut keys: Vec<Key> = others.iter().map(|other| key(&component, other)).collect();
    let command = Component { build: vec![].into(), ..component.clone() };
    keys.push(key(&command, &plain));
    keys.push(before.clone());
    let all = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), all);

    let elsewhere = Component { path: Some(PathBuf::from("other/place")), ..component };
    assert_eq!(key(&elsewhere, &plain), before);
}
