//! Manifests of repo, by
//! <https://gerrit.googlesource.com/git-repo/+/main/docs/manifest-format.md>.

use std::collections::BTreeMap;
use std::path::Path;

use roxmltree::{Document, Node};

use super::{ImportError, Project};

pub(super) fn projects(text: &str, file: &Path) -> Result<Vec<Project>, ImportError> {
    let form = |problem: String| ImportError::Form { path: file.to_owned(), problem };
    let document = Document::parse(text).map_err(|error| form(error.to_string()))?;
    let root = document.root_element();
    if root.tag_name().name() != "manifest" {
        return Err(form("it is no <manifest>".to_owned()));
    }
    let named = |tag: &'static str| root.children().filter(move |node| node.has_tag_name(tag));
    if let Some(include) = named("include").next() {
        let name = include.attribute("name").unwrap_or_default();
        return Err(form(format!("it includes {name}: import the output of `repo manifest`")));
    }
    let remotes: BTreeMap<&str, Node<'_, '_>> =
        named("remote").filter_map(|node| Some((node.attribute("name")?, node))).collect();
    let default = named("default").next();
    let default = |key: &str| default.and_then(|node| node.attribute(key));
    let of = |project: Node<'_, '_>| {
        let name =
            project.attribute("name").ok_or_else(|| form("a project has no name".to_owned()))?;
        let remote = project
            .attribute("remote")
            .or_else(|| default("remote"))
            .ok_or_else(|| form(format!("project {name} has no remote")))?;
        let remote = remotes
            .get(remote)
            .ok_or_else(|| form(format!("project {name}: there is no remote {remote}")))?;
        let fetch = remote.attribute("fetch").unwrap_or_default();
        if !fetch.contains(':') {
            return Err(form(format!(
                "project {name}: fetch={fetch:?} is relative to where the manifest was fetched from, which nobody knows here"
            )));
        }
        let revision = project.attribute("revision").or_else(|| remote.attribute("revision"));
        let revision = revision.or_else(|| default("revision"));
        let short = |revision: &str| {
            revision
                .strip_prefix("refs/heads/")
                .or_else(|| revision.strip_prefix("refs/tags/"))
                .unwrap_or(revision)
                .to_owned()
        };
        Ok(Project {
            name: name.to_owned(),
            url: format!("{}/{name}", fetch.trim_end_matches('/')),
            revision: revision.map(short),
            path: project.attribute("path").unwrap_or(name).to_owned(),
        })
    };
    named("project").map(of).collect()
}
