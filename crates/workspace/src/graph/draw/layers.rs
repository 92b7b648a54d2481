//! Where the boxes of a graph go: in layers, what is needed below what needs it.
//!
//! The method is that of Sugiyama, Tagawa and Toda (1981): edges that cross layers get a bend in
//! each, neighbours are brought near each other by their mean places, and then everything is pushed
//! apart until nothing touches.

use std::collections::BTreeMap;

use crate::graph::Graph;
use crate::name::ComponentName;

/// Space between boxes of a layer.
const GAP: f64 = 28.0;
/// Rounds of bringing neighbours near each other; more change nothing that one could see.
const ROUNDS: usize = 12;
/// Width of a bend, as much as keeps edges apart.
const BEND: f64 = 10.0;

/// One thing in a layer: a box, or the bend of an edge.
#[derive(Clone, Debug)]
struct Spot {
    width: f64,
    x: f64,
    up: Vec<usize>,
    down: Vec<usize>,
}

/// An edge, from whom to what, with the layers and places where it bends.
type Way<'a> = (&'a ComponentName, &'a ComponentName, Vec<(usize, f64)>);

/// Places of a graph. `x` is the middle, layer 0 is at the bottom.
#[derive(Debug)]
pub(super) struct Places<'a> {
    /// Layer and place of each component.
    pub(super) boxes: BTreeMap<&'a ComponentName, (usize, f64)>,
    /// Each edge with the places where it passes the layers between its ends, from the top down.
    pub(super) edges: Vec<Way<'a>>,
    /// Number of layers.
    pub(super) layers: usize,
    /// All of it is between 0 and this.
    pub(super) width: f64,
}

/// Arranges a graph; `width` is that of a component's box.
pub(super) fn arrange(graph: &Graph, width: impl Fn(&ComponentName) -> f64) -> Places<'_> {
    let depths = graph.depths();
    let layers = depths.values().max().map_or(0, |deepest| deepest + 1);
    let mut spots: Vec<Spot> = Vec::new();
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); layers];
    let mut spot = |layer: usize, width: f64, spots: &mut Vec<Spot>| {
        rows[layer].push(spots.len());
        spots.push(Spot { width, x: 0.0, up: Vec::new(), down: Vec::new() });
        spots.len() - 1
    };
    let mut of: BTreeMap<&ComponentName, usize> = BTreeMap::new();
    for name in graph.order() {
        of.insert(name, spot(depths[name], width(name), &mut spots));
    }
    let mut bends = Vec::new();
    for (from, to, _) in graph.edges() {
        let mut above = of[from];
        let mut way = Vec::new();
        for layer in (depths[to] + 1..depths[from]).rev() {
            let bend = spot(layer, BEND, &mut spots);
            link(&mut spots, above, bend);
            way.push((layer, bend));
            above = bend;
        }
        link(&mut spots, above, of[to]);
        bends.push((from, to, way));
    }
    for round in 0..ROUNDS {
        for row in &mut rows {
            settle(row, &mut spots, round);
        }
    }
    let left = spots.iter().map(|spot| spot.x - spot.width / 2.0).fold(f64::INFINITY, f64::min);
    let right = spots.iter().map(|spot| spot.x + spot.width / 2.0).fold(0.0, f64::max);
    let left = if left.is_finite() { left } else { 0.0 };
    let x = |at: usize| spots[at].x - left;
    let edges = bends.into_iter().map(|(from, to, way)| {
        (from, to, way.into_iter().map(|(layer, at)| (layer, x(at))).collect())
    });
    Places {
        boxes: of.iter().map(|(name, at)| (*name, (depths[name], x(*at)))).collect(),
        edges: edges.collect(),
        layers,
        width: right - left,
    }
}

fn link(spots: &mut [Spot], above: usize, below: usize) {
    spots[above].down.push(below);
    spots[below].up.push(above);
}

/// Orders a layer by the mean place of neighbours, and pushes apart what touches.
fn settle(row: &mut [usize], spots: &mut [Spot], round: usize) {
    let mean = |at: usize, spots: &[Spot]| {
        let spot = &spots[at];
        // Down first, so that what is below, which is usually wide, gives the frame.
        let near: Vec<usize> = match round % 3 {
            0 => spot.down.clone(),
            1 => spot.up.clone(),
            _ => [&spot.up[..], &spot.down[..]].concat(),
        };
        match near.is_empty() {
            true => spot.x,
            false => near.iter().map(|at| spots[*at].x).sum::<f64>() / near.len() as f64,
        }
    };
    let mut wanted: Vec<(f64, usize)> = row.iter().map(|at| (mean(*at, spots), *at)).collect();
    wanted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut end = f64::NEG_INFINITY;
    let mut shift = 0.0;
    for (x, at) in &wanted {
        let half = spots[*at].width / 2.0;
        let place = x.max(end + half);
        spots[*at].x = place;
        shift += place - x;
        end = place + half + GAP;
    }
    // Pushing goes to the right only: take back what it moved in the middle.
    let back = shift / wanted.len().max(1) as f64;
    for (slot, (_, at)) in row.iter_mut().zip(&wanted) {
        spots[*at].x -= back;
        *slot = *at;
    }
}
