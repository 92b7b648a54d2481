//! Which component needs which, and why.
//!
//! An edge is never taken on trust: it stands in `go.mod`, in the sources, or in `inputs`; what
//! `depends_on` says is compared with that. [`infer`] is pure, so that a thousand components can be
//! planned without one repository.

pub mod draw;
mod infer;
mod path;
pub mod skew;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::name::ComponentName;

pub use infer::{Facts, infer};
pub use path::{Why, why};

/// Why there is no graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Components need each other.
    #[error("the components depend on each other in a circle: {}", arrows(.0))]
    Cycle(Vec<ComponentName>),
    /// An edge is declared that the sources know nothing of.
    #[error(
        "component {from} declares that it depends on {to}, but neither its go.mod nor its sources nor its inputs do: take {to} out of depends_on"
    )]
    NotInferred {
        /// Who declares it.
        from: ComponentName,
        /// What it does not need.
        to: ComponentName,
    },
    /// An edge is not declared that the sources have.
    #[error(
        "component {from} depends on {to} ({reason}), but does not declare it: add {to} to depends_on"
    )]
    NotDeclared {
        /// Who needs it.
        from: ComponentName,
        /// What it needs.
        to: ComponentName,
        /// How it is known.
        reason: Reason,
    },
    /// A replace in a go.mod names a module that the component is not.
    #[error(
        "component {component}: go.mod:{line}: the replace of {module} has no effect, because component {target} is module {actual}: replace {actual}, or remove the line"
    )]
    ReplaceWithoutEffect {
        /// Whose go.mod.
        component: ComponentName,
        /// The line.
        line: usize,
        /// The module that it names.
        module: String,
        /// The component that it means.
        target: ComponentName,
        /// The module that the component is.
        actual: String,
    },
    /// A replace in a go.mod is for another version than the required one.
    #[error(
        "component {component}: go.mod:{line}: the replace of {module} {replaced} has no effect, because {required} is required: replace it without a version"
    )]
    ReplaceOfVersion {
        /// Whose go.mod.
        component: ComponentName,
        /// The line.
        line: usize,
        /// The module.
        module: String,
        /// The version that is replaced.
        replaced: String,
        /// The version that is required.
        required: String,
    },
    /// Two components are the same module.
    #[error(
        "components {first} and {second} are both module {module}: only one can be built against"
    )]
    SameModule {
        /// One of them.
        first: ComponentName,
        /// The other.
        second: ComponentName,
        /// The module.
        module: String,
    },
}

/// All that is wrong with a graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct GraphErrors(pub Vec<GraphError>);

fn lines(errors: &[GraphError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn arrows(names: &[ComponentName]) -> String {
    names.iter().map(ComponentName::as_str).collect::<Vec<_>>().join(" → ")
}

/// How an edge is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Reason {
    /// `go.mod` requires the module.
    Require {
        /// At this version.
        version: String,
        /// Because another module needs it.
        indirect: bool,
    },
    /// Sources import packages of the module.
    Imports {
        /// How many packages.
        packages: usize,
        /// How many times.
        files: usize,
    },
    /// Files are taken from its tree or outputs.
    Input {
        /// The path there.
        path: String,
    },
    /// `depends_on` says so.
    Declared,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Require { version, indirect: false } => write!(f, "go.mod requires {version}"),
            Self::Require { version, indirect: true } => {
                write!(f, "go.mod requires {version} indirectly")
            }
            Self::Imports { packages, files } => {
                let (s, t) = (plural(*packages), plural(*files));
                write!(f, "imports {packages} package{s} in {files} place{t}")
            }
            Self::Input { path } => write!(f, "takes {path}"),
            Self::Declared => write!(f, "declared"),
        }
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Components and their edges, without circles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    needs: BTreeMap<ComponentName, BTreeMap<ComponentName, Vec<Reason>>>,
    order: Vec<ComponentName>,
}

impl Graph {
    /// A graph of edges; every component is a key.
    ///
    /// # Errors
    /// [`GraphError::Cycle`] with a shortest circle.
    pub fn new(
        needs: BTreeMap<ComponentName, BTreeMap<ComponentName, Vec<Reason>>>,
    ) -> Result<Self, GraphError> {
        let order = order(&needs).map_err(GraphError::Cycle)?;
        Ok(Self { needs, order })
    }

    /// All components, each after what it needs; by name where that leaves a choice.
    #[must_use]
    pub fn order(&self) -> &[ComponentName] {
        &self.order
    }

    /// What a component needs itself, with the reasons.
    pub fn needs(
        &self,
        name: &ComponentName,
    ) -> impl Iterator<Item = (&ComponentName, &[Reason])> + use<'_> {
        let edges = self.needs.get(name).into_iter().flatten();
        edges.map(|(to, reasons)| (to, &reasons[..]))
    }

    /// All edges.
    pub fn edges(&self) -> impl Iterator<Item = (&ComponentName, &ComponentName, &[Reason])> {
        self.needs.iter().flat_map(|(from, edges)| {
            edges.iter().map(move |(to, reasons)| (from, to, &reasons[..]))
        })
    }

    /// Some components and all that they need.
    #[must_use]
    pub fn with_needs<'a>(
        &'a self,
        names: impl IntoIterator<Item = &'a ComponentName>,
    ) -> BTreeSet<&'a ComponentName> {
        let mut found = BTreeSet::new();
        let mut left: Vec<&ComponentName> = names.into_iter().collect();
        while let Some(name) = left.pop() {
            if found.insert(name) {
                left.extend(self.needs(name).map(|(to, _)| to));
            }
        }
        found
    }

    /// Some components and all that need them.
    #[must_use]
    pub fn with_dependents<'a>(
        &'a self,
        names: impl IntoIterator<Item = &'a ComponentName>,
    ) -> BTreeSet<&'a ComponentName> {
        let mut found: BTreeSet<&ComponentName> = names.into_iter().collect();
        for name in &self.order {
            if self.needs(name).any(|(to, _)| found.contains(to)) {
                found.insert(name);
            }
        }
        found
    }

    /// How many components must come before each one, counted along the longest way.
    #[must_use]
    pub fn depths(&self) -> BTreeMap<&ComponentName, usize> {
        let mut depths: BTreeMap<&ComponentName, usize> = BTreeMap::new();
        for name in &self.order {
            let below = self.needs(name).map(|(to, _)| depths.get(to).map_or(0, |depth| depth + 1));
            let depth = below.max().unwrap_or(0);
            depths.insert(name, depth);
        }
        depths
    }
}

/// Each after what it needs, or a circle.
fn order(
    needs: &BTreeMap<ComponentName, BTreeMap<ComponentName, Vec<Reason>>>,
) -> Result<Vec<ComponentName>, Vec<ComponentName>> {
    let mut missing: BTreeMap<&ComponentName, usize> =
        needs.iter().map(|(name, edges)| (name, edges.len())).collect();
    let mut dependents: BTreeMap<&ComponentName, Vec<&ComponentName>> = BTreeMap::new();
    for (from, edges) in needs {
        for to in edges.keys() {
            dependents.entry(to).or_default().push(from);
        }
    }
    let mut ready: BTreeSet<&ComponentName> =
        missing.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect();
    let mut order = Vec::with_capacity(needs.len());
    while let Some(next) = ready.pop_first() {
        order.push(next.clone());
        for dependent in dependents.get(next).into_iter().flatten() {
            if let Some(count) = missing.get_mut(dependent) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(dependent);
                }
            }
        }
    }
    let left: BTreeSet<&ComponentName> =
        missing.into_iter().filter(|(_, count)| *count > 0).map(|(name, _)| name).collect();
    match path::circle(needs, &left) {
        None => Ok(order),
        Some(circle) => Err(circle),
    }
}

#[cfg(test)]
mod tests;
