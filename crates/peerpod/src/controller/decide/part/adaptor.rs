//! The adaptor's DaemonSet.

use sha2::{Digest, Sha256};

use super::{Keeper, Part, Progress};
use crate::controller::decide::survey::tolerations;
use crate::controller::decide::{Config, Target};
use crate::controller::sighting::Kind;
use crate::controller::sighting::record::is_ours;
use crate::objects::adaptor::{self, Placement, Settings};

impl<'w> Keeper<'_, 'w> {
    /// Plans the adaptor; `stays`: something else has to go before it.
    pub(in crate::controller::decide) fn adaptor(&mut self, stays: bool) -> Part {
        if let Some(config) = self.survey.held_back_by() {
            // It may be for nodes of that config, which nobody knows now.
            let message =
                format!("it stays as it is while PeerPodConfig {} cannot be read", config.key);
            let left = self.live(Kind::DaemonSets, adaptor::NAME).is_some();
            return Part { progress: Progress::Not("Held", message), of: None, left };
        }
        let Some(config) = self.source(|spec| spec.adaptor.enabled) else {
            let ours = self
                .live(Kind::DaemonSets, adaptor::NAME)
                .is_some_and(|live| is_ours(&live.metadata));
            let left = ours && (stays || self.delete(Kind::DaemonSets, adaptor::NAME));
            return Part { progress: Progress::Off, of: None, left };
        };
        let progress = self.daemon_set(config);
        Part { progress, of: Some(config.key.clone()), left: false }
    }

    fn daemon_set(&mut self, config: &Config<'w>) -> Progress {
        let (spec, options) = (&config.config.spec, self.options);
        let settings = self.settings(config);
        let environment = options.adaptor_image.as_deref();
        let image = match adaptor::image(spec, environment, &settings, &options.namespace) {
            Ok(image) => image,
            Err(error) => return Progress::Not("NoImage", error.to_string()),
        };
        let owner = config.owner(&options.namespace);
        let selectors =
            self.survey.live().chain(self.survey.retiring(self.world)).map(|one| &one.selector);
        let placement =
            Placement { selectors: selectors.collect(), tolerations: tolerations(self.world) };
        let manifest = adaptor::daemon_set(
            spec,
            &placement,
            &image,
            &settings,
            &options.namespace,
            owner.as_ref(),
        );
        let fits = self.apply(Kind::DaemonSets, manifest, config.is_held());
        let live = self.live(Kind::DaemonSets, adaptor::NAME).filter(|_| fits);
        let Some(live) = live else {
            let target = Target::Owned(Kind::DaemonSets, adaptor::NAME.to_owned());
            let writing = || Progress::Not("Applying", "the DaemonSet is being written".to_owned());
            return self.refused(&[target]).unwrap_or_else(writing);
        };
        let count = |field: &str| live.data["status"][field].as_u64().unwrap_or(0);
        let observed = live.data["status"]["observedGeneration"].as_i64();
        if observed.is_none() || observed != live.metadata.generation {
            return Progress::Not("Pending", "the DaemonSet has not been looked at yet".to_owned());
        }
        let (ready, wanted) = (count("numberReady"), count("desiredNumberScheduled"));
        if ready < wanted {
            let message = format!("the adaptor is ready on {ready} of {wanted} nodes");
            return Progress::Not("Pending", message);
        }
        Progress::Ready
    }

    /// What the config's ConfigMap and Secret say. The ConfigMap comes first.
    fn settings(&self, config: &Config<'_>) -> Settings {
        let spec = &config.config.spec;
        let key = |name: &str| format!("{}/{name}", self.options.namespace);
        let map = self.world.config_maps.get(&key(&spec.config_map_name));
        let secret = self.world.secrets.get(&key(&spec.cloud_secret_name));
        let mut digest = Sha256::new();
        for record in [map, secret] {
            digest.update(record.map_or([0; 32], |record| record.digest));
        }
        let provider =
            [map, secret].into_iter().flatten().find_map(|record| record.provider.clone());
        let digest: [u8; 32] = digest.finalize().into();
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Settings { provider, digest }
    }
}
