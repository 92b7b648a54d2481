//! Deletions that the end of an earlier server cut in two.
//!
//! A graceful kind is first marked as gone in no time, then removed: two writes, so that
//! watchers see both. What stands between them when a server starts is waited for by nobody.

use crate::meta;
use crate::rest::{DeleteOptions, Target, delete};
use crate::server::Core;

/// Finishes them. To be called before anything is served.
pub(super) async fn finish(core: &Core) {
    let catalog = core.catalog();
    // No other kind has a grace period.
    let Some(pods) = catalog.find("", "v1", "pods") else {
        return;
    };
    for stored in core.store.list(&pods.key, None).objects {
        let pod = stored.value();
        let grace = meta::get(&pod, "deletionGracePeriodSeconds").and_then(|value| value.as_i64());
        if !meta::is_terminating(&pod) || grace != Some(0) || !meta::finalizers(&pod).is_empty() {
            continue;
        }
        let (namespace, name) = (&*stored.key.namespace, &*stored.key.name);
        let target =
            Target { core, resource: pods, namespace, name, subresource: "", identity: None };
        let options = DeleteOptions {
            grace_period: Some(0),
            uid: Some(meta::uid(&pod).to_owned()),
            ..DeleteOptions::default()
        };
        if let Err(error) = delete(&target, &options).await {
            tracing::warn!(namespace, name, %error, "cannot finish an interrupted deletion");
        }
    }
}
