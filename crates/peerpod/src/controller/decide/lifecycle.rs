//! From the first sight of a config to its end: the finalizer.

use std::collections::BTreeMap;

use super::capacity::Advertised;
use super::part::Part;
use super::{Action, Decision, Survey};
use crate::controller::sighting::Kind;

/// Holds configs until everything of them is gone.
pub(super) fn finalizers(
    survey: &Survey<'_>,
    advertised: &BTreeMap<String, Advertised>,
    parts: [&Part; 2],
    decision: &mut Decision,
) {
    // A part that has been handed over but not been written yet still names its former owner, and
    // Kubernetes would delete it with that.
    let unsettled = decision.actions.iter().any(|action| match action {
        Action::Apply { .. } => true,
        Action::Delete { kind, .. } => *kind != Kind::Secrets,
        _ => false,
    });
    let parts_left = unsettled || parts.iter().any(|part| part.left);
    let mut first = Vec::new();
    for config in &survey.configs {
        if !config.is_deleted() {
            // A conflicted config owns nothing, and is not held.
            if !config.is_held() && config.conflict.is_none() {
                first.push(Action::AddFinalizer { config: config.key.clone() });
            }
            continue;
        }
        let capacity_left = advertised.get(&config.key).is_some_and(|all| all.left > 0);
        let needed = parts.iter().any(|part| part.of.as_deref() == Some(&config.key));
        if config.is_held() && !capacity_left && !needed && !parts_left {
            decision.actions.push(Action::RemoveFinalizer { config: config.key.clone() });
        }
    }
    // Before anything that would have to be cleaned up.
    decision.actions.splice(0..0, first);
}
