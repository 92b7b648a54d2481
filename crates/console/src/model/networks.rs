//! Networks, and the pods that are attached to them.

use std::collections::BTreeMap;

use kubewright_podnet::change::State;
use serde::Serialize;

use super::{Badge, Filter, Notice, Rows, Tone, words};
use crate::world::pod::Pod;
use crate::world::{Source, World};

/// How to get the networks.
pub(crate) const INSTALL: &str = "kubewright manifests podnet | kubectl apply -f -";

/// An attachment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct AttachmentRow {
    pub(crate) namespace: String,
    pub(crate) pod: String,
    pub(crate) node: String,
    pub(crate) network: String,
    pub(crate) interface: String,
    pub(crate) addresses: Vec<String>,
    pub(crate) mac: String,
    pub(crate) state: Badge,
    /// What went wrong last.
    pub(crate) error: String,
}

/// A network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NetworkRow {
    /// `namespace/name`.
    pub(crate) name: String,
    /// What makes its interfaces; empty where nothing defines it.
    pub(crate) plugin: String,
    /// The bridge, or the link below.
    pub(crate) link: String,
    pub(crate) subnets: Vec<String>,
    /// How many interfaces are on it.
    pub(crate) interfaces: usize,
    /// Whether it is the cluster's own.
    pub(crate) cluster: bool,
    /// Whether an object defines it.
    pub(crate) defined: bool,
}

/// How it is about an attachment.
pub(crate) fn state(state: State) -> Badge {
    match state {
        State::Attached => Badge::new(Tone::Ok, "Attached"),
        State::Pending => Badge::new(Tone::Busy, "Pending"),
        State::Failed => Badge::new(Tone::Bad, "Failed"),
        State::Unasked => Badge::new(Tone::Idle, "Not asked for"),
    }
}

/// The attachments that a filter takes, failures first.
pub(crate) fn attachments(world: &World, filter: &Filter) -> Rows<AttachmentRow> {
    let mut rows: Vec<_> = world.pods.iter().flat_map(|(_, pod)| of_pod(pod)).collect();
    rows.retain(|row| {
        let texts = [&row.namespace, &row.pod, &row.node, &row.network, &row.interface];
        let more = row.addresses.iter().chain([&row.state.text]);
        filter.takes(texts.into_iter().chain(more).map(String::as_str))
    });
    let urgency = |row: &AttachmentRow| match row.state.tone {
        Tone::Bad => 0,
        Tone::Busy => 1,
        _ => 2,
    };
    rows.sort_by(|a, b| {
        let names = (&a.namespace, &a.pod, &a.interface);
        urgency(a).cmp(&urgency(b)).then(names.cmp(&(&b.namespace, &b.pod, &b.interface)))
    });
    let notice = Notice::of(world, Source::Pods, None).or_else(|| {
        (rows.is_empty() && filter.text().is_empty()).then(|| {
            let text = "Plug a network into a running pod; it appears here at once.";
            let command = Some("kubewright podnet attach POD NETWORK");
            Notice::empty("No pod has a network of its own", text, command)
        })
    });
    Rows::of(rows, notice)
}

fn of_pod(pod: &Pod) -> Vec<AttachmentRow> {
    let row = |network: &str, interface: &str| AttachmentRow {
        namespace: pod.namespace.clone(),
        pod: pod.name.clone(),
        node: pod.node.clone(),
        network: words::clip(network, 120),
        interface: words::clip(interface, 32),
        addresses: Vec::new(),
        mac: String::new(),
        state: Badge::new(Tone::Bad, "Failed"),
        error: String::new(),
    };
    match &pod.attachments {
        Err(error) => vec![AttachmentRow { error: words::clip(error, 400), ..row("", "") }],
        Ok(attachments) => attachments
            .iter()
            .map(|attachment| AttachmentRow {
                addresses: attachment.ips.iter().take(8).map(|ip| words::clip(ip, 45)).collect(),
                mac: words::clip(&attachment.mac, 23),
                state: state(attachment.state),
                error: words::clip(&attachment.message, 400),
                ..row(&attachment.network, &attachment.interface)
            })
            .collect(),
    }
}

/// All networks: those that are defined, and those that pods are attached to all the same.
pub(crate) fn networks(world: &World) -> Vec<NetworkRow> {
    let mut rows = BTreeMap::new();
    for (name, network) in world.networks.iter().chain(world.definitions.iter()) {
        rows.entry(name.to_owned()).or_insert_with(|| NetworkRow {
            name: words::clip(name, 120),
            plugin: words::clip(&network.plugin, 32),
            link: words::clip(&network.link, 32),
            subnets: network.subnets.iter().take(4).map(|subnet| words::clip(subnet, 45)).collect(),
            interfaces: 0,
            cluster: false,
            defined: true,
        });
    }
    let attachments =
        world.pods.iter().filter_map(|(_, pod)| pod.attachments.as_ref().ok()).flatten();
    for attachment in attachments.filter(|attachment| !attachment.network.is_empty()) {
        let row = rows.entry(attachment.network.clone()).or_insert_with(|| NetworkRow {
            name: words::clip(&attachment.network, 120),
            plugin: String::new(),
            link: String::new(),
            subnets: Vec::new(),
            interfaces: 0,
            // Networks of objects have a namespace.
            cluster: !attachment.network.contains('/'),
            defined: false,
        });
        row.interfaces += usize::from(matches!(attachment.state, State::Attached | State::Unasked));
    }
    rows.into_values().collect()
}

/// What there is to say of the kinds that define networks; one of both is enough.
pub(crate) fn notice(world: &World) -> Option<Notice> {
    let of = |source| Notice::of(world, source, Some(INSTALL));
    of(Source::Networks).filter(|_| of(Source::Definitions).is_some())
}

#[cfg(test)]
pub(crate) mod tests;
