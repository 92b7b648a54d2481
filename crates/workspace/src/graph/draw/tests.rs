#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use super::*;

fn graph(edges: &[(&str, &[&str])]) -> Graph {
    let name = |name: &str| name.parse::<ComponentName>().unwrap();
    let reasons = || vec![Reason::Imports { packages: 1, files: 2 }];
    let needs = edges.iter().map(|(from, to)| {
        (name(from), to.iter().map(|to| (name(to), reasons())).collect::<BTreeMap<_, _>>())
    });
    Graph::new(needs.collect()).unwrap()
}

#[test]
fn a_graph_in_every_form() {
    let graph = graph(&[("a", &[]), ("b", &["a"]), ("c", &["a", "b"])]);
    insta::assert_snapshot!("text", text(&graph));
    insta::assert_snapshot!("dot", dot(&graph));
    insta::assert_snapshot!("svg", svg(&graph));
    insta::assert_json_snapshot!("json", data(&graph));
}

#[test]
fn an_empty_graph_is_drawn_too() {
    assert!(svg(&Graph::default()).ends_with("</svg>\n"));
}

#[test]
fn boxes_of_a_layer_never_touch() {
    let names: Vec<String> = (0..40).map(|at| format!("component-{at}")).collect();
    let below: Vec<&str> = names[..15].iter().map(String::as_str).collect();
    let edges: Vec<(&str, &[&str])> = names
        .iter()
        .enumerate()
        .map(|(at, name)| (&name[..], if at < 15 { &below[..0] } else { &below[at % 15..] }))
        .collect();
    let graph = graph(&edges);
    let places = layers::arrange(&graph, |_| 100.0);
    let mut spots: Vec<(usize, f64)> = places.boxes.into_values().collect();
    spots.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    for pair in spots.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        assert!(pair[1].1 - pair[0].1 > 100.0, "{pair:?}");
    }
    assert!(spots.iter().all(|(_, x)| *x >= 0.0 && *x <= places.width));
}
