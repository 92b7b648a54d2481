//! First-boot configuration of a machine, for cloud-init.
//!
//! The document puts the configuration and the token into files of mode 0600, installs kubewright
//! where it is not part of the image, and starts the service that runs `node init` or `node join`
//! until it has succeeded. Every value goes in as a JSON string, which is YAML, so that none can
//! become anything else. The document holds the token: who reads a machine's user data can join,
//! so the token had better be short-lived.

mod template;

use serde::Serialize;
use serde_json::Value;

use crate::config::{DEFAULT_FILE, Secret};

/// What a machine is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The first of a cluster.
    Seeder,
    /// One more.
    Node,
}

impl Role {
    /// The unit that makes a machine of it.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Seeder => "kubewright-node-init.service",
            Self::Node => "kubewright-node-join.service",
        }
    }
}

/// What these units have in their environment: the token, and where to go.
pub(crate) const ENVIRONMENT_FILE: &str = "/etc/kubewright/node.env";

/// A package to be installed at first boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Package {
    /// Where it is.
    pub url: String,
    /// Its SHA-256, hexadecimal: what is installed as root is checked first.
    pub sha256: String,
}

/// What the document is made of.
#[derive(Clone, Default)]
pub struct Settings {
    /// Host name, which becomes the name of the Node; cloud-init's own when there is none.
    pub hostname: Option<String>,
    /// Public keys that may log in as root.
    pub ssh_keys: Vec<String>,
    /// kubewright, where it is not part of the image.
    pub package: Option<Package>,
    /// The configuration of the machine, without the token.
    pub configuration: Value,
    /// The token.
    pub token: Option<Secret>,
    /// The seeder, for a node whose configuration does not name one.
    pub seeder: Option<String>,
}

/// The document cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CloudInitError {
    /// The configuration cannot be written.
    #[error("the configuration cannot be written as YAML")]
    Configuration,
    /// A node has to know where to go.
    #[error("a node needs a seeder: name it with --seeder, or as clusterFormation.seeder")]
    NoSeeder,
    /// A node has to know whom to believe.
    #[error(
        "a node joins nothing before it knows the cluster's authority: give certificates.caCrtHash (`kubewright node init` prints it on the seeder) or certificates.caCrt in the file of --config; certificates.unsafeSkipVerification joins whatever answers"
    )]
    NoPin,
    /// A node has to be let in.
    #[error(
        "a node joins with a token: give --token-file, TOKEN in the environment, or clusterFormation.tokenFile for one that is on the machine; `kubewright node token create` on the seeder makes one"
    )]
    NoToken,
    /// The seeder has none to go to.
    #[error(
        "the configuration names a seeder: it is that of a node; `cloud-init node` makes its document"
    )]
    Seeder,
    /// A checksum is none.
    #[error("the SHA-256 of the package has to be 64 hexadecimal digits")]
    Sha256,
    /// The template, which is part of this program.
    #[error("the template cannot be rendered")]
    Template(#[from] minijinja::Error),
}

/// Makes the document. It is a secret when it has a token.
///
/// # Errors
/// [`CloudInitError`].
pub fn render(role: Role, settings: &Settings) -> Result<String, CloudInitError> {
    let mut configuration = settings.configuration.clone();
    let formation = &configuration["clusterFormation"];
    let named = formation["seeder"].as_str().unwrap_or_default().to_owned();
    let seeder =
        settings.seeder.clone().or_else(|| Some(named.clone()).filter(|it| !it.is_empty()));
    match (role, &seeder) {
        (Role::Seeder, Some(_)) => return Err(CloudInitError::Seeder),
        (Role::Node, None) => return Err(CloudInitError::NoSeeder),
        (Role::Node, Some(_)) => joins(settings)?,
        (Role::Seeder, None) => {}
    }
    if let Some(package) = &settings.package
        && (package.sha256.len() != 64 || !package.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()))
        // A value that Terraform puts in.
        && !package.sha256.starts_with("${")
    {
        return Err(CloudInitError::Sha256);
    }
    // Not by index, which would write an empty group where there is none.
    if let Some(Value::Object(formation)) = configuration.get_mut("clusterFormation") {
        formation.remove("token");
    }
    let text =
        serde_saphyr::to_string(&configuration).map_err(|_| CloudInitError::Configuration)?;
    let mut environment = String::new();
    if let Some(token) = settings.token.as_ref().filter(|token| !token.is_empty()) {
        environment += &format!("TOKEN={}\n", token.expose());
    }
    if let Some(seeder) = seeder {
        environment += &format!("SEEDER={seeder}\n");
    }
    Ok(template::render(&template::Values {
        hostname: settings.hostname.as_deref(),
        ssh_keys: &settings.ssh_keys,
        package: settings.package.as_ref(),
        configuration_file: DEFAULT_FILE,
        configuration: &text,
        environment: &environment,
        service: role.unit(),
        environment_file: ENVIRONMENT_FILE,
    })?)
}

/// Sees that a node is given what no machine joins without: at first boot nobody is asked.
fn joins(settings: &Settings) -> Result<(), CloudInitError> {
    let says = |group: &str, key: &str| {
        settings.configuration[group][key].as_str().is_some_and(|text| !text.is_empty())
    };
    let any = settings.configuration["certificates"]["unsafeSkipVerification"] == true;
    if !any && !says("certificates", "caCrtHash") && !says("certificates", "caCrt") {
        return Err(CloudInitError::NoPin);
    }
    let token = settings.token.as_ref().is_some_and(|token| !token.is_empty());
    match token || says("clusterFormation", "tokenFile") {
        true => Ok(()),
        false => Err(CloudInitError::NoToken),
    }
}

/// The document with values that Terraform's `templatefile` puts in: `hostname`, `ssh_key`,
/// `package_url`, `package_sha256`, `token`, and for a node `seeder` and `ca_crt_hash`.
///
/// # Errors
/// [`CloudInitError`], which would be a mistake in this program.
pub fn for_terraform(role: Role) -> Result<String, CloudInitError> {
    let variable = |name: &str| format!("${{{name}}}");
    let mut configuration = serde_json::json!({
        "apiVersion": crate::config::API_VERSION,
        "kind": crate::config::KIND,
    });
    if role == Role::Node {
        configuration["certificates"] = serde_json::json!({ "caCrtHash": variable("ca_crt_hash") });
    }
    render(
        role,
        &Settings {
            hostname: Some(variable("hostname")),
            ssh_keys: vec![variable("ssh_key")],
            package: Some(Package {
                url: variable("package_url"),
                sha256: variable("package_sha256"),
            }),
            configuration,
            token: Some(Secret::new(variable("token"))),
            seeder: (role == Role::Node).then(|| variable("seeder")),
        },
    )
}

#[cfg(test)]
mod tests;
