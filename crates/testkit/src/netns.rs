//! Network namespaces of a test: made by iproute2, entered by threads, gone on drop.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Why a namespace could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum NetnsError {
    /// A program could not be started.
    #[error("starting `{command}`")]
    Start {
        /// The program and its arguments.
        command: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A program ended with a failure.
    #[error("`{command}` failed: {stderr}")]
    Failed {
        /// The program and its arguments.
        command: String,
        /// What it wrote to standard error.
        stderr: String,
    },
}

/// A network namespace with its loopback up; removed on drop with everything in it.
#[derive(Debug)]
pub struct Netns {
    name: String,
}

impl Netns {
    /// Makes a namespace with a name of its own.
    ///
    /// # Errors
    /// When `ip netns add` fails; ask [`require!`](macro@crate::require) for root and `ip` first.
    pub fn new() -> Result<Self, NetnsError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let serial = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("kwt-{}-{serial}", std::process::id());
        ip(&["netns", "add", &name])?;
        let netns = Self { name };
        netns.exec("ip", &["link", "set", "lo", "up"])?;
        Ok(netns)
    }

    /// Its name, as in `ip netns`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that stands for it, as CNI and `nsenter` take it.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.name)
    }

    /// A command that will run in the namespace; for what must be spawned, fed or left to fail.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// Runs a program in the namespace and returns what it wrote to standard output.
    ///
    /// # Errors
    /// When it cannot be started or fails.
    pub fn exec(&self, program: &str, args: &[&str]) -> Result<String, NetnsError> {
        let mut command = self.command(program);
        command.args(args);
        run(command)
    }

    /// Runs `work` in the namespace, on a thread of its own, and returns what it returns.
    ///
    /// # Panics
    /// When the namespace cannot be entered, or with the panic of `work`.
    pub fn run_in<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let file =
                    File::open(self.path()).expect("the namespace exists as long as its value");
                // The thread ends here and never runs anything outside the namespace again.
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("root may enter a network namespace");
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Joins two namespaces by a veth pair: `here` in this one, `there` in `peer`, both up, each
    /// with its address (CIDR).
    ///
    /// # Errors
    /// When `ip` fails, on an interface name that is taken for example.
    pub fn connect(
        &self,
        here: (&str, &str),
        peer: &Self,
        there: (&str, &str),
    ) -> Result<(), NetnsError> {
        #[rustfmt::skip]
        ip(&[
            "link", "add", here.0, "netns", &self.name,
            "type", "veth", "peer", "name", there.0, "netns", &peer.name,
        ])?;
        for (netns, (interface, address)) in [(self, here), (peer, there)] {
            netns.exec("ip", &["address", "add", address, "dev", interface, "nodad"])?;
            netns.exec("ip", &["link", "set", interface, "up"])?;
        }
        Ok(())
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        if let Err(error) = ip(&["netns", "delete", &self.name]) {
            eprintln!("network namespace {} is left over: {error}", self.name);
        }
    }
}

fn ip(args: &[&str]) -> Result<String, NetnsError> {
    let mut command = Command::new("ip");
    command.args(args);
    run(command)
}

fn run(mut command: Command) -> Result<String, NetnsError> {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let text = words.join(" ");
    match command.output() {
        Err(source) => Err(NetnsError::Start { command: text, source }),
        Ok(Output { status, stdout, .. }) if status.success() => {
            Ok(String::from_utf8_lossy(&stdout).into_owned())
        }
        Ok(Output { stderr, .. }) => {
            let stderr = String::from_utf8_lossy(&stderr).trim().to_owned();
            Err(NetnsError::Failed { command: text, stderr })
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::require;
    use crate::require::{program, root};

    #[test]
    fn a_connection_crosses_the_veth_pair_and_nothing_is_left() {
        require!(root(), program("ip"));
        let (left, right) = (Netns::new().unwrap(), Netns::new().unwrap());
        left.connect(("eth0", "10.9.0.1/24"), &right, ("eth0", "10.9.0.2/24")).unwrap();

        let listener = right.run_in(|| TcpListener::bind("10.9.0.2:4000").unwrap());
        let answer = thread::scope(|scope| {
            scope.spawn(|| listener.accept().unwrap().0.write_all(b"hello").unwrap());
            left.run_in(|| {
                let mut text = String::new();
                TcpStream::connect("10.9.0.2:4000").unwrap().read_to_string(&mut text).unwrap();
                text
            })
        });
        assert_eq!(answer, "hello");

        let path = left.path();
        drop((left, right));
        assert!(!path.exists());
    }

    #[test]
    fn a_failing_program_is_named_with_what_it_said() {
        require!(root(), program("ip"));
        let error = Netns::new().unwrap().exec("ip", &["link", "show", "dev", "eth9"]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("link show dev eth9") && text.contains("does not exist"), "{text}");
    }
}
