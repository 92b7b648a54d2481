//! Admission plugins for pods: what depends on service accounts, priority classes and
//! limit ranges.

use serde_json::Value;

use super::Core;
use crate::builtin::workloads::admission::{self, limits};
use crate::error::Result;
use crate::meta;
use crate::store::{ObjectKey, ResourceKey};

impl Core {
    fn values(&self, group: &str, plural: &str, namespace: Option<&str>) -> Vec<Value> {
        let objects = self.store.list(&ResourceKey::new(group, plural), namespace).objects;
        objects.iter().map(|object| object.value()).collect()
    }

    /// Changes a new pod as the default plugins do.
    pub(super) fn admit_pod(&self, pod: &mut Value, namespace: &str) -> Result<()> {
        limits::default(pod, &self.values("", "limitranges", Some(namespace)));
        let account = ObjectKey::new(namespace, admission::service_account_name(pod));
        let account = self.store.latest(&ResourceKey::new("", "serviceaccounts"), &account);
        let account = account.map(|stored| stored.value());
        let suffix = crate::rest::random_suffix();
        admission::service_account(pod, account.as_ref(), namespace, &suffix)?;
        admission::priority(pod, None, &self.priority_classes())?;
        admission::tolerations(pod);
        Ok(())
    }

    /// Changes the next state of a pod as the default plugins do.
    pub(super) fn admit_pod_update(&self, pod: &mut Value, live: &Value) -> Result<()> {
        admission::priority(pod, Some(live), &self.priority_classes())?;
        admission::tolerations(pod);
        Ok(())
    }

    /// What must hold of a new pod when everybody has changed it.
    pub(super) fn check_pod(&self, pod: &Value) -> Result<()> {
        limits::check(pod, &self.values("", "limitranges", Some(meta::namespace(pod))))
    }

    fn priority_classes(&self) -> Vec<Value> {
        self.values("scheduling.k8s.io", "priorityclasses", None)
    }
}
