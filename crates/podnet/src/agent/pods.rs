//! The pods of this node, as the API server tells them.

use std::collections::{HashMap, HashSet};

use crate::pod::{Pod, PodKey};

/// The pods, by name and by the UID under which the runtime knows them.
#[derive(Debug, Default)]
pub(crate) struct Pods {
    by_key: HashMap<PodKey, Pod>,
    keys: HashMap<String, PodKey>,
    listing: Option<HashSet<PodKey>>,
    synced: bool,
}

impl Pods {
    /// Whether a pod that is not here does not exist.
    pub(crate) fn synced(&self) -> bool {
        self.synced
    }

    /// A pod by its names.
    pub(crate) fn get(&self, key: &PodKey) -> Option<&Pod> {
        self.by_key.get(key)
    }

    /// A pod by its UID.
    pub(crate) fn of_uid(&self, uid: &str) -> Option<&Pod> {
        self.by_key.get(self.keys.get(uid)?)
    }

    /// All pods.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pod> {
        self.by_key.values()
    }

    /// A list begins.
    pub(crate) fn begin(&mut self) {
        self.listing = Some(HashSet::new());
    }

    /// A pod was seen; what it was before comes back, also when that was another pod of its name.
    pub(crate) fn seen(&mut self, pod: Pod) -> Option<Pod> {
        if let Some(listing) = &mut self.listing {
            listing.insert(pod.key.clone());
        }
        let (key, uid) = (pod.key.clone(), pod.uid.clone());
        let before = self.by_key.insert(key.clone(), pod);
        if let Some(before) = before.as_ref().filter(|before| before.uid != uid) {
            self.keys.remove(&before.uid);
        }
        self.keys.insert(uid, key);
        before
    }

    /// A pod is gone, if it is still the one of this UID.
    pub(crate) fn gone(&mut self, key: &PodKey, uid: &str) -> Option<Pod> {
        if self.by_key.get(key).is_none_or(|pod| pod.uid != uid) {
            return None;
        }
        self.keys.remove(uid);
        self.by_key.remove(key)
    }

    /// A list ends: the pods that it did not name come back, and are gone.
    pub(crate) fn end(&mut self) -> Vec<Pod> {
        self.synced = true;
        let Some(listed) = self.listing.take() else { return Vec::new() };
        let lost: Vec<PodKey> =
            self.by_key.keys().filter(|key| !listed.contains(*key)).cloned().collect();
        let lost = lost.iter().filter_map(|key| self.by_key.remove(key));
        let lost: Vec<Pod> = lost.collect();
        for pod in &lost {
            self.keys.remove(&pod.uid);
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pod::WirePod;

    fn pod(name: &str, uid: &str) -> Pod {
        let pod = serde_json::json!({ "metadata": { "namespace": "a", "name": name, "uid": uid } });
        serde_json::from_value::<WirePod>(pod).unwrap().into()
    }

    #[test]
    fn a_pod_that_is_made_anew_is_another_one() {
        let mut pods = Pods::default();
        assert!(pods.seen(pod("p", "1")).is_none());
        assert_eq!(pods.seen(pod("p", "2")).unwrap().uid, "1");
        assert!(pods.of_uid("1").is_none());
        assert_eq!(pods.of_uid("2").unwrap().uid, "2");
        assert!(pods.gone(&PodKey::new("a", "p"), "1").is_none(), "of the one before");
        assert!(pods.gone(&PodKey::new("a", "p"), "2").is_some());
        assert!(pods.of_uid("2").is_none() && pods.iter().next().is_none());
    }

    #[test]
    fn what_a_list_does_not_name_is_gone() {
        let mut pods = Pods::default();
        pods.begin();
        pods.seen(pod("p", "1"));
        pods.seen(pod("q", "2"));
        assert!(!pods.synced() && pods.end().is_empty() && pods.synced());
        pods.begin();
        pods.seen(pod("q", "2"));
        let lost = pods.end();
        assert_eq!(lost.len(), 1);
        assert_eq!(lost[0].uid, "1");
        assert!(pods.of_uid("1").is_none() && pods.of_uid("2").is_some());
    }
}
