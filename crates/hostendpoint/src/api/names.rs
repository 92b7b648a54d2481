//! Names that other programs and people rely on: labels, annotations, taints.

/// Field manager of every server-side apply of this controller.
pub const FIELD_MANAGER: &str = "kubewright-hostendpoint";

/// Label that marks a HostEndpoint as ours. Only objects that carry it are
/// ever deleted.
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";

/// Value of [`MANAGED_BY_LABEL`] on our HostEndpoints.
pub const MANAGED_BY: &str = "kubewright-hostendpoint";

/// Label that names the template a HostEndpoint was made from.
pub const TEMPLATE_LABEL: &str = "kubewright.io/host-endpoint-template";

/// Label with which Calico's kube-controllers mark the endpoints they create;
/// we never adopt those, two writers would fight.
pub const CALICO_CREATED_BY_LABEL: &str = "projectcalico.org/created-by";

/// Annotation on a template that releases a blocked mass deletion of its
/// endpoints: `true`, or the number of nodes that may lose endpoints.
pub const CONFIRM_MASS_DELETE_ANNOTATION: &str = "kubewright.io/confirm-mass-delete";

/// Annotation in which calico-node reports the interfaces of its node, a JSON
/// list of `{name, addresses}`.
pub const CALICO_INTERFACES_ANNOTATION: &str = "projectcalico.org/Interfaces";

/// Startup taint a kubelet registers with (`--register-with-taints`), removed
/// once the node is protected.
pub const UNPROTECTED_TAINT: &str = "kubewright.io/host-unprotected";

/// Type of the Node condition that says whether the node's host endpoints
/// stand.
pub const PROTECTED_CONDITION: &str = "HostProtected";

/// Annotation on a Node by which the boot guard of that node reports:
/// `locked/<boot id>` or `released/<boot id>`. The boot id is that of
/// `status.nodeInfo.bootID`; a report of an earlier boot counts as absent.
pub const GUARD_ANNOTATION: &str = "kubewright.io/host-guard";
