//! What a registry answers to those it does not know: RFC 9110, section 11.6.1, in the two forms
//! that registries use.

/// How to authenticate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password with each request.
    Basic,
    /// A token, to be had elsewhere.
    /// <https://distribution.github.io/distribution/spec/auth/token/>
    Bearer {
        /// Where.
        realm: String,
        /// On whose behalf.
        service: Option<String>,
        /// What for.
        scope: Option<String>,
    },
}

/// Reads a `WWW-Authenticate` header. None for schemes that no registry uses.
pub(super) fn parse(header: &str) -> Option<Challenge> {
    let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let (mut realm, mut service, mut scope) = (None, None, None);
    for (name, value) in parameters(rest) {
        match &*name.to_ascii_lowercase() {
            "realm" => realm = Some(value),
            "service" => service = Some(value),
            "scope" => scope = Some(value),
            _ => {}
        }
    }
    Some(Challenge::Bearer { realm: realm?, service, scope })
}

/// `name="value", name=value`; a quoted value may have commas and escaped characters.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches([' ', ',']);
    while let Some((name, after)) = rest.split_once('=') {
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let end = after.find([',', ' ']).unwrap_or(after.len());
                (after[..end].to_owned(), &after[end..])
            }
        };
        found.push((name.trim().to_owned(), value));
        rest = left.trim_start_matches([' ', ',']);
    }
    found
}

fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => value.push(character),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_of_registries_are_understood() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            let (service, scope) = (owned(service), owned(scope));
            Some(Challenge::Bearer { realm: realm.to_owned(), service, scope })
        };
        for (header, expected) in [
            (r#"Basic realm="x""#, Some(Challenge::Basic)),
            ("basic", Some(Challenge::Basic)),
            (
                r#"Bearer realm="https://a.example/t",service="s",scope="repository:a:pull,push""#,
                bearer("https://a.example/t", Some("s"), Some("repository:a:pull,push")),
            ),
            (r#"bearer realm=https://a, error="in\"valid""#, bearer("https://a", None, None)),
            ("Bearer service=x", None),
            ("Negotiate abc", None),
            (r#"Bearer realm="unterminated"#, bearer("unterminated", None, None)),
            ("", None),
        ] {
            assert_eq!(parse(header), expected, "{header}");
        }
    }
}
