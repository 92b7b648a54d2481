//! Tags of images, from a template.
//!
//! The tag of a component is made from its key, which is known before anything is built; images and
//! manifests take it from the same place, so that they cannot differ.

/// What may stand in braces.
pub const PLACEHOLDERS: [&str; 5] = ["{describe}", "{commit}", "{key}", "{key8}", "{component}"];

/// Longest tag by the distribution specification.
const LONGEST: usize = 128;

/// What stands for the placeholders.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    /// `git describe`.
    pub describe: &'a str,
    /// The commit.
    pub commit: &'a str,
    /// The cache key.
    pub key: &'a str,
    /// Name of the component.
    pub component: &'a str,
}

/// The first thing in braces that nothing stands for.
#[must_use]
pub fn unknown_placeholder(template: &str) -> Option<&str> {
    let inside = template.split('{').skip(1).map(|rest| rest.split('}').next().unwrap_or(rest));
    inside
        .into_iter()
        .find(|name| !PLACEHOLDERS.iter().any(|known| known[1..].strip_suffix('}') == Some(name)))
}

/// A template with values in it.
#[must_use]
pub fn filled(template: &str, values: Values<'_>) -> String {
    template
        .replace("{describe}", values.describe)
        .replace("{commit}", values.commit)
        .replace("{key8}", values.key.get(..8).unwrap_or(values.key))
        .replace("{key}", values.key)
        .replace("{component}", values.component)
}

/// A tag by the rules of the distribution specification; what may not be in one becomes `-`.
#[must_use]
pub fn tag(template: &str, values: Values<'_>) -> String {
    let text = filled(template, values);
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let mut tag: String = text.chars().map(|c| if plain(c) { c } else { '-' }).collect();
    tag.truncate(LONGEST);
    match tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        true => tag,
        // The first character may be neither `.` nor `-`.
        false => {
            tag.insert(0, '_');
            tag.truncate(LONGEST);
            tag
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: Values<'_> = Values {
        describe: "feature/x-3-gabc",
        commit: "0123456789",
        key: "fedcba9876543210",
        component: "node",
    };

    #[test]
    fn a_tag_is_always_one() {
        assert_eq!(tag("{describe}-{key8}", VALUES), "feature-x-3-gabc-fedcba98");
        assert_eq!(tag(".{component}", VALUES), "_.node");
        assert_eq!(tag(&"{commit}".repeat(30), VALUES).len(), LONGEST);
        assert_eq!(tag("", VALUES), "_");
    }

    #[test]
    fn what_stands_for_nothing_is_named() {
        assert_eq!(unknown_placeholder("{describe}-{key8}"), None);
        assert_eq!(unknown_placeholder("{describe}-{kee}"), Some("kee"));
        assert_eq!(unknown_placeholder("{"), Some(""));
    }
}
