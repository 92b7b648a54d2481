//! Errors as one line, for those who read them in a terminal or a status.

use std::error::Error;

/// An error and what caused it, on one line. A message that repeats its cause, as those of kube
/// do, is not told twice.
pub fn with_causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let text = source.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = source.source();
    }
    line
}
