//! Every Event, from the catalogues of the areas.

use kubewright_operator::events::catalogue::REASON_OF_STATUS;
use kubewright_operator::events::{Entry, Severity};

use super::{code, table};

/// What publishes them, and its catalogue.
const AREAS: [(&str, &str, &[Entry]); 4] = [
    (
        "HostEndpoints",
        kubewright_hostendpoint::controller::NAME,
        kubewright_hostendpoint::events::CATALOGUE,
    ),
    ("Pod networks", kubewright_podnet::agent::NAME, kubewright_podnet::events::CATALOGUE),
    ("Peer pods", kubewright_peerpod::controller::NAME, kubewright_peerpod::events::CATALOGUE),
    ("Nodes", kubewright_node::approver::NAME, kubewright_node::approver::EVENTS),
];

pub(super) fn page() -> String {
    let mut text = "# Events\nPublished when something changes, and not again while it stays as it \
        is. `kubectl describe` shows those of an object, `kubectl get events.events.k8s.io -A` all; \
        those about objects without a namespace stand in `default`.\n"
        .to_owned();
    for (title, controller, catalogue) in AREAS {
        text += &format!("\n## {title}\nReported by `kubewright.io/{controller}`.\n\n");
        text += &table(
            ["about", "action", "type", "reason", "when", "what to do"],
            catalogue.iter().map(row),
        );
    }
    text
}

fn row(entry: &Entry) -> [String; 6] {
    let severity = match entry.severity {
        Severity::Normal => "Normal",
        Severity::Warning => "Warning",
    };
    let reason = match entry.reason {
        REASON_OF_STATUS => "the reason of the API server's answer".to_owned(),
        reason => code(reason),
    };
    let texts = [entry.when, entry.remedy].map(str::to_owned);
    let [when, remedy] = texts;
    [entry.about.to_owned(), code(entry.action), severity.to_owned(), reason, when, remedy]
}
