//! Who we are to a registry: what `docker login`, `skopeo login` and the others have stored.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;

/// The key under which Docker keeps what it knows of its own registry.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";
/// The user that stands for an identity token.
const TOKEN_USER: &str = "<token>";

/// Why stored credentials cannot be read. Never says what they are.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file cannot be read.
    #[error("cannot read credentials from {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is no JSON, or `auth` in it is not as `docker login` writes it.
    #[error("credentials in {} are not as `docker login` writes them", .0.display())]
    Format(PathBuf),
    /// The name of a helper would be another program.
    #[error("{0:?} is no name of a credential helper")]
    HelperName(String),
    /// A helper failed.
    #[error("credential helper docker-credential-{name} failed for {registry}: {what}")]
    Helper {
        /// Which.
        name: String,
        /// What it was asked for.
        registry: String,
        /// What happened.
        what: String,
    },
}

/// What a registry is told. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// User and password.
    Password {
        /// User.
        user: String,
        /// Password.
        password: String,
    },
    /// A token that is exchanged for others.
    IdentityToken(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

impl Credentials {
    /// The header of basic authentication. None for a token.
    pub(super) fn basic(&self) -> Option<String> {
        match self {
            Self::Password { user, password } => {
                Some(format!("Basic {}", BASE64.encode(format!("{user}:{password}"))))
            }
            Self::IdentityToken(_) => None,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entry(***)")
    }
}

/// Where credentials are looked for, first to last: `REGISTRY_AUTH_FILE`, the file of skopeo and
/// buildah, `DOCKER_CONFIG`, `~/.docker`.
#[must_use]
pub fn default_files() -> Vec<PathBuf> {
    let folder =
        |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(file) = folder("REGISTRY_AUTH_FILE") {
        return vec![file];
    }
    let mut files = Vec::new();
    files.extend(folder("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")));
    let docker = folder("DOCKER_CONFIG").or_else(|| Some(folder("HOME")?.join(".docker")));
    files.extend(docker.map(|folder| folder.join("config.json")));
    files
}

/// Where credentials are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a file, which was read.
    File(Credentials),
    /// A program has them.
    Helper {
        /// Which.
        name: String,
        /// What it knows the registry as.
        key: String,
    },
}

impl Place {
    /// Brings them here; a program is asked.
    ///
    /// # Errors
    /// When it fails.
    pub(super) fn read(&self) -> Result<Option<Credentials>, CredentialsError> {
        match self {
            Self::File(credentials) => Ok(Some(credentials.clone())),
            Self::Helper { name, key } => ask(name, key),
        }
    }
}

/// Where something is stored for a repository of a registry, the host with its port where it has
/// one: the first place that has it counts. Files that do not exist are passed over.
///
/// # Errors
/// When a file is damaged: pushing as nobody would hide that.
pub(super) fn find(
    files: &[PathBuf],
    registry: &str,
    repository: &str,
) -> Result<Vec<Place>, CredentialsError> {
    let mut places = Vec::new();
    for file in files {
        let text = match fs::read(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(CredentialsError::Read { path: file.clone(), source }),
        };
        // The error of the parser could quote a secret.
        let config: Config =
            serde_json::from_slice(&text).map_err(|_| CredentialsError::Format(file.to_owned()))?;
        places.extend(config.find(registry, repository, file)?);
    }
    Ok(places)
}

impl Config {
    fn find(
        &self,
        registry: &str,
        repository: &str,
        file: &Path,
    ) -> Result<Option<Place>, CredentialsError> {
        let key = if registry == "docker.io" { DOCKER_HUB_KEY } else { registry };
        let helper = |name: &String| Place::Helper { name: name.clone(), key: key.to_owned() };
        if let Some(name) = self.cred_helpers.get(registry).or_else(|| self.cred_helpers.get(key)) {
            return Ok(Some(helper(name)));
        }
        let named = self.auths.iter().filter_map(|(name, entry)| {
            let reach = if name == key { Some(0) } else { reach(name, registry, repository) };
            reach.map(|reach| (reach, entry))
        });
        let entry = named.max_by_key(|(reach, _)| *reach);
        match entry.map(|(_, entry)| entry.read(file)).transpose()?.flatten() {
            Some(found) => Ok(Some(Place::File(found))),
            // With a store the entries are there, but empty.
            None => Ok(self.creds_store.as_ref().map(helper)),
        }
    }
}

/// How much of a repository's name a key covers, in bytes; none when it is of others. A key is a
/// host, `https://host/v1/` by an old way of saying that, or a part of what is there, as in
/// `quay.io/team`.
/// <https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md>
fn reach(key: &str, registry: &str, repository: &str) -> Option<usize> {
    let (old, key) = match key.split_once("://") {
        Some((_, rest)) => (true, rest),
        None => (false, key),
    };
    let (host, path) = key.split_once('/').unwrap_or((key, ""));
    let path = path.trim_end_matches('/');
    let covers = || match repository.strip_prefix(path) {
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => false,
    };
    if host != registry {
        None
    } else if old || path.is_empty() {
        Some(0)
    } else {
        covers().then_some(path.len())
    }
}

impl Entry {
    fn read(&self, file: &Path) -> Result<Option<Credentials>, CredentialsError> {
        if let Some(token) = self.identitytoken.clone().filter(|token| !token.is_empty()) {
            return Ok(Some(Credentials::IdentityToken(token)));
        }
        if let Some(auth) = self.auth.as_ref().filter(|auth| !auth.is_empty()) {
            let wrong = || CredentialsError::Format(file.to_owned());
            let text = BASE64.decode(auth.trim()).map_err(|_| wrong())?;
            let text = String::from_utf8(text).map_err(|_| wrong())?;
            let (user, password) = text.split_once(':').ok_or_else(wrong)?;
            let password = password.trim_end_matches('\0').to_owned();
            return Ok(Some(Credentials::Password { user: user.to_owned(), password }));
        }
        let both = self.username.clone().zip(self.password.clone());
        Ok(both.map(|(user, password)| Credentials::Password { user, password }))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

/// <https://github.com/docker/docker-credential-helpers#development>
fn ask(helper: &str, registry: &str) -> Result<Option<Credentials>, CredentialsError> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if helper.is_empty() || !helper.bytes().all(word) {
        return Err(CredentialsError::HelperName(helper.to_owned()));
    }
    let failed = |what: String| CredentialsError::Helper {
        name: helper.to_owned(),
        registry: registry.to_owned(),
        what,
    };
    let run = || -> io::Result<std::process::Output> {
        let mut child = Command::new(format!("docker-credential-{helper}"))
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(registry.as_bytes())?;
        }
        child.wait_with_output()
    };
    let output = run().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        // By this sentence, on standard output, helpers say that they know nothing.
        let unknown = String::from_utf8_lossy(&output.stdout).contains("credentials not found");
        return if unknown { Ok(None) } else { Err(failed(output.status.to_string())) };
    }
    let answer: HelperAnswer = serde_json::from_slice(&output.stdout)
        .map_err(|_| failed("its answer is not of the protocol".to_owned()))?;
    Ok(Some(match answer.username == TOKEN_USER {
        true => Credentials::IdentityToken(answer.secret),
        false => Credentials::Password { user: answer.username, password: answer.secret },
    }))
}

#[cfg(test)]
mod tests;
