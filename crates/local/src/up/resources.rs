//! The custom resources, and the templates the product is installed with.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, CustomResourceExt, ResourceExt};
use kubewright_hostendpoint::api::HostEndpointTemplate;
use kubewright_hostendpoint::defaults::Defaults;

use super::course::{Finding, Wrong};
use super::watched::some_of;
use super::{PATIENCE, calico};

/// Field manager of what `up` applies.
pub(super) const FIELD_MANAGER: &str = "kubewright-up";

/// Installs what HostEndpoints take.
pub(super) async fn install(client: &Client) -> Finding {
    let definitions = [HostEndpointTemplate::crd(), calico::host_endpoints()];
    serve(client, &definitions).await?;
    let names = some_of(definitions.iter().map(ResourceExt::name_any));
    Ok(((), format!("served: {names}")))
}

/// Installs definitions and waits until they are served.
pub(super) async fn serve(
    client: &Client,
    definitions: &[CustomResourceDefinition],
) -> Result<(), Wrong> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let apply = PatchParams::apply(FIELD_MANAGER).force();
    for definition in definitions {
        let name = definition.name_any();
        let applied = api.patch(&name, &apply, &Patch::Apply(definition)).await;
        applied.map_err(Wrong::during(format!("applying customresourcedefinition {name}")))?;
        let served = await_condition(api.clone(), &name, conditions::is_crd_established());
        match tokio::time::timeout(PATIENCE, served).await {
            Ok(established) => established.map_err(Wrong::during(format!("watching {name}")))?,
            Err(_) => return Err(Wrong::failed(not_served(&api, &name).await)),
        };
    }
    Ok(())
}

async fn not_served(api: &Api<CustomResourceDefinition>, name: &str) -> String {
    let conditions = match api.get(name).await {
        Ok(definition) => definition.status.and_then(|status| status.conditions),
        Err(error) => return format!("{name} is not established, and cannot be read: {error}"),
    };
    let conditions: Vec<String> = conditions
        .into_iter()
        .flatten()
        .map(|c| format!("{}={} ({})", c.type_, c.status, c.message.unwrap_or_default()))
        .collect();
    format!("{name} is not established after {PATIENCE:?}; conditions: {}", some_of(conditions))
}

/// Applies the templates that the product is installed with.
pub(super) async fn apply_templates(client: &Client) -> Finding {
    let api: Api<HostEndpointTemplate> = Api::all(client.clone());
    let apply = PatchParams::apply(FIELD_MANAGER).force();
    let templates = Defaults::default().templates();
    for template in &templates {
        let name = template.name_any();
        let applied = api.patch(&name, &apply, &Patch::Apply(template)).await;
        applied.map_err(Wrong::during(format!("applying hostendpointtemplate {name}")))?;
    }
    Ok(((), some_of(templates.iter().map(ResourceExt::name_any))))
}
