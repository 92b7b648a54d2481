//! What the watches tell, and which pods it concerns.

use kubewright_attachment::annotation::Dialect;

use super::Core;
use crate::agent::publish;
use crate::agent::watch::Sighting;
use crate::pod::Pod;

impl Core {
    pub(super) fn sighted(&mut self, sighting: Sighting) {
        match sighting {
            Sighting::PodsBegin => self.node.pods_mut().begin(),
            Sighting::Pod(pod) => self.pod_seen(*pod),
            Sighting::PodGone(key, uid) => {
                let gone = self.node.pods_mut().gone(&key, &uid);
                if let Some(gone) = gone {
                    self.pod_gone(&gone);
                }
            }
            Sighting::PodsEnd => {
                let first = !self.node.pods().synced();
                let lost = self.node.pods_mut().end();
                for pod in &lost {
                    self.pod_gone(pod);
                }
                self.node.context.ready.ready();
                if first {
                    // Records of pods that are gone since this node was last looked after.
                    for uid in self.recorded.clone() {
                        self.add(&uid);
                    }
                }
            }
            Sighting::DefinitionsBegin(kind) => self.node.definitions_mut().begin(kind),
            Sighting::Definition(key, definition) => {
                let kind = key.dialect();
                let news = self.node.definitions_mut().seen(key, *definition);
                if news && self.node.definitions().complete(kind) {
                    self.definitions_changed(kind);
                }
            }
            Sighting::DefinitionGone(key) => {
                if self.node.definitions_mut().gone(&key) {
                    self.definitions_changed(key.dialect());
                }
            }
            Sighting::DefinitionsEnd(kind) => {
                if self.node.definitions_mut().end(kind) {
                    self.definitions_changed(kind);
                }
            }
            Sighting::NotServed(kind) => {
                if self.node.definitions_mut().not_served(kind) {
                    tracing::info!(
                        kind = crate::definition::resource(kind),
                        "not served: there are none, until they are"
                    );
                    self.definitions_changed(kind);
                }
            }
            Sighting::Away(what, error) => {
                tracing::warn!(what, error, "cannot be watched");
                if !self.node.pods().synced() {
                    let why = format!("{what} of node {} not known yet", self.node.options.node);
                    self.node.context.ready.not_ready(why);
                }
                return;
            }
        }
        self.node.news.send_modify(|count| *count = count.wrapping_add(1));
        let all = self.node.pods().iter().count();
        let failing = self.tellings.values().filter(|it| !it.notice.failures.is_empty()).count();
        self.node.metrics.pods(all, failing);
    }

    fn pod_seen(&mut self, pod: Pod) {
        let uid = pod.uid.clone();
        let concerned = pod.asks() || pod.speaks_of_errors() || self.recorded.contains(&uid);
        let told = self.tellings.get(&uid).is_none_or(|telling| {
            telling.writing
                || self.untold.concerns(&uid)
                || publish::edits(&pod.annotations, &telling.notice).is_empty()
        });
        let before = self.node.pods_mut().seen(pod.clone());
        let changed = match &before {
            None => true,
            Some(before) if before.uid != uid => {
                self.pod_gone(before);
                true
            }
            Some(before) => {
                if before.life != pod.life {
                    // The runtime is asked whether it still is the same sandbox.
                    self.node.sandboxes().forget(&uid);
                }
                let asks_anew = before.annotations.standard != pod.annotations.standard
                    || before.annotations.kaloom != pod.annotations.kaloom
                    || before.finished != pod.finished;
                if asks_anew {
                    self.outdate(&uid);
                }
                asks_anew || before.life != pod.life || before.api_uid != pod.api_uid
            }
        };
        let asked = before.is_some_and(|before| before.asks());
        if (changed || !told) && (concerned || asked) {
            self.add(&uid);
        }
    }

    fn pod_gone(&mut self, pod: &Pod) {
        self.tellings.remove(&pod.uid);
        self.node.context.events.forget(&pod.reference());
        // The mirror of a static pod comes and goes as it likes; the pod goes with its sandbox.
        if pod.uid == pod.api_uid
            && (self.recorded.contains(&pod.uid) || self.running.contains_key(&pod.uid))
        {
            self.outdate(&pod.uid);
            self.add(&pod.uid);
        }
    }

    /// A definition matters to all pods that ask for networks of its kind.
    fn definitions_changed(&mut self, kind: Dialect) {
        let concerned: Vec<String> = {
            let pods = self.node.pods();
            let asks = |pod: &&Pod| match kind {
                Dialect::Kaloom => pod.annotations.kaloom.is_some(),
                Dialect::Standard => pod.annotations.standard.is_some(),
            };
            pods.iter().filter(asks).map(|pod| pod.uid.clone()).collect()
        };
        for uid in concerned {
            self.add(&uid);
        }
    }
}
