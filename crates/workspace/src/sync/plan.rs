//! What to do with a tree, given what it is and what it should be. Pure.

use std::fmt;

use serde::Serialize;

/// A tree as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is none.
    Absent,
    /// There is one.
    Tree {
        /// The branch; nothing where a commit is checked out.
        branch: Option<String>,
        /// Whether files are changed.
        dirty: bool,
        /// Its commit and the wanted one.
        relation: Relation,
    },
}

/// How the present commit stands to the wanted one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It is the wanted one.
    Same,
    /// The wanted one comes after it.
    Behind,
    /// It is elsewhere, and the origin has it: nothing is lost by leaving it.
    Published,
    /// It is elsewhere, and only here.
    Own,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "step")]
pub enum Step {
    /// Make the tree.
    Add,
    /// Check out the wanted commit.
    Move,
    /// Advance the branch to the wanted commit.
    Advance,
    /// It is as wanted.
    Nothing,
    /// Leave it as it is, although it is not as wanted.
    Leave {
        /// Why.
        why: Why,
    },
}

/// Why a tree is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "reason")]
pub enum Why {
    /// Files are changed.
    Dirty,
    /// It has commits that are nowhere else.
    OwnCommits,
    /// Someone works on this branch.
    Branch {
        /// Its name.
        name: String,
    },
    /// It was cloned from elsewhere.
    OtherOrigin {
        /// From where, if from anywhere.
        url: Option<String>,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dirty => write!(f, "has changed files"),
            Self::OwnCommits => write!(f, "has commits of its own"),
            Self::Branch { name } => write!(f, "is on branch {name}"),
            Self::OtherOrigin { url: Some(url) } => write!(f, "was cloned from {url}"),
            Self::OtherOrigin { url: None } => write!(f, "was not cloned from anywhere"),
        }
    }
}

/// The step for a tree that should be at some commit, of `wanted_branch` if that is one. A tree
/// with work in it is never moved.
#[must_use]
pub fn step(found: &Found, wanted_branch: Option<&str>) -> Step {
    let Found::Tree { branch, dirty, relation } = found else { return Step::Add };
    if *relation == Relation::Same {
        return Step::Nothing;
    }
    if *dirty {
        return Step::Leave { why: Why::Dirty };
    }
    match (branch, relation) {
        (_, Relation::Own) => Step::Leave { why: Why::OwnCommits },
        (Some(name), Relation::Behind) if Some(&name[..]) == wanted_branch => Step::Advance,
        (Some(name), _) => Step::Leave { why: Why::Branch { name: name.clone() } },
        (None, _) => Step::Move,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(branch: Option<&str>, dirty: bool, relation: Relation) -> Found {
        Found::Tree { branch: branch.map(str::to_owned), dirty, relation }
    }

    #[test]
    fn a_dirty_tree_is_never_moved() {
        for branch in [None, Some("main")] {
            for relation in [Relation::Behind, Relation::Published, Relation::Own] {
                let step = step(&tree(branch, true, relation), Some("main"));
                assert_eq!(step, Step::Leave { why: Why::Dirty });
            }
        }
    }

    #[test]
    fn commits_that_are_only_here_are_never_left() {
        let found = tree(None, false, Relation::Own);
        assert_eq!(step(&found, None), Step::Leave { why: Why::OwnCommits });
        let found = tree(Some("main"), false, Relation::Own);
        assert_eq!(step(&found, Some("main")), Step::Leave { why: Why::OwnCommits });
    }

    #[test]
    fn only_the_wanted_branch_advances() {
        let behind = tree(Some("main"), false, Relation::Behind);
        assert_eq!(step(&behind, Some("main")), Step::Advance);
        let why = Why::Branch { name: "main".to_owned() };
        assert_eq!(step(&behind, Some("release")), Step::Leave { why });
    }

    #[test]
    fn a_checked_out_commit_moves_and_a_right_one_stays() {
        assert_eq!(step(&Found::Absent, None), Step::Add);
        assert_eq!(step(&tree(None, false, Relation::Published), None), Step::Move);
        assert_eq!(step(&tree(None, true, Relation::Same), None), Step::Nothing);
    }
}
