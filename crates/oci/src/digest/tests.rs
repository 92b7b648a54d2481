#![allow(clippy::unwrap_used)]
use super::*;

const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn the_digest_of_abc_is_that_of_the_standard() {
    assert_eq!(Digest::of(b"abc").to_string(), ABC);
    assert_eq!(ABC.parse::<Digest>().unwrap(), Digest::of(b"abc"));
}

#[test]
fn nothing_that_could_be_a_path_is_a_digest() {
    for hostile in [
        "",
        "sha256:",
        "sha256:../../../../etc/passwd",
        "sha512:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a/",
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0",
        "sha256:+a7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ] {
        assert!(hostile.parse::<Digest>().is_err(), "{hostile}");
    }
}

fn read(content: &[u8], size: u64) -> Result<Vec<u8>, String> {
    let mut read = Vec::new();
    let mut reader = Verified::new(content, Digest::of(b"abc"), size);
    match reader.read_to_end(&mut read) {
        Ok(_) => Ok(read),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn a_verified_reader_gives_what_was_announced_or_an_error() {
    assert_eq!(read(b"abc", 3).unwrap(), b"abc");
    assert!(read(b"abd", 3).unwrap_err().contains("has digest"));
    assert!(read(b"ab", 3).unwrap_err().contains("ends after 2 of 3 bytes"));
    assert!(read(b"abcd", 3).unwrap_err().contains("longer than the 3 bytes"));
}

#[test]
fn a_digest_goes_through_json() {
    let digest = Digest::of(b"abc");
    let json = serde_json::to_string(&digest).unwrap();
    assert_eq!(json, format!("{ABC:?}"));
    assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
    assert!(serde_json::from_str::<Digest>("\"sha256:x\"").is_err());
}
