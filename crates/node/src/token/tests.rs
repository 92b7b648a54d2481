#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[test]
fn new_tokens_are_tokens_and_differ() {
    let tokens: BTreeSet<_> = (0..200).map(|_| Token::generate().unwrap().reveal()).collect();
    assert_eq!(tokens.len(), 200);
    let mut seen = BTreeSet::new();
    for text in &tokens {
        let token: Token = text.parse().unwrap();
        assert_eq!(&token.reveal(), text);
        seen.extend(text.bytes());
    }
    // 4,400 letters: that one of 36 is missing does not happen.
    assert_eq!(seen.len(), LETTERS.len() + 1, "and the dot");
}

#[test]
fn what_is_no_token_is_refused_without_being_repeated() {
    for text in [
        "",
        ".",
        "abcdef",
        "abcdef.0123456789abcde",
        "abcdef.0123456789abcdef0",
        "abcde.0123456789abcdef",
        "Abcdef.0123456789abcdef",
        "abcdef.0123456789abcdeF",
        "abcdef.0123456789abcdef\n",
        "abcdéf.0123456789abcdef",
        "abc/..0123456789abcdef",
    ] {
        let error = text.parse::<Token>().unwrap_err();
        assert!(text.is_empty() || text == "." || !error.to_string().contains(text), "{text:?}");
    }
}

#[test]
fn a_token_does_not_tell_its_secret_when_it_is_debugged() {
    let token: Token = "abcdef.0123456789abcdef".parse().unwrap();
    let text = format!("{token:?} {:#?}", Some(&token));
    assert!(text.contains("abcdef") && !text.contains("0123456789"), "{text}");
}

#[test]
fn an_id_is_taken_from_an_id_or_a_token() {
    assert_eq!(id_of("abcdef"), Ok("abcdef".to_owned()));
    assert_eq!(id_of("abcdef.0123456789abcdef"), Ok("abcdef".to_owned()));
    for text in ["", "abcde", "../../", "abcdef.", "ABCDEF"] {
        assert_eq!(id_of(text), Err(TokenError::MalformedId), "{text:?}");
    }
}

proptest! {
    #[test]
    fn only_the_form_is_taken(text in "[a-z0-9.A-Z/ ]{0,30}") {
        let parts: Vec<&str> = text.split('.').collect();
        let good = |part: &str, length: usize| {
            part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
        };
        let wanted = parts.len() == 2 && good(parts[0], 6) && good(parts[1], 16);
        prop_assert_eq!(text.parse::<Token>().is_ok(), wanted);
    }
}
