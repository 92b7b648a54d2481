//! Query parameters, read as Go's `url.Values` and apimachinery's conversions read them.

use crate::error::{Error, Result};

/// All parameters of a request; a name may stand several times.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    pub(crate) fn parse(text: Option<&str>) -> Self {
        let pairs = text
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (percent_decode(name, true), percent_decode(value, true))
            })
            .collect();
        Self { pairs }
    }

    /// The first value of a parameter; "" where it is missing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Every value of a parameter.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        let matching = self.pairs.iter().filter(|(key, _)| key == name);
        matching.map(|(_, value)| value.clone()).collect()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(key, _)| key == name)
    }

    /// Anything but `false` and `0` is true, and so is a name without a value.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.has(name) && !matches!(self.text(name).to_ascii_lowercase().as_str(), "false" | "0")
    }

    /// A whole number, if the parameter is there and not empty.
    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>> {
        match self.text(name) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| {
                Error::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))
            }),
        }
    }
}

/// Decodes `%XX`, and `+` as a space where `form` says so. What is not valid stays as it is.
pub(crate) fn percent_decode(text: &str, form: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit =
            |offset: usize| bytes.get(at + offset).and_then(|byte| char::from(*byte).to_digit(16));
        match (bytes[at], digit(1), digit(2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) if form => out.push(b' '),
            (byte, ..) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded() {
        let query = Query::parse(Some("a=x%2Cy+z&a=2&flag&off=false&n=5&bad=x%zz"));
        assert_eq!(query.text("a"), "x,y z");
        assert_eq!(query.all("a"), ["x,y z", "2"]);
        assert!(query.flag("flag") && !query.flag("off") && !query.flag("none"));
        assert_eq!(query.number("n"), Ok(Some(5)));
        assert!(query.number("a").is_err());
        assert_eq!(query.text("bad"), "x%zz");
    }

    proptest::proptest! {
        #[test]
        fn what_a_form_encodes_is_read_back(
            pairs in proptest::collection::vec(("\\PC{1,6}", "\\PC{0,12}"), 0..6),
        ) {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.extend_pairs(&pairs);
            let query = Query::parse(Some(&form.finish()));
            for (name, value) in &pairs {
                let first = pairs.iter().find(|(other, _)| other == name);
                proptest::prop_assert_eq!(query.text(name), first.map_or("", |(_, value)| value));
                proptest::prop_assert!(query.all(name).contains(value));
            }
            let names: std::collections::BTreeSet<_> = pairs.iter().map(|(name, _)| name).collect();
            let found: usize = names.into_iter().map(|name| query.all(name).len()).sum();
            proptest::prop_assert_eq!(found, pairs.len());
        }

        #[test]
        fn no_query_panics(text in "[a-c%&=+0-9é]{0,30}") {
            let query = Query::parse(Some(&text));
            query.flag("a");
            let _ = query.number("b");
        }
    }
}
