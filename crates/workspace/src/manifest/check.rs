//! What a `workspace.toml` must not say although its format is right.

use std::collections::BTreeMap;
use std::path::{Component as Part, Path, PathBuf};

use super::{Component, Manifest, ManifestError, nearest};
use crate::image::tag;
use crate::name::ComponentName;

pub(super) fn check(manifest: &Manifest, text: &str, file: &Path) -> Result<(), ManifestError> {
    let settings = |problem: String| ManifestError::Settings { file: file.to_owned(), problem };
    if let Some(placeholder) = tag::unknown_placeholder(&manifest.workspace.tag) {
        return Err(settings(format!(
            "tag: nothing stands for {{{placeholder}}}; there are {}",
            tag::PLACEHOLDERS.join(", ")
        )));
    }
    if let Some(registry) = &manifest.workspace.registry
        && !registry.split('/').all(is_registry_part)
    {
        return Err(settings(format!(
            "registry: {registry:?} is none: write it as registry.example/team, without a scheme"
        )));
    }
    if manifest.workspace.timeout_minutes == 0 {
        return Err(settings("timeout_minutes: a build needs at least one".to_owned()));
    }
    let mut images = BTreeMap::new();
    for (name, component) in &manifest.component {
        let wrong = |problem: String| ManifestError::Component {
            file: file.to_owned(),
            line: line_of(text, name),
            component: name.to_string(),
            problem,
        };
        sources(name, component).map_err(wrong)?;
        edges(name, component, manifest).map_err(wrong)?;
        apart(name, component, manifest).map_err(wrong)?;
        outputs(component).map_err(wrong)?;
        for image in component.image.iter() {
            // Manifests know images by the last part of their names.
            if let Some(other) = images.insert(image.name.last().to_owned(), name) {
                return Err(wrong(format!("{other} makes an image {} too", image.name.last())));
            }
        }
    }
    Ok(())
}

fn is_registry_part(part: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-:[]".contains(c);
    !part.is_empty() && part.chars().all(plain) && !part.starts_with('-') && part != ".."
}

fn sources(name: &ComponentName, component: &Component) -> Result<(), String> {
    let tree = component.tree(name);
    let outside = tree.is_absolute() || tree.components().any(|part| part == Part::ParentDir);
    if component.git.is_some() && outside {
        return Err("path: a tree that `sync` writes must be inside the workspace".to_owned());
    }
    let own = [".", ".git", ".kubewright"];
    let ours = |part: Part| own.iter().any(|own| part.as_os_str() == *own);
    let empty = !tree.components().any(|part| matches!(part, Part::Normal(_)));
    if component.git.is_some() && (empty || tree.components().any(ours)) {
        return Err("path: a tree that `sync` writes needs a folder of its own, and none of git or kubewright".to_owned());
    }
    if component.git.is_none() && component.path.is_none() {
        return Err(
            "say with `git` where its repository is, or with `path` where its tree is".to_owned()
        );
    }
    if component.git.is_none() && component.reference.is_some() {
        return Err("ref: without `git` there is nothing to check out".to_owned());
    }
    Ok(())
}

fn edges(name: &ComponentName, component: &Component, manifest: &Manifest) -> Result<(), String> {
    let declared = component.depends_on.iter().flatten().map(|to| ("depends_on", to));
    let inputs = component.inputs.iter().map(|input| ("inputs", &input.from));
    for (key, to) in declared.chain(inputs) {
        if to == name {
            return Err(format!("{key}: it cannot depend on itself"));
        }
        if !manifest.component.contains_key(to) {
            let known = manifest.component.keys().map(ComponentName::as_str);
            let hint = nearest(to.as_str(), known);
            let hint = hint.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            return Err(format!("{key}: there is no component {to}{hint}"));
        }
    }
    Ok(())
}

/// A tree that `sync` writes must not lie in another one, or around it.
fn apart(name: &ComponentName, component: &Component, manifest: &Manifest) -> Result<(), String> {
    if component.git.is_none() {
        return Ok(());
    }
    let plain = |name: &ComponentName, component: &Component| -> PathBuf {
        component.tree(name).components().filter(|part| *part != Part::CurDir).collect()
    };
    let tree = plain(name, component);
    for (other, beside) in manifest.component.iter().filter(|(other, _)| *other != name) {
        let beside = plain(other, beside);
        if tree.starts_with(&beside) || beside.starts_with(&tree) {
            let tree = tree.display();
            return Err(format!("path: {tree} and {}, of {other}, overlap", beside.display()));
        }
    }
    Ok(())
}

/// Two builds or inputs that write the same file would depend on who comes last.
fn outputs(component: &Component) -> Result<(), String> {
    let mut seen: Vec<&Path> = Vec::new();
    let written = component.outputs().chain(component.inputs.iter().map(|input| &input.to));
    for path in written.map(|path| Path::new(path.as_str())) {
        if let Some(other) =
            seen.iter().find(|other| path.starts_with(other) || other.starts_with(path))
        {
            let path = path.display();
            return Err(format!("{path} is written twice, also as {}", other.display()));
        }
        seen.push(path);
    }
    Ok(())
}

/// Line of a component's table, 1 where it is written in another way.
fn line_of(text: &str, name: &ComponentName) -> usize {
    let heads = [format!("[component.{name}]"), format!("[component.\"{name}\"]")];
    text.lines()
        .position(|line| heads.iter().any(|head| line.trim() == *head))
        .map_or(1, |at| at + 1)
}
