//! What a remote repository says of its names.
//!
//! It is asked, because what was fetched from it once may not be there any more: a branch or tag that
//! is gone there would go on to be found here.

use std::time::Duration;

use super::{LONGEST_FETCH, Repository};
use crate::name::Reference;
use crate::process::{self, ProcessError, Stop};

/// How long a remote repository may take to tell of its names. Over protocols other than HTTP, one
/// that says nothing would be waited for without end.
const LONGEST_ASK: Duration = Duration::from_secs(60);

/// What a name stands for in a remote repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The whole name, as `refs/heads/main`.
    pub name: String,
    /// A commit, or a tag of one.
    pub object: String,
}

impl Answer {
    /// The branch, if it is one.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.name.strip_prefix("refs/heads/")
    }
}

impl Repository {
    /// Asks a remote repository for a branch, else a tag, of this name; for its default branch
    /// without one. A name that begins with `refs/` is taken as it is.
    ///
    /// # Errors
    /// When git fails, gets no answer in a minute, or is stopped.
    pub fn ask(
        &self,
        remote: &str,
        name: Option<&Reference>,
        stop: &Stop,
    ) -> Result<Option<Answer>, ProcessError> {
        let Some(name) = name.filter(|name| name.as_str() != "HEAD") else {
            let said = self.names(&["--symref", "--", remote, "HEAD"], stop)?;
            return Ok(head(&said));
        };
        let wanted = match name.as_str().starts_with("refs/") {
            true => vec![name.to_string()],
            false => vec![format!("refs/heads/{name}"), format!("refs/tags/{name}")],
        };
        let mut ask = vec!["--", remote];
        ask.extend(wanted.iter().map(String::as_str));
        let said = self.names(&ask, stop)?;
        let mut names = wanted.iter();
        // It also tells of names that end in what is asked for.
        let found = names.find_map(|wanted| {
            let mut lines = said.lines().filter_map(|line| line.split_once('\t'));
            lines.find(|(_, name)| name == wanted)
        });
        Ok(found.map(|(object, name)| Answer { name: name.to_owned(), object: object.to_owned() }))
    }

    fn names(&self, ask: &[&str], stop: &Stop) -> Result<String, ProcessError> {
        let mut command = self.bound();
        let said =
            process::answered(command.args(["ls-remote", "--quiet"]).args(ask), LONGEST_ASK, stop)?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    /// Fetches one object that no branch or tag leads to any more, if the remote repository gives it
    /// away. Whether it did is to be seen from what is here then.
    ///
    /// # Errors
    /// When it is stopped.
    pub fn fetch_object(
        &self,
        remote: &str,
        object: &str,
        stop: &Stop,
    ) -> Result<(), ProcessError> {
        let fetch =
            ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", remote, object];
        match process::answered(self.bound().args(fetch), LONGEST_FETCH, stop) {
            Err(error @ ProcessError::Stopped { .. }) => return Err(error),
            Err(error) => {
                tracing::debug!(%error, object, "the object cannot be fetched");
            }
            Ok(_) => {}
        }
        Ok(())
    }
}

/// The default branch, where there is one and it has a commit.
fn head(said: &str) -> Option<Answer> {
    let lines: Vec<(&str, &str)> = said.lines().filter_map(|line| line.split_once('\t')).collect();
    let of_head = |line: &&(&str, &str)| line.1 == "HEAD";
    let named = lines.iter().filter(of_head).find_map(|(what, _)| what.strip_prefix("ref: "));
    let object = lines.iter().filter(of_head).find(|(what, _)| !what.starts_with("ref: "))?.0;
    Some(Answer { name: named.unwrap_or("HEAD").to_owned(), object: object.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_branch_is_read_by_name() {
        let answer = |name: &str| Some(Answer { name: name.to_owned(), object: "12ab".to_owned() });
        assert_eq!(head("ref: refs/heads/trunk\tHEAD\n12ab\tHEAD\n"), answer("refs/heads/trunk"));
        assert_eq!(head("12ab\tHEAD\n"), answer("HEAD"));
        assert_eq!(head(""), None);
    }
}
