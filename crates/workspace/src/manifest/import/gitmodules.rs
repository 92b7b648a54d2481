//! `.gitmodules`, read by git itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::{ImportError, Project};
use crate::process;

pub(super) fn projects(file: &Path) -> Result<Vec<Project>, ImportError> {
    let mut command = Command::new("git");
    command.args(["config", "--no-includes", "--null", "--list", "--file"]).arg(file);
    let said = process::output(&mut command)
        .map_err(|source| ImportError::Git { path: file.to_owned(), source })?;
    let said = String::from_utf8_lossy(&said);
    let mut modules: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for entry in said.split('\0').filter(|entry| !entry.is_empty()) {
        let (key, value) = entry.split_once('\n').unwrap_or((entry, ""));
        let Some((name, key)) = key.strip_prefix("submodule.").and_then(|key| key.rsplit_once('.'))
        else {
            continue;
        };
        modules.entry(name).or_default().insert(key, value);
    }
    modules
        .into_iter()
        .map(|(name, values)| {
            let value = |key: &str| values.get(key).map(|value| (*value).to_owned());
            let missing = |key: &str| ImportError::Form {
                path: file.to_owned(),
                problem: format!("submodule {name} has no {key}"),
            };
            let path = value("path").ok_or_else(|| missing("path"))?;
            Ok(Project {
                name: path.clone(),
                url: value("url").ok_or_else(|| missing("url"))?,
                // `.` is the branch of the repository around it, which nobody knows here.
                revision: value("branch").filter(|branch| branch != "."),
                path,
            })
        })
        .collect()
}
