//! Files of the repository that a page names.

use pulldown_cmark::{Event, Options, Parser};

use crate::root;

/// Folders whose files are named by their path.
const FOLDERS: [&str; 6] = ["crates/", "deploy/", "docs/", "xtask/", "benches/", ".ci/"];

/// Paths in code, as in `deploy/systemd`, of which the repository has nothing.
pub(crate) fn missing(markdown: &str) -> Vec<String> {
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES);
    let codes = events.filter_map(|event| match event {
        Event::Code(code) => Some(code.into_string()),
        _ => None,
    });
    codes
        .filter(|code| FOLDERS.iter().any(|folder| code.starts_with(folder)))
        .flat_map(|code| spelled(&code))
        .filter(|path| !path.contains(['*', '<', '…', ' ']) && !root().join(path).exists())
        .map(|path| format!("{path} is not in the repository"))
        .collect()
}

/// `a/{b,c}` is `a/b` and `a/c`; what follows `::` or `:` is a place in the file.
fn spelled(path: &str) -> Vec<String> {
    let path = path.split_once(':').map_or(path, |(path, _)| path);
    match path.split_once('{').and_then(|(head, rest)| Some((head, rest.split_once('}')?))) {
        Some((head, (names, tail))) => {
            names.split(',').map(|name| format!("{head}{name}{tail}")).collect()
        }
        None => vec![path.to_owned()],
    }
}
