//! Requests for certificates: approved where that is a right, signed where they are
//! approved, deleted when they are old. The rules are in
//! [`signer`](crate::builtin::certificates::signer).

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use super::timed::{self, LONGEST, Look, SOON};
use crate::access::{Attributes, Identity, On, Place};
use crate::builtin::certificates::signer::{self, Asked, Signer};
use crate::error::Result;
use crate::meta;
use crate::resource::Resource;
use crate::rest::{DeleteOptions, Target, delete, internal_update};
use crate::server::Core;
use crate::store::ResourceKey;

const GROUP: &str = "certificates.k8s.io";
const PLURAL: &str = "certificatesigningrequests";

/// How many requests are dealt with at once. Their writes wait for the disk together.
const AT_ONCE: usize = 64;

/// Who approves and signs, for webhooks.
static IDENTITY: LazyLock<Identity> =
    LazyLock::new(|| Identity::controller("certificate-controller"));

struct Certificates {
    approves: bool,
    /// Requests that have been answered, by name: they are not read again at every change of
    /// another one.
    answered: HashMap<Arc<str>, Answered>,
}

/// A request for which there is nothing to do.
struct Answered {
    /// As long as it is of this version,
    version: u64,
    /// and before this.
    until: Instant,
}

/// Starts the signers and the cleaner, and the approver if it is wanted.
pub(super) fn spawn(core: &Arc<Core>, tasks: &TaskTracker, approves: bool) {
    timed::spawn(core, tasks, Certificates { approves, answered: HashMap::new() });
}

impl Look for Certificates {
    fn resources(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::new(GROUP, PLURAL)]
    }

    async fn look(&mut self, core: &Core, now: Timestamp) -> Duration {
        let catalog = core.catalog();
        let Some(resource) = catalog.find(GROUP, "v1", PLURAL) else {
            return Duration::MAX;
        };
        let begin = Instant::now();
        let listed = core.store.list(&resource.key, None).objects;
        let before = std::mem::take(&mut self.answered);
        let (mut open, mut again) = (Vec::new(), Duration::MAX);
        for stored in listed {
            let known = before.get_key_value(&stored.key.name);
            match known.filter(|(_, it)| it.version == stored.resource_version && it.until > begin)
            {
                Some((name, it)) => {
                    again = again.min(it.until - begin);
                    self.answered.insert(name.clone(), Answered { ..*it });
                }
                None => open.push(stored),
            }
        }
        let this = &*self;
        let looks = open.into_iter().map(async |stored| {
            let looked = this.consider(core, resource, resource.load(&stored), now).await;
            let looked = looked.unwrap_or_else(|error| {
                let name = &stored.key.name;
                tracing::warn!(%name, %error, "cannot deal with a request for a certificate");
                Looked { again: SOON, answered: false }
            });
            (stored, looked)
        });
        let looks = futures::stream::iter(looks).buffer_unordered(AT_ONCE);
        for (stored, looked) in looks.collect::<Vec<_>>().await {
            again = again.min(looked.again);
            if looked.answered {
                let until = begin + looked.again.min(LONGEST);
                let answered = Answered { version: stored.resource_version, until };
                self.answered.insert(stored.key.name.clone(), answered);
            }
        }
        again
    }
}

/// What a look at a request found.
struct Looked {
    /// When to look again, if it does not change before.
    again: Duration,
    /// It had been answered, so that there was nothing to do.
    answered: bool,
}

impl Certificates {
    async fn consider(
        &self,
        core: &Core,
        resource: &Arc<Resource>,
        mut object: Value,
        now: Timestamp,
    ) -> Result<Looked> {
        let name = meta::name(&object).to_owned();
        let subresource = |subresource| Target {
            core,
            resource,
            namespace: "",
            name: &name,
            subresource,
            identity: Some(&IDENTITY),
        };
        let stale = signer::stale_from(&object);
        if stale.is_some_and(|at| at <= now) {
            let options = DeleteOptions {
                uid: Some(meta::uid(&object).to_owned()),
                ..DeleteOptions::default()
            };
            delete(&subresource(""), &options).await?;
            return Ok(Looked { again: Duration::MAX, answered: false });
        }
        let again = stale.map_or(Duration::MAX, |at| timed::until(at, now));
        let denied = signer::condition(&object, "Denied").is_some();
        let issued = object["status"]["certificate"].as_str().is_some_and(|it| !it.is_empty());
        if denied || issued || signer::condition(&object, "Failed").is_some() {
            return Ok(Looked { again, answered: true });
        }
        let open = Looked { again, answered: false };
        let signer = Signer::named(object["spec"]["signerName"].as_str().unwrap_or_default());
        let (Some(signer), Some(asked)) = (signer, Asked::of(&object)) else {
            return Ok(open);
        };
        if signer::condition(&object, "Approved").is_none() {
            match self.approve(core, &subresource("approval"), &object, &asked).await? {
                Some(approved) => object = approved,
                None => return Ok(open),
            }
        }
        let result = match signer.check(&asked) {
            Err(why) => failed(&why),
            Ok(()) => {
                let usages = asked.usages.iter().map(String::as_str);
                let validity = signer::validity(&object);
                match core.pki.issue(&asked.der, usages, validity, now) {
                    Ok(certificate) => json!({ "certificate": STANDARD.encode(certificate) }),
                    // What is wrong with the request stays wrong: nobody waits for this.
                    Err(error) => {
                        tracing::warn!(%name, %error, "cannot sign a request");
                        return Ok(open);
                    }
                }
            }
        };
        internal_update(&subresource("status"), |object| note(object, &result)).await?;
        Ok(open)
    }

    /// The request, if it is approved now.
    async fn approve(
        &self,
        core: &Core,
        target: &Target<'_>,
        object: &Value,
        asked: &Asked,
    ) -> Result<Option<Value>> {
        let Some((right, message)) = signer::approval(object, asked).filter(|_| self.approves)
        else {
            return Ok(None);
        };
        if !may(core, object, right) {
            return Ok(None);
        }
        let approved = json!({ "conditions": [{ "type": "Approved", "status": "True",
            "reason": "AutoApproved", "message": message }] });
        let written = internal_update(target, |object| note(object, &approved)).await?.object;
        // Somebody may have denied it in this moment.
        let decided = signer::condition(&written, "Approved").is_some()
            && signer::condition(&written, "Denied").is_none();
        Ok(decided.then_some(written))
    }
}

/// Whether the requester may create this subresource of requests.
fn may(core: &Core, object: &Value, right: &str) -> bool {
    let texts = |value: &Value| -> Vec<String> {
        let list = value.as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let user = object["spec"]["username"].as_str().unwrap_or_default();
    let identity = Identity::new(user, texts(&object["spec"]["groups"]));
    let place = Place { group: GROUP, resource: PLURAL, subresource: right, ..Place::default() };
    let asked = Attributes { identity: &identity, verb: "create", on: On::Resource(place) };
    core.authorizer.decide(&asked).allowed
}

fn failed(why: &str) -> Value {
    json!({ "conditions": [{ "type": "Failed", "status": "True",
        "reason": "SignerValidationFailure", "message": why }] })
}

/// Adds to the status, unless somebody else has decided meanwhile.
fn note(object: &mut Value, news: &Value) {
    let decided = ["Denied", "Failed"].iter().any(|it| signer::condition(object, it).is_some());
    let issued = !object["status"]["certificate"].is_null();
    if decided || issued {
        return;
    }
    if let Some(certificate) = news.get("certificate") {
        object["status"]["certificate"] = certificate.clone();
    }
    for condition in news["conditions"].as_array().into_iter().flatten() {
        let kind = condition["type"].as_str().unwrap_or_default();
        if signer::condition(object, kind).is_some() {
            continue;
        }
        match object["status"]["conditions"].as_array_mut() {
            Some(list) => list.push(condition.clone()),
            None => object["status"]["conditions"] = json!([condition]),
        }
    }
}
