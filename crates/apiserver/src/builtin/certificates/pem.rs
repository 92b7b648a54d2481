//! The request in a CertificateSigningRequest, as its PEM.
//!
//! Go's parser skips a block whose end has another label than its beginning, and takes the next
//! one; others take it. Validation, signer and the clients that approve must not read different
//! requests: where there is more than one block, or one that only some can read, there is none.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN CERTIFICATE REQUEST-----";
const END: &str = "-----END CERTIFICATE REQUEST-----";

/// The DER in the only block, which may stand among other text as that of `openssl req -text`.
pub(crate) fn request(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(bytes).ok()?;
    let (before, rest) = text.split_once(BEGIN)?;
    let (body, after) = rest.split_once(END)?;
    let begins_line = before.is_empty() || before.ends_with('\n');
    let ends_line = after.lines().next().is_none_or(|rest| rest.trim().is_empty());
    let is_alone = [before, after].iter().all(|text| !text.contains("-----BEGIN"));
    if !(begins_line && ends_line && is_alone) {
        return None;
    }
    // Of a header or another label the colon or the dashes are left, which are no base64.
    let space = |letter: &char| matches!(letter, '\r' | '\n' | '\t' | ' ');
    let letters: String = body.chars().filter(|letter| !space(letter)).collect();
    STANDARD.decode(letters).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_blocks_none_is_the_request() {
        let block = format!("{BEGIN}\nAQID\nBA==\n{END}\n");
        let skipped = block.replace(END, "-----END CERTIFICATE REQUESTS-----");
        for good in [
            block.clone(),
            block.replace('\n', "\r\n"),
            format!("Certificate Request:\n    Data:\n{block}"),
            format!("{block}\nwords"),
        ] {
            assert_eq!(request(good.as_bytes()), Some(vec![1, 2, 3, 4]), "{good}");
        }
        for odd in [
            skipped.clone(),
            format!("{skipped}{block}"),
            format!("{block}{block}"),
            format!("-----BEGIN X-----\nAQID\n-----END X-----\n{block}"),
            format!("words {block}"),
            block.replace("REQUEST--", "REQUEST-- x --"),
            block.replacen('\n', "\nProc-Type: 4,ENCRYPTED\n\n", 1),
            block.replace("CERTIFICATE REQUEST", "CERTIFICATE"),
            String::new(),
        ] {
            assert_eq!(request(odd.as_bytes()), None, "{odd}");
        }
    }
}
