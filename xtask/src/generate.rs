//! `cargo xtask gen`: writes the generated files, or shows which are stale.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use similar::TextDiff;

use crate::generators;

/// One generated file.
pub(crate) struct Generated {
    /// Relative to the workspace root.
    pub(crate) path: PathBuf,
    pub(crate) content: String,
}

/// Writes what is stale, or with `check` prints a diff of it and fails.
///
/// # Errors
/// When a generator fails or a file can be neither read nor written.
pub(crate) fn run(root: &Path, check: bool) -> Result<ExitCode> {
    let files = generators::all()?;
    let mut stale = 0;
    for file in &files {
        let target = root.join(&file.path);
        let present = read(&target)?;
        if present.as_deref() == Some(file.content.as_str()) {
            continue;
        }
        stale += 1;
        match check {
            true => print!("{}", difference(file, present.as_deref().unwrap_or_default())),
            false => {
                write(&target, &file.content)?;
                println!("wrote {}", file.path.display());
            }
        }
    }
    if check && stale > 0 {
        eprintln!(
            "error: {stale} of {} generated files are stale; run `cargo xtask gen` and commit the result",
            files.len()
        );
        return Ok(ExitCode::FAILURE);
    }
    println!(
        "{} generated files, {}",
        files.len(),
        if stale == 0 { "all up to date".to_owned() } else { format!("{stale} written") }
    );
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

fn write(path: &Path, content: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("creating {}", folder.display()))?;
    }
    std::fs::write(path, content).with_context(|| format!("writing {}", path.display()))
}

fn difference(file: &Generated, present: &str) -> String {
    let name = file.path.display().to_string();
    TextDiff::from_lines(present, &file.content)
        .unified_diff()
        .header(&format!("{name} (in the repository)"), &format!("{name} (generated)"))
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_names_the_file_and_the_changed_line() {
        let file =
            Generated { path: "deploy/a.yaml".into(), content: "kind: A\nname: new\n".to_owned() };
        let text = difference(&file, "kind: A\nname: old\n");
        assert!(text.contains("--- deploy/a.yaml (in the repository)"), "{text}");
        assert!(text.contains("-name: old\n+name: new\n"), "{text}");
    }
}
