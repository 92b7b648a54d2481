//! `pods/binding`: what a scheduler decides.

use http::StatusCode;
use serde_json::Value;

use super::{Request, admit, created, decode};
use crate::builtin::workloads::binding;
use crate::decode::Kind;
use crate::error::{Error, GroupName, Result};
use crate::rest::{Target, change};
use crate::webhook::Operation;

pub(super) async fn handle(
    target: &Target<'_>,
    request: &Request<'_>,
) -> Result<(StatusCode, Value)> {
    let mut object = decode(request, target, &Kind::new("", "v1", "Binding"))?;
    admit(target, request, Operation::Create, &mut object, &Value::Null).await?;
    let findings = binding::validate(&object);
    if !findings.is_empty() {
        return Err(Error::invalid(&GroupName::new("", "Binding"), target.name, &findings));
    }
    let pod = Target { subresource: "binding", ..*target };
    change(&pod, request.options, true, |live| {
        let mut pod = live.clone();
        binding::bind(&mut pod, &object, &target.core.now())?;
        Ok(pod)
    })
    .await?;
    Ok(created())
}
