//! The objects that every cluster begins with.

use serde_json::{Value, json};

use super::Core;
use crate::error::{Error, Result};
use crate::rest::{Body, Target, WriteOptions, create};

const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

pub(super) async fn run(core: &Core) -> Result<()> {
    for name in NAMESPACES {
        let object = json!({ "metadata": { "name": name } });
        ensure(core, ("", "v1", "namespaces"), "", &object).await?;
    }
    Ok(())
}

/// Creates an object unless it is there already (from an earlier run).
pub(super) async fn ensure(
    core: &Core,
    (group, version, plural): (&str, &str, &str),
    namespace: &str,
    object: &Value,
) -> Result<()> {
    let catalog = core.catalog();
    let resource = catalog.find(group, version, plural).ok_or_else(Error::unknown_path)?;
    let target = Target { core, resource, namespace, name: "", subresource: "", identity: None };
    let bytes = serde_json::to_vec(object).map_err(Error::internal)?;
    let body = Body { encoding: crate::http::Encoding::Json, bytes: &bytes };
    match create(&target, body, &WriteOptions::internal()).await {
        Err(error) if error.reason != "AlreadyExists" => Err(error),
        _ => Ok(()),
    }
}
