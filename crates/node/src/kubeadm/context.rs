//! What the steps have in common: the kubeadm that is there, its documents, the secrets.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use kube::config::Kubeconfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::document::{self, Facts};
use super::phase::{self, InitOptions, JoinOptions, Step};
use super::reach::Reach;
use super::version::{Schema, Version, VersionError};
use super::{Invitation, Purpose, WorkError, bootstrap, secret, undo};
use crate::config::{NodeConfiguration, Secret, check::token_ttl};
use crate::discovery::{Endpoint, Pin};
use crate::file::{self, FileError, SECRET};
use crate::formation::Approval;
use crate::host::{Command, CommandError, Host};
use crate::join::NodeName;
use crate::machine;
use crate::preflight::{self, CheckResult};
use crate::token::Grant;

/// How long a phase may take; preflight pulls images.
const PHASE: Duration = Duration::from_secs(30 * 60);
/// How long kubeadm waits to find a cluster, and again to be accepted; before 1.31 the latter
/// cannot be changed.
const USUAL: Duration = Duration::from_secs(5 * 60);
/// The same where someone has to accept the node.
const ACCEPTANCE: Duration = Duration::from_secs(60 * 60);
/// What kubeadm is given, below the state folder.
const DOCUMENT: &str = "kubeadm.yaml";
/// Where kubeadm puts the administrator's kubeconfig.
pub(super) const ADMIN: &str = "/etc/kubernetes/admin.conf";

/// The configuration and the machine do not go together.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// There is no kubeadm.
    #[error(
        "there is no kubeadm on this machine; install it, name it with paths.kubeadm, or choose the engine `embedded`"
    )]
    NoKubeadm,
    /// There is none where it is said to be.
    #[error("there is no program {}, which paths.kubeadm names", program.display())]
    NoProgram {
        /// The path.
        program: PathBuf,
    },
    /// Its version.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// It lists no phases.
    #[error("`kubeadm {purpose} --help` lists no phases, so it cannot be driven")]
    NoPhases {
        /// `init` or `join`.
        purpose: &'static str,
    },
    /// A program.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The host name is no name of a Node.
    #[error("the host name of this machine is no name of a Node; choose one with node.name")]
    HostName,
    /// The interface has no address.
    #[error(
        "the interface {interface} has no global {family}address; see network.bind.interface, or give network.bind.address"
    )]
    NoAddress {
        /// The interface.
        interface: String,
        /// The family that it has to be of, with a blank; nothing when any would do.
        family: &'static str,
    },
    /// There is no token.
    #[error(
        "joining takes a token: set clusterFormation.token, clusterFormation.tokenFile, or TOKEN in the environment; `kubewright node token create` on the seeder makes one"
    )]
    NoToken,
    /// What was given is none.
    #[error("{} holds no bootstrap token", file.display())]
    Token {
        /// The file.
        file: PathBuf,
    },
    /// Nothing tells whom to believe.
    #[error(
        "nothing tells which cluster to believe: set certificates.caCrtHash (`kubewright node init` prints it on the seeder), or certificates.caCrt; certificates.unsafeSkipVerification joins whatever answers"
    )]
    NoPin,
    /// The authority is no certificate.
    #[error("certificates.caCrt is no certificate in PEM, nor a file with one")]
    Authority,
    /// There is no key of the uploaded certificates.
    #[error(
        "joining as control-plane node takes the key of the uploaded certificates: set clusterFormation.certificateKeyFile to a file with 64 hexadecimal digits, as `kubewright node init` leaves on the seeder"
    )]
    CertificateKey,
    /// There is no randomness.
    #[error("this machine has no random numbers")]
    Random,
    /// A kubeconfig cannot be used.
    #[error("cannot use {file}")]
    Kubeconfig {
        /// The file.
        file: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nothing says where the cluster is.
    #[error("nothing says which cluster to join")]
    Nowhere,
    /// The seeder is no address.
    #[error("clusterFormation.seeder is no address")]
    Seeder,
}

/// What a joining machine was given.
pub(super) struct Admission {
    seeder: String,
    token: Secret,
    pins: Vec<Pin>,
    certificate_key: Secret,
}

pub(super) struct Context<'a> {
    pub(super) host: &'a Host,
    pub(super) configuration: &'a NodeConfiguration,
    pub(super) purpose: Purpose,
    pub(super) state: PathBuf,
    pub(super) name: String,
    pub(super) steps: Vec<Step>,
    /// How long joining may take: to find the cluster, and to be accepted.
    pub(super) joining: Duration,
    program: PathBuf,
    pub(super) version: Version,
    pub(super) reach: Reach,
    token: Secret,
    certificate_key: Secret,
}

/// The kubeadm that a configuration means.
pub(super) fn program(host: &Host, configuration: &NodeConfiguration) -> Option<PathBuf> {
    let given = &configuration.paths.kubeadm;
    match given.is_empty() {
        false => Some(PathBuf::from(given)).filter(|given| given.is_file()),
        true => host.find("kubeadm"),
    }
}

/// The step that imports an archive.
pub(super) fn image_step(archive: &Path) -> String {
    format!("image-{}", archive.file_name().unwrap_or_default().to_string_lossy())
}

impl<'a> Context<'a> {
    /// Looks at the machine; changes nothing.
    pub(super) async fn look(
        host: &'a Host,
        configuration: &'a NodeConfiguration,
        purpose: Purpose,
    ) -> Result<Self, ContextError> {
        let program = program(host, configuration).ok_or_else(|| {
            match configuration.paths.kubeadm.as_str() {
                "" => ContextError::NoKubeadm,
                given => ContextError::NoProgram { program: given.into() },
            }
        })?;
        let path = program.display().to_string();
        let version = host.run(&Command::new(&path, ["version", "-o", "json"])).await?;
        let version = Version::of_kubeadm(&version.stdout)?;
        let help = host.run(&Command::new(&path, [purpose.name(), "--help"])).await?;
        let phases = phase::parse(&help.stdout);
        if phases.is_empty() {
            return Err(ContextError::NoPhases { purpose: purpose.name() });
        }
        let formation = &configuration.cluster_formation;
        let steps = match purpose {
            Purpose::Init => phase::of_init(
                &phases,
                InitOptions {
                    auto_approve: formation.auto_approve,
                    several: !configuration.network.dns.external_fqdn.is_empty(),
                },
            ),
            Purpose::Join => phase::of_join(
                &phases,
                JoinOptions {
                    control_plane: formation.control_plane,
                    hides: version.hides_phases(),
                },
            ),
        };
        Ok(Self {
            host,
            configuration,
            purpose,
            state: host.path(&configuration.paths.state),
            name: node_name(configuration)?,
            steps,
            joining: USUAL,
            program,
            version,
            reach: Reach::of(host, configuration, purpose).await?,
            token: Secret::default(),
            certificate_key: Secret::default(),
        })
    }

    /// What joining takes.
    pub(super) fn admission(&self) -> Result<Admission, ContextError> {
        let (host, configuration) = (self.host, self.configuration);
        if configuration.is_seeder() {
            return Err(ContextError::Nowhere);
        }
        let seeder: Result<Endpoint, _> = configuration.cluster_formation.seeder.parse();
        let certificate_key = match configuration.cluster_formation.control_plane {
            true => secret::given_certificate_key(host, configuration)?,
            false => Secret::default(),
        };
        Ok(Admission {
            seeder: seeder.map_err(|_| ContextError::Seeder)?.to_string(),
            token: secret::given_token(host, configuration)?.ok_or(ContextError::NoToken)?,
            pins: secret::pins(host, configuration)?,
            certificate_key,
        })
    }

    /// Gets the secrets, and writes kubeadm's documents.
    pub(super) fn prepare(&mut self) -> Result<(), ContextError> {
        let (host, configuration) = (self.host, self.configuration);
        let text = match self.purpose {
            Purpose::Init => {
                self.token = match secret::given_token(host, configuration)? {
                    Some(token) => token,
                    None => secret::kept(&self.state, secret::TOKEN, secret::token)?,
                };
                if !configuration.network.dns.external_fqdn.is_empty() {
                    let made = secret::certificate_key;
                    self.certificate_key =
                        secret::kept(&self.state, secret::CERTIFICATE_KEY, made)?;
                }
                document::init(configuration, &self.facts())
            }
            Purpose::Join => {
                let Admission { seeder, token, pins, certificate_key } = self.admission()?;
                (self.token, self.certificate_key) = (token, certificate_key);
                document::join(configuration, &self.facts(), &seeder, &pins)
            }
        };
        file::replace(&self.state.join(DOCUMENT), text.as_bytes(), SECRET)?;
        Ok(())
    }

    pub(super) fn usual_patience(&self) -> Duration {
        if self.configuration.cluster_formation.auto_approve { USUAL } else { ACCEPTANCE }
    }

    /// What is to be known of a kubeadm that cannot wait as long as it is asked to.
    pub(super) fn impatience(&self) -> Option<CheckResult> {
        let stubborn = self.purpose == Purpose::Join
            && self.version.schema() == Schema::V1Beta3
            && self.joining > USUAL;
        let asked = self.joining.as_secs();
        stubborn.then(|| {
            let message = format!(
                "kubeadm {} waits five minutes to be accepted, not {asked} seconds",
                self.version
            );
            CheckResult::warning("wait", message, "accept the node in time, or run this again then")
        })
    }

    /// Has kubeadm check its documents before anything is done. It has known the command for
    /// longer than we support it.
    pub(super) async fn validate(&self) -> Result<(), WorkError> {
        let arguments = ["config", "validate", "--config"].map(str::to_owned);
        self.host.run(&self.kubeadm(arguments.into_iter().chain([self.document()]))).await?;
        Ok(())
    }

    fn document(&self) -> String {
        self.configuration.paths.state.join(DOCUMENT).display().to_string()
    }

    /// A call of kubeadm that keeps its secrets.
    fn kubeadm(&self, arguments: impl IntoIterator<Item = String>) -> Command {
        let mut arguments: Vec<String> = arguments.into_iter().collect();
        if !self.host.is_this() {
            arguments.extend(["--rootfs".to_owned(), self.host.root().display().to_string()]);
        }
        Command::new(self.program.display().to_string(), arguments)
            .environment(machine::environment(self.configuration, &self.reach.direct))
            .hiding(&[self.token.clone(), self.certificate_key.clone()])
            .hiding(&machine::passwords(self.configuration))
            // One call finds the cluster and is accepted.
            .within(PHASE + 2 * self.joining)
    }

    pub(super) fn archives(&self) -> Result<Vec<PathBuf>, ContextError> {
        Ok(machine::archives(self.host, self.configuration)?)
    }

    /// Runs a phase; what it warns of.
    pub(super) async fn call(&self, call: &[String]) -> Result<Vec<CheckResult>, WorkError> {
        let mut arguments = vec![self.purpose.name().to_owned()];
        arguments.extend(call.iter().cloned());
        arguments.extend(["--config".to_owned(), self.document()]);
        let command = self.kubeadm(arguments);
        let preflight = call.get(1).is_some_and(|phase| phase == "preflight");
        match self.host.run(&command).await {
            Ok(output) if preflight => Ok(preflight::of_kubeadm(&output.stderr).0),
            Ok(_) => Ok(Vec::new()),
            Err(CommandError::Failed { output, command, status, said }) => {
                let found = preflight::of_kubeadm(&format!("{}\n{}", output.stderr, output.stdout));
                match preflight && !found.is_fine() {
                    true => Err(WorkError::Preflight(found)),
                    false => Err(CommandError::Failed { output, command, status, said }.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Remembers what is there before a step that can be taken back.
    pub(super) fn undoable(&self, step: &str) -> Result<(), FileError> {
        undo::remember(self.host, self.configuration, &self.state, step)
    }

    /// Makes the token and what belongs to it, where nodes are to be accepted by someone.
    pub(super) async fn tokens(&self) -> Result<(), WorkError> {
        let client = self.client().await?;
        let ttl = token_ttl(&self.configuration.cluster_formation.token_ttl);
        let grant = Grant {
            description: Some("nodes of kubewright".to_owned()),
            ..Grant::for_nodes(ttl.map(|ttl| Timestamp::now() + ttl))
        };
        let approver = !self.configuration.manager.image.is_empty();
        let approval = Approval::of(false, approver);
        bootstrap::make(&client, &self.kubeconfig(ADMIN)?, &self.token, &grant, approval).await?;
        Ok(())
    }

    /// What other machines need.
    pub(super) fn invitation(&self) -> Option<Invitation> {
        invitation(self.host, self.configuration, self.token.clone())
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            version: &self.version,
            name: &self.name,
            address: self.reach.address.as_deref(),
            node_ip: self.reach.node.as_deref(),
            token: Some(&self.token).filter(|token| !token.is_empty()),
            certificate_key: Some(&self.certificate_key).filter(|key| !key.is_empty()),
            joining: self.joining,
        }
    }
}

fn invitation(host: &Host, configuration: &NodeConfiguration, token: Secret) -> Option<Invitation> {
    let admin = Kubeconfig::read_from(host.path(ADMIN)).ok()?;
    let server = admin.clusters.first()?.cluster.as_ref()?.server.clone()?;
    let ca = host.path(configuration.certificates.directory.join("ca.crt"));
    let authority = CertificateDer::from_pem_file(ca).ok()?;
    let key = configuration.paths.state.join(secret::CERTIFICATE_KEY);
    Some(Invitation {
        seeder: Endpoint::of_url(&server).ok()?.to_string(),
        ca_crt_hash: Pin::of_certificate(&authority)?.to_string(),
        token,
        certificate_key_file: host.path(&key).exists().then_some(key),
    })
}

/// The invitation of a seeder that was killed before it was shown.
pub(super) fn unshown(host: &Host, configuration: &NodeConfiguration) -> Option<Invitation> {
    let token = secret::kept_token(&host.path(&configuration.paths.state))?;
    invitation(host, configuration, token)
}

/// Removes the secrets that are not needed any more, and what was remembered to take steps back. The
/// token stays until it was shown.
pub(super) fn tidy(purpose: Purpose, state: &Path) -> Result<(), ContextError> {
    undo::forget(state)?;
    let path = state.join(DOCUMENT);
    if purpose == Purpose::Join {
        file::remove(&path).map_err(FileError::of("remove", &path))?;
        return Ok(());
    }
    // It stays for `kubeadm init phase upload-certs`, without the token.
    let text = fs::read_to_string(&path).unwrap_or_default();
    if text.contains(document::TOKENS) {
        let without = document::without_token(&text);
        file::replace(&path, without.as_bytes(), SECRET)?;
    }
    Ok(())
}

/// The name that is given, or that of the host.
fn node_name(configuration: &NodeConfiguration) -> Result<String, ContextError> {
    match configuration.node.name.as_str() {
        "" => NodeName::of_host().map(Into::into).map_err(|_| ContextError::HostName),
        given => Ok(given.to_owned()),
    }
}
