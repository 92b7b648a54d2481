//! Images of a bundle into containerd.

use std::io::{self, BufWriter, Read as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use kubewright_oci::archive::{self, ArchiveError};
use kubewright_oci::{Descriptor, Layout, Platform};

/// Why containerd did not take images.
#[derive(Debug, thiserror::Error)]
pub enum ContainerdError {
    /// Its client cannot be started.
    #[error("cannot start ctr: it comes with containerd")]
    Start(#[source] io::Error),
    /// Its client fails.
    #[error("ctr does not import the images: {0}")]
    Failed(String),
    /// The images cannot be read.
    #[error("cannot give the images to ctr")]
    Archive(#[from] ArchiveError),
}

/// Which containerd.
#[derive(Clone, Debug)]
pub struct Containerd {
    /// Its socket; where it usually is without one.
    pub address: Option<PathBuf>,
    /// Its namespace: Kubernetes looks into `k8s.io`.
    pub namespace: String,
    /// How it unpacks; as it usually does without one.
    pub snapshotter: Option<String>,
}

/// Imports images, each with its name, through `ctr`. Nothing is written on the way.
///
/// # Errors
/// When `ctr` fails; the error has what it said.
pub fn import(
    containerd: &Containerd,
    layout: &Layout,
    images: &[(String, Descriptor)],
) -> Result<(), ContainerdError> {
    let mut ctr = Command::new("ctr");
    if let Some(address) = &containerd.address {
        ctr.arg("--address").arg(address);
    }
    ctr.args(["--namespace", &containerd.namespace, "images", "import"]);
    if let Some(snapshotter) = &containerd.snapshotter {
        ctr.args(["--snapshotter", snapshotter]);
    }
    ctr.arg("-").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = ctr.spawn().map_err(ContainerdError::Start)?;
    // Read beside the writing: a program that complains and is not heard waits forever.
    let complaint = child.stderr.take().map(|mut stderr| {
        std::thread::spawn(move || {
            let mut said = Vec::new();
            // What cannot be read is missing in the error, no more.
            let _ = stderr.read_to_end(&mut said);
            String::from_utf8_lossy(&said).trim().to_owned()
        })
    });
    let stdin = child.stdin.take().map(|stdin| BufWriter::with_capacity(1 << 18, stdin));
    let exported = match stdin {
        Some(stdin) => archive::export(layout, images, &Platform::host(), stdin),
        None => Ok(()),
    };
    let status = child.wait().map_err(ContainerdError::Start)?;
    let said = complaint.and_then(|thread| thread.join().ok()).unwrap_or_default();
    match status.success() {
        true => Ok(exported?),
        // That it stopped reading follows from this.
        false => Err(ContainerdError::Failed(said)),
    }
}
