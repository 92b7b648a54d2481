//! `west.yml`, by <https://docs.zephyrproject.org/latest/develop/west/manifest.html>.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{ImportError, List, Project};

/// How to get one list of all.
const RESOLVED: &str = "import the output of `west manifest --resolve`";

#[derive(Deserialize)]
struct File {
    manifest: West,
}

#[derive(Deserialize)]
struct West {
    #[serde(default)]
    defaults: Defaults,
    #[serde(default)]
    remotes: Vec<Remote>,
    #[serde(default)]
    projects: Vec<Entry>,
    #[serde(default, rename = "group-filter")]
    group_filter: Vec<String>,
    #[serde(default, rename = "self")]
    own: Own,
}

#[derive(Default, Deserialize)]
struct Own {
    import: Option<serde_json::Value>,
}

#[derive(Default, Deserialize)]
struct Defaults {
    remote: Option<String>,
    revision: Option<String>,
}

#[derive(Deserialize)]
struct Remote {
    name: String,
    #[serde(rename = "url-base")]
    url_base: String,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    remote: Option<String>,
    url: Option<String>,
    #[serde(rename = "repo-path")]
    repo_path: Option<String>,
    revision: Option<String>,
    path: Option<String>,
    #[serde(default)]
    groups: Vec<String>,
    import: Option<serde_json::Value>,
    submodules: Option<serde_json::Value>,
}

pub(super) fn list(text: &str, file: &Path) -> Result<List, ImportError> {
    let form = |problem: String| ImportError::Form { path: file.to_owned(), problem };
    let west: File = serde_saphyr::from_str(text).map_err(|error| form(error.to_string()))?;
    let west = west.manifest;
    if is_set(&west.own.import) {
        return Err(form(format!("it imports further lists: {RESOLVED}")));
    }
    let mut left = Vec::new();
    let mut taken = Vec::new();
    for entry in &west.projects {
        let name = &entry.name;
        if is_set(&entry.import) {
            return Err(form(format!("project {name} imports further projects: {RESOLVED}")));
        }
        if !entry.groups.is_empty()
            && entry.groups.iter().all(|group| is_disabled(group, &west.group_filter))
        {
            left.push(format!(
                "project {name}: `group-filter` leaves out {}",
                entry.groups.join(", ")
            ));
            continue;
        }
        if is_set(&entry.submodules) {
            left.push(format!("project {name}: its submodules; make components of them"));
        }
        taken.push(entry);
    }
    let remotes: BTreeMap<&str, &str> =
        west.remotes.iter().map(|remote| (&remote.name[..], &remote.url_base[..])).collect();
    let of = |entry: &Entry| {
        let url = match &entry.url {
            Some(url) => url.clone(),
            None => {
                let remote = entry.remote.as_deref().or(west.defaults.remote.as_deref());
                let remote = remote.ok_or_else(|| {
                    form(format!("project {} has neither url nor remote", entry.name))
                })?;
                let base = remotes.get(remote).ok_or_else(|| {
                    form(format!("project {}: there is no remote {remote}", entry.name))
                })?;
                let path = entry.repo_path.as_ref().unwrap_or(&entry.name);
                format!("{}/{path}", base.trim_end_matches('/'))
            }
        };
        // What west takes where nothing is said.
        let fallback = || west.defaults.revision.clone().unwrap_or_else(|| "master".to_owned());
        Ok(Project {
            name: entry.name.clone(),
            url,
            revision: Some(entry.revision.clone().unwrap_or_else(fallback)),
            path: entry.path.clone().unwrap_or_else(|| entry.name.clone()),
        })
    };
    let projects: Result<_, ImportError> = taken.into_iter().map(of).collect();
    Ok(List { projects: projects?, left })
}

/// Whether an option is there that may be `false`, `true` or more than that.
fn is_set(option: &Option<serde_json::Value>) -> bool {
    !matches!(option, None | Some(serde_json::Value::Bool(false) | serde_json::Value::Null))
}

/// Whether `+group` and `-group` disable a group; the last one counts.
fn is_disabled(group: &str, filter: &[String]) -> bool {
    let last = filter.iter().rfind(|sign| sign.get(1..) == Some(group));
    last.is_some_and(|sign| sign.starts_with('-'))
}
