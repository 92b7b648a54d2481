//! `pods/eviction`: a deletion that disruption budgets may refuse.

use http::StatusCode;
use serde_json::Value;

use super::{Request, admit, created, decode};
use crate::access::node::restriction::{self, Write};
use crate::builtin::workloads::eviction::{self, Reason, Verdict};
use crate::decode::Kind;
use crate::error::{Error, Result};
use crate::meta;
use crate::rest::{DeleteOptions, Target, change, delete};
use crate::store::ResourceKey;
use crate::webhook::Operation;

/// How often a budget that changed meanwhile is looked at again.
const TRIES: usize = 20;

pub(super) async fn handle(
    target: &Target<'_>,
    request: &Request<'_>,
) -> Result<(StatusCode, Value)> {
    let mut object = decode(request, target, &Kind::new("policy", "v1", "Eviction"))?;
    admit(target, request, Operation::Create, &mut object, &Value::Null).await?;
    let options = &object["deleteOptions"];
    let mut options =
        DeleteOptions::from_body(if options.is_null() { &Value::Null } else { options })?;
    options.dry_run |= request.options.dry_run;
    restriction::check(target, Write::Create(&object))?;
    // The eviction has passed admission; what follows from it is the server's own doing.
    let pod = Target { subresource: "", identity: None, ..*target };
    for _ in 0..TRIES {
        match try_evict(&pod, request, &options).await {
            Err(error) if error.reason == "Conflict" && options.resource_version.is_none() => {}
            other => return other.map(|()| created()),
        }
    }
    Err(Error::modified(&target.resource.group_resource(), target.name))
}

async fn try_evict(
    target: &Target<'_>,
    request: &Request<'_>,
    options: &DeleteOptions,
) -> Result<()> {
    let pod = target.resource.load(&*target.get()?);
    let budgets = ResourceKey::new("policy", "poddisruptionbudgets");
    let budgets = target.core.store.list(&budgets, Some(target.namespace)).objects;
    let budgets: Vec<Value> = budgets.iter().map(|budget| budget.value()).collect();
    let verdict = eviction::judge(&pod, &budgets, &target.core.now())?;
    if let (Verdict::Spend(budget), false) = (verdict, options.dry_run) {
        spend(target, request, &budget).await?;
    }
    if !options.dry_run {
        let status = Target { subresource: "status", ..*target };
        change(&status, request.options, true, |live| {
            let mut pod = live.clone();
            eviction::mark(&mut pod, Reason::Eviction, &target.core.now());
            Ok(pod)
        })
        .await?;
    }
    delete(target, options).await.map(drop)
}

/// Counts the eviction in the budget, if nobody else has changed it.
async fn spend(target: &Target<'_>, request: &Request<'_>, budget: &Value) -> Result<()> {
    let catalog = target.core.catalog();
    let kind = catalog.find("policy", "v1", "poddisruptionbudgets");
    let resource = kind.ok_or_else(Error::unknown_path)?;
    let name = meta::name(budget);
    let target = Target { resource, name, subresource: "status", ..*target };
    change(&target, request.options, true, |live| {
        let mut next = live.clone();
        next["status"] = budget["status"].clone();
        meta::set_resource_version(&mut next, meta::resource_version(budget));
        Ok(next)
    })
    .await
    .map(drop)
}
