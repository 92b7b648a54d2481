//! Where the container runtime listens: what the administrator says, else what crictl would try.

use std::fmt;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Environment variable that crictl and kubeadm read too.
pub const ENVIRONMENT: &str = "CONTAINER_RUNTIME_ENDPOINT";

/// Configuration of crictl; its `runtime-endpoint` counts.
pub const CRICTL_CONFIG: &str = "/etc/crictl.yaml";

/// Where runtimes listen by default, in the order in which crictl tries them.
pub const DEFAULTS: [&str; 3] =
    ["/run/containerd/containerd.sock", "/run/crio/crio.sock", "/var/run/cri-dockerd.sock"];

/// Docker's shim for CRI, of which Docker's own API is not a replacement.
const CRI_DOCKERD: &str = DEFAULTS[2];

/// Why there is no endpoint.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Not a socket of this machine.
    #[error(
        "{given:?} is not an endpoint of a container runtime: give the path of its Unix socket, as in unix:///run/containerd/containerd.sock"
    )]
    NotASocket {
        /// What was given.
        given: String,
    },
    /// Docker's own API.
    #[error(
        "{given:?} is Docker's own API, not CRI: Kubernetes reaches Docker through cri-dockerd, so give unix://{CRI_DOCKERD}"
    )]
    Docker {
        /// What was given.
        given: String,
    },
    /// Not one of the kinds of runtime that there were.
    #[error("container type {given:?} is not known: docker, crio or containerd")]
    ContainerType {
        /// What was given.
        given: String,
    },
    /// The configuration of crictl cannot be used.
    #[error("cannot use {}", file.display())]
    Config {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nobody listens where runtimes do.
    #[error(
        "no container runtime answers ({tried}): start one, or name its socket in {ENVIRONMENT}"
    )]
    Nowhere {
        /// Each place with what happened there.
        tried: String,
    },
}

/// The Unix socket of a container runtime.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    path: PathBuf,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unix://{}", self.path.display())
    }
}

impl std::str::FromStr for Endpoint {
    type Err = EndpointError;

    /// `unix:///path`, `unix:/path`, or the path alone, which is absolute.
    fn from_str(given: &str) -> Result<Self, EndpointError> {
        let path = given.strip_prefix("unix://").or_else(|| given.strip_prefix("unix:"));
        let path = path.unwrap_or(given);
        if !path.starts_with('/') || path.contains('\0') {
            return Err(EndpointError::NotASocket { given: given.to_owned() });
        }
        if Path::new(path).file_name().is_some_and(|name| name == "docker.sock") {
            return Err(EndpointError::Docker { given: given.to_owned() });
        }
        Ok(Self { path: PathBuf::from(path) })
    }
}

impl Endpoint {
    /// The socket with this path.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The socket.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// From podagent's `-container-type`, `-docker-endpoint` and `-crio-endpoint`. Its default for
    /// Docker, Docker's own socket, becomes that of cri-dockerd.
    ///
    /// # Errors
    /// An unknown type, or an endpoint that is none.
    pub fn of_container_type(
        kind: &str,
        docker: Option<&str>,
        crio: Option<&str>,
    ) -> Result<Self, EndpointError> {
        let [containerd, default_crio, cri_dockerd] = DEFAULTS;
        match kind {
            "docker" => match docker.unwrap_or(cri_dockerd).parse() {
                Err(EndpointError::Docker { .. }) => Ok(Self::at(cri_dockerd)),
                endpoint => endpoint,
            },
            "crio" | "cri-o" => crio.unwrap_or(default_crio).parse(),
            "containerd" => Ok(Self::at(containerd)),
            _ => Err(EndpointError::ContainerType { given: kind.to_owned() }),
        }
    }

    /// The endpoint that crictl would use: `given` (the flag, which may come from [`ENVIRONMENT`]),
    /// else `runtime-endpoint` of [`CRICTL_CONFIG`], else the first of [`DEFAULTS`] that accepts a
    /// connection.
    ///
    /// # Errors
    /// What is said is not an endpoint, or nothing is said and nobody listens.
    pub fn discover(given: Option<&str>) -> Result<Self, EndpointError> {
        Self::discover_in(given, Path::new(CRICTL_CONFIG), &DEFAULTS.map(Path::new))
    }

    fn discover_in(
        given: Option<&str>,
        config: &Path,
        defaults: &[&Path],
    ) -> Result<Self, EndpointError> {
        if let Some(given) = given.filter(|given| !given.is_empty()) {
            return given.parse();
        }
        if let Some(configured) = configured(config)? {
            return configured.parse();
        }
        let mut tried = Vec::new();
        for path in defaults {
            match UnixStream::connect(path) {
                Ok(_) => return Ok(Self::at(*path)),
                Err(error) => tried.push(format!("{}: {error}", path.display())),
            }
        }
        Err(EndpointError::Nowhere { tried: tried.join("; ") })
    }
}

/// `runtime-endpoint` of crictl's configuration; nothing without one.
fn configured(file: &Path) -> Result<Option<String>, EndpointError> {
    #[derive(serde::Deserialize)]
    struct Config {
        #[serde(rename = "runtime-endpoint")]
        runtime_endpoint: Option<String>,
    }
    let wrong = |source| EndpointError::Config { file: file.to_owned(), source };
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(error.into())),
    };
    let config: Option<Config> =
        serde_saphyr::from_str(&text).map_err(|error| wrong(Box::new(error)))?;
    Ok(config.and_then(|config| config.runtime_endpoint).filter(|given| !given.is_empty()))
}

#[cfg(test)]
mod tests;
