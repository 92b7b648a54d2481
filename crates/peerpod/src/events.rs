//! The Events that the controller publishes: about configs whose conditions change, by the name
//! and the reason of the condition, and about PeerPods.

use kubewright_operator::events::Entry;

use crate::api::condition::{CONFLICTED, OVERCOMMITTED, READY};

const CONFIG: &str = "PeerPodConfig";

/// All of them.
pub const CATALOGUE: &[Entry] = &[
    Entry::normal(CONFIG, READY, "Ready", "everything is as the spec says"),
    unready(
        "Invalid",
        "the config cannot be read; what it has stays",
        "mend the field that the note names",
    ),
    unready(
        "Conflicted",
        "an older config is for some of its nodes; nothing is written for it",
        "narrow the selector of one of them",
    ),
    unready(
        "Deleting",
        "it is being deleted, and waits for peer pods or for what cannot be removed",
        "see the note; `deletionPolicy: Orphan` does not wait for peer pods",
    ),
    unready("NoNodes", "the selector selects no node", "see the labels of the nodes"),
    unready(
        "Pending",
        "capacity, adaptor or webhook are not there yet",
        "see the note for what is waited for, and the pods of that DaemonSet or Deployment",
    ),
    unready(
        "Applying",
        "objects of the adaptor or the webhook are being written",
        "wait; if it stays, see the log of the leading controller",
    ),
    unready(
        "Refused",
        "the API server refused a write",
        "see the note; after an upgrade apply the roles of the same release",
    ),
    unready(
        "Held",
        "the adaptor of another config that cannot be read is left alone",
        "mend the config that the note names",
    ),
    unready(
        "NoImage",
        "no image is known for the adaptor or the webhook",
        "set `adaptor.image` or `CLOUD_PROVIDER`, and `--webhook-image` of the controller",
    ),
    unready(
        "Unavailable",
        "the webhook does not answer; pods of its runtime class are refused meanwhile",
        "see the pods of the Deployment kubewright-peerpod-webhook",
    ),
    unready(
        "OtherRuntimeClass",
        "there is one webhook, and an older config wants another runtime class",
        "use the same `webhook.runtimeClassName` in all configs",
    ),
    unready(
        "OtherInstanceType",
        "there is one webhook, and an older config wants another instance type",
        "annotate the pods that need another",
    ),
    Entry::warning(
        CONFIG,
        OVERCOMMITTED,
        "MoreRunning",
        "more peer pods run than the limit allows",
        "raise the limit, or wait for peer pods to end",
    ),
    Entry::warning(
        CONFIG,
        CONFLICTED,
        "OlderConfig",
        "an older config is for some of its nodes",
        "narrow the selector of one of them",
    ),
    Entry::warning(
        "PeerPod",
        "Cleanup",
        "Orphaned",
        "the pod is gone and nobody has removed the finalizer for five minutes",
        "see whether upstream's peerpod-ctrl runs; the VM may still cost money",
    ),
];

const fn unready(reason: &'static str, when: &'static str, remedy: &'static str) -> Entry {
    Entry::warning(CONFIG, READY, reason, when, remedy)
}
