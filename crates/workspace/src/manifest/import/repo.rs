//! Manifests of repo, by
//! <https://gerrit.googlesource.com/git-repo/+/main/docs/manifest-format.md>.

use std::collections::BTreeMap;
use std::path::Path;

use roxmltree::{Document, Node};

use super::{ImportError, List, Project};

/// What changes other parts of a manifest, by its tags. Doing that is the work of repo.
const CHANGING: [&str; 3] = ["extend-project", "remove-project", "submanifest"];

pub(super) fn list(text: &str, file: &Path) -> Result<List, ImportError> {
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
    if let Some(changing) = root.children().find(|node| CHANGING.contains(&node.tag_name().name()))
    {
        let (tag, name) = (changing.tag_name().name(), changing.attribute("name"));
        let name = name.unwrap_or_default();
        return Err(form(format!(
            "it has <{tag} name={name:?}>: import the output of `repo manifest`"
        )));
    }
    let mut left = Vec::new();
    let mut taken = Vec::new();
    for project in named("project") {
        let name = project.attribute("name").unwrap_or_default();
        if project.children().any(|node| node.has_tag_name("project")) {
            return Err(form(format!(
                "project {name} has others inside: import the output of `repo manifest`"
            )));
        }
        let mut groups = project.attribute("groups").unwrap_or_default().split([',', ' ']);
        if groups.any(|group| group == "notdefault") {
            left.push(format!("project {name}: it is in group notdefault"));
            continue;
        }
        left.extend(extras(project, name));
        taken.push(project);
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
    let projects: Result<_, ImportError> = taken.into_iter().map(of).collect();
    Ok(List { projects: projects?, left })
}

/// What a project wants besides being there.
fn extras(project: Node<'_, '_>, name: &str) -> Vec<String> {
    let files = project
        .children()
        .filter(|node| node.has_tag_name("copyfile") || node.has_tag_name("linkfile"));
    let mut extras: Vec<String> = files
        .map(|node| {
            let attribute = |key: &str| node.attribute(key).unwrap_or_default();
            let (tag, src, dest) = (node.tag_name().name(), attribute("src"), attribute("dest"));
            format!("project {name}: <{tag}> of {src} to {dest}; `inputs` of a component may do it")
        })
        .collect();
    if project.attribute("sync-s") == Some("true") {
        extras.push(format!("project {name}: its submodules; make components of them"));
    }
    extras
}
