//! A picture, drawn without any other program; it follows the colours of who looks at it, and tells
//! the reasons of an edge under the pointer.

use std::fmt::Write as _;

use super::{implied, layers, told};
use crate::graph::Graph;
use crate::name::ComponentName;

const HEIGHT: f64 = 34.0;
const LAYER: f64 = 92.0;
const MARGIN: f64 = 24.0;
/// Mean width of a character at 14 pixels.
const CHARACTER: f64 = 8.2;

const STYLE: &str = "\
.box{fill:#f6f8fa;stroke:#57606a}\
.name{fill:#1f2328;font:14px ui-sans-serif,system-ui,sans-serif;text-anchor:middle;dominant-baseline:central}\
.edge{fill:none;stroke:#57606a;stroke-width:1.4}\
.implied{stroke-dasharray:4 4;stroke-opacity:.55}\
.head{fill:#57606a}\
g:hover>.edge{stroke:#0969da;stroke-width:2.4;stroke-opacity:1}\
@media(prefers-color-scheme:dark){.box{fill:#161b22;stroke:#8b949e}.name{fill:#e6edf3}.edge{stroke:#8b949e}.head{fill:#8b949e}}";

/// A graph as SVG. Edges that follow from others are dashed.
#[must_use]
pub fn svg(graph: &Graph) -> String {
    let width = |name: &ComponentName| name.as_str().len() as f64 * CHARACTER + 28.0;
    let places = layers::arrange(graph, width);
    let (across, down) = (
        places.width + 2.0 * MARGIN,
        places.layers.saturating_sub(1) as f64 * LAYER + HEIGHT + 2.0 * MARGIN,
    );
    let middle = |layer: usize| down - MARGIN - HEIGHT / 2.0 - layer as f64 * LAYER;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {across:.0} {down:.0}\" width=\"{across:.0}\" height=\"{down:.0}\" role=\"img\">\n\
         <title>Components and what they need</title>\n<style>{STYLE}</style>\n\
         <defs><marker id=\"arrow\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto-start-reverse\"><path class=\"head\" d=\"M0 0 10 5 0 10z\"/></marker></defs>\n"
    );
    let implied = implied(graph);
    for (from, to, bends) in &places.edges {
        let ((above, x), (below, z)) = (places.boxes[from], places.boxes[to]);
        let mut points = vec![(x + MARGIN, middle(above) + HEIGHT / 2.0)];
        points.extend(bends.iter().map(|(layer, x)| (x + MARGIN, middle(*layer))));
        points.push((z + MARGIN, middle(below) - HEIGHT / 2.0));
        let reasons = graph.needs(from).find(|(name, _)| name == to).map(|(_, reasons)| reasons);
        let title = format!("{from} → {to}: {}", told(reasons.unwrap_or_default()));
        let class = if implied.contains(&(*from, *to)) { "edge implied" } else { "edge" };
        let _ = writeln!(
            text,
            "<g><title>{}</title><path class=\"{class}\" marker-end=\"url(#arrow)\" d=\"{}\"/></g>",
            escaped(&title),
            curve(&points)
        );
    }
    for (name, (layer, x)) in &places.boxes {
        let (width, x, y) = (width(name), x + MARGIN, middle(*layer));
        let (left, top) = (x - width / 2.0, y - HEIGHT / 2.0);
        let _ = writeln!(
            text,
            "<g><rect class=\"box\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\" rx=\"7\"/>\
             <text class=\"name\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text></g>",
            escaped(name.as_str())
        );
    }
    text + "</svg>\n"
}

/// A line through points from the top down, upright at each of them.
fn curve(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (at, (x, y)) in points.iter().enumerate() {
        match at.checked_sub(1).map(|before| points[before]) {
            None => {
                let _ = write!(path, "M{x:.1} {y:.1}");
            }
            Some((before, above)) => {
                let half = (above + y) / 2.0;
                let _ = write!(path, "C{before:.1} {half:.1} {x:.1} {half:.1} {x:.1} {y:.1}");
            }
        }
    }
    path
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
