//! `resource.Quantity`: amounts such as `500m`, `1Gi` and `2e9`, exactly.
//!
//! Follows `k8s.io/apimachinery/pkg/api/resource`: what is parsed, how it is
//! rounded (up, to a billionth) and which of the three notations is written back.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

/// Billionths in one unit; nothing finer is kept.
const NANO: i128 = 1_000_000_000;

/// The largest amount that a long number may stand for.
const MAX: i128 = i64::MAX as i128 * NANO;

/// Why a text is not a quantity. The words are those of the real server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not a number with an optional suffix.
    #[error(
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    )]
    Format,
    /// The suffix is made of the right letters, but there is none like it.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// How a quantity is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// `500m`, `2k`, `3G`.
    Decimal,
    /// `1Ki`, `2Gi`.
    Binary,
    /// `2e9`.
    Exponent,
}

/// An exact amount together with the notation in which it was written.
///
/// Two quantities are equal when their amounts are (`1` and `1000m`).
#[derive(Debug, Clone, Copy)]
pub struct Quantity {
    nanos: i128,
    notation: Notation,
}

impl Quantity {
    /// A whole number in decimal notation.
    pub fn whole(value: i64) -> Self {
        Self { nanos: i128::from(value) * NANO, notation: Notation::Decimal }
    }

    /// Thousandths in decimal notation.
    pub fn milli(value: i64) -> Self {
        Self { nanos: i128::from(value) * (NANO / 1000), notation: Notation::Decimal }
    }

    /// The quantity in a JSON value; numbers count as their text.
    ///
    /// # Errors
    /// [`ParseError::Format`] for anything but a text or a number.
    pub fn of(value: &Value) -> Result<Self, ParseError> {
        match value {
            Value::String(text) => text.parse(),
            Value::Number(number) => number.to_string().parse(),
            _ => Err(ParseError::Format),
        }
    }

    /// The amount, rounded up to a whole number.
    pub fn value(&self) -> i64 {
        saturate(ceiling(self.nanos, NANO))
    }

    /// The amount in thousandths, rounded up.
    pub fn milli_value(&self) -> i64 {
        saturate(ceiling(self.nanos, NANO / 1000))
    }

    /// Nothing is lost when the amount is written as a whole number.
    pub fn is_whole(&self) -> bool {
        self.nanos % NANO == 0
    }

    /// The amount is zero.
    pub fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    /// The amount is below zero.
    pub fn is_negative(&self) -> bool {
        self.nanos < 0
    }

    /// The sum, in this notation (in the other one while this is zero).
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let notation = if self.is_zero() { other.notation } else { self.notation };
        Self { nanos: self.nanos.saturating_add(other.nanos), notation }
    }

    /// The difference, in this notation (in the other one while this is zero).
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        let negated = Self { nanos: -other.nanos, ..other };
        self.plus(negated)
    }

    /// Rounded up to thousandths, as defaulting does with resource lists.
    #[must_use]
    pub fn rounded_up_to_milli(self) -> Self {
        let step = NANO / 1000;
        Self { nanos: ceiling(self.nanos, step).saturating_mul(step), ..self }
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

/// Division that rounds away from zero, as `RoundUp` does.
fn ceiling(value: i128, by: i128) -> i128 {
    let whole = value / by;
    match value % by {
        0 => whole,
        rest => whole + rest.signum(),
    }
}

fn saturate(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// Base, exponent and notation of a suffix.
fn suffix(text: &str) -> Option<(u32, i32, Notation)> {
    let decimal = |exponent| Some((10, exponent, Notation::Decimal));
    let binary = |exponent| Some((2, exponent, Notation::Binary));
    match text {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let digits = text.strip_prefix(['e', 'E'])?;
            let exponent = digits.parse::<i32>().ok()?;
            Some((10, exponent, Notation::Exponent))
        }
    }
}

impl FromStr for Quantity {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.is_empty() {
            return Err(ParseError::Format);
        }
        let (negative, rest) = match text.as_bytes()[0] {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let digits_end =
            |text: &str| text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        let (whole, rest) = rest.split_at(digits_end(rest));
        let (fraction, rest) = match rest.strip_prefix('.') {
            Some(rest) => rest.split_at(digits_end(rest)),
            None => ("", rest),
        };
        let letters = rest.trim_start_matches(|letter| "eEinumkKMGTP".contains(letter));
        let digits = letters.strip_prefix(['-', '+']).unwrap_or(letters);
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParseError::Format);
        }
        let (base, exponent, notation) = suffix(rest).ok_or(ParseError::Suffix)?;

        let whole = whole.trim_start_matches('0');
        let nanos = nanos(whole, fraction, base, exponent);
        // Binary notation of less than one would need a fraction.
        let notation = if notation == Notation::Binary && nanos > 0 && nanos < NANO {
            Notation::Decimal
        } else {
            notation
        };
        Ok(Self { nanos: if negative { -nanos } else { nanos }, notation })
    }
}

/// The amount in billionths, rounded up; numbers of more than 18 digits are capped.
fn nanos(whole: &str, fraction: &str, base: u32, exponent: i32) -> i128 {
    let significant = whole.len() + fraction.len();
    let mut mantissa: i128 = 0;
    let mut taken = 0;
    let mut rest = false;
    for digit in whole.bytes().chain(fraction.bytes()) {
        // Further digits only matter for rounding up.
        if mantissa < 10_i128.pow(25) {
            mantissa = mantissa * 10 + i128::from(digit - b'0');
            taken += 1;
        } else {
            rest |= digit != b'0';
        }
    }
    // Fraction digits in the mantissa; negative: whole digits left out.
    let scale = i64::from(taken) - whole.len() as i64;
    let power = 9 - scale + if base == 10 { i64::from(exponent) } else { 0 };
    let shift = if base == 2 { exponent as u32 } else { 0 };
    let mut value = mantissa;
    if shift > 0 {
        match value.checked_mul(1_i128 << shift) {
            Some(product) => value = product,
            None => return MAX,
        }
    }
    if value == 0 && !rest {
        return 0;
    }
    if power >= 0 {
        let factor = u32::try_from(power).ok().and_then(|power| 10_i128.checked_pow(power));
        value = match factor.and_then(|factor| value.checked_mul(factor)) {
            Some(product) => product + i128::from(rest),
            None => return MAX,
        };
    } else {
        let divisor = u32::try_from(-power).ok().and_then(|power| 10_i128.checked_pow(power));
        value = match divisor {
            Some(divisor) => {
                let up = i128::from(value % divisor != 0 || rest);
                value / divisor + up
            }
            None => 1,
        };
    }
    // Long numbers and binary ones go through the path that caps.
    if significant > 18 || base == 2 { value.min(MAX) } else { value }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0");
        }
        let small = self.nanos.abs() < 1024 * NANO;
        if self.notation == Notation::Binary && !small && self.is_whole() {
            let mut number = self.nanos / NANO;
            let mut times = 0;
            while number % 1024 == 0 && times < 6 {
                number /= 1024;
                times += 1;
            }
            return write!(f, "{number}{}", ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][times]);
        }
        let mut number = self.nanos;
        let mut exponent = -9;
        while number % 1000 == 0 {
            number /= 1000;
            exponent += 3;
        }
        let suffixes = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
        let suffix = suffixes.get(usize::try_from(exponent / 3 + 3).unwrap_or(usize::MAX));
        match (self.notation, suffix) {
            (Notation::Exponent, _) if exponent == 0 => write!(f, "{number}"),
            (Notation::Exponent, _) | (_, None) => write!(f, "{number}e{exponent}"),
            (_, Some(suffix)) => write!(f, "{number}{suffix}"),
        }
    }
}

#[cfg(test)]
mod tests;
