//! The content of a record's file: whole records in lines, of which the last counts.
//!
//! A line begins and ends with a line break: what was cut before it, by a full disk or a machine
//! that lost power, ends there, and what is cut after it does not touch it.

use super::{Record, RecordId};

const END: u8 = b'\n';

/// The content of a new file.
pub(super) fn first(record: &Record) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record)?;
    line.push(END);
    Ok(line)
}

/// What is to be appended.
pub(super) fn next(record: &Record) -> serde_json::Result<Vec<u8>> {
    let mut line = vec![END];
    line.extend(first(record)?);
    Ok(line)
}

/// The last record, and what is wrong with what comes after it, if anything does.
///
/// # Errors
/// What is wrong with the last line, when none is a record of this name.
pub(super) fn last(content: &[u8], id: &RecordId) -> Result<(Record, Option<String>), String> {
    let mut fault = None;
    let lines = content.rsplit(|byte| *byte == END);
    for line in lines.filter(|line| !line.is_empty()) {
        match parse(line, id) {
            Ok(record) => return Ok((record, fault)),
            Err(wrong) => fault = fault.or(Some(wrong)),
        }
    }
    Err(fault.unwrap_or_else(|| "it is empty".to_owned()))
}

fn parse(line: &[u8], id: &RecordId) -> Result<Record, String> {
    match serde_json::from_slice::<Record>(line) {
        Err(error) => Err(error.to_string()),
        Ok(record) if record.id() != *id => Err(format!("it is that of {}", record.id())),
        Ok(record) => Ok(record),
    }
}
