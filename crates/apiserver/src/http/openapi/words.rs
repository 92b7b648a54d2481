//! What the fields of built-in kinds mean, in the words of Kubernetes.
//!
//! The shapes of 1.28 come without descriptions; `k8s-openapi` has them, of a newer release,
//! for nearly every field. They are written down when somebody asks and are not kept: half of
//! the published text is descriptions.

use k8s_openapi::api::{
    admissionregistration::v1 as admission, apps::v1 as apps, authentication::v1 as authentication,
    authorization::v1 as authorization, autoscaling, batch::v1 as batch,
    certificates::v1 as certificates, coordination::v1 as coordination, core::v1 as core,
    discovery::v1 as discovery, events::v1 as events, flowcontrol::v1 as flow,
    networking::v1 as networking, node::v1 as node, policy::v1 as policy, rbac::v1 as rbac,
    scheduling::v1 as scheduling, storage::v1 as storage,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as extensions;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1 as aggregation;
use k8s_openapi::schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

/// Descriptions of types, by their full names.
pub(super) struct Words(Map<String, Value>);

macro_rules! kinds {
    ($generator:ident: $($group:literal => $($kind:ty),+;)+) => {
        fn describe(group: &str, $generator: &mut SchemaGenerator) {
            match group {
                $($group => { $(collect::<$kind>($generator);)+ })+
                _ => {}
            }
        }
    };
}

kinds! { generator:
    "" => core::Binding, core::ComponentStatus, core::ConfigMap, core::Endpoints, core::Event,
        core::LimitRange, core::Namespace, core::Node, core::PersistentVolume,
        core::PersistentVolumeClaim, core::Pod, core::PodTemplate, core::ReplicationController,
        core::ResourceQuota, core::Secret, core::Service, core::ServiceAccount;
    "admissionregistration.k8s.io" => admission::MutatingWebhookConfiguration,
        admission::ValidatingWebhookConfiguration;
    "apiextensions.k8s.io" => extensions::CustomResourceDefinition;
    "apiregistration.k8s.io" => aggregation::APIService;
    "apps" => apps::ControllerRevision, apps::DaemonSet, apps::Deployment, apps::ReplicaSet,
        apps::StatefulSet;
    "authentication.k8s.io" => authentication::SelfSubjectReview, authentication::TokenRequest,
        authentication::TokenReview;
    "authorization.k8s.io" => authorization::LocalSubjectAccessReview,
        authorization::SelfSubjectAccessReview, authorization::SelfSubjectRulesReview,
        authorization::SubjectAccessReview;
    "autoscaling" => autoscaling::v1::HorizontalPodAutoscaler, autoscaling::v1::Scale,
        autoscaling::v2::HorizontalPodAutoscaler;
    "batch" => batch::CronJob, batch::Job;
    "certificates.k8s.io" => certificates::CertificateSigningRequest;
    "coordination.k8s.io" => coordination::Lease;
    "discovery.k8s.io" => discovery::EndpointSlice;
    "events.k8s.io" => events::Event;
    "flowcontrol.apiserver.k8s.io" => flow::FlowSchema, flow::PriorityLevelConfiguration;
    "networking.k8s.io" => networking::Ingress, networking::IngressClass,
        networking::NetworkPolicy;
    "node.k8s.io" => node::RuntimeClass;
    "policy" => policy::Eviction, policy::PodDisruptionBudget;
    "rbac.authorization.k8s.io" => rbac::ClusterRole, rbac::ClusterRoleBinding, rbac::Role,
        rbac::RoleBinding;
    "scheduling.k8s.io" => scheduling::PriorityClass;
    "storage.k8s.io" => storage::CSIDriver, storage::CSINode, storage::CSIStorageCapacity,
        storage::StorageClass, storage::VolumeAttachment;
}

/// Notes a type and everything that it consists of.
fn collect<T: JsonSchema>(generator: &mut SchemaGenerator) {
    generator.subschema_for::<T>();
}

impl Words {
    /// Descriptions of the kinds of these groups and of everything that they consist of.
    /// Custom resources consist of `ObjectMeta`, which every group knows.
    pub(super) fn of<'a>(groups: impl Iterator<Item = &'a str>) -> Self {
        let mut generator = SchemaGenerator::default();
        groups.for_each(|group| describe(group, &mut generator));
        collect::<k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta>(&mut generator);
        Self(generator.take_definitions(false))
    }

    /// Writes the descriptions of a type into its schema.
    pub(super) fn describe(&self, name: &str, schema: &mut Value) {
        // The kinds of beta versions are those of the first stable one, with some fields less.
        let stable = name.replace(".v1beta2.", ".v1.").replace(".v1beta3.", ".v1.");
        let Some(words) = self.0.get(name).or_else(|| self.0.get(&stable)) else {
            return;
        };
        copy(words, schema);
        for (field, schema) in schema["properties"].as_object_mut().into_iter().flatten() {
            copy(&words["properties"][field], schema);
        }
    }
}

fn copy(words: &Value, schema: &mut Value) {
    if let Some(text) = words.get("description") {
        schema["description"] = text.clone();
    }
}
