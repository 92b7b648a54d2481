//! Images by Dockerfiles, with the program that is there: buildah, which needs no daemon, or docker.
//!
//! The context is a copy of what the component is made of, so the tree stays as it is and what git
//! ignores is not in it. What comes out is copied into the layout of the workspace, every byte
//! checked.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use kubewright_oci::archive::{self, ArchiveError};
use kubewright_oci::layout::LayoutError;
use kubewright_oci::{Descriptor, Layout, Scratch};

use super::{ImageError, Images, base};
use crate::build::View;
use crate::manifest::{Component, Dockerfile, Image, Platform, file_name};
use crate::name::ComponentName;
use crate::process::{self, ProcessError};
use crate::workspace::WorkspaceError;

/// Name of images in the store of the program that builds them; the tag tells them apart.
const NAME: &str = "localhost/kubewright/built";

/// Why a Dockerfile gave no image.
#[derive(Debug, thiserror::Error)]
pub enum DockerfileError {
    /// Nothing that could run it.
    #[error("neither buildah nor docker is installed: install one of them")]
    NoProgram,
    /// A program failed.
    #[error(transparent)]
    Program(#[from] ProcessError),
    /// What it made cannot be read.
    #[error("cannot read what it made")]
    Layout(#[from] LayoutError),
    /// What docker saved cannot be read.
    #[error("cannot read what it made")]
    Archive(#[from] ArchiveError),
    /// A file cannot be used.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The folders of the workspace.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
}

/// Who builds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Engine {
    Buildah,
    Docker,
}

impl Engine {
    /// The first that is on the search path.
    fn find(path: &OsString) -> Option<Self> {
        let there = |name| std::env::split_paths(path).any(|folder| folder.join(name).is_file());
        match (there("buildah"), there("docker")) {
            (true, _) => Some(Self::Buildah),
            (false, true) => Some(Self::Docker),
            (false, false) => None,
        }
    }
}

/// One image on its way.
struct Job<'a> {
    dockerfile: &'a Dockerfile,
    platform: &'a Platform,
    /// Where files of its own are, gone afterwards.
    folder: &'a Path,
    /// Where buildah keeps bases.
    store: &'a Path,
}

impl Images<'_> {
    pub(super) fn dockerfile(
        &self,
        name: &ComponentName,
        component: &Component,
        image: &Image,
        dockerfile: &Dockerfile,
        platform: &Platform,
    ) -> Result<Descriptor, ImageError> {
        let (workspace, keys, store) = (self.workspace, self.keys, &self.store);
        let view = View { workspace, keys, store, name, component, platform };
        let files = |source| ImageError::Files { image: image.name.clone(), source };
        let failed = |source| ImageError::Dockerfile {
            image: image.name.clone(),
            platform: platform.clone(),
            source,
        };
        let folder = workspace.state_folder("dockerfile")?;
        let folder = Scratch::new(&folder, "context-")
            .map_err(|source| failed(DockerfileError::File { path: folder.clone(), source }))?;
        let context = folder.path().join("context");
        std::fs::create_dir(&context)
            .map_err(|source| failed(DockerfileError::File { path: context.clone(), source }))?;
        view.copy(&view.all().map_err(files)?, &context).map_err(files)?;
        let store = workspace.state_folder("buildah")?;
        let job = Job { dockerfile, platform, folder: folder.path(), store: &store };
        let log = workspace.state_folder("log")?;
        let log = log.join(format!("{name}-{}.log", file_name(platform)));
        self.run_dockerfile(&job, &log).map_err(failed)
    }

    fn run_dockerfile(&self, job: &Job<'_>, log: &Path) -> Result<Descriptor, DockerfileError> {
        let path = self.workspace.environment.path();
        let engine = Engine::find(&path).ok_or(DockerfileError::NoProgram)?;
        let minutes = u64::from(self.workspace.manifest.workspace.timeout_minutes);
        let run = |mut command: Command| {
            command.env("PATH", &path);
            process::watched(&mut command, log, Duration::from_secs(minutes * 60), &self.stop)
        };
        match engine {
            Engine::Buildah => {
                run(job.buildah_build())?;
                let (made, name) = (job.folder.join("made"), job.name());
                let pushed = run(job.buildah(
                    &["push", "--quiet", "--format", "oci", &name],
                    &[&format!("oci:{}:made", made.display())],
                ));
                // Also when that failed: the store keeps bases, not results.
                let removed = run(job.buildah(&["rmi", "--force", &name], &[]));
                pushed.and(removed)?;
                let made = Layout::open(made)?;
                let image = made.find("made")?;
                base::copy(&made, &self.layout, &image)?;
                Ok(Descriptor::new(&image.media_type, image.digest, image.size))
            }
            Engine::Docker => {
                run(job.docker_build())?;
                let saved = job.folder.join("saved.tar");
                let mut save = Command::new("docker");
                save.args(["save", "--output"]).arg(&saved).arg(job.name());
                let done = run(save);
                let mut remove = Command::new("docker");
                remove.args(["rmi", "--force", &job.name()]);
                done.and(run(remove))?;
                Ok(archive::import(&saved, &self.layout)?)
            }
        }
        .map(|image| image.on(job.platform.clone()))
    }
}

impl Job<'_> {
    /// What it is called while it is built, several at a time.
    fn name(&self) -> String {
        let folder = self.folder.file_name().unwrap_or_default().to_string_lossy();
        format!("{NAME}:{}", folder.trim_start_matches('.'))
    }

    /// Everything it needs is in its own folders; nothing asks for a daemon or a user namespace.
    fn buildah(&self, arguments: &[&str], last: &[&str]) -> Command {
        let mut command = Command::new("buildah");
        // The driver that works on any file system, also inside containers.
        let driver = std::env::var_os("STORAGE_DRIVER").unwrap_or_else(|| "vfs".into());
        command.arg("--storage-driver").arg(driver);
        command.arg("--root").arg(self.store.join("root"));
        command.arg("--runroot").arg(self.store.join("run"));
        command.args(arguments).args(last);
        command
    }

    fn buildah_build(&self) -> Command {
        // One time for everything, or no two builds were the same.
        let mut command = self.buildah(
            &["build", "--isolation", "chroot", "--format", "oci", "--timestamp", "0"],
            &["--identity-label=false", "--no-cache"],
        );
        self.describe(&mut command);
        command
    }

    fn docker_build(&self) -> Command {
        let mut command = Command::new("docker");
        command.args(["build", "--no-cache", "--build-arg", "SOURCE_DATE_EPOCH=0"]);
        self.describe(&mut command);
        command
    }

    /// What both take the same way.
    fn describe(&self, command: &mut Command) {
        let context = self.folder.join("context");
        command.arg("--platform").arg(self.platform.to_string());
        for (name, value) in &self.dockerfile.args {
            command.arg("--build-arg").arg(format!("{name}={value}"));
        }
        command.arg("--file").arg(context.join(self.dockerfile.file.as_str()));
        command.args(["--tag", &self.name()]).arg(context);
    }
}

#[cfg(test)]
mod tests;
