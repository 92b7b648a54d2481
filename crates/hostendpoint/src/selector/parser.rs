//! Tokens to a tree, and its evaluation.

use crate::labels::LabelSource;

use super::lexer::{Kind, Token, tokens};

/// A parsed selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(pub(super) Expression);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    All,
    Global,
    Has(String),
    Equal(String, String),
    NotEqual(String, String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Contains(String, String),
    StartsWith(String, String),
    EndsWith(String, String),
    Not(Box<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
}

/// Why a selector cannot be read. Positions are byte offsets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// A quote is opened and not closed.
    #[error("string that begins at {at} does not end")]
    Unterminated {
        /// Where it begins.
        at: usize,
    },
    /// A character or word that cannot stand there.
    #[error("unexpected {found:?} at {at}")]
    Unexpected {
        /// Where.
        at: usize,
        /// What.
        found: String,
    },
    /// The text ends too early.
    #[error("selector ends where {expected} is expected")]
    End {
        /// What is missing.
        expected: &'static str,
    },
    /// Parentheses or negations deeper than anyone writes.
    #[error("selector nests deeper than {limit} levels")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
}

/// Depth at which parsing stops; the recursion must not exhaust the stack.
const MAX_DEPTH: usize = 64;

impl Selector {
    /// Parses a selector; an empty one selects everything.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
        if parser.tokens.is_empty() {
            return Ok(Self(Expression::All));
        }
        let expression = parser.or()?;
        match parser.next() {
            None => Ok(Self(expression)),
            Some(token) => Err(unexpected(&token)),
        }
    }

    /// Whether the selector selects a thing with these labels. `global()`
    /// holds: host endpoints have no namespace.
    pub fn matches(&self, labels: &impl LabelSource) -> bool {
        self.0.matches(labels)
    }
}

impl Expression {
    fn matches(&self, labels: &impl LabelSource) -> bool {
        let value = |key: &str| labels.label(key);
        match self {
            Self::All | Self::Global => true,
            Self::Has(key) => value(key).is_some(),
            Self::Equal(key, wanted) => value(key) == Some(wanted),
            Self::NotEqual(key, unwanted) => value(key) != Some(unwanted),
            Self::In(key, set) => value(key).is_some_and(|value| set.iter().any(|v| v == value)),
            Self::NotIn(key, set) => value(key).is_none_or(|value| set.iter().all(|v| v != value)),
            Self::Contains(key, part) => value(key).is_some_and(|value| value.contains(part)),
            Self::StartsWith(key, part) => value(key).is_some_and(|value| value.starts_with(part)),
            Self::EndsWith(key, part) => value(key).is_some_and(|value| value.ends_with(part)),
            Self::Not(inner) => !inner.matches(labels),
            Self::And(terms) => terms.iter().all(|term| term.matches(labels)),
            Self::Or(terms) => terms.iter().any(|term| term.matches(labels)),
        }
    }
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn take(&mut self, kind: &Kind<'_>) -> bool {
        let found = self.tokens.get(self.at).is_some_and(|token| token.kind == *kind);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, kind: &Kind<'_>, expected: &'static str) -> Result<(), SelectorError> {
        match self.next() {
            Some(token) if token.kind == *kind => Ok(()),
            Some(token) => Err(unexpected(&token)),
            None => Err(SelectorError::End { expected }),
        }
    }

    fn or(&mut self) -> Result<Expression, SelectorError> {
        let mut terms = vec![self.and()?];
        while self.take(&Kind::Or) {
            terms.push(self.and()?);
        }
        Ok(single_or(terms, Expression::Or))
    }

    fn and(&mut self) -> Result<Expression, SelectorError> {
        let mut terms = vec![self.term()?];
        while self.take(&Kind::And) {
            terms.push(self.term()?);
        }
        Ok(single_or(terms, Expression::And))
    }

    fn term(&mut self) -> Result<Expression, SelectorError> {
        let mut negated = false;
        while self.take(&Kind::Not) {
            negated = !negated;
        }
        let expression = self.positive_term()?;
        Ok(if negated { Expression::Not(Box::new(expression)) } else { expression })
    }

    fn positive_term(&mut self) -> Result<Expression, SelectorError> {
        let Some(token) = self.next() else {
            return Err(SelectorError::End { expected: "a condition" });
        };
        match token.kind {
            Kind::Open => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(SelectorError::TooDeep { limit: MAX_DEPTH });
                }
                let inner = self.or()?;
                self.expect(&Kind::Close, "`)`")?;
                self.depth -= 1;
                Ok(inner)
            }
            Kind::Word(word) => {
                // A function only when the parenthesis follows at once: a
                // label may well be called `all`.
                let call = self.tokens.get(self.at).is_some_and(|next| {
                    next.kind == Kind::Open && next.at == token.at + word.len()
                });
                match (word, call) {
                    ("all" | "global", true) => {
                        self.at += 1;
                        self.expect(&Kind::Close, "`)`")?;
                        Ok(if word == "all" { Expression::All } else { Expression::Global })
                    }
                    ("has", true) => {
                        self.at += 1;
                        let label = self.word("a label name")?;
                        self.expect(&Kind::Close, "`)`")?;
                        Ok(Expression::Has(label.to_owned()))
                    }
                    (label, _) => self.comparison(label.to_owned()),
                }
            }
            _ => Err(unexpected(&token)),
        }
    }

    fn comparison(&mut self, label: String) -> Result<Expression, SelectorError> {
        let Some(token) = self.next() else {
            return Err(SelectorError::End { expected: "an operator" });
        };
        match token.kind {
            Kind::Equal => Ok(Expression::Equal(label, self.text()?)),
            Kind::NotEqual => Ok(Expression::NotEqual(label, self.text()?)),
            Kind::Word("contains") => Ok(Expression::Contains(label, self.text()?)),
            Kind::Word("in") => Ok(Expression::In(label, self.set()?)),
            Kind::Word("not") => match self.word("`in`")? {
                "in" => Ok(Expression::NotIn(label, self.set()?)),
                _ => Err(self.unexpected_before()),
            },
            Kind::Word(side @ ("starts" | "ends")) => match self.word("`with`")? {
                "with" if side == "starts" => Ok(Expression::StartsWith(label, self.text()?)),
                "with" => Ok(Expression::EndsWith(label, self.text()?)),
                _ => Err(self.unexpected_before()),
            },
            _ => Err(unexpected(&token)),
        }
    }

    fn word(&mut self, expected: &'static str) -> Result<&'a str, SelectorError> {
        match self.next() {
            Some(Token { kind: Kind::Word(word), .. }) => Ok(word),
            Some(token) => Err(unexpected(&token)),
            None => Err(SelectorError::End { expected }),
        }
    }

    fn text(&mut self) -> Result<String, SelectorError> {
        match self.next() {
            Some(Token { kind: Kind::Text(text), .. }) => Ok(text.to_owned()),
            Some(token) => Err(unexpected(&token)),
            None => Err(SelectorError::End { expected: "a string" }),
        }
    }

    /// `{"a", 'b'}`; a comma before the brace is allowed, as in Calico.
    fn set(&mut self) -> Result<Vec<String>, SelectorError> {
        self.expect(&Kind::BraceOpen, "`{`")?;
        let mut values = Vec::new();
        while !self.take(&Kind::BraceClose) {
            values.push(self.text()?);
            if !self.take(&Kind::Comma) {
                self.expect(&Kind::BraceClose, "`}`")?;
                break;
            }
        }
        Ok(values)
    }

    fn unexpected_before(&self) -> SelectorError {
        unexpected(&self.tokens[self.at - 1])
    }
}

fn single_or(
    mut terms: Vec<Expression>,
    many: impl FnOnce(Vec<Expression>) -> Expression,
) -> Expression {
    if terms.len() == 1 { terms.remove(0) } else { many(terms) }
}

fn unexpected(token: &Token<'_>) -> SelectorError {
    let found = match &token.kind {
        Kind::Word(text) | Kind::Text(text) => (*text).to_owned(),
        Kind::Open => "(".to_owned(),
        Kind::Close => ")".to_owned(),
        Kind::BraceOpen => "{".to_owned(),
        Kind::BraceClose => "}".to_owned(),
        Kind::Comma => ",".to_owned(),
        Kind::Equal => "==".to_owned(),
        Kind::NotEqual => "!=".to_owned(),
        Kind::Not => "!".to_owned(),
        Kind::And => "&&".to_owned(),
        Kind::Or => "||".to_owned(),
    };
    SelectorError::Unexpected { at: token.at, found }
}
