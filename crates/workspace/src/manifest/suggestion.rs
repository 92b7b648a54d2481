//! "did you mean": the nearest of what is known.

/// The known name that a mistyped one probably is.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = |name: &&str| strsim::damerau_levenshtein(given, name);
    let best = known.into_iter().min_by_key(near)?;
    (near(&best) <= given.len().div_ceil(3)).then_some(best)
}

/// What the parser says, and the nearest known key where a key is unknown.
pub(super) fn explained(error: &toml::de::Error) -> String {
    let said = error.to_string();
    let said = said.trim_end();
    match nearest_key(error.message()) {
        Some(key) => format!("{said}; did you mean `{key}`?"),
        None => said.to_owned(),
    }
}

/// Reads serde's sentence: "unknown field `a`, expected one of `b`, `c`".
fn nearest_key(message: &str) -> Option<&str> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let given = quoted.next()?;
    nearest(given, quoted)
}
