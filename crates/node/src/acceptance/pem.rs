//! The one PEM block of a request. Pure.
//!
//! Parsers disagree about text around a block, headers in it, and labels that do not match: one
//! skips what another takes. Who says yes to a request must have read the one that is signed, so
//! that here only what all of them read alike is read at all.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN CERTIFICATE REQUEST-----";
const END: &str = "-----END CERTIFICATE REQUEST-----";

/// What is in it, if it is one request, and nothing else.
pub(super) fn only_block(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(bytes).ok()?.trim();
    let body = text.strip_prefix(BEGIN)?.strip_suffix(END)?;
    // Of another block, or a header, the dashes or the colon are left, which are no base64.
    let letters: String = body.chars().filter(|letter| !matches!(letter, '\r' | '\n')).collect();
    STANDARD.decode(letters).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_what_every_parser_reads_alike_is_read() {
        let block = format!("{BEGIN}\nAQID\nBA==\n{END}\n");
        assert_eq!(only_block(block.as_bytes()), Some(vec![1, 2, 3, 4]));
        assert_eq!(only_block(block.replace('\n', "\r\n").as_bytes()), Some(vec![1, 2, 3, 4]));
        let other = block.replace("AQID", "BQYH");
        // Go's parser skips a block whose end has another label, and reads the next one.
        let skipped = block.replace(END, "-----END CERTIFICATE REQUESTS-----");
        for odd in [
            String::new(),
            skipped.clone(),
            format!("{skipped}{other}"),
            format!("{block}{other}"),
            format!("-----BEGIN X-----\nAQID\n-----END X-----\n{block}"),
            format!("words\n{block}"),
            format!("{block}words"),
            block.replace("REQUEST", "REQUESTS"),
            block.replace(" CERTIFICATE", " NEW CERTIFICATE"),
            block.replacen('\n', "\nProc-Type: 4,ENCRYPTED\n\n", 1),
            block.replace("AQID", "AQ ID"),
            block.replace("BA==", "BB=="),
            BEGIN.to_owned(),
        ] {
            assert_eq!(only_block(odd.as_bytes()), None, "{odd}");
        }
    }
}
