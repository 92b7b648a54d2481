//! The short form of the standard: `[namespace/]name[@interface],…`.

use super::{AnnotationError, Dialect, Request, check_count};
use crate::name::{InterfaceName, check_namespace, check_network};

pub(super) fn parse(text: &str) -> Result<Vec<Request>, AnnotationError> {
    check_count(Dialect::Standard, text.split(',').count())?;
    text.split(',').map(str::trim).enumerate().map(|(position, item)| one(position, item)).collect()
}

fn one(position: usize, item: &str) -> Result<Request, AnnotationError> {
    let fault = |field: &str, fault: String| AnnotationError {
        dialect: Dialect::Standard,
        element: Some(position),
        field: Some(field.to_owned()),
        fault,
    };
    let (network, interface) = match item.split_once('@') {
        Some((network, interface)) => (network, Some(interface)),
        None => (item, None),
    };
    let (namespace, name) = match network.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, network),
    };
    if name.is_empty() {
        return Err(fault("name", "is missing".to_owned()));
    }
    check_network(name).map_err(|error| fault("name", error.to_string()))?;
    if let Some(namespace) = namespace {
        check_namespace(namespace).map_err(|error| fault("namespace", error.to_string()))?;
    }
    let interface = interface.map(InterfaceName::requested).transpose();
    Ok(Request {
        namespace: namespace.map(str::to_owned),
        interface: interface.map_err(|error| fault("interface", error.to_string()))?,
        ..Request::plain(Dialect::Standard, position, name.to_owned())
    })
}
