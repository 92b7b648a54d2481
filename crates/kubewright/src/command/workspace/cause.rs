//! Failures of components as data.

use std::error::Error;

use kubewright_workspace::name::ComponentName;
use serde::Serialize;

/// One failure, with what led to it.
#[derive(Debug, Serialize)]
pub(super) struct Cause {
    /// The component, where it is one that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<ComponentName>,
    /// What failed.
    error: String,
    /// Why, the nearest cause first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    because: Vec<String>,
}

impl Cause {
    pub(super) fn new(component: Option<&ComponentName>, error: &dyn Error) -> Self {
        let mut because = Vec::new();
        let mut next = error.source();
        while let Some(cause) = next {
            because.push(cause.to_string());
            next = cause.source();
        }
        Self { component: component.cloned(), error: error.to_string(), because }
    }
}
