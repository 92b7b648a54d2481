//! Selectors against what they mean, for any selector.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;

use super::{FieldSelector, LabelSelector};

/// A requirement with its meaning, apart from how it is written.
#[derive(Debug, Clone)]
enum Term {
    Exists,
    Absent,
    In(Vec<&'static str>),
    NotIn(Vec<&'static str>),
    Greater(i64),
    Less(i64),
}

impl Term {
    fn write(&self, key: &str, spaced: bool) -> String {
        let gap = if spaced { "  " } else { "" };
        match self {
            Self::Exists => format!("{gap}{key}{gap}"),
            Self::Absent => format!("!{gap}{key}"),
            Self::In(values) if values.len() == 1 && spaced => format!("{key} == {}", values[0]),
            Self::In(values) => format!("{key} in ({})", values.join(&format!("{gap},{gap}"))),
            Self::NotIn(values) if values.len() == 1 => format!("{key}{gap}!={gap}{}", values[0]),
            Self::NotIn(values) => format!("{key} notin{gap}({})", values.join(",")),
            Self::Greater(bound) if spaced => format!("{key} gt {bound}"),
            Self::Greater(bound) => format!("{key}>{bound}"),
            Self::Less(bound) => format!("{key}{gap}<{gap}{bound}"),
        }
    }

    fn holds(&self, value: Option<&str>) -> bool {
        let number = value.and_then(|value| value.parse::<i64>().ok());
        match self {
            Self::Exists => value.is_some(),
            Self::Absent => value.is_none(),
            Self::In(values) => value.is_some_and(|value| values.contains(&value)),
            Self::NotIn(values) => !value.is_some_and(|value| values.contains(&value)),
            Self::Greater(bound) => number.is_some_and(|number| number > *bound),
            Self::Less(bound) => number.is_some_and(|number| number < *bound),
        }
    }
}

const KEYS: [&str; 4] = ["app", "in", "example.com/tier", "a-b_c.D"];
const VALUES: [&str; 6] = ["x", "notin", "1", "7", "a.b-c_d", ""];

fn term() -> impl Strategy<Value = Term> {
    // The empty value is written as nothing, which only `in` and `notin` can show.
    let values = || proptest::collection::vec(select(&VALUES[..5]), 1..4);
    prop_oneof![
        Just(Term::Exists),
        Just(Term::Absent),
        values().prop_map(Term::In),
        values().prop_map(Term::NotIn),
        (0_i64..9).prop_map(Term::Greater),
        (0_i64..9).prop_map(Term::Less),
    ]
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=")
}

proptest! {
    #[test]
    fn a_label_selector_means_all_its_terms(
        terms in proptest::collection::vec((select(&KEYS[..]), term(), any::<bool>()), 0..5),
        labels in proptest::collection::btree_map(select(&KEYS[..]), select(&VALUES[..]), 0..4),
    ) {
        let text: Vec<_> = terms.iter().map(|(key, term, spaced)| term.write(key, *spaced)).collect();
        let text = text.join(",");
        let selector = LabelSelector::parse(&text).map_err(TestCaseError::fail)?;
        let expected = terms.iter().all(|(key, term, _)| term.holds(labels.get(key).copied()));
        prop_assert_eq!(selector.matches(|key| labels.get(key).copied()), expected, "{}", text);
        prop_assert_eq!(selector.is_empty(), terms.is_empty());
    }

    #[test]
    fn a_field_selector_means_all_its_terms(
        terms in proptest::collection::vec(("[a-c]", "[a-c,=!\\\\ é]{0,4}", 0_usize..3), 0..4),
        fields in proptest::collection::btree_map("[a-c]", "[a-c,=!\\\\ é]{0,4}", 0..4),
    ) {
        let operators = ["=", "==", "!="];
        let written = terms.iter().map(|(field, value, operator)| {
            // A value that begins with "=" would read as another operator, but for the escape.
            format!("{field}{}{}", operators[*operator], escape(value))
        });
        let text = written.collect::<Vec<_>>().join(",");
        let selector = FieldSelector::parse(&text).map_err(TestCaseError::fail)?;
        let value = |field: &str| fields.get(field).map_or("", String::as_str);
        let expected = terms
            .iter()
            .all(|(field, wanted, operator)| (value(field) == *wanted) == (*operator < 2));
        prop_assert_eq!(selector.matches(value), expected, "{}", text);
    }

    #[test]
    fn no_text_makes_a_selector_panic(text in "\\PC{0,40}", odd in "[a-c!=<>(), inot\\\\]{0,24}") {
        for text in [text, odd] {
            let labels: BTreeMap<&str, &str> = BTreeMap::new();
            if let Ok(selector) = LabelSelector::parse(&text) {
                selector.matches(|key| labels.get(key).copied());
            }
            if let Ok(selector) = FieldSelector::parse(&text) {
                selector.matches(|_| "");
            }
        }
    }
}
