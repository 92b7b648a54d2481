//! The image that sandboxes run, as nothing can be pulled: a program that waits, in an OCI layout.

use std::io;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// What the image is called once it is imported.
pub(super) const NAME: &str = "localhost/kubewright/pause";
/// Its tag.
pub(super) const TAG: &str = "1";

/// Where this program can run.
pub(super) const ARCHITECTURE: &str = "x86_64";

/// Waits for ever: `again: mov eax, 34 (pause); syscall; jmp again`.
const PROGRAM: [u8; 9] = [0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7];

/// Size of the two headers before the program.
const HEADERS: u64 = 64 + 56;
const ADDRESS: u64 = 0x40_0000;

/// An executable of one segment that is [`PROGRAM`].
fn executable() -> Vec<u8> {
    let size = HEADERS + PROGRAM.len() as u64;
    let mut file = Vec::new();
    // ELF, 64 bits, little endian, version 1, for any system.
    file.extend([0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let half = |values: &[u16]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
    let word = |value: u32| value.to_le_bytes();
    let long = |values: &[u64]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
    file.extend(half(&[2, 62])); // an executable, for x86-64
    file.extend(word(1));
    file.extend(long(&[ADDRESS + HEADERS, 64, 0])); // entry, segments, no sections
    file.extend(word(0));
    file.extend(half(&[64, 56, 1, 64, 0, 0])); // sizes and numbers of headers
    file.extend(word(1)); // a segment to load,
    file.extend(word(5)); // to read and to execute:
    file.extend(long(&[0, ADDRESS, ADDRESS, size, size, 0x1000])); // the whole file
    file.extend(PROGRAM);
    file
}

/// The image as a tar archive of an OCI layout, which `ctr images import` takes.
///
/// # Errors
/// Never, as it is written to memory; the writers cannot know.
pub(super) fn archive() -> io::Result<Vec<u8>> {
    let layer = tar(&[("pause", 0o755, &executable())])?;
    let mut blobs = Vec::new();
    let mut add = |kind: &str, bytes: Vec<u8>| {
        let digest = hex(&Sha256::digest(&bytes));
        let descriptor = json!({ "mediaType": format!("application/vnd.oci.image.{kind}"),
            "digest": format!("sha256:{digest}"), "size": bytes.len() });
        blobs.push((format!("blobs/sha256/{digest}"), bytes));
        descriptor
    };
    let layer = add("layer.v1.tar", layer);
    let config = json!({ "architecture": "amd64", "os": "linux",
        "config": { "Entrypoint": ["/pause"] },
        "rootfs": { "type": "layers", "diff_ids": [layer["digest"]] } });
    let config = add("config.v1+json", config.to_string().into_bytes());
    let manifest = json!({ "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config, "layers": [layer] });
    let mut manifest = add("manifest.v1+json", manifest.to_string().into_bytes());
    manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": TAG });
    manifest["platform"] = json!({ "architecture": "amd64", "os": "linux" });
    let index: Value = json!({ "schemaVersion": 2, "manifests": [manifest] });
    blobs.push(("index.json".to_owned(), index.to_string().into_bytes()));
    blobs.push(("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()));
    let files: Vec<_> = blobs.iter().map(|(name, bytes)| (name.as_str(), 0o644, bytes)).collect();
    tar(&files)
}

fn tar(files: &[(&str, u32, &Vec<u8>)]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, mode, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(*mode);
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, bytes.as_slice())?;
    }
    archive.into_inner()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::PermissionsExt;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::require;
    use crate::require::Skip;

    fn architecture() -> Result<(), Skip> {
        match std::env::consts::ARCH {
            ARCHITECTURE => Ok(()),
            other => Err(Skip::because(format!("the program is for {ARCHITECTURE}, not {other}"))),
        }
    }

    #[test]
    fn the_program_waits_until_it_is_ended() {
        require!(architecture());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pause");
        std::fs::write(&path, executable()).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        let mut child = Command::new(&path).stdout(Stdio::null()).spawn().unwrap();
        // In the kernel for system call 34: it has come as far as to wait.
        let syscall = format!("/proc/{}/syscall", child.id());
        let waits = || std::fs::read_to_string(&syscall).is_ok_and(|text| text.starts_with("34 "));
        while !waits() {
            assert_eq!(child.try_wait().unwrap(), None, "it ended");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
    }
}
