//! The Events that the agent publishes, about pods. Reasons are those that Multus' users know where
//! it has any.

use kubewright_operator::events::Entry;

/// What all of them are about.
pub(crate) const ACTION: &str = "Networks";

/// All of them.
pub const CATALOGUE: &[Entry] = &[
    Entry::normal("Pod", ACTION, "AddedInterface", "a network was plugged in"),
    Entry::normal(
        "Pod",
        ACTION,
        "AdoptedInterface",
        "an interface was there already, attached when the pod was created or by another tool",
    ),
    Entry::normal("Pod", ACTION, "RemovedInterface", "a network was unplugged"),
    wrong(
        "FailedAddingInterface",
        "a plugin failed to attach; it is tried again, ever later, without end",
        "see the note for the plugin's message, and `kubewright podnet list POD`",
    ),
    wrong(
        "FailedRemovingInterface",
        "a plugin failed to detach; the record stays and it is tried again",
        "see the note for the plugin's message; a plugin that is gone has to come back first",
    ),
    wrong(
        "NoNetworkFound",
        "no object defines the network that the pod asks for",
        "create the NetworkAttachmentDefinition or Network, or mend the name or namespace in the annotation",
    ),
    wrong(
        "InvalidAnnotation",
        "the annotation cannot be followed; nothing is attached or detached by it",
        "mend the element that the note names",
    ),
    wrong(
        "InvalidNetwork",
        "the object is there and does not define a network",
        "mend its `config`",
    ),
    wrong(
        "NamespaceIsolated",
        "the network belongs to a namespace that the pod may not use",
        "define the network in the pod's namespace or in `default`, or run the agent without `--namespace-isolation`",
    ),
    wrong(
        "CapabilityMissing",
        "the request needs a capability that no plugin of the network has",
        "declare it in the `capabilities` of the network's configuration, or ask for less",
    ),
    wrong(
        "DuplicateNetwork",
        "Kaloom's annotation names a network twice",
        "name it once, or ask in the standard's form",
    ),
    wrong(
        "InterfaceCollision",
        "two networks of the pod have the same interface name",
        "give one of them another `interface`",
    ),
    wrong(
        "InterfaceTaken",
        "the pod has an interface of that name that is no attachment",
        "choose another `interface`",
    ),
    wrong(
        "HostNetwork",
        "the pod is in the node's network and has no interfaces of its own",
        "take the annotation away, or `hostNetwork`",
    ),
    wrong(
        "SandboxUnusable",
        "the pod's network namespace cannot be looked into; it is tried again",
        "see whether the container runtime answers and the agent sees `/run/netns`",
    ),
];

const fn wrong(reason: &'static str, when: &'static str, remedy: &'static str) -> Entry {
    Entry::warning("Pod", ACTION, reason, when, remedy)
}
