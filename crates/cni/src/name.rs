//! Names that become paths, arguments and keys of other programs' state, checked before they do.
//!
//! The rules are those of the [specification](https://www.cni.dev/docs/spec/) and of the Linux
//! kernel; the reference implementation enforces most of them, later.

/// Bytes of an interface name without the closing NUL, `IFNAMSIZ - 1`.
const MAX_INTERFACE_NAME: usize = 15;
/// Names of folders, and of what stands for every interface in `/proc/sys/net/ipv4/conf`.
const RESERVED: [&str; 4] = [".", "..", "all", "default"];
/// Bytes of one component of a path, `NAME_MAX`.
pub(crate) const MAX_FILE_NAME: usize = 255;

/// A name that may not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Container ids and network names start with a letter or digit and go on with these, `_`,
    /// `.` and `-`.
    #[error(
        "{what} {name:?} is not valid: it must start with a letter or digit and contain only letters, digits, '_', '.' and '-'"
    )]
    Identifier {
        /// What it names.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// It would be too long for a file name.
    #[error("{what} {name:?} is longer than {MAX_FILE_NAME} bytes")]
    TooLong {
        /// What it names.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Rules of the kernel for interfaces.
    #[error("interface name {name:?} is not valid: it {fault}")]
    Interface {
        /// The name.
        name: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The type of a plugin is the file name of its program.
    #[error("plugin type {name:?} is not valid: it must be the name of a program, without a path")]
    Type {
        /// The name.
        name: String,
    },
}

/// Checks a container id.
///
/// # Errors
/// [`NameError::Identifier`] or [`NameError::TooLong`].
pub fn check_container_id(name: &str) -> Result<(), NameError> {
    check_identifier("container id", name)
}

/// Checks the name of a network.
///
/// # Errors
/// [`NameError::Identifier`] or [`NameError::TooLong`].
pub fn check_network(name: &str) -> Result<(), NameError> {
    check_identifier("network name", name)
}

/// Checks the name of an interface in a container: one that the kernel takes as it is.
///
/// libcni lets a `%` pass, of which the kernel makes a number, so that nobody would find the
/// interface again under the name that was asked for; and letters beyond ASCII, of which the kernel
/// takes a byte of some for white space.
///
/// # Errors
/// [`NameError::Interface`], saying what is wrong.
pub fn check_interface(name: &str) -> Result<(), NameError> {
    let fault = if name.is_empty() {
        "is empty"
    } else if name.len() > MAX_INTERFACE_NAME {
        "is longer than 15 bytes"
    } else if RESERVED.contains(&name) {
        "is reserved"
    } else if name.contains(['/', ':', '%']) {
        "contains '/', ':' or '%'"
    } else if !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        "contains something else than printable ASCII characters"
    } else {
        return Ok(());
    };
    Err(NameError::Interface { name: name.to_owned(), fault })
}

/// Checks the type of a plugin.
///
/// # Errors
/// [`NameError::Type`] for what would leave the folder it is looked for in.
pub fn check_type(name: &str) -> Result<(), NameError> {
    let is_path = name.contains(|letter: char| matches!(letter, '/' | '\\') || letter.is_control());
    match name.is_empty() || name.len() > MAX_FILE_NAME || is_path || matches!(name, "." | "..") {
        true => Err(NameError::Type { name: name.to_owned() }),
        false => Ok(()),
    }
}

fn check_identifier(what: &'static str, name: &str) -> Result<(), NameError> {
    let valid = name.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    if !valid {
        return Err(NameError::Identifier { what, name: name.to_owned() });
    }
    if name.len() > MAX_FILE_NAME {
        return Err(NameError::TooLong { what, name: name.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_never_leave_their_folder() {
        for good in ["a", "0", "k8s-pod.network_1", "A..B"] {
            assert_eq!(check_network(good), Ok(()), "{good}");
            assert_eq!(check_container_id(good), Ok(()), "{good}");
        }
        let long = "a".repeat(256);
        for bad in ["", ".", "..", "-a", "_a", "a/b", "a b", "a\n", "a;b", "ä", "a\0", &long] {
            assert!(check_network(bad).is_err(), "{bad}");
            assert!(check_container_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn interface_names_are_those_of_the_kernel() {
        for good in ["eth0", "net9f27410725ab", "a", "veth@1", "123456789012345"] {
            assert_eq!(check_interface(good), Ok(()), "{good}");
        }
        for bad in
            ["", ".", "..", "a/b", "a:1", "a b", "a\tb", "1234567890123456", "a\0", "voil\u{e0}"]
        {
            assert!(check_interface(bad).is_err(), "{bad}");
        }
    }

    /// `net%d` is a pattern to the kernel: each attempt makes an interface of another name.
    #[test]
    fn no_name_is_a_pattern_or_stands_for_all() {
        for bad in ["net%d", "%", "%%", "a%x", "all", "default"] {
            assert!(check_interface(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_type_is_a_file_name() {
        for good in ["bridge", "host-local", "my plugin", "a.b"] {
            assert_eq!(check_type(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", "../bridge", "/bin/sh", "a\0b", "a\\b"] {
            assert!(check_type(bad).is_err(), "{bad}");
        }
    }
}
