//! Images that a text mentions: an argument, a variable, a template in a ConfigMap.

use std::ops::Range;

use kubewright_oci::Reference;

/// What may stand before an image to say how it is fetched.
const TRANSPORTS: [&str; 2] = ["docker://", "oci://"];

/// Words of a text that can be nothing but images: a path, with a tag or a digest. A tag that could
/// be a port is none, since `default/typha:5473` is a Service to some.
pub(super) fn mentions(text: &str, within: Range<usize>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut begin = None;
    let mut escaped = false;
    let bytes = &text.as_bytes()[within.clone()];
    for (at, byte) in bytes.iter().copied().chain([b' ']).enumerate() {
        // `\n` in a quoted text is no beginning of a name.
        let part = !escaped && is_part(byte);
        escaped = !escaped && byte == b'\\';
        match (part, begin) {
            (true, None) => begin = Some(at),
            (false, Some(first)) => {
                begin = None;
                let word = within.start + first..within.start + at;
                found.extend(image(text, word));
            }
            _ => {}
        }
    }
    found
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._/:@-".contains(&byte)
}

/// The image in a word.
fn image(text: &str, word: Range<usize>) -> Option<Range<usize>> {
    let mut start = word.start;
    let mut word = &text[word];
    for transport in TRANSPORTS {
        if let Some(rest) = word.strip_prefix(transport) {
            start += transport.len();
            word = rest;
        }
    }
    // The end of a sentence, or of a key.
    let word = word.trim_end_matches(['.', ':', '-', '/', '@']);
    let reference: Reference = word.parse().ok()?;
    let port = |tag: &str| tag.parse::<u16>().is_ok();
    let versioned = reference.digest().is_some() || reference.tag().is_some_and(|tag| !port(tag));
    (word.contains('/') && versioned).then(|| start..start + word.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_nothing_else_is_an_image() {
        let digest = format!("a/b@sha256:{}", "0".repeat(64));
        for (text, found) in [
            ("--image=calico/node:v1", &["calico/node:v1"][..]),
            (
                "A=calico/node:v1,B=r.example:5000/x/cni:v2.",
                &["calico/node:v1", "r.example:5000/x/cni:v2"],
            ),
            ("{\"image\":\"calico/node:v1\"}", &["calico/node:v1"]),
            ("\"one\\ncalico/node:v1\"", &["calico/node:v1"]),
            ("docker://calico/node:v1", &["calico/node:v1"]),
            (&digest, &[&digest]),
            ("ünï calico/node:v1 ö", &["calico/node:v1"]),
            ("https://host/calico/node:v1", &[]),
            ("default/typha:5473 typha:v1 node calico/node /calico/node:v1", &[]),
            ("image: |\n", &[]),
            ("", &[]),
        ] {
            let words: Vec<&str> =
                mentions(text, 0..text.len()).into_iter().map(|range| &text[range]).collect();
            assert_eq!(words, found, "{text}");
        }
    }
}
