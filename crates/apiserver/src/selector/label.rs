//! Label selectors: `app=x,tier in (a, b),!debug,size gt 3`.
//!
//! Grammar and meaning as in `k8s.io/apimachinery/pkg/labels`: `!=` and `notin`
//! also match objects that do not have the label.

use crate::names;

/// A conjunction of requirements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
    Greater(i64),
    Less(i64),
}

impl LabelSelector {
    /// Reads the query parameter. The error is the text of the answer.
    pub fn parse(text: &str) -> Result<Self, String> {
        Parser { tokens: tokens(text), at: 0 }
            .selector()
            .map_err(|error| format!("unable to parse requirement: {error}"))
    }

    /// Nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether all requirements hold; `label` gives a label's value.
    pub fn matches<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = label(&requirement.key);
            let number = || value.and_then(|text| text.parse::<i64>().ok());
            match &requirement.test {
                Test::Exists => value.is_some(),
                Test::Absent => value.is_none(),
                Test::In(values) => value.is_some_and(|text| values.iter().any(|v| v == text)),
                Test::NotIn(values) => value.is_none_or(|text| values.iter().all(|v| v != text)),
                Test::Greater(bound) => number().is_some_and(|number| number > *bound),
                Test::Less(bound) => number().is_some_and(|number| number < *bound),
            }
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"];

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            tokens.push(Token::Symbol(symbol));
            rest = rest[symbol.len()..].trim_start();
        } else {
            let end = rest
                .find(|c: char| c.is_whitespace() || "=!(),<>".contains(c))
                .unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = rest[end..].trim_start();
        }
    }
    tokens
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn selector(mut self) -> Result<LabelSelector, String> {
        let mut requirements = Vec::new();
        while self.peek().is_some() {
            requirements.push(self.requirement()?);
            match self.next() {
                None => break,
                Some(Token::Symbol(",")) if self.peek().is_some() => {}
                Some(Token::Symbol(",")) => return Err(found(None, "identifier after ','")),
                other => return Err(found(other.as_ref(), "',' or 'end of string'")),
            }
        }
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(LabelSelector { requirements })
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        if self.peek() == Some(&Token::Symbol("!")) {
            self.at += 1;
            let key = self.key()?;
            return Ok(Requirement { key, test: Test::Absent });
        }
        let key = self.key()?;
        let test = match self.peek() {
            None | Some(Token::Symbol(",")) => Test::Exists,
            Some(_) => self.test(&key)?,
        };
        Ok(Requirement { key, test })
    }

    fn key(&mut self) -> Result<String, String> {
        match self.next() {
            Some(Token::Word(key)) => match names::qualified_name(&key).first() {
                None => Ok(key),
                Some(why) => Err(format!("key: Invalid value: {key:?}: {why}")),
            },
            other => Err(found(other.as_ref(), "identifier")),
        }
    }

    fn test(&mut self, key: &str) -> Result<Test, String> {
        let operator = self.next();
        match &operator {
            Some(Token::Symbol("=" | "==")) => Ok(Test::In(vec![self.value(key)?])),
            Some(Token::Symbol("!=")) => Ok(Test::NotIn(vec![self.value(key)?])),
            Some(Token::Symbol(">")) => self.bound().map(Test::Greater),
            Some(Token::Symbol("<")) => self.bound().map(Test::Less),
            Some(Token::Word(word)) => match word.as_str() {
                "in" => self.values(key).map(Test::In),
                "notin" => self.values(key).map(Test::NotIn),
                "gt" => self.bound().map(Test::Greater),
                "lt" => self.bound().map(Test::Less),
                _ => Err(found(operator.as_ref(), "in, notin, =, ==, !=, gt, lt")),
            },
            other => Err(found(other.as_ref(), "in, notin, =, ==, !=, gt, lt")),
        }
    }

    /// One value; `a=` means the empty one.
    fn value(&mut self, key: &str) -> Result<String, String> {
        match self.peek() {
            None | Some(Token::Symbol(",")) => Ok(String::new()),
            Some(Token::Word(_)) => self.word(key),
            other => Err(found(other, "identifier")),
        }
    }

    fn word(&mut self, key: &str) -> Result<String, String> {
        match self.next() {
            Some(Token::Word(word)) => match names::label_value(&word).first() {
                None => Ok(word),
                Some(why) => Err(format!("values[0][{key}]: Invalid value: {word:?}: {why}")),
            },
            other => Err(found(other.as_ref(), "identifier")),
        }
    }

    fn bound(&mut self) -> Result<i64, String> {
        match self.next() {
            Some(Token::Word(word)) => word.parse().map_err(|_| {
                format!("values[0]: Invalid value: {word:?}: for 'Gt', 'Lt' operators, the value must be an integer")
            }),
            other => Err(found(other.as_ref(), "an integer")),
        }
    }

    fn values(&mut self, key: &str) -> Result<Vec<String>, String> {
        match self.next() {
            Some(Token::Symbol("(")) => {}
            other => return Err(found(other.as_ref(), "'('")),
        }
        let mut values = Vec::new();
        loop {
            // An empty place is the empty value: `in (a,)`, `in ()`.
            match self.peek() {
                Some(Token::Word(_)) => values.push(self.word(key)?),
                _ => values.push(String::new()),
            }
            match self.next() {
                Some(Token::Symbol(",")) => {}
                Some(Token::Symbol(")")) => return Ok(values),
                other => return Err(found(other.as_ref(), "',', or ')'")),
            }
        }
    }
}

fn found(token: Option<&Token>, expected: &str) -> String {
    let text = match token {
        None => "",
        Some(Token::Word(word)) => word,
        Some(Token::Symbol(symbol)) => symbol,
    };
    format!("found '{text}', expected: {expected}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn holds(text: &str) -> bool {
        LabelSelector::parse(text).unwrap().matches(|key| match key {
            "app" => Some("x"),
            "size" => Some("5"),
            "empty" => Some(""),
            "example.com/role" => Some("db"),
            _ => None,
        })
    }

    #[test]
    fn every_operator() {
        for yes in [
            "",
            "app",
            "!none",
            "app=x",
            "app==x",
            "app!=y",
            "none!=x",
            "app in (x,y)",
            "app in ( x , y ),size",
            "app notin (y)",
            "none notin (y)",
            "size gt 4",
            "size>4",
            "size lt 6",
            "size<6",
            "empty=",
            "empty in ()",
            "example.com/role=db",
            "app=x,size=5",
        ] {
            assert!(holds(yes), "{yes}");
        }
        for no in [
            "none",
            "!app",
            "app=y",
            "app!=x",
            "app in (y)",
            "none in (y)",
            "app notin (x)",
            "size gt 5",
            "app gt 1",
            "app=x,size=6",
        ] {
            assert!(!holds(no), "{no}");
        }
    }

    #[test]
    fn bad_selectors_are_refused() {
        for bad in
            ["a b c", "a in b", "a in (b", "a=b,", ",a", "-bad=1", "a=b c", "a gt x", "=x", "a=-"]
        {
            assert!(LabelSelector::parse(bad).is_err(), "{bad}");
        }
    }
}
