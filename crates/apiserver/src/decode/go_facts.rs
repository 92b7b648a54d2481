//! What the published schema does not tell of the Go types of Kubernetes 1.28:
//! which fields are pointers, and which are written even when they are empty.
//!
//! `omitempty` drops a zero value, but a pointer to zero stays (`replicas: 0`), and a
//! struct is never dropped (`resources: {}`). The tables list the exceptions from what
//! is usual for each JSON type; [`presence`] applies both.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::schema::{Format, Shape};

/// What becomes of a field without a value, and of an explicit zero value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// `omitempty` on a value: zero is dropped.
    Omit,
    /// `omitempty` on a pointer: absent stays absent, zero stays zero.
    Pointer,
    /// Always written; absent becomes zero.
    Always,
    /// A pointer without `omitempty`: absent becomes `null`.
    Null,
}

/// Numbers and booleans that are values; all others are pointers.
const VALUES: &[(&str, &str)] = &[
    ("DaemonSetSpec", "minReadySeconds"),
    (
        "DaemonSetStatus",
        "numberAvailable numberUnavailable observedGeneration updatedNumberScheduled",
    ),
    ("DeploymentSpec", "minReadySeconds paused"),
    (
        "DeploymentStatus",
        "availableReplicas observedGeneration readyReplicas replicas unavailableReplicas updatedReplicas",
    ),
    ("ReplicaSetSpec", "minReadySeconds"),
    ("ReplicaSetStatus", "availableReplicas fullyLabeledReplicas observedGeneration readyReplicas"),
    ("ReplicationControllerSpec", "minReadySeconds"),
    (
        "ReplicationControllerStatus",
        "availableReplicas fullyLabeledReplicas observedGeneration readyReplicas",
    ),
    ("StatefulSetSpec", "minReadySeconds"),
    ("StatefulSetStatus", "currentReplicas observedGeneration readyReplicas updatedReplicas"),
    ("TokenReviewStatus", "authenticated"),
    ("SubjectAccessReviewStatus", "denied"),
    ("ScaleSpec", "replicas"),
    ("v2.HorizontalPodAutoscalerStatus", "currentReplicas"),
    ("JobStatus", "active failed succeeded"),
    ("AWSElasticBlockStoreVolumeSource", "partition readOnly"),
    ("AzureFilePersistentVolumeSource", "readOnly"),
    ("AzureFileVolumeSource", "readOnly"),
    ("CSIPersistentVolumeSource", "readOnly"),
    ("CephFSPersistentVolumeSource", "readOnly"),
    ("CephFSVolumeSource", "readOnly"),
    ("CinderPersistentVolumeSource", "readOnly"),
    ("CinderVolumeSource", "readOnly"),
    ("FCVolumeSource", "readOnly"),
    ("FlexPersistentVolumeSource", "readOnly"),
    ("FlexVolumeSource", "readOnly"),
    ("GCEPersistentDiskVolumeSource", "partition readOnly"),
    ("GlusterfsPersistentVolumeSource", "readOnly"),
    ("GlusterfsVolumeSource", "readOnly"),
    ("ISCSIPersistentVolumeSource", "chapAuthDiscovery chapAuthSession readOnly"),
    ("ISCSIVolumeSource", "chapAuthDiscovery chapAuthSession readOnly"),
    ("NFSVolumeSource", "readOnly"),
    ("PersistentVolumeClaimVolumeSource", "readOnly"),
    ("PortworxVolumeSource", "readOnly"),
    ("QuobyteVolumeSource", "readOnly"),
    ("RBDPersistentVolumeSource", "readOnly"),
    ("RBDVolumeSource", "readOnly"),
    ("ScaleIOPersistentVolumeSource", "readOnly sslEnabled"),
    ("ScaleIOVolumeSource", "readOnly sslEnabled"),
    ("StorageOSPersistentVolumeSource", "readOnly"),
    ("StorageOSVolumeSource", "readOnly"),
    ("VolumeMount", "readOnly"),
    ("Container", "stdin stdinOnce tty"),
    ("EphemeralContainer", "stdin stdinOnce tty"),
    ("ContainerImage", "sizeBytes"),
    ("ContainerPort", "hostPort"),
    ("ContainerStateTerminated", "signal"),
    ("Event", "count deprecatedCount"),
    ("core.EventSeries", "count"),
    ("NodeSpec", "unschedulable"),
    ("PodSpec", "hostIPC hostNetwork hostPID"),
    ("Probe", "failureThreshold initialDelaySeconds periodSeconds successThreshold timeoutSeconds"),
    ("ServicePort", "nodePort"),
    ("ServiceSpec", "healthCheckNodePort publishNotReadyAddresses"),
    ("ServiceBackendPort", "number"),
    ("PodDisruptionBudgetStatus", "observedGeneration"),
    ("PriorityClass", "globalDefault"),
    ("CustomResourceColumnDefinition", "priority"),
    ("CustomResourceDefinitionSpec", "preserveUnknownFields"),
    ("CustomResourceDefinitionVersion", "deprecated"),
    (
        "JSONSchemaProps",
        "exclusiveMaximum exclusiveMinimum nullable uniqueItems x-kubernetes-embedded-resource x-kubernetes-int-or-string",
    ),
    ("Condition", "observedGeneration"),
    ("ObjectMeta", "generation"),
    ("Status", "code"),
    ("StatusDetails", "retryAfterSeconds"),
    ("APIServiceSpec", "insecureSkipTLSVerify"),
];

/// Texts and times that are pointers; all other texts are values, and all other
/// times are structs, which are written as `null` when they are not set.
const POINTERS: &[(&str, &str)] = &[
    ("MutatingWebhook", "failurePolicy matchPolicy reinvocationPolicy sideEffects"),
    ("ValidatingWebhook", "failurePolicy matchPolicy sideEffects"),
    ("RuleWithOperations", "scope"),
    ("ServiceReference", "path"),
    ("WebhookClientConfig", "url"),
    ("ValidatingAdmissionPolicySpec", "failurePolicy"),
    ("MatchResources", "matchPolicy"),
    ("Validation", "reason"),
    ("HPAScalingRules", "selectPolicy"),
    ("HorizontalPodAutoscalerStatus", "lastScaleTime"),
    ("CronJobSpec", "timeZone"),
    ("CronJobStatus", "lastScheduleTime lastSuccessfulTime"),
    ("JobSpec", "completionMode podReplacementPolicy"),
    ("JobStatus", "completionTime startTime failedIndexes"),
    ("PodFailurePolicyOnExitCodesRequirement", "containerName"),
    ("LeaseSpec", "holderIdentity acquireTime renewTime"),
    ("AzureDiskVolumeSource", "cachingMode fsType kind"),
    ("AzureFilePersistentVolumeSource", "secretNamespace"),
    ("CSIVolumeSource", "fsType"),
    ("ClaimSource", "resourceClaimName resourceClaimTemplateName"),
    ("PodResourceClaimStatus", "resourceClaimName"),
    ("Container", "restartPolicy"),
    ("EphemeralContainer", "restartPolicy"),
    ("EndpointAddress", "nodeName"),
    ("EndpointPort", "appProtocol"),
    ("GRPCAction", "service"),
    ("GlusterfsPersistentVolumeSource", "endpointsNamespace"),
    ("HostPathVolumeSource", "type"),
    ("ISCSIPersistentVolumeSource", "initiatorName"),
    ("ISCSIVolumeSource", "initiatorName"),
    ("LocalVolumeSource", "fsType"),
    ("LoadBalancerIngress", "ipMode"),
    ("PersistentVolumeClaimSpec", "storageClassName volumeMode"),
    ("PersistentVolumeSpec", "volumeMode"),
    ("PersistentVolumeStatus", "lastPhaseTransitionTime"),
    ("PodDNSConfigOption", "value"),
    ("PodSecurityContext", "fsGroupChangePolicy"),
    ("PodSpec", "preemptionPolicy runtimeClassName"),
    ("PodStatus", "startTime"),
    ("PortStatus", "error"),
    ("IngressPortStatus", "error"),
    ("SeccompProfile", "localhostProfile"),
    ("SecurityContext", "procMount"),
    ("ServicePort", "appProtocol"),
    ("ServiceSpec", "internalTrafficPolicy ipFamilyPolicy loadBalancerClass"),
    ("Taint", "timeAdded"),
    ("TopologySpreadConstraint", "nodeAffinityPolicy nodeTaintsPolicy"),
    ("TypedLocalObjectReference", "apiGroup"),
    ("TypedObjectReference", "apiGroup namespace"),
    ("VolumeMount", "mountPropagation"),
    ("WindowsSecurityContextOptions", "gmsaCredentialSpec gmsaCredentialSpecName runAsUserName"),
    ("Endpoint", "hostname nodeName zone"),
    ("discovery.EndpointPort", "appProtocol name protocol"),
    ("HTTPIngressPath", "pathType"),
    ("IngressClassParametersReference", "apiGroup namespace scope"),
    ("IngressSpec", "ingressClassName"),
    ("NetworkPolicyPort", "protocol"),
    ("PodDisruptionBudgetSpec", "unhealthyPodEvictionPolicy"),
    ("PriorityClass", "preemptionPolicy"),
    ("CSIDriverSpec", "fsGroupPolicy"),
    ("StorageClass", "reclaimPolicy volumeBindingMode"),
    ("VolumeAttachmentSource", "persistentVolumeName"),
    ("CustomResourceDefinitionVersion", "deprecationWarning"),
    ("CustomResourceSubresourceScale", "labelSelectorPath"),
    ("JSONSchemaProps", "$ref x-kubernetes-list-type x-kubernetes-map-type"),
    ("ValidationRule", "reason"),
    ("DeleteOptions", "propagationPolicy"),
    ("ManagedFieldsEntry", "time"),
    ("ObjectMeta", "deletionTimestamp"),
    ("Preconditions", "resourceVersion uid"),
    // Required, but pointers all the same.
    ("DaemonSetSpec", "selector"),
    ("DeploymentSpec", "selector"),
    ("ReplicaSetSpec", "selector"),
    ("StatefulSetSpec", "selector"),
];

/// Optional structs that are values and so are always written; all others are
/// pointers. `metadata`, `spec` and `status` are values everywhere.
const STRUCTS: &[(&str, &str)] = &[
    ("SelfSubjectReviewStatus", "userInfo"),
    ("TokenReviewStatus", "user"),
    ("Container", "resources"),
    ("EphemeralContainer", "resources"),
    ("ContainerStatus", "lastState state"),
    ("PersistentVolumeClaimSpec", "resources"),
    ("DaemonSetSpec", "updateStrategy"),
    ("DeploymentSpec", "strategy"),
    ("StatefulSetSpec", "updateStrategy"),
    ("ReplicaSetSpec", "template"),
    ("PodTemplate", "template"),
    ("NodeStatus", "daemonEndpoints nodeInfo"),
    ("NodeDaemonEndpoints", "kubeletEndpoint"),
    ("Event", "source"),
    ("events.Event", "deprecatedSource regarding"),
    ("ServiceStatus", "loadBalancer"),
    ("IngressStatus", "loadBalancer"),
    ("IngressServiceBackend", "port"),
    ("Endpoint", "conditions"),
    ("PodResourceClaim", "source"),
    ("CustomResourceDefinitionStatus", "acceptedNames"),
    ("LimitedPriorityLevelConfiguration", "limitResponse"),
    ("APIGroup", "preferredVersion"),
];

/// Fields without `omitempty` that the schema does not require.
const ALWAYS: &[(&str, &str)] = &[
    ("Role", "rules"),
    ("ClusterRole", "rules"),
    ("Event", "reportingComponent reportingInstance"),
    ("EndpointSlice", "ports"),
    ("ProjectedVolumeSource", "sources"),
    ("StatefulSetStatus", "availableReplicas"),
    ("StatefulSetOrdinals", "start"),
    ("ServicePort", "targetPort"),
    ("ResourceFieldSelector", "divisor"),
    ("ControllerRevision", "data"),
    ("v2.HorizontalPodAutoscalerStatus", "currentMetrics"),
    ("CustomResourceDefinitionStatus", "conditions storedVersions"),
    ("FlowSchemaSpec", "matchingPrecedence"),
    ("LimitedPriorityLevelConfiguration", "nominalConcurrencyShares"),
    ("QueuingConfiguration", "handSize queueLengthLimit queues"),
];

/// Pointers without `omitempty`.
const NULLABLE: &[(&str, &str)] = &[("TokenRequestSpec", "boundObjectRef expirationSeconds")];

/// Fields of the table that are written by some groups and not by others.
const OMITTED: &[(&str, &str)] = &[("events.Event", "reportingInstance")];

/// Field facts of the types that have any, by type.
type Facts = HashMap<&'static str, HashMap<&'static str, Presence>>;

static FACTS: LazyLock<Facts> = LazyLock::new(|| {
    let tables = [
        (VALUES, Presence::Omit),
        (POINTERS, Presence::Pointer),
        (STRUCTS, Presence::Always),
        (ALWAYS, Presence::Always),
        (NULLABLE, Presence::Null),
        (OMITTED, Presence::Omit),
    ];
    let mut facts = Facts::new();
    for (table, presence) in tables {
        for (name, fields) in table {
            let entry = facts.entry(name).or_default();
            entry.extend(fields.split_whitespace().map(|field| (field, presence)));
        }
    }
    facts
});

/// The facts of one type; look fields up with [`Type::presence`].
#[derive(Clone, Copy)]
pub struct Type {
    general: Option<&'static HashMap<&'static str, Presence>>,
    special: Option<&'static HashMap<&'static str, Presence>>,
}

/// Facts of the type of this full name (`io.k8s.api.core.v1.PodSpec`).
pub fn of(name: &str) -> Type {
    let mut parts = name.rsplit('.');
    let kind = parts.next().unwrap_or_default();
    let version = parts.next().unwrap_or_default();
    let group = parts.next().unwrap_or_default();
    // A type name that several groups use may be qualified by group or version.
    let special = FACTS
        .get(format!("{group}.{kind}").as_str())
        .or_else(|| FACTS.get(format!("{version}.{kind}").as_str()));
    Type { general: FACTS.get(kind), special }
}

impl Type {
    /// How a field of this type is written.
    pub fn presence(&self, field: &str, required: bool, shape: &Shape) -> Presence {
        let listed =
            [self.special, self.general].into_iter().flatten().find_map(|facts| facts.get(field));
        match (listed, shape) {
            (Some(presence), _) => *presence,
            _ if required => Presence::Always,
            (None, Shape::Struct(_)) if ["metadata", "spec", "status"].contains(&field) => {
                Presence::Always
            }
            (None, Shape::String(Format::Time | Format::MicroTime)) => Presence::Always,
            (None, Shape::String(_) | Shape::List { .. } | Shape::Map { .. }) => Presence::Omit,
            (None, _) => Presence::Pointer,
        }
    }
}
