//! Go's regular expressions in the words of the `regex` crate.
//!
//! Both are RE2 dialects; what differs: Go's `\d`, `\s`, `\w` and `\b` know ASCII
//! only, `\Q…\E` quotes, a `{` that begins no repetition is literal, and character
//! classes have no set operations.

use regex::{Regex, RegexBuilder};

use super::Error;

/// Compiled patterns may not be larger than this many bytes.
const SIZE_LIMIT: usize = 10 << 20;

/// Compiles a pattern as Go's `regexp.Compile` would.
///
/// # Errors
/// When it is not valid, repeats more than a thousand times, or grows too large.
pub(crate) fn compile(pattern: &str) -> Result<Regex, Error> {
    RegexBuilder::new(&translate(pattern))
        .size_limit(SIZE_LIMIT)
        .nest_limit(200)
        .build()
        .map_err(|source| Error::Pattern { pattern: pattern.to_owned(), source: Box::new(source) })
}

fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    let mut class = false;
    let mut class_start = false;
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        let first = std::mem::take(&mut class_start);
        match letter {
            '\\' => {
                rest = escape(after, class, &mut out);
                continue;
            }
            '[' if !class => {
                class = true;
                class_start = true;
                out.push('[');
                if let Some(negated) = after.strip_prefix('^') {
                    out.push('^');
                    rest = negated;
                    continue;
                }
            }
            '[' if after.starts_with(':') => match after.find(":]") {
                Some(end) => {
                    out.push('[');
                    out.push_str(&after[..end + 2]);
                    rest = &after[end + 2..];
                    continue;
                }
                None => out.push_str("\\["),
            },
            '[' => out.push_str("\\["),
            ']' if class && first => out.push_str("\\]"),
            ']' if class => {
                class = false;
                out.push(']');
            }
            '&' | '~' if class => {
                out.push('\\');
                out.push(letter);
            }
            '{' if !class => match repetition(after) {
                Some(true) => out.push('{'),
                Some(false) => out.push_str("{2,1}"),
                None => out.push_str("\\{"),
            },
            other => out.push(other),
        }
        rest = after;
    }
    out
}

/// Writes what follows a backslash and returns the rest.
fn escape<'a>(after: &'a str, class: bool, out: &mut String) -> &'a str {
    let Some(letter) = after.chars().next() else {
        out.push('\\');
        return after;
    };
    let rest = &after[letter.len_utf8()..];
    let ascii = match letter {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => "[\\t\\n\\f\\r ]",
        'S' => "[^\\t\\n\\f\\r ]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        'b' if !class => "(?-u:\\b)",
        'Q' => {
            let end = rest.find("\\E").unwrap_or(rest.len());
            out.push_str(&regex::escape(&rest[..end]));
            return rest[end..].strip_prefix("\\E").unwrap_or("");
        }
        _ => {
            out.push('\\');
            out.push(letter);
            return rest;
        }
    };
    out.push_str(ascii);
    rest
}

/// Whether `{` begins a repetition: `Some(false)` for one that Go finds too large.
fn repetition(after: &str) -> Option<bool> {
    let (inside, _) = after.split_once('}')?;
    let (low, high) = inside.split_once(',').unwrap_or((inside, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if low.is_empty() || !digits(low) || !digits(high) {
        return None;
    }
    let small = |text: &str| text.is_empty() || text.parse::<u32>().is_ok_and(|it| it <= 1000);
    Some(small(low) && small(high))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn ascii_classes_as_in_go() {
        let digits = compile(r"^\d+$").unwrap();
        assert!(digits.is_match("12") && !digits.is_match("١٢"));
        assert!(compile(r"^[\w.-]+$").unwrap().is_match("a_b.c-d"));
        assert!(!compile(r"^[^\s]$").unwrap().is_match(" "));
    }

    #[test]
    fn literal_braces_brackets_and_quotes() {
        assert!(compile("^${x}{foo}$").is_ok_and(|it| !it.is_match("x")));
        assert!(compile("^{a}$").unwrap().is_match("{a}"));
        assert!(compile("^[[]$").unwrap().is_match("["));
        assert!(compile("^[]a]+$").unwrap().is_match("]a"));
        assert!(compile("^[a&&b]+$").unwrap().is_match("a&b"));
        assert!(compile(r"^\Qa.b\E$").unwrap().is_match("a.b"));
        assert!(compile("^[[:alpha:]]+$").unwrap().is_match("ab"));
    }

    #[test]
    fn what_go_refuses() {
        for pattern in ["((", "a**b(", "(?=x)", "a{1001}", "[b-a]"] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn bombs_are_refused_not_built() {
        assert!(compile("((a{1,1000}){1,1000}){1,1000}").is_err());
    }
}
