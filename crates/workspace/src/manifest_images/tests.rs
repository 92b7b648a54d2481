#![allow(clippy::unwrap_used)]
use super::*;

fn known(reference: &str) -> Option<String> {
    match reference {
        "calico/node:v1" => Some("r.example/dev/node:new".to_owned()),
        "calico/cni:v1" => Some("r.example/dev/cni:new".to_owned()),
        _ => None,
    }
}

#[test]
fn comments_order_and_style_stay() {
    let text = "# first\nkind: Pod\nspec:\n  containers:\n  - image: calico/node:v1   # why\n    \
        name: \"a\"\n  initContainers: [{name: b, image: 'calico/cni:v1'}]\n---\nspec: {template: {spec: \
        {containers: [{image: \"calico/node:v1\"}]}}}\n";
    let rewritten = rewrite(text, known).unwrap();
    let wanted = text
        .replace("calico/node:v1", "r.example/dev/node:new")
        .replace("calico/cni:v1", "r.example/dev/cni:new");
    assert_eq!(rewritten.text, wanted);
    let lines: Vec<usize> = rewritten.images.iter().map(|place| place.line).collect();
    assert_eq!(lines, [5, 7, 9]);
}

#[test]
fn an_unmapped_image_is_an_error_with_its_line() {
    let text =
        "spec:\n  containers:\n  - image: calico/node:v1\n  - image: quay.io/other/thing:v2\n";
    let error = rewrite(text, known).unwrap_err();
    assert_eq!(
        error,
        RewriteError::Unmapped { line: 4, reference: "quay.io/other/thing:v2".to_owned() }
    );
}

#[test]
fn only_images_of_containers_are_images() {
    let text = "image: keep\nspec:\n  image: {a: keep}\n  volumes: [{image: keep}]\n  [containers]: 1\n  \
        ? {a: b}\n  : image\n";
    assert_eq!(rewrite(text, known).unwrap().text, text);
}

#[test]
fn an_alias_is_followed_to_where_the_image_stands() {
    let text =
        "x: &image calico/node:v1\nspec:\n  containers: [{image: *image}, {image: *image}]\n";
    let rewritten = rewrite(text, known).unwrap();
    assert_eq!(rewritten.text, text.replace("calico/node:v1", "r.example/dev/node:new"));
    let whole = "x: &container {image: calico/node:v1}\nspec: {containers: [*container]}\n";
    assert!(matches!(rewrite(whole, known), Err(RewriteError::Form { line: 2, .. })));
}

#[test]
fn what_cannot_be_an_image_is_refused() {
    for text in [
        "containers: [{image: }]",
        "containers: [{image: [a]}]",
        "containers:\n- image: |\n    calico/node:v1\n",
        "containers: [{image: \"calico/node:v1\"",
    ] {
        assert!(rewrite(text, known).is_err(), "{text}");
    }
}

#[test]
fn stars_stand_for_anything() {
    for (pattern, text, fits) in [
        ("*.yaml", "a.yaml", true),
        ("*.yaml", "a.yml", false),
        ("a*c*e", "abcde", true),
        ("a*c*e", "ace", true),
        ("a*a", "a", false),
        ("quay.io/*", "quay.io/a/b:c", true),
        ("exact", "exact", true),
        ("exact", "exactly", false),
    ] {
        assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
    }
}
