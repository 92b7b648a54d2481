//! A program, in a copy of the tree.
//!
//! What it writes stays in the copy, so the tree is as clean afterwards as before; and since nothing
//! that git ignores is copied, an output that an earlier build left behind cannot pass for a new
//! one. In the copy, `go.mod` has the modules of the workspace in place of what it pins.

use std::path::{Path, PathBuf};

use super::{BuildError, Job};
use crate::name::InnerPath;
use crate::process;

/// Folder of the copies that commands run in.
pub(crate) const WORK: &str = "work";

impl Job<'_> {
    pub(super) fn command(
        &self,
        words: &[String],
        outputs: &[InnerPath],
    ) -> Result<(), BuildError> {
        let version = self.bench.keys.version(self.name);
        let filled = |word: &String| match version {
            Some(version) => {
                word.replace("{describe}", &version.describe).replace("{commit}", &version.commit)
            }
            None => word.clone(),
        };
        let words: Vec<String> = words.iter().map(filled).collect();
        let [program, arguments @ ..] = &words[..] else { return Ok(()) };
        let work = self.copied()?;
        let what = words.join(" ");
        let mut command = process::bound(program, &self.bench.workspace.environment.path());
        self.bench.workspace.environment.set(&mut command, Some(self.component));
        self.target(&mut command);
        command.args(arguments).current_dir(&work);
        // The names that Dockerfiles have for them.
        command
            .env("TARGETPLATFORM", self.platform.to_string())
            .env("TARGETOS", &self.platform.os)
            .env("TARGETARCH", &self.platform.architecture);
        // The copy is no repository. One around the workspace would answer for it.
        command.env("GIT_CEILING_DIRECTORIES", work.parent().unwrap_or(&work));
        let (limit, stop) = (self.bench.limit, self.bench.stop);
        process::watched(&mut command, &self.log, limit, stop).map_err(self.program(&what))?;
        for output in outputs {
            let made = work.join(output.as_str());
            // A link could show a file that another build made.
            let made = made.canonicalize().ok().filter(|made| made.starts_with(&work));
            let Some(made) = made else {
                let (component, output) = (self.name.clone(), output.clone());
                return Err(BuildError::NoOutput { component, what, output });
            };
            // So an output that is a link is what it leads to; links below it stay links.
            let files = super::view::files_of(Path::new(output.as_str()), &made);
            self.view().copy(&files.map_err(self.file("read", &made))?, &self.out)?;
        }
        std::fs::remove_dir_all(&work).map_err(self.file("remove", &work))
    }

    /// A copy of the tree with inputs and joined module files.
    fn copied(&self) -> Result<PathBuf, BuildError> {
        // Always the same place, for programs that keep in mind where they were built.
        let work = self.bench.workspace.state_folder(WORK)?.join(self.name.as_str());
        if work.exists() {
            std::fs::remove_dir_all(&work).map_err(self.file("remove", &work))?;
        }
        std::fs::create_dir_all(&work).map_err(self.file("make", &work))?;
        let view = self.view();
        view.copy(&view.sources()?, &work)?;
        let (workspace, sources) = (self.bench.workspace, self.bench.sources);
        let from = self.component.inputs.iter().map(|input| &input.from);
        for name in from.chain([self.name]) {
            super::unchanged(workspace, sources, name)?;
        }
        if let Some((module, sums)) = self.module_files(&work, &self.locals(&work)?)? {
            for (name, text) in [("go.mod", module), ("go.sum", sums)] {
                let file = work.join(name);
                std::fs::write(&file, text).map_err(self.file("write", &file))?;
            }
        }
        Ok(work)
    }
}
