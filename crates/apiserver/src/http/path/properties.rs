//! Paths that are written and read again.

use proptest::prelude::*;

use super::{ResourcePath, Route};

fn encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// A segment; names may hold anything once they are encoded, as names of roles do.
fn segment() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z][a-z0-9.-]{0,8}", "[a-z:%+ /é]{1,6}"]
}

fn path() -> impl Strategy<Value = ResourcePath> {
    let group = prop_oneof![Just(String::new()), "[a-z]{1,5}\\.[a-z]{1,3}"];
    let object = proptest::option::of((segment(), proptest::option::of("[a-z]{1,8}")));
    let namespace = proptest::option::of(segment());
    (group, "v[0-9]", namespace, "[a-m]{1,8}", object, any::<bool>()).prop_map(
        |(group, version, namespace, plural, object, watch)| {
            let (name, subresource) = object.unzip();
            let subresource = subresource.flatten();
            ResourcePath { group, version, namespace, plural, name, subresource, watch }
        },
    )
}

fn write(path: &ResourcePath) -> String {
    let mut text = match &*path.group {
        "" => format!("/api/{}", path.version),
        group => format!("/apis/{group}/{}", path.version),
    };
    if path.watch {
        text.push_str("/watch");
    }
    let mut push = |segment: &str| {
        text.push('/');
        text.push_str(&encode(segment));
    };
    if let Some(namespace) = &path.namespace {
        push("namespaces");
        push(namespace);
    }
    push(&path.plural);
    path.name.iter().chain(&path.subresource).for_each(|segment| push(segment));
    text
}

proptest! {
    #[test]
    fn a_path_reads_as_it_was_meant(path in path()) {
        prop_assert_eq!(Route::parse(&write(&path)), Route::Resource(path.clone()), "{}", write(&path));
    }

    #[test]
    fn no_path_panics(path in "/[/a-z%0-9.é]{0,40}", rest in "\\PC{0,20}") {
        Route::parse(&path);
        Route::parse(&format!("/apis/{rest}"));
        Route::parse(&format!("/api/v1/namespaces/{rest}"));
    }
}
