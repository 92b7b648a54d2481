//! The Events that the controller publishes.

use kubewright_operator::events::Entry;
use kubewright_operator::events::catalogue::REASON_OF_STATUS;

use crate::problem::ProblemKind;

const NODE: &str = "Node";
const TEMPLATE: &str = "HostEndpointTemplate";
/// Action of events about nodes.
pub(crate) const PROTECT: &str = "Protect";
const READY: &str = "Ready";

/// Of what the API server says when it cannot be asked for endpoints, in events the reason behind
/// `HostEndpoints`.
pub(crate) const NOT_SERVED: &str = "NotServed";
/// It does not let us.
pub(crate) const FORBIDDEN: &str = "Forbidden";
/// Anything else.
pub(crate) const UNAVAILABLE: &str = "Unavailable";

/// A problem of a node, told about the node and about the template whose endpoint is missing: its
/// reason, when, and what to do.
struct Trouble(&'static str, &'static str, &'static str);

const TROUBLES: [Trouble; 7] = [
    Trouble(
        ProblemKind::INVALID_NAME,
        "a template makes a name that Kubernetes does not take",
        "set `endpointName`, or an `alias` for the interface",
    ),
    Trouble(
        ProblemKind::INVALID_ENDPOINT,
        "a template makes an endpoint that Calico would refuse or ignore",
        "mend the field of the template that the note names",
    ),
    Trouble(
        ProblemKind::INTERFACE_TAKEN,
        "two templates cover an interface, and Calico uses one endpoint",
        "narrow the `nodeSelector` or `interfaces` of one of them",
    ),
    Trouble(
        ProblemKind::NAME_COLLISION,
        "two rules give one name",
        "put what tells them apart into `endpointName`, such as `{template}`",
    ),
    Trouble(
        ProblemKind::NOT_ADOPTED,
        "an endpoint of that name is there and is not ours",
        "set `adopt` of the template, or remove the endpoint",
    ),
    Trouble(
        ProblemKind::SHADOWED,
        "an endpoint that is not ours covers the interface and comes first in the alphabet",
        "remove that endpoint, or choose a name before it",
    ),
    Trouble(
        ProblemKind::LOCKOUT_REFUSED,
        "the endpoint would cut its node off and was not created",
        "let a policy allow the port that the note names, add a profile, or set `lockout: Warn`",
    ),
];

/// Those that are no trouble of a node.
const OTHERS: [Entry; 11] = [
    Entry::normal(TEMPLATE, "Valid", "Valid", "a template that was wrong can be used"),
    Entry::warning(
        TEMPLATE,
        "Valid",
        "InvalidTemplate",
        "a template says something that cannot be followed; its endpoints stay as they are",
        "mend what the note names",
    ),
    Entry::normal(
        TEMPLATE,
        READY,
        "AllEndpointsPresent",
        "every endpoint is there again after something was wrong",
    ),
    Entry::warning(
        TEMPLATE,
        READY,
        "HostEndpointsNotServed",
        "the API server does not serve HostEndpoints",
        "install Calico, or name its group with `--calico-group`",
    ),
    Entry::warning(
        TEMPLATE,
        READY,
        "HostEndpointsForbidden",
        "the controller may not list HostEndpoints",
        "apply the roles of `kubewright manifests hostendpoint` of the same release",
    ),
    Entry::warning(
        TEMPLATE,
        READY,
        "HostEndpointsUnavailable",
        "HostEndpoints cannot be listed; nothing is deleted meanwhile",
        "see why the API server answers as the note says",
    ),
    Entry::warning(
        TEMPLATE,
        READY,
        REASON_OF_STATUS,
        "an endpoint could not be written (`RequestFailed` where the API server gave no reason); it is tried again",
        "see the note for the object and the answer",
    ),
    Entry::normal(TEMPLATE, "DeletionBlocked", "NothingHeld", "deletions are no longer held back"),
    Entry::warning(
        TEMPLATE,
        "DeletionBlocked",
        "MassDeletion",
        "more nodes would lose their endpoints at once than may",
        "see whether a selector or the list of nodes is wrong; if it is meant, annotate the template as the note says",
    ),
    Entry::normal(TEMPLATE, "LockoutRisk", "NoRisk", "no endpoint cuts its node off any more"),
    Entry::warning(
        TEMPLATE,
        "LockoutRisk",
        ProblemKind::LOCKOUT_RISK,
        "an endpoint stands that may cut its node off",
        "let a policy allow the port that the note names, or add a profile",
    ),
];

/// All of them.
pub const CATALOGUE: &[Entry] = &catalogue();

const fn catalogue() -> [Entry; OTHERS.len() + 2 * TROUBLES.len()] {
    let mut entries = [OTHERS[0]; OTHERS.len() + 2 * TROUBLES.len()];
    let mut at = 0;
    while at < OTHERS.len() {
        entries[at] = OTHERS[at];
        at += 1;
    }
    let mut trouble = 0;
    while trouble < TROUBLES.len() {
        let Trouble(reason, when, remedy) = TROUBLES[trouble];
        entries[at + trouble] = Entry::warning(TEMPLATE, READY, reason, when, remedy);
        let about_nodes = at + TROUBLES.len();
        entries[about_nodes + trouble] = Entry::warning(NODE, PROTECT, reason, when, remedy);
        trouble += 1;
    }
    entries
}
