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
    let text = "image: keep\nrbd: {image: keep, Image: https://a.b/c.png}\nspec:\n  image: {a: keep}\n  volumes: [{image: keep}]\n  [containers]: 1\n  \
        ? {a: b}\n  : image\n";
    assert_eq!(rewrite(text, known).unwrap().text, text);
}

#[test]
fn an_alias_is_followed_to_where_the_image_stands() {
    let new = "r.example/dev/node:new";
    for text in [
        "x: &image calico/node:v1\nspec:\n  containers: [{image: *image}, {image: *image}]\n",
        "x: &container {image: calico/node:v1}\nspec: {containers: [*container]}\n",
        "x: &list [{image: calico/node:v1}]\nspec: {initContainers: *list}\n",
        "x: &spec {containers: [{image: calico/node:v1}]}\nspec: {<<: *spec, hostNetwork: true}\n",
        "x: &base {image: calico/node:v1}\nspec: {containers: [{<<: *base, name: a}]}\n",
        "x: &base {image: calico/node:v1}\ny: &next {<<: *base}\nspec: {containers: [{<<: [{}, *next]}]}\n",
        "x: [&circle {<<: *circle, image: calico/node:v1}]\nspec: {containers: [*circle]}\n",
    ] {
        let rewritten = rewrite(text, known).unwrap();
        assert_eq!(rewritten.text, text.replace("calico/node:v1", new));
        assert_eq!(rewritten.images.len(), 1, "{text}");
        let unknown = text.replace("calico/node:v1", "bare");
        let error = rewrite(&unknown, known).unwrap_err();
        assert!(matches!(error, RewriteError::Unmapped { .. }), "{unknown}: {error}");
    }
}

#[test]
fn what_a_merge_does_not_bring_is_no_image() {
    // The container's own image wins over the merged one, and the first merged over the second.
    let text =
        "x: &other {image: bare}\nspec: {containers: [{<<: *other, image: calico/node:v1}]}\n";
    assert_eq!(rewrite(text, known).unwrap().images.len(), 1);
    let text = "x: &other {image: bare}\ny: &ours {image: calico/cni:v1}\n\
        spec: {containers: [{<<: [*ours, *other]}]}\n";
    assert_eq!(rewrite(text, known).unwrap().images[0].from, "calico/cni:v1");
}

#[test]
fn an_image_that_nobody_makes_is_found_wherever_it_hides() {
    let other = "quay.io/other/thing:v2";
    for text in [
        "kind: List\nitems: [{kind: Pod, spec: {containers: [{image: X}]}}]",
        "kind: CronJob\nspec: {jobTemplate: {spec: {template: {spec: {initContainers: [{image: X}]}}}}}",
        "kind: Pod\nspec: {ephemeralContainers: [{image: X}]}",
        "kind: Pod\nspec: {volumes: [{name: a, image: {reference: X, pullPolicy: Always}}]}",
        "kind: CloneSet\nspec: {template: {spec: {containers: [{image: X}]}}}",
        "kind: Prometheus\nspec: {image: X}",
        "kind: Operator\nspec: {sidecarImage: 'X'}",
        "{\"kind\": \"Pod\", \"spec\": {\"containers\": [{\"image\": \"X\"}]}}",
    ] {
        let text = text.replace('X', other);
        let error = rewrite(&text, known).unwrap_err();
        assert!(
            matches!(&error, RewriteError::Unmapped { reference, .. } if reference == other),
            "{text}: {error}"
        );
        let ours = text.replace(other, "calico/node:v1");
        let rewritten = rewrite(&ours, known).unwrap();
        assert_eq!(rewritten.text, text.replace(other, "r.example/dev/node:new"));
    }
}

#[test]
fn images_of_ours_are_set_where_other_texts_mention_them() {
    let text = "spec:\n  containers:\n  - image: calico/node:v1\n    args: [--cni=calico/cni:v1, 'x']\n    \
        env: [{name: A, value: \"calico/cni:v1,quay.io/other/thing:v2\"}]\n---\nkind: ConfigMap\ndata:\n  \
        image: bare\n  pod.yaml: |\n    # ünï\n    image: calico/node:v1\n    at: default/node:5473\n  \
        folded: >-\n    see calico/cni:v1.\n";
    let rewritten = rewrite(text, known).unwrap();
    let wanted = text
        .replace("calico/node:v1", "r.example/dev/node:new")
        .replace("calico/cni:v1", "r.example/dev/cni:new");
    assert_eq!(rewritten.text, wanted);
    let lines: Vec<usize> = rewritten.images.iter().map(|place| place.line).collect();
    assert_eq!(lines, [3, 4, 5, 12, 15]);
}

#[test]
fn an_image_of_ours_in_parts_is_refused() {
    let ours = |name: &str| (name == "calico/node").then(|| "r.example/dev/node:new".to_owned());
    let text = "spec:\n  image:\n    repository: calico/node\n    tag: v1\n";
    assert!(matches!(rewrite(text, ours), Err(RewriteError::Form { line: 3, .. })));
    let others = text.replace("calico/node", "quay.io/other");
    assert_eq!(rewrite(&others, ours).unwrap().text, others);
}

#[test]
fn a_text_of_many_aliases_or_levels_ends() {
    let mut laughs = String::from("a0: &a0 [x]\n");
    for level in 1..60 {
        let before = level - 1;
        laughs += &format!("a{level}: &a{level} [*a{before}, *a{before}]\n");
    }
    assert_eq!(rewrite(&laughs, known).unwrap().text, laughs);
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    // Whether the parser takes that is its business.
    let _ = rewrite(&deep, known);
}

#[test]
fn a_folder_has_no_manifest_of_a_source_that_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let one = |name: &str| Rendered {
        source: name.into(),
        name: name.to_owned(),
        text: format!("# {name}\n"),
        images: Vec::new(),
    };
    std::fs::write(folder.path().join("mine.yaml"), "").unwrap();
    let all = [one("a.yaml"), one("b.yaml"), one("c.yaml")];
    assert_eq!(write(folder.path(), &all).unwrap(), Written::default());
    std::fs::write(folder.path().join("b.yaml"), "# by hand\n").unwrap();
    let written = write(folder.path(), &all[2..]).unwrap();
    assert_eq!(written.removed, ["a.yaml"]);
    assert_eq!(written.changed, ["b.yaml"]);
    let there = |name: &str| folder.path().join(name).exists();
    assert!(!there("a.yaml") && there("b.yaml") && there("c.yaml") && there("mine.yaml"));
    // Once said, it is not said again.
    assert_eq!(write(folder.path(), &all[2..]).unwrap(), Written::default());
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
