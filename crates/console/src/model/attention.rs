//! What somebody should look at, the worst first.

use jiff::Timestamp;
use serde::Serialize;

use super::{Filter, Notice, Tone, capacity, controllers, networks, nodes, protection, words};
use crate::metrics::Scrape;
use crate::world::{Sight, Source, World};

/// The most lines for each kind of trouble.
const MOST_OF_A_KIND: usize = 4;

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Item {
    pub(crate) tone: Tone,
    /// The object.
    pub(crate) what: String,
    /// What is the matter with it.
    pub(crate) text: String,
    /// Path of the page that shows more.
    pub(crate) href: &'static str,
}

/// Everything that is not as it should be.
pub(crate) fn attention(world: &World, scrapes: &[Scrape], now: Timestamp) -> Vec<Item> {
    let all = Filter::default();
    let mut items = Vec::new();
    let item =
        |tone, what: &str, text: String, href| Item { tone, what: what.to_owned(), text, href };
    let is_wrong = |tone: Tone| matches!(tone, Tone::Bad | Tone::Warn);
    let of_nodes = nodes::nodes(world, &all, now).rows.into_iter();
    add(
        &mut items,
        "nodes",
        of_nodes.filter(|node| is_wrong(node.state.tone)).map(|node| {
            let text = format!("{} {}", node.state.text, node.detail);
            item(node.state.tone, &node.name, text.trim().to_owned(), "/nodes")
        }),
    );
    let coverage = protection::coverage(world, &all, now).rows.into_iter();
    add(
        &mut items,
        "nodes",
        coverage.filter(|node| is_wrong(node.state.tone)).map(|node| {
            let since = node.unprotected.as_ref().map(|since| format!(" for {since}"));
            let why = node.problems.first().map(|why| format!(": {why}")).unwrap_or_default();
            let text = format!("{}{}{why}", node.state.text, since.unwrap_or_default());
            item(node.state.tone, &node.node, text, "/protection")
        }),
    );
    let templates = protection::templates(world).into_iter();
    add(
        &mut items,
        "templates",
        templates.filter(|it| is_wrong(it.state.tone)).map(|template| {
            let why = template.problems.first().cloned().unwrap_or(template.state.text);
            item(template.state.tone, &template.name, why, "/protection")
        }),
    );
    let attachments = networks::attachments(world, &all).rows.into_iter();
    add(
        &mut items,
        "attachments",
        attachments.filter(|it| it.state.tone == Tone::Bad).map(|it| {
            let name = format!("{}/{}", it.namespace, it.pod);
            let text = match it.network.as_str() {
                "" => it.error,
                network => format!("{} {network}: {}", it.state.text, it.error),
            };
            item(Tone::Bad, &name, words::clip(&text, 160), "/networks")
        }),
    );
    let configs = capacity::configs(world).rows.into_iter();
    add(
        &mut items,
        "configs",
        configs.filter(|it| is_wrong(it.state.tone)).map(|config| {
            let why = config.problems.first().cloned().unwrap_or(config.state.text);
            item(config.state.tone, &config.name, why, "/peer-pods")
        }),
    );
    let bars = capacity::nodes(world, &all).rows.into_iter();
    let over = bars
        .filter_map(|bar| Some((bar.state.filter(|s| s.tone == Tone::Bad)?, bar.node, bar.bar)));
    add(
        &mut items,
        "nodes",
        over.map(|(state, node, bar)| {
            item(Tone::Bad, &node, format!("{}: {}", state.text, bar.label), "/peer-pods")
        }),
    );
    let leases = controllers::leases(world, now).rows.into_iter();
    add(
        &mut items,
        "leases",
        leases
            .filter(|it| is_wrong(it.state.tone))
            .map(|lease| item(lease.state.tone, &lease.name, lease.state.text, "/controllers")),
    );
    let (_, unreachable) = controllers::work(scrapes);
    add(
        &mut items,
        "processes",
        unreachable.into_iter().map(|it| {
            item(Tone::Warn, &it.origin, format!("No metrics: {}", it.problem), "/controllers")
        }),
    );
    let failed = Source::ALL.into_iter().filter_map(|source| match world.sight(source) {
        Sight::Failed(why) => {
            let why = words::clip(why, 160);
            Some(item(Tone::Bad, source.words(), format!("cannot be read: {why}"), "/"))
        }
        _ => None,
    });
    add(&mut items, "kinds", failed);
    items.sort_by_key(|item| item.tone);
    items
}

/// Why there may be more to attend to than is told; nothing when all is seen that there is.
pub(crate) fn blind(world: &World) -> Option<Notice> {
    let sights = || Source::ALL.into_iter().map(|source| world.sight(source));
    if sights().any(|sight| *sight == Sight::Unseen) {
        return Some(Notice {
            tone: Tone::Busy,
            title: "Reading the cluster".to_owned(),
            text: String::new(),
            command: None,
        });
    }
    sights().any(|sight| *sight == Sight::Forbidden).then(|| Notice {
        tone: Tone::Warn,
        title: "You do not see everything".to_owned(),
        text: "Your account may not list all that there is: there may be more to attend to."
            .to_owned(),
        command: None,
    })
}

/// Adds lines of one kind, and how many more there would be.
fn add(items: &mut Vec<Item>, kind: &str, lines: impl Iterator<Item = Item>) {
    let lines: Vec<_> = lines.collect();
    let Some(first) = lines.first() else { return };
    let (tone, href, more) = (first.tone, first.href, lines.len().saturating_sub(MOST_OF_A_KIND));
    items.extend(lines.into_iter().take(MOST_OF_A_KIND));
    if more > 0 {
        let what = format!("{more} more {kind}");
        items.push(Item { tone, what, text: String::new(), href });
    }
}

#[cfg(test)]
mod tests;
