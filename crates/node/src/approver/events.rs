//! The Events that the approver publishes.

use kubewright_operator::events::Entry;

/// Action of events about requests.
pub(super) const ACCEPT: &str = "Accept";
/// Action of events about the policy.
pub(super) const READ: &str = "Read";

const REQUEST: &str = "CertificateSigningRequest";

/// All of them.
pub const CATALOGUE: &[Entry] = &[
    Entry::normal(
        REQUEST,
        ACCEPT,
        "Waiting",
        "no rule is for the request, or something is in the way: it waits for somebody",
    ),
    Entry::normal(REQUEST, ACCEPT, "Accepted", "a rule, or the Node's addresses, accepted it"),
    Entry::warning(
        REQUEST,
        ACCEPT,
        "Rejected",
        "a rule rejected it",
        "if it was wrong, mend the policy and `kubewright node accept NAME`",
    ),
    Entry::warning(
        "ConfigMap",
        READ,
        "WrongPolicy",
        "the policy cannot be followed; no node is accepted by it",
        "mend what the note names; `kubewright node accept --policy FILE --dry-run` tries a file",
    ),
];
