//! Field selectors: `metadata.name=a,status.phase!=Running`.
//!
//! Grammar and escapes (`\\`, `\,`, `\=`) as in `k8s.io/apimachinery/pkg/fields`.

/// A conjunction of comparisons.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSelector {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    field: String,
    value: String,
    equal: bool,
}

impl FieldSelector {
    /// Reads the query parameter. The error is the text of the answer.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut terms = Vec::new();
        for part in split_terms(text) {
            if part.is_empty() {
                continue;
            }
            let complaint = || format!("invalid selector: '{text}'; can't understand '{part}'");
            let (field, operator, value) = split_term(part).ok_or_else(complaint)?;
            let value = unescape(value).ok_or_else(complaint)?;
            terms.push(Term { field: field.to_owned(), value, equal: operator != "!=" });
        }
        Ok(Self { terms })
    }

    /// Nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Adds `field=value`.
    pub fn require(&mut self, field: &str, value: &str) {
        let (field, value) = (field.to_owned(), value.to_owned());
        self.terms.push(Term { field, value, equal: true });
    }

    /// Names of the fields compared.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().map(|term| term.field.as_str())
    }

    /// The value that `field` must have, if there is exactly one.
    pub fn required(&self, field: &str) -> Option<&str> {
        let mut terms = self.terms.iter().filter(|term| term.equal && term.field == field);
        let only = terms.next()?;
        terms.next().is_none().then_some(&*only.value)
    }

    /// Whether the comparisons hold; `value` gives a field's value, "" for an unset one.
    pub fn matches<'a>(&self, value: impl Fn(&str) -> &'a str) -> bool {
        self.terms.iter().all(|term| (value(&term.field) == term.value) == term.equal)
    }
}

/// Splits at commas that are not escaped.
fn split_terms(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn split_term(term: &str) -> Option<(&str, &str, &str)> {
    let mut best: Option<(usize, &str)> = None;
    for operator in ["!=", "==", "="] {
        if let Some(at) = term.find(operator)
            && best.is_none_or(|(other, _)| at < other)
        {
            best = Some((at, operator));
        }
    }
    let (at, operator) = best?;
    Some((&term[..at], operator, &term[at + operator.len()..]))
}

fn unescape(value: &str) -> Option<String> {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                c @ ('\\' | ',' | '=') => out.push(c),
                _ => return None,
            },
            ',' | '=' => return None,
            c => out.push(c),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn holds(text: &str) -> bool {
        FieldSelector::parse(text).unwrap().matches(|field| match field {
            "metadata.name" => "a",
            "x" => "1,2=3",
            _ => "",
        })
    }

    #[test]
    fn comparisons() {
        assert!(holds(""));
        assert!(holds("metadata.name=a"));
        assert!(holds("metadata.name==a,metadata.namespace!=b"));
        assert!(!holds("metadata.name!=a"));
        assert!(holds("x=1\\,2\\=3"));
        assert!(holds("unset="));
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        let error = FieldSelector::parse("metadata.name").unwrap_err();
        assert_eq!(error, "invalid selector: 'metadata.name'; can't understand 'metadata.name'");
        assert!(FieldSelector::parse("a=b=c").is_err());
        assert!(FieldSelector::parse("a=\\n").is_err());
    }

    #[test]
    fn a_single_required_name_is_found() {
        let selector = FieldSelector::parse("metadata.name=a,x!=1").unwrap();
        assert_eq!(selector.required("metadata.name"), Some("a"));
        assert_eq!(selector.required("x"), None);
    }
}
