//! Tokens in Secrets: whoever makes a Secret of that type for a service account finds a token
//! in it, as long as the account is there.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use crate::access::Identity;
use crate::access::account::{ACCOUNT_NAME, ACCOUNT_UID, SECRET_TYPE, legacy_claims};
use crate::access::follow::{Follower, News};
use crate::error::{Error, Result};
use crate::meta;
use crate::rest::{DeleteOptions, Target, WriteOptions, change, delete};
use crate::server::Core;
use crate::store::{ObjectKey, ResourceKey, Stored};

const MANAGER: &str = "tokens-controller";

fn accounts() -> ResourceKey {
    ResourceKey::new("", "serviceaccounts")
}

fn secrets() -> ResourceKey {
    ResourceKey::new("", "secrets")
}

/// Looks only at what changed: clusters have many secrets, and few of this type.
pub(super) fn spawn(core: &Arc<Core>, tasks: &TaskTracker) {
    let core = core.clone();
    tasks.spawn(async move {
        let stopping = core.stopping();
        let mut secret = Follower::new(&core.store, "", "secrets");
        let mut account = Follower::new(&core.store, "", "serviceaccounts");
        loop {
            let due = collect(&core, &mut secret, &mut account);
            for key in due {
                if let Err(error) = settle(&core, &key).await {
                    tracing::warn!(namespace = %key.namespace, name = %key.name, %error,
                        "cannot keep the token of a secret");
                }
            }
            tokio::select! {
                () = stopping.cancelled() => return,
                () = secret.behind() => {}
                () = account.behind() => {}
            }
        }
    });
}

fn is_token(secret: &Stored) -> bool {
    secret.fields.iter().any(|(name, value)| &**name == "type" && &**value == SECRET_TYPE)
}

/// The secrets that may need something.
fn collect(core: &Core, secret: &mut Follower, account: &mut Follower) -> Vec<ObjectKey> {
    let mut due = Vec::new();
    secret.catch_up(&core.store, |news| {
        if let News::Is(secret) = news
            && is_token(secret)
        {
            due.push(secret.key.clone());
        }
    });
    let mut gone = Vec::new();
    account.catch_up(&core.store, |news| {
        if let News::Gone(account) = news {
            gone.push(account.key.namespace.clone());
        }
    });
    gone.sort();
    gone.dedup();
    for namespace in gone {
        let all = core.store.list(&secrets(), Some(&namespace)).objects;
        due.extend(all.iter().filter(|secret| is_token(secret)).map(|secret| secret.key.clone()));
    }
    due
}

/// Fills a secret, or removes it when there is no account for it.
async fn settle(core: &Core, key: &ObjectKey) -> Result<()> {
    let Some(stored) = core.store.latest(&secrets(), key) else {
        return Ok(());
    };
    let secret = stored.value();
    let name = meta::annotation(&secret, ACCOUNT_NAME).unwrap_or_default();
    let account = core.store.latest(&accounts(), &ObjectKey::new(&key.namespace, name));
    let account = account.map(|stored| stored.value());
    let same = |account: &Value| {
        let uid = meta::annotation(&secret, ACCOUNT_UID).unwrap_or_default();
        uid.is_empty() || uid == meta::uid(account)
    };
    let catalog = core.catalog();
    let resource = catalog.find("", "v1", "secrets").ok_or_else(Error::unknown_path)?;
    let identity = Identity::new("system:kube-controller-manager", []);
    let target = Target {
        core,
        resource,
        namespace: &key.namespace,
        name: &key.name,
        subresource: "",
        identity: Some(&identity),
    };
    let Some(account) = account.filter(same) else {
        let options =
            DeleteOptions { uid: Some(meta::uid(&secret).to_owned()), ..DeleteOptions::default() };
        return ignoring("NotFound", delete(&target, &options).await.map(drop));
    };
    if is_complete(core, &secret, &account) || meta::is_terminating(&secret) {
        return Ok(());
    }
    let token = core.account_key.sign(&legacy_claims(&account, &key.name));
    let token = token.ok_or_else(|| Error::internal("the token cannot be signed"))?;
    let options = WriteOptions { manager: MANAGER.to_owned(), ..WriteOptions::internal() };
    let written = change(&target, &options, true, |live| {
        let mut object = live.clone();
        let data = meta::child_mut(&mut object, "data");
        let values = [
            ("ca.crt", core.pki.certificate_pem()),
            ("namespace", &key.namespace),
            ("token", &token),
        ];
        for (field, value) in values {
            data.insert(field.to_owned(), json!(STANDARD.encode(value)));
        }
        meta::set_annotation(&mut object, ACCOUNT_UID, meta::uid(&account));
        Ok(object)
    });
    ignoring("NotFound", written.await.map(drop))
}

fn ignoring(reason: &str, result: Result<()>) -> Result<()> {
    match result {
        Err(error) if error.reason != reason => Err(error),
        _ => Ok(()),
    }
}

/// Whether everything is in it, and the server would accept the token.
fn is_complete(core: &Core, secret: &Value, account: &Value) -> bool {
    let data = |field: &str| {
        let bytes = STANDARD.decode(secret["data"][field].as_str().unwrap_or_default());
        String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
    };
    data("ca.crt") == core.pki.certificate_pem()
        && data("namespace") == meta::namespace(secret)
        && meta::annotation(secret, ACCOUNT_UID) == Some(meta::uid(account))
        && core.account_key.recognizes(&data("token"))
}
