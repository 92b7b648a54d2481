#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn canonical(text: &str) -> String {
    text.parse::<Quantity>().unwrap().to_string()
}

#[test]
fn canonical_forms() {
    let table = [
        ("0", "0"),
        ("0Gi", "0"),
        ("0.5", "500m"),
        ("0.1", "100m"),
        ("1.5", "1500m"),
        ("100m", "100m"),
        ("1000m", "1"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("0.5Gi", "512Mi"),
        ("1Ki", "1Ki"),
        ("1023", "1023"),
        ("0.5Ki", "512"),
        ("0.0001Ki", "102400u"),
        ("1000", "1k"),
        ("1024", "1024"),
        ("100000", "100k"),
        ("4000000000", "4G"),
        ("2e9", "2e9"),
        ("2E9", "2e9"),
        ("20e8", "2e9"),
        ("2e8", "200e6"),
        ("1e0", "1"),
        ("1e-3", "1e-3"),
        ("-1.5", "-1500m"),
        ("+7", "7"),
        ("007", "7"),
        ("1.", "1"),
        (".5", "500m"),
        ("0.0000000001", "1n"),
        ("1.23456789012", "1234567891n"),
        ("100E", "100E"),
        ("9223372036854775807", "9223372036854775807"),
        ("9223372036854775808", "9223372036854775807"),
        ("99999999999999999999999999999999999999999", "9223372036854775807"),
        ("4Ei", "4Ei"),
        ("16Ei", "9223372036854775807"),
    ];
    for (text, wanted) in table {
        assert_eq!(canonical(text), wanted, "{text}");
    }
}

#[test]
fn refusals() {
    let table = [
        ("", ParseError::Format),
        ("y", ParseError::Format),
        ("1 ", ParseError::Format),
        ("1.2.3", ParseError::Format),
        ("1Zi", ParseError::Format),
        ("ten", ParseError::Format),
        ("1K", ParseError::Suffix),
        ("1mi", ParseError::Suffix),
        ("1m5", ParseError::Suffix),
        ("1e", ParseError::Suffix),
    ];
    for (text, wanted) in table {
        assert_eq!(text.parse::<Quantity>(), Err(wanted), "{text}");
    }
}

#[test]
fn amounts_compare_across_notations() {
    let parse = |text: &str| text.parse::<Quantity>().unwrap();
    assert_eq!(parse("1"), parse("1000m"));
    assert!(parse("1Gi") > parse("1G"));
    assert!(parse("-1") < parse("0"));
    assert_eq!(parse("1Gi").value(), 1 << 30);
    assert_eq!(parse("1500m").value(), 2);
    assert_eq!(parse("0.0001").milli_value(), 1);
    assert_eq!(parse("1Gi").plus(parse("512Mi")).to_string(), "1536Mi");
    assert_eq!(parse("2").minus(parse("500m")).to_string(), "1500m");
    assert_eq!(parse("0.00001").rounded_up_to_milli().to_string(), "1m");
}

#[test]
fn json_numbers_count_as_their_text() {
    assert_eq!(Quantity::of(&serde_json::json!(2)).unwrap().to_string(), "2");
    assert_eq!(Quantity::of(&serde_json::json!(0.25)).unwrap().to_string(), "250m");
    assert!(Quantity::of(&serde_json::json!(true)).is_err());
}

proptest! {
    #[test]
    fn canonical_text_reads_back_as_the_same(
        number in 0_u64..1_000_000_000_000,
        fraction in proptest::option::of(0_u32..1_000_000),
        suffix in proptest::sample::select(vec!["n", "u", "m", "", "k", "M", "G", "Ki", "Mi", "Gi", "Ti", "e3", "e-3", "E6"]),
    ) {
        let text = match fraction {
            Some(fraction) => format!("{number}.{fraction}{suffix}"),
            None => format!("{number}{suffix}"),
        };
        let first: Quantity = text.parse().unwrap();
        let again: Quantity = first.to_string().parse().unwrap();
        prop_assert_eq!(first, again);
        prop_assert_eq!(first.to_string(), again.to_string());
    }

    #[test]
    fn any_text_is_answered(text in "[-+0-9.eEinumkKMGTPx]{0,48}") {
        if let Ok(quantity) = text.parse::<Quantity>() {
            let again: Quantity = quantity.to_string().parse().unwrap();
            prop_assert_eq!(quantity, again);
        }
    }
}
