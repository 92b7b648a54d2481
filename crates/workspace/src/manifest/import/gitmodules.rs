//! `.gitmodules`, by <https://git-scm.com/docs/gitmodules>. Git itself reads it. A submodule is at a
//! commit, so its component is too, unless a branch is named.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::{ImportError, List, Project};
use crate::git::Repository;
use crate::process;

pub(super) fn list(file: &Path) -> Result<List, ImportError> {
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
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let around = Repository::at(folder.unwrap_or(Path::new(".")));
    let form = |problem: String| ImportError::Form { path: file.to_owned(), problem };
    let mut list = List::default();
    for (name, values) in modules {
        if values.get("update") == Some(&"none") {
            list.left.push(format!("submodule {name}: `update = none` leaves it out"));
            continue;
        }
        let value = |key: &str| {
            let value = values.get(key).map(|value| (*value).to_owned());
            value.ok_or_else(|| form(format!("submodule {name} has no {key}")))
        };
        let (path, url) = (value("path")?, value("url")?);
        let url = match url.starts_with("./") || url.starts_with("../") {
            false => url,
            true => around.origin_text().and_then(|origin| joined(&origin, &url)).ok_or_else(|| {
                form(format!(
                    "submodule {name}: {url} is seen from where this repository was cloned from, which nobody knows here"
                ))
            })?,
        };
        // `.` is the branch of the repository around it, which nobody knows here.
        let branch = values.get("branch").filter(|branch| **branch != ".");
        let revision = branch.map(|branch| (*branch).to_owned()).or_else(|| commit(&around, &path));
        list.projects.push(Project { name: path.clone(), url, revision, path });
    }
    Ok(list)
}

/// The commit that the repository has of a submodule, where it is one and has one.
fn commit(around: &Repository, path: &str) -> Option<String> {
    let line = around.line(&["ls-tree", "HEAD", "--", path]).ok()?;
    let (entry, _) = line.split_once('\t')?;
    entry.strip_prefix("160000 commit ").map(str::to_owned)
}

/// A relative address as git understands it: each `..` takes away the last part.
fn joined(origin: &str, relative: &str) -> Option<String> {
    let (mut base, mut rest) = (origin.trim_end_matches('/'), relative);
    let mut separator = '/';
    loop {
        if let Some(next) = rest.strip_prefix("./") {
            rest = next;
        } else if let Some(next) = rest.strip_prefix("../") {
            let at = base.rfind(['/', ':'])?;
            separator = if base[at..].starts_with(':') { ':' } else { '/' };
            (base, rest) = (&base[..at], next);
        } else {
            break;
        }
    }
    // Up to the host and beyond it nothing is left to see from; up to the root of a machine is.
    let is_left = match base.is_empty() {
        true => origin.starts_with('/'),
        false => !base.ends_with([':', '/']),
    };
    is_left.then(|| format!("{base}{separator}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_addresses_are_seen_from_the_origin() {
        for (origin, relative, url) in [
            ("https://host/team/all.git", "../one.git", Some("https://host/team/one.git")),
            ("https://host/team/all/", "./one", Some("https://host/team/all/one")),
            ("git@host:team/all.git", "../one.git", Some("git@host:team/one.git")),
            ("git@host:all.git", "../one.git", Some("git@host:one.git")),
            ("/srv/all", "../../x/one", Some("/x/one")),
            ("https://host/all", "../../../one", None),
        ] {
            assert_eq!(joined(origin, relative).as_deref(), url, "{origin} {relative}");
        }
    }
}
