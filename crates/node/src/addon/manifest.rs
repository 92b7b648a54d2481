//! Manifests of others.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::file::{FileError, files_of};

/// A file of manifests cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is no YAML. What it says is not shown, it may hold Secrets.
    #[error("{} cannot be understood as YAML{}", file.display(), line.map(|line| format!(", line {line}")).unwrap_or_default())]
    Yaml {
        /// The file.
        file: PathBuf,
        /// Where.
        line: Option<u64>,
    },
    /// A document is no object of Kubernetes.
    #[error("document {number} of {} is no object of Kubernetes: it has no {missing}", file.display())]
    Object {
        /// The file.
        file: PathBuf,
        /// Which document, from 1.
        number: usize,
        /// What it lacks.
        missing: &'static str,
    },
}

/// The objects of a file, or of the files of a folder by name.
pub(super) fn read(path: &Path) -> Result<Vec<Value>, ManifestError> {
    let mut objects = Vec::new();
    for file in files_of(path, &["yaml", "yml", "json"])? {
        let text = fs::read_to_string(&file).map_err(FileError::of("read", &file))?;
        objects.extend(parse(&file, &text)?);
    }
    Ok(objects)
}

fn parse(file: &Path, text: &str) -> Result<Vec<Value>, ManifestError> {
    let options = serde_saphyr::options! { with_snippet: false };
    let documents: Vec<Value> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
            ManifestError::Yaml {
                file: file.to_owned(),
                line: error.location().map(|at| at.line()),
            }
        })?;
    let mut objects = Vec::new();
    for (index, document) in documents.into_iter().enumerate() {
        let missing =
            |missing| ManifestError::Object { file: file.to_owned(), number: index + 1, missing };
        if document.is_null() {
            continue;
        }
        let listed = document["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
        let items = match (listed, document["items"].as_array()) {
            (true, Some(items)) => items.clone(),
            _ => vec![document],
        };
        for object in items {
            for (there, name) in [
                (object["apiVersion"].is_string(), "apiVersion"),
                (object["kind"].is_string(), "kind"),
                (object["metadata"]["name"].is_string(), "metadata.name"),
            ] {
                if !there {
                    return Err(missing(name));
                }
            }
            objects.push(object);
        }
    }
    Ok(objects)
}
