//! How deep an expression may be. The parser descends through some twenty functions for each
//! bracket, and parser and interpreter go one level down for each operator of a chain, without
//! a bound of their own: an expression of a few hundred bytes would end the process.

/// Brackets within each other.
const BRACKETS: usize = 50;

/// Letters of operators and selections in one expression: no tree of them is deeper.
const OPERATORS: usize = 1000;

/// Conditionals within each other, brackets counted: as cel-go's parser.
const LEVELS: usize = 250;

/// More than anything within these bounds takes in a debug build.
const STACK: usize = 128 * 1024 * 1024;

/// Refuses what is too deep; what stands in texts does not count.
pub(super) fn check(source: &str) -> Result<(), String> {
    let mut operators = 0_usize;
    // Conditionals in each bracket that is open: one in the branch of another.
    let (mut chains, mut levels) = (vec![0_usize], 0_usize);
    let mut before = b'(';
    let source = source.as_bytes();
    let mut at = 0;
    while let Some(letter) = source.get(at) {
        at += 1;
        match letter {
            b'"' | b'\'' => at = after_text(source, at - 1),
            b'(' | b'[' | b'{' => chains.push(0),
            b')' | b']' | b'}' if chains.len() > 1 => levels -= chains.pop().unwrap_or(0),
            b',' => levels -= chains.last_mut().map(std::mem::take).unwrap_or(0),
            // `a.?b`, `[?a]` and the like are no conditionals.
            b'?' if !matches!(before, b'.' | b'[' | b'{' | b',') => {
                operators += 1;
                levels += 1;
                if let Some(chain) = chains.last_mut() {
                    *chain += 1;
                }
            }
            b'.' | b'+' | b'-' | b'*' | b'/' | b'%' | b'!' | b'?' | b'<' | b'>' | b'=' | b'&'
            | b'|' => operators += 1,
            _ => {}
        }
        if !letter.is_ascii_whitespace() {
            before = *letter;
        }
        let open = chains.len() - 1;
        if levels + open > LEVELS {
            return Err(format!(
                "ERROR: <input>:-1:0: expression recursion limit exceeded: {LEVELS}"
            ));
        }
        if open > BRACKETS {
            return Err(format!("expression nests deeper than {BRACKETS} brackets"));
        }
        if operators > OPERATORS {
            return Err(format!("expression has more than {OPERATORS} operators"));
        }
    }
    Ok(())
}

/// The expression without pairs of `!`, in whose place blanks stand. `cel` 0.13 takes two for
/// one, and visits what follows twice: time doubles with each pair inside another.
pub(super) fn without_double_negation(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = bytes.to_vec();
    let (mut at, mut first) = (0, None);
    while let Some(letter) = bytes.get(at) {
        match (letter, first) {
            (b'"' | b'\'', _) => {
                (at, first) = (after_text(bytes, at), None);
                continue;
            }
            (b'!', Some(open)) => {
                (out[open], out[at], first) = (b' ', b' ', None);
            }
            (b'!', None) => first = Some(at),
            (letter, _) if letter.is_ascii_whitespace() => {}
            _ => first = None,
        }
        at += 1;
    }
    // Only letters of ASCII were replaced.
    String::from_utf8(out).unwrap_or_else(|_| source.to_owned())
}

/// The position after the text whose quote stands at `start`: raw or not, one quote or three.
fn after_text(source: &[u8], start: usize) -> usize {
    let (before, text) = source.split_at(start);
    let raw = matches!(before, [.., b'r' | b'R'] | [.., b'r' | b'R', b'b' | b'B']);
    let quote = [text[0]; 3];
    let quote = if text.starts_with(&quote) { &quote[..] } else { &quote[..1] };
    let mut at = start + quote.len();
    while at < source.len() {
        if source[at..].starts_with(quote) {
            return at + quote.len();
        }
        at += if source[at] == b'\\' && !raw { 2 } else { 1 };
    }
    at
}

/// Runs what recurses over an expression that passed [`check`], on a stack that is enough for it.
/// Pages that are not touched cost nothing.
pub(super) fn with_stack<T>(run: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(STACK / 2, STACK, run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_of_texts() {
        let deep = "(".repeat(BRACKETS + 1);
        let long = "!".repeat(OPERATORS + 1);
        for text in [&deep, &long] {
            assert!(check(text).is_err());
            for [open, close] in [["'", "'"], ["r\"", "\""], ["\"\"\"", "'\"\"\""]] {
                assert_eq!(check(&format!("{open}{text}{close}")), Ok(()), "{open}");
            }
            // What looks like a text that goes on hides nothing.
            for before in [r"r'\' ", "'''a'b''' ", r#""\"" "#, "'' "] {
                assert!(check(&format!("{before}{text}")).is_err(), "{before}");
            }
        }
        for (given, simpler) in [
            ("!!a && !b", "  a && !b"),
            ("! !(!!!c)", "   (  !c)"),
            ("'!!' != d", "'!!' != d"),
            ("!'ü!!' && !e", "!'ü!!' && !e"),
        ] {
            assert_eq!(without_double_negation(given), simpler);
        }
        assert_eq!(check(&"(a) ".repeat(BRACKETS + 1)), Ok(()));
        assert_eq!(check(&")".repeat(3)), Ok(()), "the parser will say what is wrong");
        assert_eq!(check(&"a ? b : ".repeat(LEVELS)), Ok(()));
        for deep in ["a ? b : ".repeat(LEVELS + 1), format!("({}", "a ? b : ".repeat(LEVELS))] {
            assert!(check(&deep).is_err_and(|why| why.contains("recursion limit exceeded: 250")));
        }
        // Beside each other they are as flat as anything.
        let flat = "[a ? b : c, d.?e, f[?g]], ".repeat(100);
        assert_eq!(check(&format!("{flat}{flat}")), Ok(()));
    }
}
