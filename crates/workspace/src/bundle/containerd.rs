//! Images of a bundle into containerd.

use std::io::{self, BufWriter, Read as _, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use kubewright_oci::archive::{self, ArchiveError};
use kubewright_oci::{Descriptor, Layout, Platform};

use crate::process::Stop;

/// Why containerd did not take images.
#[derive(Debug, thiserror::Error)]
pub enum ContainerdError {
    /// Its client cannot be started.
    #[error("cannot start ctr: it comes with containerd")]
    Start(#[source] io::Error),
    /// Its client fails.
    #[error("ctr does not import the images: {0}")]
    Failed(String),
    /// Someone asked to stop.
    #[error("interrupted: ctr was ended before it had all images")]
    Stopped,
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
/// When `ctr` fails, of which the error has what it said, or `stop` is asked for.
pub fn import(
    containerd: &Containerd,
    layout: &Layout,
    images: &[(String, Descriptor)],
    stop: &Stop,
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
        Some(out) => archive::export(layout, images, &Platform::host(), Stoppable { out, stop }),
        None => Ok(()),
    };
    if stop.stopped() {
        // It would wait for the rest. That it is gone already is as well.
        let _ = child.kill();
    }
    let status = child.wait().map_err(ContainerdError::Start)?;
    let said = complaint.and_then(|thread| thread.join().ok()).unwrap_or_default();
    match (status.success(), stop.stopped()) {
        (true, _) => Ok(exported?),
        (false, true) => Err(ContainerdError::Stopped),
        // That it stopped reading follows from this.
        (false, false) => Err(ContainerdError::Failed(said)),
    }
}

/// Fails once someone asks to stop.
struct Stoppable<'a, W> {
    out: W,
    stop: &'a Stop,
}

impl<W: Write> Write for Stoppable<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.stop.stopped() {
            true => Err(io::Error::other("interrupted")),
            false => self.out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
