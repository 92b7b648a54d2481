//! What reaches into the containers of a pod: logs, exec, attach, port-forward, proxies.
//!
//! Nothing runs here, so nothing can be reached. What the API server itself decides before
//! it would turn to a kubelet is decided: options, admission of CONNECT, the container's
//! name, and that a pod without a node has neither logs nor a host.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Request, not_served};
use crate::error::{Error, GroupName, Result};
use crate::field;
use crate::http::Query;
use crate::rest::Target;
use crate::webhook::{self, Attributes, Operation};

/// `pods/log`: nothing, as long as the pod has no node.
pub(super) fn log(target: &Target<'_>, query: &Query) -> Result<(StatusCode, Value)> {
    let errors = log_options(query)?;
    if !errors.is_empty() {
        return Err(Error::invalid(&GroupName::new("", "PodLogOptions"), target.name, &errors));
    }
    let pod = target.get()?.value();
    check_container(&pod, target.name, query.text("container"))?;
    if has_node(&pod) {
        return Err(not_served(target));
    }
    Ok((StatusCode::NO_CONTENT, Value::Null))
}

/// The rest, after admission.
pub(super) async fn connect(
    target: &Target<'_>,
    request: &Request<'_>,
) -> Result<(StatusCode, Value)> {
    if let Some(attributes) = Attributes::of(target, Operation::Connect, target.name) {
        let mut options = options(target, request.query);
        webhook::mutate(target.core, &attributes, &mut options, &Value::Null, |_| Ok(())).await?;
        webhook::validate(target.core, &attributes, &options, &Value::Null).await?;
    }
    // The port of a proxy may be part of the name.
    if target.subresource == "proxy" {
        return Err(not_served(target));
    }
    let pod = target.get()?.value();
    if target.subresource != "portforward" {
        check_container(&pod, target.name, request.query.text("container"))?;
    }
    if has_node(&pod) {
        return Err(not_served(target));
    }
    Err(Error::bad_request(format!("pod {} does not have a host assigned", target.name)))
}

/// `PodExecOptions` and its like, as the query has them.
fn options(target: &Target<'_>, query: &Query) -> Value {
    let kind = target.resource.subresources.get(target.subresource).map(|sub| &*sub.kind);
    let mut options = json!({ "kind": kind, "apiVersion": "v1" });
    let text = |name: &str| (!query.text(name).is_empty()).then(|| json!(query.text(name)));
    let flag = |name: &str| query.flag(name).then_some(json!(true));
    let all = |name: &str| {
        let all = query.all(name);
        (!all.is_empty()).then(|| json!(all))
    };
    let fields: &[(&str, Option<Value>)] = match target.subresource {
        "portforward" => {
            let ports = query.all("ports");
            let ports = ports.iter().flat_map(|list| list.split(','));
            let ports: Vec<i64> = ports.filter_map(|port| port.parse().ok()).collect();
            &[("ports", (!ports.is_empty()).then(|| json!(ports)))]
        }
        "proxy" => &[("path", text("path"))],
        _ => &[
            ("stdin", flag("stdin")),
            ("stdout", flag("stdout")),
            ("stderr", flag("stderr")),
            ("tty", flag("tty")),
            ("container", text("container")),
            ("command", all("command")),
        ],
    };
    for (name, value) in fields {
        if let Some(value) = value {
            options[*name] = value.clone();
        }
    }
    options
}

fn log_options(query: &Query) -> Result<field::Errors> {
    let mut errors = field::Errors::new();
    for (name, least) in [("tailLines", 0), ("limitBytes", 1), ("sinceSeconds", 1)] {
        let Some(number) = query.number(name)?.filter(|number| *number < least) else {
            continue;
        };
        let why = match least {
            0 => "must be greater than or equal to 0",
            _ => "must be greater than 0",
        };
        errors.push(field::Error::invalid(name, &json!(number), why));
    }
    if query.has("sinceSeconds") && query.has("sinceTime") {
        let why = "at most one of `sinceTime` or `sinceSeconds` may be specified";
        errors.push(field::Error::forbidden("", why));
    }
    Ok(errors)
}

fn has_node(pod: &Value) -> bool {
    pod["spec"]["nodeName"].as_str().is_some_and(|name| !name.is_empty())
}

/// A container that is named must be there; one that is not named must be the only one.
fn check_container(pod: &Value, name: &str, container: &str) -> Result<()> {
    let names = |field: &str| -> Vec<&str> {
        let list = pod["spec"][field].as_array().into_iter().flatten();
        list.filter_map(|container| container["name"].as_str()).collect()
    };
    let (main, init) = (names("containers"), names("initContainers"));
    if !container.is_empty() {
        let known = [&*main, &*init, &*names("ephemeralContainers")].concat();
        if known.contains(&container) {
            return Ok(());
        }
        return Err(Error::bad_request(format!(
            "container {container} is not valid for pod {name}"
        )));
    }
    if main.len() == 1 {
        return Ok(());
    }
    let mut why = format!(
        "a container name must be specified for pod {name}, choose one of: [{}]",
        main.join(" ")
    );
    if !init.is_empty() {
        why.push_str(&format!(" or one of the init containers: [{}]", init.join(" ")));
    }
    Err(Error::bad_request(why))
}
