#![allow(clippy::unwrap_used)]
use std::fs;
use std::process::Command;

use kubewright_testkit::require;
use kubewright_testkit::require::program;

use super::*;
use crate::bundle::read::{Damage, Failure, Taker};
use crate::process::Stop;

fn about() -> About {
    let format = FORMAT.to_owned();
    About { format, components: Vec::new(), images: Vec::new(), modules: Vec::new() }
}

fn item(path: &str, content: &[u8]) -> Item {
    Item { path: path.parse().unwrap(), source: Source::Bytes(content.to_vec()) }
}

fn long() -> String {
    format!("go/{}/@v/v1.0.0.mod", "example.org/module/".repeat(8).trim_end_matches('/'))
}

/// A small bundle with everything that can be in one: long names, empty files, full blocks.
fn small(folder: &Path) -> PathBuf {
    let blob = kubewright_oci::Digest::of(b"layer");
    let items = vec![
        item("workspace/workspace.toml", b"[workspace]\n"),
        item("git/felix.bundle", &[7; 512]),
        item("git/node.bundle", b""),
        item(&long(), b"module x\n"),
        item(&format!("images/blobs/sha256/{}", blob.hex()), b"layer"),
    ];
    let out = folder.join("small.bundle");
    write(&Plan::new(&about(), items).unwrap(), &out, &|_| (), &Stop::default()).unwrap();
    out
}

/// Takes everything, and knows nothing.
struct Nobody;

impl Taker for Nobody {
    type Error = Damage;

    fn begin(&mut self, _: &BundlePath, _: u64) -> Result<(), Damage> {
        Ok(())
    }

    fn content(&mut self, _: &[u8]) -> Result<(), Damage> {
        Ok(())
    }

    fn end(&mut self, _: kubewright_oci::Digest) -> Result<(), Damage> {
        Ok(())
    }
}

fn damage(bytes: &[u8]) -> Option<Damage> {
    match read::read(bytes, &mut Nobody) {
        Ok(_) => None,
        Err(Failure::Damage(damage) | Failure::Taker(damage)) => Some(damage),
        Err(Failure::Io(error)) => panic!("{error}"),
    }
}

#[test]
fn tar_and_sha256sum_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = small(folder.path());
    let verified = verify(&bundle, &|_| ()).unwrap();
    assert_eq!((verified.files, verified.about), (6, about()));
    let run = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let listed = run("tar", &["tf", "small.bundle"]);
    assert_eq!(listed.lines().next(), Some(ABOUT));
    assert_eq!(listed.lines().last(), Some(SUMS_DIGEST));
    assert!(listed.lines().any(|line| line == long()), "{listed}");
    run("tar", &["xf", "small.bundle"]);
    assert_eq!(run("sha256sum", &["-c", SUMS]).lines().count(), 6);
    run("sha256sum", &["-c", SUMS_DIGEST]);
}

#[test]
fn every_flipped_bit_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = fs::read(small(folder.path())).unwrap();
    assert_eq!(damage(&bytes), None);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            assert!(damage(&bytes).is_some(), "bit {bit} of byte {at}");
            bytes[at] ^= 1 << bit;
        }
    }
}

#[test]
fn damage_is_named_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(small(folder.path())).unwrap();
    let find = |what: &[u8]| bytes.windows(what.len()).position(|found| found == what).unwrap();
    let flipped = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        damage(&bytes).unwrap().to_string()
    };
    assert_eq!(
        flipped(find(&[7; 512])),
        "the content of git/felix.bundle is not as it was written"
    );
    // Past the table's name in its own header.
    let table = find(b"SHA256SUMS\0") + 512;
    assert_eq!(flipped(table + 70), "SHA256SUMS is not as it was written");
    assert_eq!(flipped(table + 2), "SHA256SUMS is not as it was written");
    let digest = find(b"SHA256SUMS.sha256\0") + 512;
    assert_eq!(flipped(digest + 2), "SHA256SUMS.sha256 is not as it was written");
    let header = flipped(find(b"git/node.bundle"));
    assert!(header.starts_with("the header after git/felix.bundle, at byte "), "{header}");
    let padding = flipped(find(b"[workspace]\n") + 20);
    assert_eq!(padding, "the padding after workspace/workspace.toml is not as it was written");
    let cut = damage(&bytes[..find(&[7; 512]) + 100]).unwrap().to_string();
    assert!(cut.ends_with("in or after git/felix.bundle"), "{cut}");
    let more = damage(&[&bytes[..], b"x"].concat()).unwrap().to_string();
    assert!(more.starts_with("there is more after its end"), "{more}");
    let ended = damage(&bytes[..find(b"git/felix.bundle")]).unwrap().to_string();
    assert!(ended.starts_with("it ends at byte"), "{ended}");
}

#[test]
fn a_blob_that_was_damaged_before_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let blob = kubewright_oci::Digest::of(b"layer").hex();
    let items = vec![item(&format!("images/blobs/sha256/{blob}"), b"lawyer")];
    let out = folder.path().join("x.bundle");
    write(&Plan::new(&about(), items).unwrap(), &out, &|_| (), &Stop::default()).unwrap();
    let error = verify(&out, &|_| ()).unwrap_err().to_string();
    assert!(error.contains("does not have the digest that is its name"), "{error}");
    assert!(load(&out, &folder.path().join("to"), &|_| (), &Stop::default()).is_err());
    assert!(!folder.path().join("to").exists());
}

#[test]
fn the_same_files_give_the_same_bundle() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert!(fs::read(small(one.path())).unwrap() == fs::read(small(other.path())).unwrap());
}

#[test]
fn paths_stay_inside() {
    for hostile in [
        "",
        "/etc/passwd",
        "workspace/../../x",
        "workspace//x",
        "workspace/./x",
        "etc/x",
        "git/a\nb",
        "git/a\\b",
        "images/",
    ] {
        assert!(hostile.parse::<BundlePath>().is_err(), "{hostile:?}");
    }
    assert!(format!("go/{}", "x/".repeat(600)).parse::<BundlePath>().is_err());
}

#[test]
fn hostile_bundles_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (name, items) in [
        ("state", vec![item("workspace/.kubewright/out/x", b"x")]),
        ("top", vec![item("workspace", b"x")]),
        ("shadow", vec![item("git/a", b"x"), item("git/a/b", b"x")]),
    ] {
        let out = folder.path().join(name);
        write(&Plan::new(&about(), items).unwrap(), &out, &|_| (), &Stop::default()).unwrap();
        let to = folder.path().join("to");
        load(&out, &to, &|_| (), &Stop::default()).unwrap_err();
        assert!(!to.exists(), "{name}");
    }
    let twice = vec![item("git/a", b"x"), item("git/a", b"y")];
    assert!(matches!(Plan::new(&about(), twice), Err(BundleError::Twice(_))));
}

#[test]
fn a_bundle_of_another_form_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("x.bundle");
    let about = About { format: "kubewright-bundle/9".to_owned(), ..about() };
    write(&Plan::new(&about, Vec::new()).unwrap(), &out, &|_| (), &Stop::default()).unwrap();
    assert!(matches!(verify(&out, &|_| ()), Err(BundleError::Format { .. })));
}

#[test]
fn a_file_that_changes_after_it_was_planned_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("content");
    fs::write(&path, "12345").unwrap();
    let source = Source::file(&path).unwrap();
    let plan = Plan::new(&about(), vec![Item { path: "git/x".parse().unwrap(), source }]).unwrap();
    for changed in ["123456", "1234"] {
        fs::write(&path, changed).unwrap();
        let error = write(&plan, &folder.path().join("x"), &|_| (), &Stop::default()).unwrap_err();
        assert!(matches!(error, BundleError::Changed(_)), "{error}");
    }
    assert!(!folder.path().join("x").exists());
}

#[test]
fn what_would_be_fetched_from_elsewhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = "[component.a]\ngit = \"https://example.org/a.git\"\n";
    let lock = "version = 1\n";
    let components = vec![BundledComponent { name: "a".parse().unwrap(), commit: "0".repeat(40) }];
    for (name, about) in [("unnamed", about()), ("unlocked", About { components, ..about() })] {
        let items = vec![
            item("workspace/workspace.toml", manifest.as_bytes()),
            item("workspace/workspace.lock", lock.as_bytes()),
            item("git/a.bundle", b"no bundle of git"),
        ];
        let out = folder.path().join(name);
        write(&Plan::new(&about, items).unwrap(), &out, &|_| (), &Stop::default()).unwrap();
        let error = load(&out, &folder.path().join("to"), &|_| (), &Stop::default()).unwrap_err();
        assert!(matches!(error, BundleError::Damaged { .. }), "{name}: {error}");
        assert!(!folder.path().join("to").exists());
    }
}

#[test]
fn a_load_that_is_interrupted_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = small(folder.path());
    let stop = Stop::default();
    let moved = |_| stop.stop();
    let to = folder.path().join("to");
    assert!(matches!(load(&out, &to, &moved, &stop), Err(BundleError::Stopped)));
    assert!(matches!(images(&out, folder.path(), &|_| (), &stop), Err(BundleError::Stopped)));
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

/// More than the octal digits of a header say, as every tar since writes it.
#[test]
fn files_of_more_than_eight_gigabytes_are_listed_by_tar() {
    let path: BundlePath = "git/node.bundle".parse().unwrap();
    let size = (9 << 30) + 1;
    let header = entry::encode(&path, size);
    let Some(entry::Decoded::File { size: read, .. }) =
        entry::decode(header.as_slice().try_into().unwrap())
    else {
        panic!("it is not read");
    };
    assert_eq!(read, size);
    require!(program("tar"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.tar");
    fs::write(&file, &header).unwrap();
    // A hole takes no room on disk.
    let end = header.len() as u64 + size + entry::padding(size) as u64 + 1024;
    fs::File::options().write(true).open(&file).unwrap().set_len(end).unwrap();
    let listed = Command::new("tar").arg("-tvf").arg(&file).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains(" 9663676417 ") && listed.contains("git/node.bundle"), "{listed}");
}
