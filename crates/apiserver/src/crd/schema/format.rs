//! `format` of texts: those that Kubernetes checks, with the rules of
//! `k8s.io/kube-openapi/pkg/validation/strfmt`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A format that is checked; others are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    BsonObjectId,
    Uri,
    Email,
    Hostname,
    Ipv4,
    Ipv6,
    Cidr,
    Mac,
    /// A UUID of any version, or of this one.
    Uuid(Option<u8>),
    Isbn,
    Isbn10,
    Isbn13,
    CreditCard,
    Ssn,
    HexColor,
    RgbColor,
    Byte,
    Password,
    Date,
    Duration,
    DateTime,
}

impl Format {
    /// The format of this name; dashes do not count.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name.replace('-', "").as_str() {
            "bsonobjectid" => Self::BsonObjectId,
            "uri" => Self::Uri,
            "email" => Self::Email,
            "hostname" => Self::Hostname,
            "ipv4" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "cidr" => Self::Cidr,
            "mac" => Self::Mac,
            "uuid" => Self::Uuid(None),
            "uuid3" => Self::Uuid(Some(3)),
            "uuid4" => Self::Uuid(Some(4)),
            "uuid5" => Self::Uuid(Some(5)),
            "isbn" => Self::Isbn,
            "isbn10" => Self::Isbn10,
            "isbn13" => Self::Isbn13,
            "creditcard" => Self::CreditCard,
            "ssn" => Self::Ssn,
            "hexcolor" => Self::HexColor,
            "rgbcolor" => Self::RgbColor,
            "byte" => Self::Byte,
            "password" => Self::Password,
            "date" => Self::Date,
            "duration" => Self::Duration,
            "datetime" => Self::DateTime,
            _ => return None,
        })
    }

    /// The name in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::BsonObjectId => "bsonobjectid",
            Self::Uri => "uri",
            Self::Email => "email",
            Self::Hostname => "hostname",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Cidr => "cidr",
            Self::Mac => "mac",
            Self::Uuid(None) => "uuid",
            Self::Uuid(Some(3)) => "uuid3",
            Self::Uuid(Some(4)) => "uuid4",
            Self::Uuid(Some(_)) => "uuid5",
            Self::Isbn => "isbn",
            Self::Isbn10 => "isbn10",
            Self::Isbn13 => "isbn13",
            Self::CreditCard => "creditcard",
            Self::Ssn => "ssn",
            Self::HexColor => "hexcolor",
            Self::RgbColor => "rgbcolor",
            Self::Byte => "byte",
            Self::Password => "password",
            Self::Date => "date",
            Self::Duration => "duration",
            Self::DateTime => "date-time",
        }
    }

    /// Whether a text has this format.
    pub(super) fn fits(self, text: &str) -> bool {
        match self {
            Self::BsonObjectId => text.len() == 24 && hex(text),
            Self::Uri => is_uri(text),
            Self::Email => is_email(text),
            Self::Hostname => is_hostname(text),
            Self::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Self::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
            Self::Cidr => is_cidr(text),
            Self::Mac => is_mac(text),
            Self::Uuid(version) => is_uuid(text, version),
            Self::Isbn => isbn10(text) || isbn13(text),
            Self::Isbn10 => isbn10(text),
            Self::Isbn13 => isbn13(text),
            Self::CreditCard => is_credit_card(text),
            Self::Ssn => {
                let digits: String = text.chars().filter(|it| !matches!(it, '-' | ' ')).collect();
                let places = [3, 6];
                let separated = text
                    .char_indices()
                    .all(|(at, it)| it.is_ascii_digit() || places.contains(&at) || at == 5);
                digits.len() == 9 && digits.bytes().all(|it| it.is_ascii_digit()) && separated
            }
            Self::HexColor => {
                let digits = text.strip_prefix('#').unwrap_or(text);
                matches!(digits.len(), 3 | 6) && hex(digits)
            }
            Self::RgbColor => text
                .strip_prefix("rgb(")
                .and_then(|rest| rest.strip_suffix(')'))
                .is_some_and(|inside| {
                    let parts: Vec<_> = inside.split(',').map(str::trim).collect();
                    parts.len() == 3 && parts.iter().all(|part| part.parse::<u8>().is_ok())
                }),
            Self::Byte => is_base64(text),
            Self::Password => true,
            Self::Date => is_date(text),
            Self::Duration => is_duration(text),
            Self::DateTime => is_date_time(text),
        }
    }
}

fn hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Absolute, or a path from the root, as Go's `url.ParseRequestURI` takes it.
fn is_uri(text: &str) -> bool {
    let clean = |rest: &str| {
        let bytes = rest.as_bytes();
        bytes.iter().enumerate().all(|(at, byte)| match byte {
            b'%' => {
                bytes.get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
            }
            byte => !byte.is_ascii_control(),
        })
    };
    if text.starts_with('/') {
        return clean(text);
    }
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let scheme_fits = scheme.starts_with(|it: char| it.is_ascii_alphabetic())
        && scheme.bytes().all(|it| it.is_ascii_alphanumeric() || b"+-.".contains(&it));
    let authority = rest.strip_prefix("//").map(|after| {
        let end = after.find(['/', '?', '#']).unwrap_or(after.len());
        &after[..end]
    });
    let authority_fits = authority.is_none_or(|it| {
        let host = it.rsplit_once('@').map_or(it, |(_, host)| host);
        let port = match host.strip_prefix('[') {
            Some(v6) => v6.split_once(']').map(|(_, after)| after),
            None => Some(host.find(':').map_or("", |at| &host[at..])),
        };
        !host.contains([' ', '<', '>', '"', '\\', '^', '`', '{', '}', '|'])
            && port.is_some_and(|port| {
                port.is_empty()
                    || port
                        .strip_prefix(':')
                        .is_some_and(|it| it.bytes().all(|it| it.is_ascii_digit()))
            })
    });
    scheme_fits && authority_fits && clean(rest)
}

/// An address as in RFC 5322, with an optional display name.
fn is_email(text: &str) -> bool {
    let address = match text.trim().strip_suffix('>') {
        Some(rest) => match rest.rsplit_once('<') {
            Some((_, address)) => address,
            None => return false,
        },
        None => text.trim(),
    };
    let Some((local, domain)) = address.rsplit_once('@') else {
        return false;
    };
    let atom = |it: &str| {
        !it.is_empty()
            && it.chars().all(|letter| {
                letter.is_ascii_alphanumeric()
                    || !letter.is_ascii()
                    || "!#$%&'*+-/=?^_`{|}~".contains(letter)
            })
    };
    let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    (quoted || local.split('.').all(atom)) && domain.split('.').all(atom)
}

fn is_hostname(text: &str) -> bool {
    let letter = |it: char| it.is_ascii_alphanumeric() || it.is_alphabetic();
    text.len() <= 255
        && !text.is_empty()
        && text.strip_suffix('.').unwrap_or(text).split('.').all(|label| {
            label.chars().count() <= 63
                && label.starts_with(letter)
                && label.ends_with(letter)
                && label.chars().all(|it| letter(it) || it == '-')
        })
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        return false;
    };
    let most = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.bytes().all(|it| it.is_ascii_digit()) && bits.parse::<u8>().is_ok_and(|it| it <= most)
}

/// 6, 8 or 20 bytes: pairs with `:` or `-`, or fours with `.`.
fn is_mac(text: &str) -> bool {
    let groups = |separator: char, length: usize| {
        let parts: Vec<_> = text.split(separator).collect();
        let fits = parts.iter().all(|part| part.len() == length && hex(part));
        fits && matches!(parts.len() * length / 2, 6 | 8 | 20)
    };
    groups(':', 2) || groups('-', 2) || groups('.', 4)
}

/// Dashes are optional, one by one.
fn is_uuid(text: &str, version: Option<u8>) -> bool {
    let mut rest = text;
    let mut digits = String::with_capacity(32);
    for (at, length) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if at > 0 {
            rest = rest.strip_prefix('-').unwrap_or(rest);
        }
        let Some(part) = rest.get(..length).filter(|part| hex(part)) else {
            return false;
        };
        digits.push_str(part);
        rest = &rest[length..];
    }
    let digits = digits.as_bytes();
    rest.is_empty()
        && version.is_none_or(|version| {
            digits[12] == b'0' + version && (version == 3 || b"89abAB".contains(&digits[16]))
        })
}

fn isbn_digits(text: &str) -> Vec<u8> {
    text.bytes().filter(|it| !matches!(it, b'-' | b' ')).collect()
}

fn isbn10(text: &str) -> bool {
    let digits = isbn_digits(text);
    if digits.len() != 10 || !digits[..9].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let last = match digits[9] {
        b'X' => 10,
        digit if digit.is_ascii_digit() => u32::from(digit - b'0'),
        _ => return false,
    };
    let sum: u32 = (1..).zip(&digits[..9]).map(|(at, it)| at * u32::from(it - b'0')).sum();
    (sum + 10 * last).is_multiple_of(11)
}

fn isbn13(text: &str) -> bool {
    let digits = isbn_digits(text);
    if digits.len() != 13 || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let weights = [1, 3].into_iter().cycle();
    let sum: u32 = weights.zip(&digits).map(|(by, it)| by * u32::from(it - b'0')).sum();
    sum.is_multiple_of(10)
}

/// 13 to 19 digits with a correct Luhn sum.
fn is_credit_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|it| it.to_digit(10)).collect();
    let clean = text.chars().all(|it| it.is_ascii_digit() || matches!(it, '-' | ' '));
    let luhn = |(at, digit): (usize, &u32)| match at % 2 {
        0 => *digit,
        _ => digit * 2 / 10 + digit * 2 % 10,
    };
    let sum: u32 = digits.iter().rev().enumerate().map(luhn).sum();
    clean && (13..=19).contains(&digits.len()) && sum.is_multiple_of(10)
}

fn is_base64(text: &str) -> bool {
    let bytes = text.as_bytes();
    let padding = bytes.iter().rev().take_while(|byte| **byte == b'=').count();
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    !bytes.is_empty()
        && bytes.len().is_multiple_of(4)
        && padding <= 2
        && bytes[..bytes.len() - padding].iter().all(digit)
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

fn is_date_time(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't']) else {
        return false;
    };
    let bytes = time.as_bytes();
    let Some(clock) = bytes.get(..8) else {
        return false;
    };
    let two = |at: usize, most: u8| {
        let pair = &clock[at..at + 2];
        pair.iter().all(u8::is_ascii_digit) && (pair[0] - b'0') * 10 + pair[1] - b'0' <= most
    };
    let colons = clock[2] == b':' && clock[5] == b':';
    let mut rest = &bytes[8..];
    if let [b'.', digits @ ..] = rest {
        let length = digits.iter().take_while(|it| it.is_ascii_digit()).count();
        if length == 0 {
            return false;
        }
        rest = &digits[length..];
    }
    let zone = match rest {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', a, b, b':', c, d] => [a, b, c, d].iter().all(|it| it.is_ascii_digit()),
        _ => false,
    };
    is_date(date) && colons && two(0, 23) && two(3, 59) && two(6, 59) && zone
}

/// Go's durations (`1h30m`), and numbers with units in words (`3 days`).
fn is_duration(text: &str) -> bool {
    let mut rest = text.trim_start_matches(['+', '-']);
    if rest == "0" {
        return true;
    }
    let mut parts = 0;
    while !rest.is_empty() {
        let number = rest.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(rest.len());
        let (digits, after) = rest.split_at(number);
        let after = after.trim_start();
        let unit_end = after.find(|it: char| !it.is_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let unit = unit.to_lowercase();
        let known = matches!(
            unit.as_str(),
            "ns" | "nano"
                | "nanosecond"
                | "us"
                | "µs"
                | "μs"
                | "micro"
                | "microsecond"
                | "ms"
                | "milli"
                | "millisecond"
                | "s"
                | "sec"
                | "second"
                | "m"
                | "min"
                | "minute"
                | "h"
                | "hr"
                | "hour"
                | "d"
                | "day"
                | "w"
                | "wk"
                | "week"
                | "nanos"
                | "nanoseconds"
                | "micros"
                | "microseconds"
                | "millis"
                | "milliseconds"
                | "secs"
                | "seconds"
                | "mins"
                | "minutes"
                | "hrs"
                | "hours"
                | "days"
                | "wks"
                | "weeks"
        );
        if !known || digits.parse::<f64>().is_err() {
            return false;
        }
        parts += 1;
        rest = after.trim_start();
    }
    parts > 0
}
