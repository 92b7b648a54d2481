//! The state of everything in a few numbers.

use jiff::Timestamp;
use kubewright_podnet::change::State;
use serde::Serialize;

use super::{Filter, Tone, capacity, controllers, nodes, protection, words};
use crate::world::request::Decision;
use crate::world::{Sight, Source, World};

/// A number with what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Tile {
    pub(crate) title: &'static str,
    pub(crate) value: String,
    /// What the value is out of.
    pub(crate) of: String,
    pub(crate) text: String,
    pub(crate) tone: Tone,
    pub(crate) href: &'static str,
}

/// The tiles of the overview.
pub(crate) fn tiles(world: &World, now: Timestamp) -> Vec<Tile> {
    let mut tiles = vec![
        nodes(world, now),
        protected(world, now),
        attached(world),
        seats(world),
        leading(world, now),
    ];
    // None of none is none.
    for tile in tiles.iter_mut().filter(|tile| tile.of == "0" && tile.value == "0") {
        tile.of.clear();
    }
    tiles
}

fn tile(title: &'static str, href: &'static str) -> Tile {
    let none = String::new();
    Tile { title, value: "–".to_owned(), of: none.clone(), text: none, tone: Tone::Idle, href }
}

/// A tile of something that cannot be told, because one of these kinds is not seen.
fn unknown(world: &World, sources: &[Source], tile: &Tile) -> Option<Tile> {
    let text = sources.iter().find_map(|source| match world.sight(*source) {
        Sight::Whole | Sight::Failed(_) => None,
        Sight::Unseen => Some("reading"),
        Sight::Absent => Some("not installed"),
        Sight::Forbidden => Some("not permitted"),
    })?;
    Some(Tile { text: text.to_owned(), ..tile.clone() })
}

fn nodes(world: &World, now: Timestamp) -> Tile {
    let tile = tile("Nodes ready", "/nodes");
    if let Some(unknown) = unknown(world, &[Source::Nodes], &tile) {
        return unknown;
    }
    let total = world.nodes.len();
    let states = world.nodes.iter().map(|(_, node)| nodes::state(node, now).0.tone);
    let ready = states.filter(|tone| *tone == Tone::Ok).count();
    let waiting = world.requests.iter().filter(|(_, it)| it.decision == Decision::Waiting).count();
    let tone = if ready < total { Tone::Warn } else { Tone::Ok };
    let text = match waiting {
        _ if *world.sight(Source::Requests) != Sight::Whole => "requests are not seen".to_owned(),
        0 => "none waiting".to_owned(),
        waiting => format!("{waiting} waiting to join"),
    };
    Tile { value: ready.to_string(), of: total.to_string(), text, tone, ..tile }
}

fn protected(world: &World, now: Timestamp) -> Tile {
    let tile = tile("Nodes protected", "/protection");
    if let Some(unknown) =
        unknown(world, &[Source::Templates, Source::Endpoints, Source::Nodes], &tile)
    {
        return unknown;
    }
    let rows = protection::coverage(world, &Filter::default(), now).rows;
    let count = |tone| rows.iter().filter(|row| row.state.tone == tone).count();
    let asked = rows.len() - count(Tone::Idle);
    let (text, tone) = match count(Tone::Bad) {
        0 => ("no gaps".to_owned(), Tone::Ok),
        bad => (words::count(bad, "node unprotected", "nodes unprotected"), Tone::Bad),
    };
    Tile { value: count(Tone::Ok).to_string(), of: asked.to_string(), text, tone, ..tile }
}

fn attached(world: &World) -> Tile {
    let tile = tile("Networks attached", "/networks");
    if let Some(unknown) = unknown(world, &[Source::Pods], &tile) {
        return unknown;
    }
    let (mut attached, mut wanted, mut failed) = (0usize, 0usize, 0usize);
    for (_, pod) in world.pods.iter() {
        match &pod.attachments {
            Err(_) => failed += 1,
            // Networks of objects have a namespace; the cluster's own is everybody's.
            Ok(all) => {
                for attachment in all.iter().filter(|it| it.network.contains('/')) {
                    wanted += 1;
                    attached += usize::from(attachment.state == State::Attached);
                    failed += usize::from(attachment.state == State::Failed);
                }
            }
        }
    }
    let (text, tone) = match failed {
        0 => ("none failed".to_owned(), if wanted == 0 { Tone::Idle } else { Tone::Ok }),
        failed => (format!("{failed} failed"), Tone::Bad),
    };
    Tile { value: attached.to_string(), of: wanted.to_string(), text, tone, ..tile }
}

fn seats(world: &World) -> Tile {
    let tile = tile("Peer pods running", "/peer-pods");
    if let Some(unknown) = unknown(world, &[Source::Configs, Source::Nodes, Source::Pods], &tile) {
        return unknown;
    }
    let bars = capacity::nodes(world, &Filter::default()).rows;
    let sum = |of: fn(&capacity::Bar) -> u64| {
        bars.iter().map(|row| of(&row.bar)).fold(0, u64::saturating_add)
    };
    let (held, advertised) = (sum(|bar| bar.held), sum(|bar| bar.advertised));
    let (text, tone) = match held.cmp(&advertised) {
        _ if advertised == 0 && held == 0 => ("no capacity".to_owned(), Tone::Idle),
        std::cmp::Ordering::Greater => ("overcommitted".to_owned(), Tone::Bad),
        std::cmp::Ordering::Equal => ("full".to_owned(), Tone::Warn),
        std::cmp::Ordering::Less => (format!("{} free", advertised - held), Tone::Ok),
    };
    Tile { value: held.to_string(), of: advertised.to_string(), text, tone, ..tile }
}

fn leading(world: &World, now: Timestamp) -> Tile {
    let tile = tile("Controllers led", "/controllers");
    if let Some(unknown) = unknown(world, &[Source::Leases], &tile) {
        return unknown;
    }
    let leases = controllers::leases(world, now).rows;
    let led = leases.iter().filter(|lease| lease.state.tone == Tone::Ok).count();
    let (text, tone) = match leases.len() - led {
        _ if leases.is_empty() => ("none running".to_owned(), Tone::Idle),
        0 => ("all leases fresh".to_owned(), Tone::Ok),
        without => (format!("{without} without leader"), Tone::Bad),
    };
    Tile { value: led.to_string(), of: leases.len().to_string(), text, tone, ..tile }
}

#[cfg(test)]
mod tests;
