//! Image references, as far as defaulting looks into them.

/// The tag of an image reference: `latest` when it has neither tag nor digest, ""
/// when it has only a digest, `None` when it is no reference.
fn tag(image: &str) -> Option<&str> {
    let (rest, digest) = match image.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (image, None),
    };
    if let Some(digest) = digest {
        let (algorithm, hex) = digest.split_once(':')?;
        let fine = !algorithm.is_empty()
            && hex.len() >= 32
            && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !fine {
            return None;
        }
    }
    // A colon before the last slash belongs to the port of the registry.
    let start = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest[start..].find(':') {
        Some(colon) => (&rest[..start + colon], Some(&rest[start + colon + 1..])),
        None => (rest, None),
    };
    if !is_name(name) || tag.is_some_and(|tag| !is_tag(tag)) {
        return None;
    }
    match (tag, digest) {
        (Some(tag), _) => Some(tag),
        (None, Some(_)) => Some(""),
        (None, None) => Some("latest"),
    }
}

fn is_tag(tag: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let first = tag.bytes().next();
    tag.len() <= 128
        && tag.bytes().all(inner)
        && first.is_some_and(|byte| byte != b'.' && byte != b'-')
}

/// Optional registry host, then path components in lower case.
fn is_name(name: &str) -> bool {
    let mut parts: Vec<_> = name.split('/').collect();
    if parts.len() > 1 {
        let host = parts[0];
        let is_host = host.contains(['.', ':'])
            || host == "localhost"
            || host.bytes().any(|byte| byte.is_ascii_uppercase());
        if is_host {
            let fine = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
            if host.is_empty() || !host.bytes().all(fine) {
                return false;
            }
            parts.remove(0);
        }
    }
    parts.iter().all(|part| is_component(part))
}

fn is_component(part: &str) -> bool {
    let edge = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let inner = |byte: u8| edge(byte) || b"._-".contains(&byte);
    match (part.bytes().next(), part.bytes().last()) {
        (Some(first), Some(last)) => edge(first) && edge(last) && part.bytes().all(inner),
        _ => false,
    }
}

/// `Always` for the tag `latest`, named or implied.
pub(super) fn pull_policy(image: &str) -> &'static str {
    if tag(image) == Some("latest") { "Always" } else { "IfNotPresent" }
}

#[cfg(test)]
mod tests {
    use super::pull_policy;

    #[test]
    fn only_the_tag_latest_is_always_pulled() {
        for image in ["x", "x:latest", "a.io/b/c", "localhost:5000/x", "reg:80/a"] {
            assert_eq!(pull_policy(image), "Always", "{image}");
        }
        let digest = "x@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let latest = digest.replace("x@", "x:latest@");
        assert_eq!(pull_policy(&latest), "Always");
        for image in ["x:1", "reg:5000/x:v1", digest, "", "Upper", "x:", "a//b", "x@sha256:12"] {
            assert_eq!(pull_policy(image), "IfNotPresent", "{image}");
        }
    }
}
