//! Paths into JSON: `$.a.b[0]['x/y'][*][?key=value]`.

use std::str::FromStr;

use crate::json::Json;

pub(crate) mod tests;

/// A parsed path; the scenarios hold them as text.
#[derive(Debug, PartialEq)]
pub(crate) struct Path(Vec<Token>);

#[derive(Debug, PartialEq)]
enum Token {
    Key(String),
    /// From the end when negative.
    Index(i64),
    All,
    /// The items whose member at the dotted path reads as `value`.
    Filter {
        member: String,
        value: String,
    },
}

/// A path that cannot be read.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("bad path {path:?} at {rest:?}")]
pub(crate) struct PathError {
    path: String,
    rest: String,
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(path: &str) -> Result<Self, PathError> {
        let mut rest = path.strip_prefix('$').ok_or_else(|| error(path, path))?;
        let mut tokens = Vec::new();
        while !rest.is_empty() {
            let (token, after) = token(rest).ok_or_else(|| error(path, rest))?;
            tokens.push(token);
            rest = after;
        }
        Ok(Self(tokens))
    }
}

fn error(path: &str, rest: &str) -> PathError {
    PathError { path: path.to_owned(), rest: rest.to_owned() }
}

/// The first token of `text` and what follows it.
fn token(text: &str) -> Option<(Token, &str)> {
    if let Some(text) = text.strip_prefix('.') {
        let end = text.find(['.', '[']).unwrap_or(text.len());
        return (end > 0).then(|| (Token::Key(text[..end].to_owned()), &text[end..]));
    }
    let text = text.strip_prefix('[')?;
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        let (key, rest) = text[1..].split_once(&format!("{quote}]"))?;
        return Some((Token::Key(key.to_owned()), rest));
    }
    let (inner, rest) = text.split_once(']')?;
    let token = match inner.strip_prefix('?') {
        Some(condition) => {
            let (member, value) = condition.split_once('=')?;
            Token::Filter { member: member.to_owned(), value: value.to_owned() }
        }
        None if inner == "*" => Token::All,
        None => Token::Index(inner.parse().ok()?),
    };
    Some((token, rest))
}

impl Path {
    /// The value at the path, null where there is none; `[*]` gives a list, a filter its first hit.
    pub(crate) fn find(&self, root: &Json) -> Json {
        find(root, &self.0).unwrap_or_default()
    }

    /// The value at the path in place; a path with `[*]` names none.
    pub(crate) fn find_mut<'a>(&self, root: &'a mut Json) -> Option<&'a mut Json> {
        self.0.iter().try_fold(root, |current, token| match (token, current) {
            (Token::Key(key), current) => current.get_mut(key),
            (Token::Index(index), Json::Array(items)) => {
                let at = position(*index, items.len())?;
                items.get_mut(at)
            }
            (Token::Filter { member, value }, Json::Array(items)) => {
                items.iter_mut().find(|item| matches(item, member, value))
            }
            _ => None,
        })
    }

    /// Removes every value at the path; a filter removes all its hits.
    pub(crate) fn drop_from(&self, root: &mut Json) {
        drop_from(root, &self.0);
    }
}

fn find(current: &Json, tokens: &[Token]) -> Option<Json> {
    let Some((token, rest)) = tokens.split_first() else {
        return Some(current.clone());
    };
    if let Token::Key(key) = token {
        return find(current.get(key)?, rest);
    }
    let items = current.as_array()?;
    match token {
        Token::Key(_) => None,
        Token::Index(index) => find(&items[position(*index, items.len())?], rest),
        Token::All => Some(Json::Array(
            items.iter().map(|item| find(item, rest).unwrap_or_default()).collect(),
        )),
        Token::Filter { member, value } => {
            find(items.iter().find(|item| matches(item, member, value))?, rest)
        }
    }
}

fn drop_from(current: &mut Json, tokens: &[Token]) {
    let Some((token, rest)) = tokens.split_first() else {
        return;
    };
    match (token, current) {
        (Token::Key(key), Json::Object(object)) if rest.is_empty() => {
            object.shift_remove(key);
        }
        (Token::Key(key), current) => {
            if let Some(value) = current.get_mut(key) {
                drop_from(value, rest);
            }
        }
        (token, Json::Array(items)) => {
            let mut index = 0;
            items.retain_mut(|item| {
                let hit = match token {
                    Token::Index(wanted) => *wanted == index,
                    Token::Filter { member, value } => matches(item, member, value),
                    Token::All | Token::Key(_) => true,
                };
                index += 1;
                if hit && !rest.is_empty() {
                    drop_from(item, rest);
                }
                !hit || !rest.is_empty()
            });
        }
        _ => {}
    }
}

fn position(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let at = if index < 0 { index + length } else { index };
    (0..length).contains(&at).then(|| usize::try_from(at).ok())?
}

/// Whether the member at the dotted path (`metadata.name`, `resources.0`) reads as `value`.
fn matches(item: &Json, member: &str, value: &str) -> bool {
    let mut parts = member.split('.');
    item.as_object().is_some()
        && parts
            .try_fold(item, |current, part| match current {
                Json::Array(items) => items.get(part.parse::<usize>().ok()?),
                other => other.get(part),
            })
            .is_some_and(|found| found.plain_text() == value)
}
