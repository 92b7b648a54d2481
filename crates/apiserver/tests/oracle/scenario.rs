//! The files of `scenarios/`, as described in README.md.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use indexmap::IndexMap;
use serde::{Deserialize, Deserializer};

use crate::checks::Check;
use crate::json::{Json, Object};

pub(crate) const CHECKS: &[Check] = &[(
    "scenario/every_file_is_understood_and_named_after_its_scenario",
    every_file_is_understood_and_named_after_its_scenario,
)];

/// One recorded conversation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    pub(crate) area: String,
    pub(crate) name: String,
    /// `core` or `extended`.
    pub(crate) level: String,
    #[serde(default)]
    pub(crate) about: String,
    /// What it needs beyond the API server.
    #[serde(default)]
    pub(crate) needs: Vec<String>,
    #[serde(default, rename = "recorded")]
    _recorded: String,
    /// A namespace of its own is made first and deleted at the end.
    #[serde(default)]
    pub(crate) namespace: bool,
    pub(crate) steps: Vec<Step>,
    /// Sent at the end whatever happened; answers are ignored.
    #[serde(default)]
    pub(crate) cleanup: Vec<Request>,
}

#[derive(Deserialize)]
pub(crate) struct Step {
    #[serde(flatten)]
    pub(crate) action: Action,
    #[serde(default)]
    pub(crate) note: String,
    pub(crate) expect: Option<Json>,
    /// Variables from paths of the raw answer.
    #[serde(default)]
    pub(crate) save: IndexMap<String, String>,
    pub(crate) until: Option<Until>,
    #[serde(default)]
    pub(crate) unchecked: bool,
    /// An unchecked step may answer with an error.
    #[serde(default)]
    pub(crate) may_fail: bool,
    #[serde(default)]
    pub(crate) ignore: Vec<String>,
    pub(crate) pick: Option<IndexMap<String, String>>,
    #[serde(default)]
    pub(crate) sort: Vec<String>,
    #[serde(default)]
    pub(crate) unordered: bool,
    #[serde(default, rename = "managedFields")]
    pub(crate) managed_fields: bool,
    /// `ignore`: the body is not compared.
    pub(crate) body: Option<String>,
    /// What this replayer does not know: an error, never passed over.
    #[serde(flatten)]
    pub(crate) unknown: Object,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    Do(Request),
    Watch(WatchStart),
    Events(Events),
    Check(Relation),
    /// Seconds.
    Sleep(f64),
    StopWatch(String),
    Webhook(Webhook),
    WaitWebhook(WaitWebhook),
    WebhookRequests(String),
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    #[serde(default = "get")]
    pub(crate) method: String,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) query: Object,
    /// Null takes a default header away, a list sends it several times.
    #[serde(default)]
    pub(crate) headers: Object,
    #[serde(default)]
    pub(crate) body: Json,
    /// Absent: the administrator; null: anonymous.
    #[serde(default, deserialize_with = "present")]
    pub(crate) token: Option<Option<String>>,
}

#[derive(Deserialize)]
pub(crate) struct WatchStart {
    pub(crate) id: String,
    #[serde(flatten)]
    pub(crate) request: Request,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Events {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) count: usize,
    /// Seconds to wait for the events.
    #[serde(default = "ten")]
    pub(crate) timeout: f64,
    /// Seconds to wait for unwanted ones.
    #[serde(default = "quarter")]
    pub(crate) settle: f64,
    #[serde(default)]
    pub(crate) until_close: bool,
    #[serde(default)]
    pub(crate) bookmarks: bool,
    /// Only the first event of each type is compared.
    #[serde(default)]
    pub(crate) distinct: bool,
    #[serde(default)]
    pub(crate) unordered: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Relation {
    pub(crate) a: Json,
    pub(crate) op: String,
    pub(crate) b: Json,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Until {
    pub(crate) status: Option<u16>,
    /// Values by path.
    #[serde(default, rename = "where")]
    pub(crate) conditions: Object,
    #[serde(default = "ten")]
    pub(crate) timeout: f64,
    #[serde(default = "tenth")]
    pub(crate) interval: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhook {
    pub(crate) id: String,
    /// Substituted as a whole, then read as rules.
    #[serde(default)]
    pub(crate) rules: Json,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitWebhook {
    pub(crate) ids: Vec<String>,
    #[serde(rename = "do")]
    pub(crate) request: Request,
    #[serde(default = "fifteen")]
    pub(crate) timeout: f64,
}

fn get() -> String {
    "GET".to_owned()
}

fn tenth() -> f64 {
    0.1
}

fn quarter() -> f64 {
    0.25
}

fn ten() -> f64 {
    10.0
}

fn fifteen() -> f64 {
    15.0
}

/// Keeps null apart from absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Request {
    /// A plain GET as the administrator.
    pub(crate) fn get(path: &str) -> Self {
        Self {
            method: get(),
            path: path.to_owned(),
            query: Object::new(),
            headers: Object::new(),
            body: Json::Null,
            token: None,
        }
    }
}

/// Names of all scenarios, `area/name`, in order.
///
/// # Errors
/// When the folder cannot be listed.
pub(crate) fn names() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for area in entries(&folder())? {
        for file in entries(&folder().join(&area))? {
            if let Some(name) = file.strip_suffix(".json") {
                names.push(format!("{area}/{name}"));
            }
        }
    }
    Ok(names)
}

/// The scenario of this name.
///
/// # Errors
/// When its file cannot be read or is no scenario.
pub(crate) fn load(name: &str) -> Result<Scenario> {
    let file = folder().join(format!("{name}.json"));
    let text = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("parsing {}", file.display()))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/scenarios")
}

/// Names of the entries of a folder, in order.
fn entries(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    let mut names = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

fn every_file_is_understood_and_named_after_its_scenario() {
    for name in names().expect("the folder can be listed") {
        let scenario = load(&name).expect("every file is a scenario");
        assert_eq!(format!("{}/{}", scenario.area, scenario.name), name);
        let unknown = scenario.steps.iter().flat_map(|step| step.unknown.keys());
        assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&String>::new(), "step options in {name}");
    }
}
