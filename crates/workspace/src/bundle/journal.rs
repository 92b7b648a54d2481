//! What of an unfinished bundle is on disk.
//!
//! One line for each file that is whole and has been brought to disk: where it ends, and its digest.
//! The first line says of which plan. A line that was cut off by a kill is no line.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use kubewright_oci::Digest;

/// A file that is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Done {
    /// Where it ends in the bundle, with its padding, in bytes.
    pub(super) end: u64,
    pub(super) digest: Digest,
}

/// The journal of one unfinished bundle.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens a journal; what it says is done if it is of this plan, and nothing else.
    pub(super) fn open(path: &Path, plan: Digest) -> io::Result<(Self, Vec<Done>)> {
        let head = format!("kubewright-bundle-journal/1 {plan}");
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            // Not even text.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => String::new(),
            Err(error) => return Err(error),
        };
        let mut done = Vec::new();
        let mut lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        if lines.next() == Some(&head) {
            done.extend(lines.map_while(parse));
        }
        let mut whole = head + "\n";
        done.iter().for_each(|one| whole.push_str(&line(one)));
        crate::file::replace(path, whole.as_bytes())?;
        let file = File::options().append(true).open(path)?;
        Ok((Self { path: path.to_owned(), file }, done))
    }

    /// Says that these are on disk: they must be.
    pub(super) fn append(&mut self, done: &[Done]) -> io::Result<()> {
        let text: String = done.iter().map(line).collect();
        self.file.write_all(text.as_bytes())
    }

    /// The bundle is finished.
    pub(super) fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

fn line(done: &Done) -> String {
    format!("{} {}\n", done.end, done.digest.hex())
}

fn parse(line: &str) -> Option<Done> {
    let (end, digest) = line.split_once(' ')?;
    Some(Done { end: end.parse().ok()?, digest: Digest::from_hex(digest).ok()? })
}
