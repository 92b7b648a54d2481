//! What a page says that a command prints, against what it printed.

use std::sync::LazyLock;

use regex::Regex;

/// What changes from run to run, and what stands for it.
static VARYING: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let varying = [
        (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "<time>"),
        (r"\bsha256:[0-9a-f]{8,64}…?", "<digest>"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<uid>"),
        (r"\b[0-9a-f]{12,64}\b…?", "<digest>"),
        (r"\b(127\.0\.0\.1|localhost|\[::1\]):\d+\b", "$1:<port>"),
        (r"\b\d+(\.\d+)? ?(ns|µs|ms|s|m|min|h|d)(\d+(s|m|h))?( ago)?(?<end>\W|$)", "<while>${end}"),
    ];
    let compiled =
        varying.map(|(pattern, name)| (Regex::new(pattern).expect("a constant pattern"), name));
    compiled.to_vec()
});

/// Any lines, or any text within a line.
const ANY: &str = "...";

/// Compares by lines: `None` if they agree, else the first line that differs.
///
/// With `more`, the output may go on after what is expected.
pub(super) fn difference(expected: &str, printed: &str, more: bool) -> Option<String> {
    let wanted: Vec<&str> = expected.trim_end().lines().collect();
    let patterns: Vec<Option<Regex>> = wanted.iter().map(|line| pattern(line)).collect();
    let normal = normal(printed.trim_end());
    let lines: Vec<&str> = normal.lines().collect();
    let mut furthest = (0, 0);
    if agree(&patterns, &lines, more, (0, 0), &mut furthest) {
        return None;
    }
    let quoted = |line: Option<&str>| line.map_or("the end".to_owned(), |line| format!("{line:?}"));
    let (wanted, printed) = (wanted.get(furthest.0), printed.lines().nth(furthest.1));
    Some(format!("{} instead of {}", quoted(printed), quoted(wanted.copied())))
}

/// `None` stands for any lines.
fn pattern(line: &str) -> Option<Regex> {
    let line = normal(line);
    (line.trim() != ANY).then(|| {
        let parts: Vec<String> = line.split(ANY).map(regex::escape).collect();
        Regex::new(&format!("^{}$", parts.join(".*"))).expect("escaped text is a pattern")
    })
}

/// Whether patterns and lines agree; `furthest` is how many of both did in the best attempt.
fn agree(
    patterns: &[Option<Regex>],
    lines: &[&str],
    more: bool,
    at: (usize, usize),
    furthest: &mut (usize, usize),
) -> bool {
    *furthest = at.max(*furthest);
    let (line, both) = ((at.0, at.1 + 1), (at.0 + 1, at.1 + 1));
    match (patterns.split_first(), lines.split_first()) {
        (None, rest) => more || rest.is_none(),
        (Some((None, after)), rest) => {
            agree(after, lines, more, (at.0 + 1, at.1), furthest)
                || rest.is_some_and(|(_, rest)| agree(patterns, rest, more, line, furthest))
        }
        (Some((Some(_), _)), None) => false,
        (Some((Some(pattern), after)), Some((line, rest))) => {
            pattern.is_match(line) && agree(after, rest, more, both, furthest)
        }
    }
}

/// Text without what varies: one blank for several, names for times and digests.
fn normal(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, name) in VARYING.iter() {
        text = pattern.replace_all(&text, *name).into_owned();
    }
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agrees(expected: &str, printed: &str) {
        assert_eq!(difference(expected, printed, false), None, "{expected:?} and {printed:?}");
    }

    #[test]
    fn blanks_times_digests_and_ports_do_not_count() {
        agrees("NAME  AGE\na     4s\nb     5d", "NAME   AGE\na      12m3s\nb   5s\n");
        agrees("ok  30.6 ms  https://127.0.0.1:32797", "ok     1.2 ms  https://127.0.0.1:1");
        agrees("sha256:af3e25eda444…", "sha256:0123456789ab…");
        agrees("at 2026-11-20T08:00:00Z", "at 2027-01-01T00:00:00.123Z");
        agrees("deleted 3 d ago", "deleted 5h ago");
    }

    #[test]
    fn dots_stand_for_lines_or_for_text() {
        agrees("a\n...\nd", "a\nb\nc\nd");
        agrees("a\n...\nd", "a\nd");
        agrees("pod-... is ready", "pod-x7f is ready");
        agrees("...", "");
    }

    #[test]
    fn the_line_that_differs_is_named() {
        let differences = [
            ("a\nb", "a\nc", "\"c\" instead of \"b\""),
            ("a", "a\nb", "\"b\" instead of the end"),
            ("a\nb", "a", "the end instead of \"b\""),
            ("3 pods", "4 pods", "\"4 pods\" instead of \"3 pods\""),
            ("a\n...\nz", "a\nb", "the end instead of \"z\""),
        ];
        for (expected, printed, told) in differences {
            assert_eq!(difference(expected, printed, false), Some(told.to_owned()));
        }
    }

    #[test]
    fn a_beginning_is_enough_of_what_goes_on() {
        assert_eq!(difference("a", "a\nb", true), None);
        assert_eq!(difference("a\nb", "a", true), Some("the end instead of \"b\"".to_owned()));
    }
}
