//! The kernel's packet filter, as far as the guard needs it.

use std::path::{Path, PathBuf};

use futures::future::BoxFuture;

use super::chains::Family;
use super::process::{ProcessError, run};

/// Reads and changes the packet filter. A trait so that the verbs can be tested
/// without a kernel; [`NftCommand`] is the real one.
pub trait Nft: Send + Sync {
    /// Applies a script in one transaction: all of it or nothing.
    ///
    /// # Errors
    /// [`ProcessError`] when nft is missing, refused, or rejected the script.
    fn apply<'a>(&'a self, script: &'a str) -> BoxFuture<'a, Result<(), ProcessError>>;

    /// The whole ruleset as nft's JSON (libnftables-json(5)). It includes what
    /// iptables-nft wrote.
    ///
    /// # Errors
    /// [`ProcessError`] when nft is missing or refused.
    fn list(&self) -> BoxFuture<'_, Result<String, ProcessError>>;

    /// The rules of the older iptables interface, which nft does not see, in
    /// the format of iptables-save. Empty where no such program is installed.
    ///
    /// # Errors
    /// [`ProcessError`] when an installed program fails.
    fn legacy(&self) -> BoxFuture<'_, Result<Vec<(Family, String)>, ProcessError>>;
}

/// Runs the `nft` program, and `iptables-legacy-save` where it is installed.
#[derive(Clone, Debug)]
pub struct NftCommand {
    program: String,
}

impl NftCommand {
    /// With the program at `path`, or looked up in `PATH` if it is a bare name.
    pub fn new(path: &Path) -> Self {
        Self { program: path.to_string_lossy().into_owned() }
    }
}

impl Nft for NftCommand {
    fn apply<'a>(&'a self, script: &'a str) -> BoxFuture<'a, Result<(), ProcessError>> {
        Box::pin(
            async move { run(&self.program, "nftables", &["-f", "-"], script).await.map(drop) },
        )
    }

    fn list(&self) -> BoxFuture<'_, Result<String, ProcessError>> {
        Box::pin(run(&self.program, "nftables", &["-j", "list", "ruleset"], ""))
    }

    fn legacy(&self) -> BoxFuture<'_, Result<Vec<(Family, String)>, ProcessError>> {
        Box::pin(async {
            let mut saved = Vec::new();
            for (family, program) in
                [(Family::Ip, "iptables-legacy-save"), (Family::Ip6, "ip6tables-legacy-save")]
            {
                // Only the tables that were ever used are looked at: without
                // this the program would load the kernel's old modules.
                if !legacy_in_use(family) {
                    continue;
                }
                match run(program, "iptables", &["-t", "filter"], "").await {
                    Ok(text) => saved.push((family, text)),
                    Err(ProcessError::Missing { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(saved)
        })
    }
}

/// Whether the kernel lists a `filter` table of the older interface in this
/// thread's network namespace.
fn legacy_in_use(family: Family) -> bool {
    let file = match family {
        Family::Ip6 => "ip6_tables_names",
        Family::Ip | Family::Inet => "ip_tables_names",
    };
    let path: PathBuf = ["/proc/thread-self/net", file].iter().collect();
    std::fs::read_to_string(path).is_ok_and(|tables| tables.lines().any(|table| table == "filter"))
}
