//! Which version of each other the components ask for, and how far that is from what is checked out.

use serde::Serialize;

use super::{Graph, Reason};
use crate::git::Repository;
use crate::name::ComponentName;

/// One pin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skew {
    /// Whose `go.mod`.
    pub from: ComponentName,
    /// The component that it pins.
    pub to: ComponentName,
    /// At this version.
    pub version: String,
    /// Commits between them.
    pub distance: Distance,
}

/// How far a pinned version is from the commit that is checked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum Distance {
    /// The version is no commit of the repository, as `v0.0.0`, or was not fetched.
    Unknown,
    /// It is what is checked out.
    Same,
    /// It is not.
    #[serde(rename_all = "camelCase")]
    Apart {
        /// Commits that are checked out and that the pin lacks.
        behind: u32,
        /// Commits that only the pin has.
        ahead: u32,
    },
}

impl std::fmt::Display for Distance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown => write!(f, "unknown"),
            Self::Same => write!(f, "same"),
            Self::Apart { behind, ahead: 0 } => write!(f, "{behind} behind"),
            Self::Apart { behind: 0, ahead } => write!(f, "{ahead} ahead"),
            Self::Apart { behind, ahead } => write!(f, "{behind} behind, {ahead} ahead"),
        }
    }
}

/// All pins of a graph; `repository` has that of each component.
pub fn skew(graph: &Graph, repository: impl Fn(&ComponentName) -> Repository) -> Vec<Skew> {
    let pins = graph.edges().flat_map(|(from, to, reasons)| {
        reasons.iter().filter_map(move |reason| match reason {
            Reason::Require { version, .. } => Some((from, to, version)),
            _ => None,
        })
    });
    pins.map(|(from, to, version)| {
        let distance = distance(&repository(to), version);
        Skew { from: from.clone(), to: to.clone(), version: version.clone(), distance }
    })
    .collect()
}

fn distance(repository: &Repository, version: &str) -> Distance {
    let Some(pinned) = repository.commit(revision(version)) else { return Distance::Unknown };
    match repository.distance(&pinned, "HEAD") {
        Ok((0, 0)) => Distance::Same,
        Ok((ahead, behind)) => Distance::Apart { behind, ahead },
        Err(_) => Distance::Unknown,
    }
}

/// The tag or commit of a version: a pseudo-version ends with a time and twelve digits of a commit,
/// <https://go.dev/ref/mod#pseudo-versions>.
fn revision(version: &str) -> &str {
    let version = version.strip_suffix("+incompatible").unwrap_or(version);
    let mut parts = version.rsplitn(3, '-');
    let (commit, time) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let time = time.rsplit('.').next().unwrap_or_default();
    let digits =
        |text: &str, length| text.len() == length && text.chars().all(|c| c.is_ascii_hexdigit());
    match digits(commit, 12) && digits(time, 14) {
        true => commit,
        false => version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commit_of_a_pseudo_version_is_its_end() {
        for (version, commit) in [
            ("v0.0.0-20210101120000-abcdefabcdef", "abcdefabcdef"),
            ("v1.2.4-0.20210101120000-abcdefabcdef", "abcdefabcdef"),
            ("v1.7.2-rc1", "v1.7.2-rc1"),
            ("v2.0.0+incompatible", "v2.0.0"),
        ] {
            assert_eq!(revision(version), commit);
        }
    }
}
