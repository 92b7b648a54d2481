//! Cluster addresses and node ports.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::{is_headless, needs_cluster_ip, needs_health_port, needs_node_ports};
use crate::builtin::part::{at, list, list_mut};
use crate::field::{self, Error};

/// Hands out what may be used by one Service only. Errors are words for people.
pub trait Allocator {
    /// Takes an address that a client asked for.
    ///
    /// # Errors
    /// It is not in the range, or taken.
    fn take_ip(&mut self, ip: &str) -> Result<(), String>;

    /// Takes any free address.
    ///
    /// # Errors
    /// The range is full.
    fn next_ip(&mut self) -> Result<String, String>;

    /// Takes a node port that a client asked for.
    ///
    /// # Errors
    /// It is not in the range, or taken.
    fn take_port(&mut self, port: i64) -> Result<(), String>;

    /// Takes any free node port.
    ///
    /// # Errors
    /// The range is full.
    fn next_port(&mut self) -> Result<i64, String>;
}

/// An allocator that knows what all stored Services use. Made anew for each write, it
/// needs no release and cannot leak.
#[derive(Debug, Clone)]
pub struct Pool {
    first: u32,
    last: u32,
    bits: u8,
    ports: RangeInclusive<i64>,
    used_ips: HashSet<String>,
    used_ports: HashSet<i64>,
    /// Where the search for something free begins, so that what was given back is not
    /// handed out again at once.
    start: u32,
}

impl Pool {
    /// The range of addresses starts at `network` and has `bits` fixed bits; `services`
    /// are all stored ones. Node ports are 30000–32767.
    pub fn new<'a>(
        network: Ipv4Addr,
        bits: u8,
        services: impl IntoIterator<Item = &'a Value>,
    ) -> Self {
        let size = u32::MAX.checked_shr(u32::from(bits)).unwrap_or(0);
        let base = u32::from(network) & !size;
        let mut pool = Self {
            // The network's own address and the broadcast address are not given out.
            first: base.saturating_add(1),
            last: base.saturating_add(size).saturating_sub(1),
            bits,
            ports: 30_000..=32_767,
            used_ips: HashSet::new(),
            used_ports: HashSet::new(),
            start: uuid::Uuid::new_v4().as_fields().0,
        };
        for service in services {
            let ips = list(service, "/spec/clusterIPs").iter().filter_map(Value::as_str);
            pool.used_ips.extend(ips.map(str::to_owned));
            let ports = list(service, "/spec/ports").iter();
            pool.used_ports.extend(ports.filter_map(|port| port["nodePort"].as_i64()));
            pool.used_ports.extend(service["spec"]["healthCheckNodePort"].as_i64());
        }
        pool
    }

    fn range(&self) -> String {
        format!("{}/{}", Ipv4Addr::from(self.first - 1), self.bits)
    }
}

impl Allocator for Pool {
    fn take_ip(&mut self, ip: &str) -> Result<(), String> {
        let inside = ip
            .parse::<Ipv4Addr>()
            .is_ok_and(|ip| (self.first..=self.last).contains(&u32::from(ip)));
        if !inside {
            return Err(format!(
                "failed to allocate IP {ip}: the provided IP ({ip}) is not in the valid range. The range of valid IPs is {}",
                self.range()
            ));
        }
        if self.used_ips.insert(ip.to_owned()) {
            Ok(())
        } else {
            Err(format!("failed to allocate IP {ip}: provided IP is already allocated"))
        }
    }

    fn next_ip(&mut self) -> Result<String, String> {
        // The first addresses are kept for those who ask for them by number.
        let low = self.first + ((self.last - self.first) / 16).clamp(1, 256);
        let from = low + self.start % (self.last - low).max(1);
        let free = (from..=self.last)
            .chain(low..from)
            .chain(self.first..low)
            .map(|number| Ipv4Addr::from(number).to_string())
            .find(|ip| !self.used_ips.contains(ip))
            .ok_or_else(|| "failed to allocate a serviceIP: range is full".to_owned())?;
        self.used_ips.insert(free.clone());
        Ok(free)
    }

    fn take_port(&mut self, port: i64) -> Result<(), String> {
        if !self.ports.contains(&port) {
            return Err(format!(
                "provided port is not in the valid range. The range of valid ports is {}-{}",
                self.ports.start(),
                self.ports.end()
            ));
        }
        if self.used_ports.insert(port) {
            Ok(())
        } else {
            Err("provided port is already allocated".to_owned())
        }
    }

    fn next_port(&mut self) -> Result<i64, String> {
        let (first, last) = (*self.ports.start(), *self.ports.end());
        let from = first + i64::from(self.start) % (last - first);
        let port = (from..=last)
            .chain(first..from)
            .find(|port| !self.used_ports.contains(port))
            .ok_or_else(|| "range is full".to_owned())?;
        self.used_ports.insert(port);
        Ok(port)
    }
}

/// Gives a Service that passed validation its addresses, families and node ports.
/// What `stored` has already is kept.
///
/// # Errors
/// Findings on addresses and ports that cannot be had; nothing may be stored then.
pub fn allocate(
    object: &mut Value,
    stored: Option<&Value>,
    allocator: &mut dyn Allocator,
) -> Result<(), field::Errors> {
    let mut errors = Vec::new();
    if needs_cluster_ip(object) {
        families(object);
        if !is_headless(object) {
            addresses(object, stored, allocator, &mut errors);
        }
    }
    if needs_node_ports(object) {
        node_ports(object, stored, allocator, &mut errors);
    }
    if needs_health_port(object) {
        health_port(object, stored, allocator, &mut errors);
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// `ipFamilies` and `ipFamilyPolicy` of a server that has IPv4 only.
fn families(object: &mut Value) {
    // Without a selector nobody knows the addresses behind it, so both may come.
    let open = is_headless(object) && at(object, "/spec/selector").is_none();
    let spec = &mut object["spec"];
    if at(spec, "/ipFamilyPolicy").is_none() {
        spec["ipFamilyPolicy"] = json!(if open { "RequireDualStack" } else { "SingleStack" });
    }
    if list(spec, "/ipFamilies").is_empty() {
        spec["ipFamilies"] = if open { json!(["IPv4", "IPv6"]) } else { json!(["IPv4"]) };
    }
}

fn addresses(
    object: &mut Value,
    stored: Option<&Value>,
    allocator: &mut dyn Allocator,
    errors: &mut field::Errors,
) {
    let wanted = list(object, "/spec/clusterIPs").to_vec();
    let owned = stored.map_or(&[][..], |stored| list(stored, "/spec/clusterIPs"));
    if wanted.is_empty() {
        match allocator.next_ip() {
            Ok(ip) => {
                object["spec"]["clusterIP"] = json!(ip);
                object["spec"]["clusterIPs"] = json!([ip]);
            }
            Err(detail) => errors.push(Error::internal("spec.clusterIPs", detail)),
        }
        return;
    }
    for ip in wanted.iter().filter(|ip| !owned.contains(ip)) {
        if let Err(detail) = allocator.take_ip(ip.as_str().unwrap_or_default()) {
            let shown = format!("[]string{{{ip}}}");
            errors.push(Error::invalid_go("spec.clusterIPs", shown, detail));
        }
    }
    object["spec"]["clusterIP"] = wanted[0].clone();
}

/// Every port gets a node port; the same port number over several protocols shares one.
fn node_ports(
    object: &mut Value,
    stored: Option<&Value>,
    allocator: &mut dyn Allocator,
    errors: &mut field::Errors,
) {
    let before = stored.map_or(&[][..], |stored| list(stored, "/spec/ports"));
    let mut owned: HashSet<i64> =
        before.iter().filter_map(|port| port["nodePort"].as_i64()).collect();
    let mut shared: Vec<(Value, Value, i64)> = Vec::new();
    for (at, port) in list_mut(object, "/spec/ports").enumerate() {
        let (number, protocol) = (port["port"].clone(), port["protocol"].clone());
        let wanted = port["nodePort"].as_i64().unwrap_or_default();
        let twin = shared.iter().find(|(other, proto, node)| {
            *other == number && *proto != protocol && (wanted == 0 || wanted == *node)
        });
        let path = field::child(&field::index("spec.ports", at), "nodePort");
        let given = match (wanted, twin) {
            (0, Some((_, _, node))) => Ok(*node),
            (0, None) => allocator.next_port().map_err(|detail| Error::internal(path, detail)),
            (wanted, Some(_)) => Ok(wanted),
            (wanted, None) if owned.remove(&wanted) => Ok(wanted),
            (wanted, None) => allocator
                .take_port(wanted)
                .map(|()| wanted)
                .map_err(|detail| Error::invalid(path, &wanted.into(), detail)),
        };
        match given {
            Ok(node) => {
                port["nodePort"] = json!(node);
                shared.push((number, protocol, node));
            }
            Err(error) => errors.push(error),
        }
    }
}

fn health_port(
    object: &mut Value,
    stored: Option<&Value>,
    allocator: &mut dyn Allocator,
    errors: &mut field::Errors,
) {
    let path = "spec.healthCheckNodePort";
    let owned = stored.and_then(|stored| stored["spec"]["healthCheckNodePort"].as_i64());
    match object["spec"]["healthCheckNodePort"].as_i64().unwrap_or_default() {
        0 => match allocator.next_port() {
            Ok(port) => object["spec"]["healthCheckNodePort"] = json!(port),
            Err(detail) => errors.push(Error::internal(path, detail)),
        },
        port if owned == Some(port) => {}
        port => {
            if let Err(detail) = allocator.take_port(port) {
                let detail =
                    format!("failed to allocate requested HealthCheck NodePort {port}: {detail}");
                errors.push(Error::internal(path, detail));
            }
        }
    }
}
