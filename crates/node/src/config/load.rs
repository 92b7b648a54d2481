//! From a file to a configuration.

use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::check::{Finding, check};
use super::document::NodeConfiguration;
use super::variable::{self, SEEDER, TOKEN, Variable, VariableError};
use super::{Severity, migrate, schema};

/// Size from which on a file is no configuration.
const LIMIT: u64 = 1 << 20;

/// Where a configuration comes from.
#[derive(Clone, Default)]
pub struct Source {
    /// The file; defaults only, when there is none.
    pub file: Option<PathBuf>,
    /// What comes before the file and the environment, in this order.
    pub variables: Vec<Variable>,
    /// Value of [`SEEDER`], where it is set.
    pub seeder: Option<String>,
    /// Value of [`TOKEN`], where it is set.
    pub token: Option<String>,
}

impl Source {
    /// A file, and the environment of this process.
    #[must_use]
    pub fn new(file: Option<PathBuf>, variables: Vec<Variable>) -> Self {
        let of = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        Self { file, variables, seeder: of(SEEDER), token: of(TOKEN) }
    }
}

/// What was loaded.
#[derive(Clone)]
pub struct Loaded {
    /// The configuration.
    pub configuration: NodeConfiguration,
    /// What is to be known about it; no errors among it.
    pub warnings: Vec<Finding>,
    /// The document as it would be written today, for `config --migrate`. It holds the token of
    /// the file it was made from, and nothing of the environment.
    pub document: Value,
}

impl fmt::Debug for Source {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, variables, seeder, token: _ } = self;
        let mut shown = f.debug_struct("Source");
        shown.field("file", file).field("variables", variables).field("seeder", seeder);
        shown.finish_non_exhaustive()
    }
}

impl fmt::Debug for Loaded {
    /// Without the document, which holds the token as it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { configuration, warnings, document: _ } = self;
        let mut shown = f.debug_struct("Loaded");
        shown.field("configuration", configuration).field("warnings", warnings);
        shown.finish_non_exhaustive()
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file is no YAML. What it says is not shown, it may be secret.
    #[error("{} is no YAML: {fault}", file.display())]
    Yaml {
        /// The file.
        file: PathBuf,
        /// What is wrong, and in which line.
        fault: String,
    },
    /// A variable cannot be set.
    #[error("cannot set a value with --var")]
    Variable(#[from] VariableError),
    /// The configuration is wrong.
    #[error("the configuration is wrong:{}", list(findings))]
    Wrong {
        /// Everything that is to be said about it, errors and warnings.
        findings: Vec<Finding>,
    },
}

fn list(findings: &[Finding]) -> String {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| format!("\n  {finding}")).collect()
}

/// Loads a configuration.
///
/// # Errors
/// [`ConfigError`], with everything that is wrong at once.
pub fn load(source: &Source) -> Result<Loaded, ConfigError> {
    let mut findings = Vec::new();
    let mut tree = match &source.file {
        None => Value::Object(Map::new()),
        Some(file) => {
            let tree = read(file)?;
            findings.extend(exposed(file, &tree));
            tree
        }
    };
    if migrate::is_kubic(&tree) {
        findings.extend(migrate::migrate(&mut tree));
    }
    findings.extend(identity(&tree));
    let document = tree.clone();
    for (path, value) in
        [("clusterFormation.seeder", &source.seeder), ("clusterFormation.token", &source.token)]
    {
        if let Some(value) = value {
            Variable::of_environment(path, value.clone()).set(&mut tree)?;
        }
    }
    for variable in &source.variables {
        variable.set(&mut tree)?;
    }
    let (sound, faults) = schema::sift(&tree);
    let given = given(&sound);
    let mut configuration: NodeConfiguration = serde_json::from_value(sound).map_err(|_| {
        // The schema is made from the type, so it has been told what is wrong already.
        let message = "does not fit the schema of the configuration";
        ConfigError::Wrong { findings: vec![Finding::error("", message)] }
    })?;
    configuration.given = given;
    let mut meant = check(&configuration);
    meant.retain(|finding| !faults.iter().any(|fault| fault.obscures(&finding.key)));
    findings.extend(faults.into_iter().map(|fault| Finding::error(fault.path, fault.message)));
    findings.extend(meant);
    match findings.iter().any(|finding| finding.severity == Severity::Error) {
        true => Err(ConfigError::Wrong { findings }),
        false => Ok(Loaded { configuration, warnings: findings, document }),
    }
}

/// What was given, without what decides nothing about what the machine becomes: how it says what it
/// is, which engine is asked for, where the journal is, and the token, which may be another one each
/// time.
fn given(tree: &Value) -> Value {
    let mut given = tree.clone();
    for path in [
        "apiVersion",
        "kind",
        "engine",
        "paths.state",
        "clusterFormation.token",
        "clusterFormation.tokenFile",
    ] {
        variable::remove(&mut given, path);
    }
    given
}

/// The document with everything at its default.
#[must_use]
pub fn defaults() -> NodeConfiguration {
    NodeConfiguration::default()
}

fn read(file: &Path) -> Result<Value, ConfigError> {
    let failed = |source| ConfigError::Read { file: file.to_owned(), source };
    let mut text = String::new();
    let opened = fs::File::open(file).map_err(failed)?;
    opened.take(LIMIT + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > LIMIT {
        return Err(failed(io::Error::other("it is larger than a mebibyte")));
    }
    let yaml = |fault| ConfigError::Yaml { file: file.to_owned(), fault };
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Value::Object(Map::new()));
    }
    let options = serde_saphyr::options! { with_snippet: false };
    let tree: Value = serde_saphyr::from_str_with_options(&text, options).map_err(|error| {
        // Only where, not what: the message may quote the line.
        yaml(match error.location() {
            Some(at) => format!("line {}, column {} cannot be understood", at.line(), at.column()),
            None => "it cannot be understood as one document".to_owned(),
        })
    })?;
    match tree {
        Value::Null => Ok(Value::Object(Map::new())),
        Value::Object(_) => Ok(tree),
        _ => Err(yaml("it is no group of keys".to_owned())),
    }
}

/// The document has to say what it is.
fn identity(tree: &Value) -> Option<Finding> {
    let is = |key: &str, wanted: &str| tree.get(key).is_none_or(|value| value == wanted);
    if tree.as_object().is_some_and(Map::is_empty) {
        return None;
    }
    let said = tree.get("apiVersion").is_some() && tree.get("kind").is_some();
    match said && is("apiVersion", super::API_VERSION) && is("kind", super::KIND) {
        true => None,
        false => Some(Finding::error(
            "apiVersion",
            format!(
                "the document has to begin with apiVersion: {} and kind: {}",
                super::API_VERSION,
                super::KIND
            ),
        )),
    }
}

/// A secret in a file that others can read.
fn exposed(file: &Path, tree: &Value) -> Option<Finding> {
    let group = tree.get("clusterFormation")?;
    let token = group.get("token")?.as_str()?;
    let mode = fs::metadata(file).ok()?.permissions().mode();
    (!token.is_empty() && mode & 0o077 != 0).then(|| {
        Finding::warning(
            "clusterFormation.token",
            format!("every user of the machine can read it: chmod 600 {}", file.display()),
        )
    })
}
