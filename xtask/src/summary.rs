//! The lines with which test runners close, found and added up.

/// Whether `line` is the counting line of nextest (`Summary [...] N tests run: ...`) or of the
/// built-in harness (`test result: ...`).
pub(crate) fn closes_a_run(line: &str) -> bool {
    line.starts_with("Summary [") || line.starts_with("test result: ")
}

/// `line` without colours and without the space around it.
pub(crate) fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // CSI sequences end with a letter.
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            text.push(c);
        }
    }
    text.trim().to_owned()
}

/// One line for a whole run: nextest's own, or the built-in harness's lines added up.
pub(crate) fn closing_line(lines: &[String]) -> String {
    if let Some(line) = lines.iter().find(|line| line.starts_with("Summary [")) {
        return line.clone();
    }
    if lines.is_empty() {
        return "test result: FAILED. the runner ended before it counted its tests".to_owned();
    }
    let count = |word| lines.iter().map(|line| count_of(line, word)).sum::<u64>();
    let (passed, failed, ignored) = (count("passed"), count("failed"), count("ignored"));
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    format!("test result: {verdict}. {passed} passed; {failed} failed; {ignored} ignored")
}

/// The number before `word` in a line such as `ok. 3 passed; 0 failed`.
fn count_of(line: &str, word: &str) -> u64 {
    let words: Vec<&str> = line.split([' ', ';', ',']).filter(|part| !part.is_empty()).collect();
    words.windows(2).find(|pair| pair[1] == word).and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nextest_line_is_kept_without_colours() {
        let line = plain(
            "\u{1b}[32;1m     Summary\u{1b}[0m [   0.1s] \u{1b}[1m2\u{1b}[0m tests run: 1 passed, 1 failed, 0 skipped\n",
        );
        assert!(closes_a_run(&line));
        assert_eq!(
            closing_line(&[line]),
            "Summary [   0.1s] 2 tests run: 1 passed, 1 failed, 0 skipped"
        );
    }

    #[test]
    fn built_in_harness_lines_are_added_up() {
        let lines = [
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s".to_owned(),
            "test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s".to_owned(),
        ];
        assert_eq!(closing_line(&lines), "test result: FAILED. 7 passed; 2 failed; 1 ignored");
    }

    #[test]
    fn a_build_that_failed_is_not_a_pass() {
        assert!(closing_line(&[]).contains("FAILED"));
    }
}
