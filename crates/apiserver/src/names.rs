//! Syntax of names, labels, keys, ports and addresses.
//!
//! Every check returns complaints in the words of
//! `k8s.io/apimachinery/pkg/util/validation`; none means that the text is fine.

use serde_json::Value;

use crate::field;

mod selector;

pub use selector::validate_label_selector;

const QUALIFIED: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE: &str = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";
const DNS_LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const DNS_SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const DNS_1035: &str = "[a-z]([-a-z0-9]*[a-z0-9])?";
const WILDCARD: &str = r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const CONFIG_KEY: &str = "[-._a-zA-Z0-9]+";
const ENVIRONMENT: &str = "[-._a-zA-Z][-._a-zA-Z0-9]*";
const C_IDENTIFIER: &str = "[A-Za-z_][A-Za-z0-9_]*";

/// Longest name of an object, and of a DNS subdomain.
pub const SUBDOMAIN_MAX: usize = 253;
/// Longest DNS label, label value and name part of a label key.
pub const LABEL_MAX: usize = 63;

/// Complaint of a text that does not match a pattern.
pub fn pattern_error(message: &str, pattern: &str, examples: &[&str]) -> String {
    if examples.is_empty() {
        return format!("{message} (regex used for validation is '{pattern}')");
    }
    let examples: Vec<_> = examples.iter().map(|example| format!("'{example}', ")).collect();
    format!(
        "{message} (e.g. {} regex used for validation is '{pattern}')",
        examples.join(" or ").trim_end_matches(' ')
    )
}

/// Complaint of a text that is too long.
pub fn too_long(max: usize) -> String {
    format!("must be no more than {max} characters")
}

/// Complaint of a number outside its range.
pub fn out_of_range(low: i64, high: i64) -> String {
    format!("must be between {low} and {high}, inclusive")
}

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// `edge (inner* edge)?`: the shape that all name patterns share.
fn framed(text: &str, edge: fn(u8) -> bool, inner: fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) => {
            edge(*first) && edge(*last) && bytes.iter().all(|byte| inner(*byte))
        }
        _ => false,
    }
}

fn is_label_text(text: &str) -> bool {
    framed(text, lower, |byte| lower(byte) || byte == b'-')
}

fn is_subdomain_text(text: &str) -> bool {
    text.split('.').all(is_label_text)
}

fn is_qualified_text(text: &str) -> bool {
    framed(text, alphanumeric, |byte| alphanumeric(byte) || b"-_.".contains(&byte))
}

/// RFC 1123 label: `my-name`.
pub fn dns_label(text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    if text.len() > LABEL_MAX {
        complaints.push(too_long(LABEL_MAX));
    }
    if !is_label_text(text) {
        // A name with dots is told apart, because people expect them to work.
        if is_subdomain_text(text) {
            complaints.push("must not contain dots".to_owned());
        } else {
            complaints.push(pattern_error(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
                DNS_LABEL,
                &["my-name", "123-abc"],
            ));
        }
    }
    complaints
}

/// RFC 1123 subdomain: `example.com`.
pub fn dns_subdomain(text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    if text.len() > SUBDOMAIN_MAX {
        complaints.push(too_long(SUBDOMAIN_MAX));
    }
    if !is_subdomain_text(text) {
        complaints.push(pattern_error(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
            DNS_SUBDOMAIN,
            &["example.com"],
        ));
    }
    complaints
}

/// RFC 1123 subdomain behind `*.`.
pub fn wildcard_subdomain(text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    if text.len() > SUBDOMAIN_MAX {
        complaints.push(too_long(SUBDOMAIN_MAX));
    }
    if !text.strip_prefix("*.").is_some_and(is_subdomain_text) {
        complaints.push(pattern_error(
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
            WILDCARD,
            &["*.example.com"],
        ));
    }
    complaints
}

/// RFC 1035 label (names of Services): starts with a letter.
pub fn dns_1035_label(text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    if text.len() > LABEL_MAX {
        complaints.push(too_long(LABEL_MAX));
    }
    if !(is_label_text(text) && text.as_bytes()[0].is_ascii_lowercase()) {
        complaints.push(pattern_error(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
            DNS_1035,
            &["my-name", "abc-123"],
        ));
    }
    complaints
}

/// Name with an optional DNS prefix: keys of labels, annotations, taints, resources.
pub fn qualified_name(text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let rule = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
    let examples = ["MyName", "my.name", "123-abc"];
    let mut parts = text.split('/');
    let name = match (parts.next(), parts.next(), parts.next()) {
        (Some(name), None, _) => name,
        (Some(prefix), Some(name), None) => {
            if prefix.is_empty() {
                complaints.push("prefix part must be non-empty".to_owned());
            } else {
                let wrong = dns_subdomain(prefix);
                complaints.extend(wrong.iter().map(|wrong| format!("prefix part {wrong}")));
            }
            name
        }
        _ => {
            let words = pattern_error(&format!("a qualified name {rule}"), QUALIFIED, &examples);
            complaints.push(format!(
                "{words} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            ));
            return complaints;
        }
    };
    if name.is_empty() {
        complaints.push("name part must be non-empty".to_owned());
    } else if name.len() > LABEL_MAX {
        complaints.push(format!("name part {}", too_long(LABEL_MAX)));
    }
    if !is_qualified_text(name) {
        complaints.push(pattern_error(&format!("name part {rule}"), QUALIFIED, &examples));
    }
    complaints
}

/// Value of a label; may be empty.
pub fn label_value(text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    if text.len() > LABEL_MAX {
        complaints.push(too_long(LABEL_MAX));
    }
    if !(text.is_empty() || is_qualified_text(text)) {
        complaints.push(pattern_error(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
            LABEL_VALUE,
            &["MyValue", "my_value", "12345"],
        ));
    }
    complaints
}

/// `domain.tld/path`: signer names, some condition types.
pub fn domain_prefixed_path(text: &str) -> Vec<String> {
    let Some((domain, path)) = text.split_once('/') else {
        let words = if text.is_empty() {
            "must be non-empty"
        } else {
            "must be a domain-prefixed path (such as \"acme.io/foo\")"
        };
        return vec![words.to_owned()];
    };
    if domain.is_empty() || path.is_empty() {
        return vec!["must be a domain-prefixed path (such as \"acme.io/foo\")".to_owned()];
    }
    dns_subdomain(domain)
}

/// Key of a ConfigMap or Secret.
pub fn config_key(text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    if text.len() > SUBDOMAIN_MAX {
        complaints.push(too_long(SUBDOMAIN_MAX));
    }
    let fine = |byte: u8| alphanumeric(byte) || b"-._".contains(&byte);
    if text.is_empty() || !text.bytes().all(fine) {
        complaints.push(pattern_error(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
            CONFIG_KEY,
            &["key.name", "KEY_NAME", "key-name"],
        ));
    }
    complaints.extend(dots_only(text));
    complaints
}

/// Name of an environment variable.
pub fn environment_name(text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let inner = |byte: u8| alphanumeric(byte) || b"-._".contains(&byte);
    let fine =
        text.bytes().all(inner) && text.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if !fine {
        complaints.push(pattern_error(
            "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit",
            ENVIRONMENT,
            &["my.env-name", "MY_ENV.NAME", "MyEnvName1"],
        ));
    }
    complaints.extend(dots_only(text));
    complaints
}

fn dots_only(text: &str) -> Option<String> {
    match text {
        "." => Some("must not be '.'".to_owned()),
        ".." => Some("must not be '..'".to_owned()),
        _ if text.starts_with("..") => Some("must not start with '..'".to_owned()),
        _ => None,
    }
}

/// Identifier of the C language.
pub fn c_identifier(text: &str) -> Vec<String> {
    let inner = |byte: u8| alphanumeric(byte) || byte == b'_';
    let fine =
        text.bytes().all(inner) && text.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if fine {
        return Vec::new();
    }
    vec![pattern_error(
        "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
        C_IDENTIFIER,
        &["my_name", "MY_NAME", "MyName"],
    )]
}

/// Number of a port.
pub fn port_number(port: i64) -> Vec<String> {
    if (1..=65535).contains(&port) { Vec::new() } else { vec![out_of_range(1, 65535)] }
}

/// Name of a port (IANA service name).
pub fn port_name(text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    if text.len() > 15 {
        complaints.push(too_long(15));
    }
    if !text.bytes().all(|byte| lower(byte) || byte == b'-') {
        complaints.push(
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned(),
        );
    }
    if !text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        complaints.push("must contain at least one letter (a-z)".to_owned());
    }
    if text.contains("--") {
        complaints.push("must not contain consecutive hyphens".to_owned());
    }
    if !text.is_empty() && (text.starts_with('-') || text.ends_with('-')) {
        complaints.push("must not begin or end with a hyphen".to_owned());
    }
    complaints
}

/// An IPv4 or IPv6 address.
pub fn ip(text: &str) -> Vec<String> {
    if text.parse::<std::net::IpAddr>().is_ok() {
        Vec::new()
    } else {
        vec!["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)".to_owned()]
    }
}

/// An address range, `10.0.0.0/8`.
pub fn cidr(text: &str) -> Vec<String> {
    let fine = text.split_once('/').is_some_and(|(address, length)| {
        let most = match address.parse() {
            Ok(std::net::IpAddr::V4(_)) => 32,
            Ok(std::net::IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        length.bytes().all(|byte| byte.is_ascii_digit())
            && length.parse::<u8>().is_ok_and(|length| length <= most)
    });
    if fine {
        Vec::new()
    } else {
        vec!["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)".to_owned()]
    }
}

/// A percentage, `25%`.
pub fn percentage(text: &str) -> Vec<String> {
    let fine = text.strip_suffix('%').is_some_and(|digits| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    if fine {
        Vec::new()
    } else {
        vec![pattern_error(
            "a valid percent string must be a numeric string followed by an ending '%'",
            "[0-9]+%",
            &["1%", "93%"],
        )]
    }
}

/// A generated name is judged by its prefix with the trailing dash out of the way.
fn unmasked(name: &str, prefix: bool) -> String {
    match name.strip_suffix('-') {
        Some(rest) if prefix && !rest.is_empty() => {
            let mut text = rest.to_owned();
            text.pop();
            text.push('a');
            text
        }
        _ => name.to_owned(),
    }
}

/// Object name that must be a DNS subdomain; `prefix` for `generateName`.
pub fn object_subdomain(name: &str, prefix: bool) -> Vec<String> {
    dns_subdomain(&unmasked(name, prefix))
}

/// Object name that must be a DNS label (namespaces).
pub fn object_label(name: &str, prefix: bool) -> Vec<String> {
    dns_label(&unmasked(name, prefix))
}

/// Object name that must be a DNS-1035 label (services).
pub fn object_1035_label(name: &str, prefix: bool) -> Vec<String> {
    dns_1035_label(&unmasked(name, prefix))
}

/// Object name that only needs to fit into a path (RBAC objects).
pub fn path_segment(name: &str, prefix: bool) -> Vec<String> {
    let mut complaints = Vec::new();
    if !prefix && (name == "." || name == "..") {
        return vec![format!("may not be '{name}'")];
    }
    for letter in ['/', '%'] {
        if name.contains(letter) {
            complaints.push(format!("may not contain '{letter}'"));
        }
    }
    complaints
}

/// Checks a map of labels; findings carry the path of the map.
pub fn validate_labels(labels: Option<&Value>, path: &str) -> field::Errors {
    let mut errors = Vec::new();
    for (key, value) in labels.and_then(Value::as_object).into_iter().flatten() {
        errors.extend(validate_label_name(key, path));
        let text = value.as_str().unwrap_or_default();
        for complaint in label_value(text) {
            errors.push(field::Error::invalid(path, value, complaint));
        }
    }
    errors
}

/// Checks one label key.
pub fn validate_label_name(key: &str, path: &str) -> field::Errors {
    qualified_name(key)
        .into_iter()
        .map(|complaint| field::Error::invalid(path, &Value::from(key), complaint))
        .collect()
}

#[cfg(test)]
mod tests;
