//! What every request and controller shares.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Gates;
use super::controllers::Compiled;
use super::pki::Pki;
use crate::access::account::Key;
use crate::access::{Authorizer, Credentials};
use crate::builtin;
use crate::crd::Definition;
use crate::http::budget::Budget;
use crate::resource::Catalog;
use crate::store::{Pairs, ResourceKey, Store};
use crate::webhook::Webhooks;

/// State of a server.
pub(crate) struct Core {
    pub(crate) store: Store,
    pub(crate) credentials: Credentials,
    pub(crate) authorizer: Arc<Authorizer>,
    /// Signs tokens of service accounts.
    pub(crate) account_key: Key,
    pub(crate) pki: Pki,
    pub(crate) gates: Gates,
    pub(crate) webhooks: Webhooks,
    /// What large requests and answers may take.
    pub(crate) budget: Budget,
    pub(super) definitions: Compiled,
    catalog: watch::Sender<Arc<Catalog>>,
    stopping: CancellationToken,
    /// Held while Services are given addresses.
    pub(super) allocating: tokio::sync::Mutex<()>,
}

impl Core {
    pub(super) fn new(
        store: Store,
        credentials: Credentials,
        (pki, account_key): (Pki, Key),
        gates: Gates,
    ) -> Self {
        let webhooks = Webhooks::new(&store);
        Self {
            authorizer: Arc::new(Authorizer::new(&store)),
            account_key,
            store,
            webhooks,
            budget: Budget::default(),
            definitions: Compiled::default(),
            credentials,
            pki,
            gates,
            catalog: watch::Sender::new(Arc::new(Catalog::new([]))),
            stopping: CancellationToken::new(),
            allocating: tokio::sync::Mutex::new(()),
        }
    }

    /// What is served at this moment.
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        self.catalog.borrow().clone()
    }

    /// Wakes when what is served may have changed.
    pub(super) fn catalog_changes(&self) -> watch::Receiver<Arc<Catalog>> {
        self.catalog.subscribe()
    }

    /// Serves these custom resources from now on.
    pub(super) fn serve_definitions(&self, definitions: &[Arc<Definition>]) {
        self.catalog.send_replace(Arc::new(Catalog::new(definitions)));
    }

    pub(crate) fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Now, as it stands in objects: RFC 3339 with seconds.
    pub(crate) fn now(&self) -> String {
        self.time_after(0)
    }

    /// So many seconds from now.
    pub(crate) fn time_after(&self, seconds: i64) -> String {
        let now = Timestamp::now();
        let then = now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(now);
        then.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}

/// The values of field selectors of an object read from disk.
pub(super) fn stored_fields(resource: &ResourceKey, json: &[u8]) -> Pairs {
    if !Catalog::is_builtin(&resource.group) {
        return Pairs::default();
    }
    let strategy = builtin::strategy(&resource.group, &resource.plural);
    // Most kinds have none: their objects need not be parsed.
    if strategy.selectable_fields(&Value::Null).is_empty() {
        return Pairs::default();
    }
    let value = serde_json::from_slice(json).unwrap_or_default();
    let fields = strategy.selectable_fields(&value).into_iter();
    fields.map(|(name, value)| (name.into(), value.into())).collect()
}
