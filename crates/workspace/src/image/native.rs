//! Images that are files on a base: nothing runs, so nothing has to be emulated.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use kubewright_oci::tree::TreeError;
use kubewright_oci::{Changes, Content, Descriptor, Tree};

use super::{ImageError, Images};
use crate::build::{Files, View};
use crate::manifest::{Component, FileCopy, Image, Native, Platform};
use crate::name::{ComponentName, ImageName};

/// Where programs go that nobody says a place for.
const PROGRAMS: &str = "/usr/local/bin";

impl Images<'_> {
    pub(super) fn native(
        &self,
        name: &ComponentName,
        component: &Component,
        image: &Image,
        native: &Native,
        platform: &Platform,
    ) -> Result<Descriptor, ImageError> {
        let (workspace, keys, store) = (self.workspace, self.keys, &self.store);
        let view = View { workspace, keys, store, name, component, platform };
        let files = view.all();
        let files =
            files.map_err(|source| ImageError::Files { image: image.name.clone(), source })?;
        let (wanted, entrypoint) = contents(component, native);
        let mut tree = Tree::new();
        for wanted in &wanted {
            if !add(&mut tree, &files, wanted, &image.name)? {
                let (component, path) = (name.clone(), wanted.from.clone());
                return Err(ImageError::NoFile { image: image.name.clone(), component, path });
            }
        }
        let base = match &native.base {
            None => None,
            Some(base) => Some(self.base(base).map_err(|source| ImageError::Base {
                image: image.name.clone(),
                base: base.clone(),
                source,
            })?),
        };
        let written = kubewright_oci::Image {
            base,
            base_name: native.base.clone(),
            layers: vec![tree],
            changes: Changes {
                entrypoint: (!entrypoint.is_empty()).then_some(entrypoint),
                cmd: (!native.cmd.is_empty()).then(|| native.cmd.clone()),
                env: native.env.clone(),
                user: native.user.clone(),
                working_dir: None,
                ports: Vec::new(),
                labels: native.labels.clone(),
            },
            annotations: BTreeMap::new(),
            ..kubewright_oci::Image::new(platform.clone())
        };
        written.write(&self.layout).map_err(|source| ImageError::Write {
            image: image.name.clone(),
            platform: platform.clone(),
            source,
        })
    }
}

/// What goes in, and what runs: as the manifest says, or all outputs and inputs, and the first of
/// the outputs.
fn contents(component: &Component, native: &Native) -> (Vec<FileCopy>, Vec<String>) {
    if !native.files.is_empty() {
        return (native.files.clone(), native.entrypoint.clone());
    }
    let program = |output: &crate::name::InnerPath| format!("{PROGRAMS}/{}", output.file_name());
    let outputs =
        component.outputs().map(|output| FileCopy { from: output.clone(), to: program(output) });
    let inputs = component
        .inputs
        .iter()
        .map(|input| FileCopy { from: input.to.clone(), to: format!("/{}", input.to) });
    let mut entrypoint = native.entrypoint.clone();
    if entrypoint.is_empty() {
        entrypoint.extend(component.outputs().next().map(program));
    }
    (outputs.chain(inputs).collect(), entrypoint)
}

/// Adds a file, or all below a folder; whether there was any.
fn add(
    tree: &mut Tree,
    files: &Files,
    wanted: &FileCopy,
    image: &ImageName,
) -> Result<bool, ImageError> {
    let from: PathBuf = Path::new(wanted.from.as_str()).components().skip_while(is_here).collect();
    let mut found = false;
    for (path, source) in files {
        let Ok(below) = path.strip_prefix(&from) else { continue };
        found = true;
        let target = match below.as_os_str().is_empty() {
            true => PathBuf::from(&wanted.to),
            false => Path::new(&wanted.to).join(below),
        };
        let failed =
            |error| ImageError::File { image: image.clone(), path: path.clone(), source: error };
        put(tree, &target, source).map_err(failed)?;
    }
    Ok(found)
}

fn is_here(part: &std::path::Component<'_>) -> bool {
    *part == std::path::Component::CurDir
}

fn put(tree: &mut Tree, target: &Path, source: &Path) -> Result<(), TreeError> {
    let read = |error| TreeError::Read { path: source.to_owned(), source: error };
    let name = || TreeError::Name(source.to_owned());
    let target = target.to_str().ok_or_else(name)?;
    let metadata = fs::symlink_metadata(source).map_err(read)?;
    if metadata.is_symlink() {
        let link = fs::read_link(source).map_err(read)?;
        return tree.link(target, link.to_str().ok_or_else(name)?);
    }
    if metadata.is_dir() {
        return tree.folder(target, 0o755);
    }
    let executable = metadata.permissions().mode() & 0o111 != 0;
    let mode = if executable { 0o755 } else { 0o644 };
    tree.file(target, Content::File(source.to_owned()), mode)
}
