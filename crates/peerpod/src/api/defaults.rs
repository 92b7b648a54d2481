//! What fields are where a config does not say.

pub(super) fn cloud_secret_name() -> String {
    "peer-pods-secret".to_owned()
}

pub(super) fn config_map_name() -> String {
    "peer-pods-cm".to_owned()
}

pub(super) fn runtime_class_name() -> String {
    "kata-remote".to_owned()
}

pub(super) fn max_unavailable() -> String {
    "1".to_owned()
}

pub(super) fn replicas() -> u16 {
    2
}

pub(super) fn yes() -> bool {
    true
}
