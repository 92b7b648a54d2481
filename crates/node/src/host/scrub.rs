//! Taking secrets out of what programs say.

use crate::config::Secret;
use crate::token::Token;

/// Text without these secrets, and without anything that has the form of a bootstrap token:
/// kubeadm prints those that it makes.
#[must_use]
pub fn scrub(text: &str, secrets: &[Secret]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret.expose(), "(secret)");
    }
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(start) = rest.find(letter) {
        let (before, word) = rest.split_at(start);
        let end = word.find(|c| !letter(c)).unwrap_or(word.len());
        let (word, after) = word.split_at(end);
        clean.push_str(before);
        match word.trim_end_matches('.').parse::<Token>() {
            Ok(token) => clean.push_str(&format!("{}.(secret)", token.id())),
            Err(_) => clean.push_str(word),
        }
        rest = after;
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_known_secrets_are_taken_out() {
        let text = "Using token: 94dcda.c271f4ff502789ca.\nkey=feedbeef, v1.31.2 at 10.0.0.1:6443";
        assert_eq!(
            scrub(text, &[Secret::new("feedbeef"), Secret::default()]),
            "Using token: 94dcda.(secret)\nkey=(secret), v1.31.2 at 10.0.0.1:6443"
        );
        assert_eq!(scrub("é[94dcda.c271f4ff502789ca]", &[]), "é[94dcda.(secret)]");
    }
}
