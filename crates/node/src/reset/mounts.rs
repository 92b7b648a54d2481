//! What is mounted below a folder.

use std::fs;
use std::path::{Path, PathBuf};

/// The first mount below a folder, if there is one. A table that cannot be read hides one.
pub(super) fn below(folder: &Path) -> Option<PathBuf> {
    match fs::read_to_string("/proc/self/mountinfo") {
        Ok(table) => first_below(&table, folder),
        Err(_) => Some(folder.to_owned()),
    }
}

fn first_below(table: &str, folder: &Path) -> Option<PathBuf> {
    // proc(5): the fifth field, with blanks in octal.
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    points
        .map(|point| {
            PathBuf::from(point.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
        })
        .find(|point| point.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_below_are_found_and_others_are_not() {
        let table = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n40 22 0:5 / /var/lib/kubelet/pods/a\\040b/volume rw - nfs server:/x rw\n";
        let below = |folder: &str| first_below(table, Path::new(folder));
        assert_eq!(below("/var/lib/kubelet"), Some("/var/lib/kubelet/pods/a b/volume".into()));
        assert_eq!(below("/var/lib/kube"), None);
        assert_eq!(below("/etc/kubernetes"), None);
    }
}
