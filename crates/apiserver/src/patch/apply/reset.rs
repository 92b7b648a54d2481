//! What an endpoint throws away, and so cannot own.
//!
//! Writes to a resource do not change its status, and writes to the status not much
//! else. The lists are those of the `GetResetFields` methods of Kubernetes 1.28.

use super::Set;

/// Fields that a write through this endpoint of a built-in kind resets; `subresource` is
/// empty for the resource itself. Pass it to [`track_update`](super::track_update) and
/// [`apply`](super::apply).
pub fn built_in(group: &str, kind: &str, subresource: &str) -> Set {
    let fields: &[&[&str]] = match (group, kind, subresource) {
        ("", "Pod", "status") => {
            &[&["spec"], &["metadata", "deletionTimestamp"], &["metadata", "ownerReferences"]]
        }
        ("apps", "Deployment", "status") => &[&["spec"], &["metadata", "labels"]],
        ("certificates.k8s.io", "CertificateSigningRequest", "status") => {
            &[&["spec"], &["status", "conditions"]]
        }
        ("certificates.k8s.io", "CertificateSigningRequest", "approval") => {
            &[&["spec"], &["status", "certificate"]]
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition", "status")
        | ("storage.k8s.io", "VolumeAttachment", "status") => &[&["metadata"], &["spec"]],
        (_, _, "status") => &[&["spec"]],
        // A scale is a view of the replicas alone.
        (_, _, "scale") => &[],
        _ => &[&["status"]],
    };
    Set::of_fields(fields)
}

/// The same for a custom resource, whose status is reset only when its CRD has the
/// status subresource.
pub fn custom(has_status: bool, subresource: &str) -> Set {
    match subresource {
        "status" => Set::of_fields(&[&["spec"]]),
        "" if has_status => Set::of_fields(&[&["status"]]),
        _ => Set::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_the_rest_are_written_apart() {
        assert_eq!(built_in("", "Node", ""), Set::of_fields(&[&["status"]]));
        assert_eq!(built_in("", "Node", "status"), Set::of_fields(&[&["spec"]]));
        assert!(built_in("apps", "Deployment", "scale").is_empty());
        assert_eq!(custom(true, ""), Set::of_fields(&[&["status"]]));
        assert!(custom(false, "").is_empty());
    }
}
