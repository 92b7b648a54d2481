//! What changed, from commits.

use std::fmt::Write as _;

use super::ReleaseError;
use crate::name::Reference;
use crate::workspace::Workspace;

/// Notes of all components, in Markdown: the commits since the tag before this version.
pub(super) fn notes(workspace: &Workspace, version: &Reference) -> Result<String, ReleaseError> {
    let mut text = format!("# {version}\n");
    for name in workspace.manifest.component.keys() {
        let repository = workspace.repository(name);
        let excluded = format!("--exclude={version}");
        let before = repository.line(&["describe", "--tags", "--abbrev=0", &excluded, "HEAD"]).ok();
        let range = match &before {
            Some(tag) => format!("{tag}..HEAD"),
            None => "HEAD".to_owned(),
        };
        let log = repository.text(&[
            "log",
            "--no-merges",
            "--abbrev=12",
            "--format=%h%x00%s",
            &range,
            "--",
        ]);
        let log = log.map_err(|source| ReleaseError::Git {
            component: name.clone(),
            what: "read its history",
            source,
        })?;
        let commits: Vec<(&str, &str)> =
            log.lines().filter_map(|line| line.split_once('\0')).collect();
        let since = before.map(|tag| format!(" since {tag}")).unwrap_or_default();
        let _ = writeln!(text, "\n## {name}\n");
        match commits.is_empty() {
            true => {
                let _ = writeln!(text, "Nothing changed{since}.");
            }
            false => {
                let _ = writeln!(text, "Changes{since}:\n");
            }
        }
        for (commit, subject) in commits {
            let _ = writeln!(text, "- {} ({commit})", escaped(subject));
        }
    }
    Ok(text)
}

/// Subjects are text, not Markdown.
fn escaped(subject: &str) -> String {
    let mut text = String::with_capacity(subject.len());
    for c in subject.chars() {
        if "\\`*_[]<>#|".contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}
