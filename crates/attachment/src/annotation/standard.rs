//! The [multi-network standard](https://github.com/k8snetworkplumbingwg/multi-net-spec), 1.3.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::element::{Element, array};
use super::{AnnotationError, Dialect, Request, short};
use crate::name::{InterfaceName, check_network};

/// Reads the annotation in either form.
pub(super) fn parse(text: &str) -> Result<Vec<Request>, AnnotationError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    // No name contains any of these, so a broken array is never mistaken for a list of names.
    if !text.contains(['[', '{', '"']) {
        return short::parse(text);
    }
    let values = array(Dialect::Standard, text)?;
    let elements = values.iter().enumerate().map(|(position, value)| {
        let element = Element::new(Dialect::Standard, position, value)?;
        read(&element)
    });
    let requests = elements.collect::<Result<Vec<_>, _>>()?;
    one_default_route(&requests)?;
    Ok(requests)
}

fn read(element: &Element<'_>) -> Result<Request, AnnotationError> {
    let interface = element.text("interface")?.map(InterfaceName::requested).transpose();
    let claim = element.text("ipam-claim-reference")?;
    if let Some(claim) = claim {
        check_network(claim).map_err(|fault| element.error("ipam-claim-reference", fault))?;
    }
    Ok(Request {
        interface: interface.map_err(|fault| element.error("interface", fault))?,
        mac: element.parsed("mac")?,
        ips: ips(element)?,
        default_route: default_route(element)?,
        cni_args: element.object("cni-args")?.cloned().unwrap_or_default(),
        port_mappings: port_mappings(element)?,
        bandwidth: bandwidth(element)?,
        infiniband_guid: infiniband_guid(element)?,
        ipam_claim: claim.map(str::to_owned),
        device_id: device_id(element)?,
        ..element.request()?
    })
}

fn ips(element: &Element<'_>) -> Result<Vec<String>, AnnotationError> {
    let texts = element.texts("ips")?.unwrap_or_default();
    let checked = texts.into_iter().enumerate().map(|(index, text)| match is_address(text) {
        true => Ok(text.to_owned()),
        false => {
            let fault = format!("{text:?} is not an address, as in 192.0.2.5/24 or 2001:db8::5");
            Err(element.error(&format!("ips[{index}]"), fault))
        }
    });
    checked.collect()
}

/// Whether a text is an address, with a prefix length or without.
fn is_address(text: &str) -> bool {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let most = if address.is_ipv4() { 32 } else { 128 };
    prefix.is_none_or(|prefix| {
        let digits = prefix.bytes().all(|byte| byte.is_ascii_digit());
        digits && prefix.parse::<u8>().is_ok_and(|length| length <= most)
    })
}

fn default_route(element: &Element<'_>) -> Result<Option<Vec<IpAddr>>, AnnotationError> {
    let Some(texts) = element.texts("default-route")? else { return Ok(None) };
    let gateways = texts.into_iter().enumerate().map(|(index, text)| {
        let fault = |_| {
            let fault = format!("{text:?} is not the address of a gateway, as in 192.0.2.1");
            element.error(&format!("default-route[{index}]"), fault)
        };
        text.parse::<IpAddr>().map_err(fault)
    });
    gateways.collect::<Result<Vec<_>, _>>().map(Some)
}

/// The standard allows the key in one element only.
fn one_default_route(requests: &[Request]) -> Result<(), AnnotationError> {
    let mut with = requests.iter().filter(|request| request.default_route.is_some());
    let (Some(first), Some(second)) = (with.next(), with.next()) else { return Ok(()) };
    Err(AnnotationError {
        dialect: Dialect::Standard,
        element: Some(second.element),
        field: Some("default-route".to_owned()),
        fault: format!("[{}] has one, too, but only one element may", first.element),
    })
}

fn port_mappings(element: &Element<'_>) -> Result<Vec<Value>, AnnotationError> {
    let mappings = element.array("portMappings")?.unwrap_or_default();
    for (index, mapping) in mappings.iter().enumerate() {
        let place = |field: &str| format!("portMappings[{index}]{field}");
        let Value::Object(mapping) = mapping else {
            return Err(element.error(&place(""), "must be an object"));
        };
        for port in ["hostPort", "containerPort"] {
            let number = mapping.get(port).and_then(Value::as_u64);
            if !number.is_some_and(|number| (1..=65535).contains(&number)) {
                return Err(element.error(&place(&format!(".{port}")), "must be from 1 to 65535"));
            }
        }
        check_protocol(mapping).map_err(|fault| element.error(&place(".protocol"), fault))?;
        let host = mapping.get("hostIP").filter(|host| !host.is_null() && *host != "");
        if host.is_some_and(|host| host.as_str().is_none_or(|ip| ip.parse::<IpAddr>().is_err())) {
            return Err(element.error(&place(".hostIP"), "must be an address"));
        }
    }
    Ok(mappings.to_vec())
}

fn check_protocol(mapping: &Map<String, Value>) -> Result<(), &'static str> {
    let fits = |text: &str| ["", "tcp", "udp", "sctp"].contains(&text.to_lowercase().as_str());
    match mapping.get("protocol") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(text)) if fits(text) => Ok(()),
        Some(_) => Err("must be tcp, udp or sctp"),
    }
}

fn bandwidth(element: &Element<'_>) -> Result<Option<Value>, AnnotationError> {
    let Some(limits) = element.object("bandwidth")? else { return Ok(None) };
    for limit in ["ingressRate", "ingressBurst", "egressRate", "egressBurst"] {
        if limits.get(limit).is_some_and(|value| !value.is_null() && value.as_u64().is_none()) {
            return Err(element
                .error(&format!("bandwidth.{limit}"), "must be a whole number, not negative"));
        }
    }
    Ok(Some(Value::Object(limits.clone())))
}

fn infiniband_guid(element: &Element<'_>) -> Result<Option<String>, AnnotationError> {
    const FIELD: &str = "infiniband-guid";
    let Some(text) = element.text(FIELD)? else { return Ok(None) };
    let byte = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text.split(':').count() == 8 && text.split(':').all(byte) {
        true => Ok(Some(text.to_lowercase())),
        false => {
            let fault = format!("{text:?} must be eight bytes, as in c2:11:22:33:44:55:66:77");
            Err(element.error(FIELD, fault))
        }
    }
}

/// Plugins look a device up under its id in `/sys`, so it must be no path.
fn device_id(element: &Element<'_>) -> Result<Option<String>, AnnotationError> {
    const FIELD: &str = "deviceID";
    let Some(text) = element.text(FIELD)? else { return Ok(None) };
    let fits =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, ':' | '.' | '_' | '-');
    match text.len() <= 255 && text.chars().all(fits) && !matches!(text, "." | "..") {
        true => Ok(Some(text.to_owned())),
        false => Err(element.error(FIELD, format!("{text:?} is not the id of a device"))),
    }
}
