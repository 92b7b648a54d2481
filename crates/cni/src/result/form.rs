//! The forms a result is written in, and the ways between them.
//!
//! ```text
//! 0.1.0 0.2.0          {ip4: {ip, gateway, routes}, ip6: {…}, dns}
//! 0.3.0 0.3.1 0.4.0    {interfaces, ips: [{version, address, …}], routes, dns}
//! 1.0.0                the same without the version of an address
//! 1.1.0                interfaces with mtu, socketPath, pciID; routes with mtu, advmss, …
//! ```

use serde::de::DeserializeOwned;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::{CniResult, Dns, IpConfig, Route};
use crate::version::{UnknownVersion, Version};

/// Why a result cannot be read or converted.
#[derive(Debug, thiserror::Error)]
pub enum ResultError {
    /// It is not JSON.
    #[error("the result is not valid JSON")]
    Json(#[from] serde_json::Error),
    /// It is JSON, but of another kind than an object.
    #[error("the result is not a JSON object")]
    NotAnObject,
    /// A field is not what the specification says.
    #[error("field {field:?} of the result is not valid")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// Its version is not spoken here.
    #[error("the result is of another version")]
    Version(#[from] UnknownVersion),
    /// The first versions cannot say that there is no address.
    #[error("a result without addresses cannot be written as version {0}")]
    NoAddress(Version),
}

impl CniResult {
    /// A result with nothing in it.
    #[must_use]
    pub fn empty(version: Version) -> Self {
        let (interfaces, ips, routes) = (Vec::new(), Vec::new(), Vec::new());
        Self { version, interfaces, ips, routes, dns: Dns::default(), extra: Map::new() }
    }

    /// Reads what a plugin wrote. Where it leaves out `cniVersion`, that of the configuration is
    /// meant.
    ///
    /// # Errors
    /// [`ResultError`] with the field.
    pub fn parse(json: &[u8], config: Version) -> Result<Self, ResultError> {
        Self::from_value(serde_json::from_slice(json)?, config)
    }

    /// The same from parsed JSON.
    ///
    /// # Errors
    /// [`ResultError`] with the field.
    pub fn from_value(value: Value, config: Version) -> Result<Self, ResultError> {
        let Value::Object(mut raw) = value else { return Err(ResultError::NotAnObject) };
        let version: Option<String> = take(&mut raw, "cniVersion")?;
        let version = match version.filter(|version| !version.is_empty()) {
            Some(version) => version.parse()?,
            None => config,
        };
        let mut result = Self::empty(version);
        result.dns = take(&mut raw, "dns")?;
        if version < Version::V0_3_0 {
            for family in ["ip4", "ip6"] {
                if let Some(single) = take::<Option<Single>>(&mut raw, family)? {
                    result.routes.extend(single.routes);
                    result.ips.push(single.ip);
                }
            }
        } else {
            result.interfaces = take(&mut raw, "interfaces")?;
            result.ips = take(&mut raw, "ips")?;
            result.routes = take(&mut raw, "routes")?;
            // It only repeats what the address says; before 1.0.0 it is written again.
            result.ips.iter_mut().for_each(|ip| drop(ip.extra.remove("version")));
        }
        result.extra = raw;
        Ok(result)
    }

    /// The same in the form of another version.
    ///
    /// What came with 1.1.0 is left out of an older form, and all but the first address of each
    /// family before 0.3.0; going up loses nothing.
    ///
    /// # Errors
    /// [`ResultError::NoAddress`] for a version before 0.3.0, when there is none.
    pub fn to_version(&self, version: Version) -> Result<Self, ResultError> {
        let mut result = Self { version, ..self.clone() };
        if version < Version::V1_1_0 && self.version >= Version::V1_1_0 {
            for interface in &mut result.interfaces {
                interface.mtu = None;
                interface.socket_path.clear();
                interface.pci_id.clear();
            }
            for route in &mut result.routes {
                let (dst, gateway, extra) = (route.dst, route.gateway, route.extra.clone());
                *route = Route { extra, ..Route::new(dst, gateway) };
            }
        }
        if version < Version::V0_3_0 {
            if result.ips.is_empty() {
                return Err(ResultError::NoAddress(version));
            }
            let (v4, v6) = (result.first(true).cloned(), result.first(false).cloned());
            result.ips = v4.into_iter().chain(v6).collect();
            result.ips.iter_mut().for_each(|ip| ip.interface = None);
            result.interfaces.clear();
            // A route stands below the address of its family.
            let families: Vec<_> =
                result.ips.iter().map(|ip| ip.address.address.is_ipv4()).collect();
            result.routes.retain(|route| families.contains(&route.dst.address.is_ipv4()));
        }
        Ok(result)
    }

    /// The addresses of one interface of the result.
    pub fn ips_of(&self, interface: usize) -> impl Iterator<Item = &IpConfig> {
        let of = move |ip: &&IpConfig| ip.interface.is_some_and(|i| i == interface as i64);
        self.ips.iter().filter(of)
    }

    fn first(&self, v4: bool) -> Option<&IpConfig> {
        self.ips.iter().find(|ip| ip.address.address.is_ipv4() == v4)
    }

    /// The JSON of its version, without empty fields.
    fn to_map(&self) -> Result<Map<String, Value>, serde_json::Error> {
        let mut raw = self.extra.clone();
        let mut put = |field: &str, value: Value| drop(raw.insert(field.to_owned(), value));
        put("cniVersion", json!(self.version));
        if self.dns != Dns::default() {
            put("dns", serde_json::to_value(&self.dns)?);
        }
        if self.version < Version::V0_3_0 {
            for (field, v4) in [("ip4", true), ("ip6", false)] {
                let Some(ip) = self.first(v4) else { continue };
                let routes = self.routes.iter().filter(|r| r.dst.address.is_ipv4() == v4);
                let single = Single { ip: ip.clone(), routes: routes.cloned().collect() };
                put(field, serde_json::to_value(single)?);
            }
            return Ok(raw);
        }
        if !self.interfaces.is_empty() {
            put("interfaces", serde_json::to_value(&self.interfaces)?);
        }
        if !self.routes.is_empty() {
            put("routes", serde_json::to_value(&self.routes)?);
        }
        if !self.ips.is_empty() {
            let mut ips = serde_json::to_value(&self.ips)?;
            if self.version < Version::V1_0_0 {
                for (json, ip) in ips.as_array_mut().into_iter().flatten().zip(&self.ips) {
                    json["version"] =
                        Value::from(if ip.address.address.is_ipv4() { "4" } else { "6" });
                }
            }
            put("ips", ips);
        }
        Ok(raw)
    }
}

impl Route {
    /// A route without any attributes.
    #[must_use]
    pub fn new(dst: super::Cidr, gateway: Option<std::net::IpAddr>) -> Self {
        let (mtu, advmss, priority, table, scope) = (None, None, None, None, None);
        Self { dst, gateway, mtu, advmss, priority, table, scope, extra: Map::new() }
    }
}

/// An address as the first versions write it, with the routes of its family.
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "SingleForm", into = "SingleForm")]
struct Single {
    ip: IpConfig,
    routes: Vec<Route>,
}

#[derive(Serialize, Deserialize)]
struct SingleForm {
    ip: super::Cidr,
    #[serde(
        default,
        deserialize_with = "super::address_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    gateway: Option<std::net::IpAddr>,
    #[serde(
        default,
        deserialize_with = "super::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    routes: Vec<Route>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl From<SingleForm> for Single {
    fn from(form: SingleForm) -> Self {
        let SingleForm { ip: address, gateway, routes, extra } = form;
        Self { ip: IpConfig { address, gateway, interface: None, extra }, routes }
    }
}

impl From<Single> for SingleForm {
    fn from(single: Single) -> Self {
        let IpConfig { address: ip, gateway, extra, .. } = single.ip;
        Self { ip, gateway, routes: single.routes, extra }
    }
}

fn take<T: DeserializeOwned + Default>(
    raw: &mut Map<String, Value>,
    field: &'static str,
) -> Result<T, ResultError> {
    match raw.remove(field) {
        None | Some(Value::Null) => Ok(T::default()),
        Some(value) => {
            serde_json::from_value(value).map_err(|source| ResultError::Field { field, source })
        }
    }
}

impl Serialize for CniResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_map().map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for CniResult {
    /// Reads a result that names its version, as every one written here does.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_value(value, Version::V0_1_0).map_err(|error| {
            let source = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            serde::de::Error::custom(format!("{error}{}", source.unwrap_or_default()))
        })
    }
}
