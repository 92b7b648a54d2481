//! A program, in a copy of the tree.
//!
//! What it writes stays in the copy, so the tree is as clean afterwards as before; and since nothing
//! that git ignores is copied, an output that an earlier build left behind cannot pass for a new
//! one. In the copy, `go.mod` has the modules of the workspace in place of what it pins.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{BuildError, Job};
use crate::name::InnerPath;
use crate::process;

impl Job<'_> {
    pub(super) fn command(
        &self,
        words: &[String],
        outputs: &[InnerPath],
    ) -> Result<(), BuildError> {
        let [program, arguments @ ..] = words else { return Ok(()) };
        let work = self.copied()?;
        let what = words.join(" ");
        let mut command = Command::new(program);
        self.bench.workspace.environment.set(&mut command, Some(self.component));
        self.target(&mut command);
        command.args(arguments).current_dir(&work);
        // The names that Dockerfiles have for them.
        command
            .env("TARGETPLATFORM", self.platform.to_string())
            .env("TARGETOS", &self.platform.os)
            .env("TARGETARCH", &self.platform.architecture);
        let (limit, stop) = (self.bench.limit, self.bench.stop);
        process::watched(&mut command, &self.log, limit, stop).map_err(self.program(&what))?;
        for output in outputs {
            let made = work.join(output.as_str());
            // A link could show a file that another build made.
            let inside = made.canonicalize().is_ok_and(|made| made.starts_with(&work));
            if !inside {
                let (component, output) = (self.name.clone(), output.clone());
                return Err(BuildError::NoOutput { component, what, output });
            }
            let files = super::view::files_of(Path::new(output.as_str()), &made);
            self.view().copy(&files.map_err(self.file("read", &made))?, &self.out)?;
        }
        std::fs::remove_dir_all(&work).map_err(self.file("remove", &work))
    }

    /// A copy of the tree with inputs and joined module files.
    pub(super) fn copied(&self) -> Result<PathBuf, BuildError> {
        // Always the same place, for programs that keep in mind where they were built.
        let work = self.bench.workspace.state_folder("work")?.join(self.name.as_str());
        if work.exists() {
            std::fs::remove_dir_all(&work).map_err(self.file("remove", &work))?;
        }
        std::fs::create_dir_all(&work).map_err(self.file("make", &work))?;
        let view = self.view();
        view.copy(&view.sources()?, &work)?;
        if let Some((module, sums)) = self.module_files(&self.locals(&work)?)? {
            for (name, text) in [("go.mod", module), ("go.sum", sums)] {
                let file = work.join(name);
                std::fs::write(&file, text).map_err(self.file("write", &file))?;
            }
        }
        Ok(work)
    }
}
