//! Characters to tokens.

use super::SelectorError;

/// A token and where it begins, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) at: usize,
    pub(super) kind: Kind<'a>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    Word(&'a str),
    Text(&'a str),
    Open,
    Close,
    BraceOpen,
    BraceClose,
    Comma,
    Equal,
    NotEqual,
    Not,
    And,
    Or,
}

/// Splits a selector. Words are label names and operators alike; which one a
/// word is depends on where it stands, so that is the parser's business.
pub(super) fn tokens(input: &str) -> Result<Vec<Token<'_>>, SelectorError> {
    let bytes = input.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let next = bytes.get(at + 1).copied();
        let (kind, length) = match (byte, next) {
            (b' ' | b'\t', _) => {
                at += 1;
                continue;
            }
            (b'(', _) => (Kind::Open, 1),
            (b')', _) => (Kind::Close, 1),
            (b'{', _) => (Kind::BraceOpen, 1),
            (b'}', _) => (Kind::BraceClose, 1),
            (b',', _) => (Kind::Comma, 1),
            (b'=', Some(b'=')) => (Kind::Equal, 2),
            (b'!', Some(b'=')) => (Kind::NotEqual, 2),
            (b'!', _) => (Kind::Not, 1),
            (b'&', Some(b'&')) => (Kind::And, 2),
            (b'|', Some(b'|')) => (Kind::Or, 2),
            (quote @ (b'"' | b'\''), _) => {
                let rest = &input[at + 1..];
                let Some(length) = rest.find(char::from(quote)) else {
                    return Err(SelectorError::Unterminated { at });
                };
                (Kind::Text(&rest[..length]), length + 2)
            }
            _ => {
                let length = input[at..].bytes().take_while(|byte| is_word(*byte)).count();
                if length == 0 {
                    return Err(SelectorError::Unexpected {
                        at,
                        found: input[at..].chars().take(1).collect(),
                    });
                }
                (Kind::Word(&input[at..at + length]), length)
            }
        };
        tokens.push(Token { at, kind });
        at += length;
    }
    Ok(tokens)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-')
}
