//! Where in an object something stands, written out only when it is reported.

use std::fmt;

/// A place in an object, as a chain on the stack.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Path<'a> {
    /// The object itself.
    Root,
    /// `parent.name`.
    Field(&'a Path<'a>, &'a str),
    /// `parent[key]`.
    Key(&'a Path<'a>, &'a str),
    /// `parent[index]`.
    Index(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// A field below this place.
    pub(crate) fn field<'b>(&'b self, name: &'b str) -> Path<'b> {
        Path::Field(self, name)
    }

    /// A map entry below this place.
    pub(crate) fn key<'b>(&'b self, key: &'b str) -> Path<'b> {
        Path::Key(self, key)
    }

    /// A list item below this place.
    pub(crate) fn index(&self, at: usize) -> Path<'_> {
        Path::Index(self, at)
    }

    /// The path as Go prints a `field.Path`: the root is `<nil>`.
    pub(crate) fn or_nil(&self) -> String {
        match self {
            Path::Root => "<nil>".to_owned(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => f.write_str(name),
            Path::Field(parent, name) => write!(f, "{parent}.{name}"),
            Path::Key(parent, key) => write!(f, "{parent}[{key}]"),
            Path::Index(parent, at) => write!(f, "{parent}[{at}]"),
        }
    }
}
