//! `west.yml`, by <https://docs.zephyrproject.org/latest/develop/west/manifest.html>.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{ImportError, Project};

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
}

pub(super) fn projects(text: &str, file: &Path) -> Result<Vec<Project>, ImportError> {
    let form = |problem: String| ImportError::Form { path: file.to_owned(), problem };
    let west: File = serde_saphyr::from_str(text).map_err(|error| form(error.to_string()))?;
    let west = west.manifest;
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
    west.projects.iter().map(of).collect()
}
