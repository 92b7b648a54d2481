//! Errors as CNI writes them: a code, a message and details, as JSON on standard output.

use serde::{Deserialize, Serialize};

/// Code of an error, from the [specification](https://www.cni.dev/docs/spec/#error); below 100
/// they are reserved, from 100 on a plugin has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
pub enum ErrorCode {
    /// 1: the plugin does not speak the version of the configuration.
    IncompatibleVersion,
    /// 2: a field of the configuration has no meaning; the message names it.
    UnsupportedField,
    /// 3: the container is not known, so nothing needs cleaning up.
    UnknownContainer,
    /// 4: a `CNI_` variable is missing or wrong; the message names it.
    InvalidEnvironment,
    /// 5: reading or writing failed.
    IoFailure,
    /// 6: content cannot be decoded.
    DecodingFailure,
    /// 7: the configuration is not valid.
    InvalidConfig,
    /// 8: the network namespace is not valid.
    InvalidNetns,
    /// 11: a passing condition; the same call may succeed later.
    TryAgainLater,
    /// 50, of STATUS: the plugin cannot serve ADD.
    NotAvailable,
    /// 51, of STATUS: the same, and containers already there may have limited connectivity.
    LimitedConnectivity,
    /// 999: anything unexpected.
    Internal,
    /// Any other.
    Other(u32),
}

impl From<u32> for ErrorCode {
    fn from(code: u32) -> Self {
        match code {
            1 => Self::IncompatibleVersion,
            2 => Self::UnsupportedField,
            3 => Self::UnknownContainer,
            4 => Self::InvalidEnvironment,
            5 => Self::IoFailure,
            6 => Self::DecodingFailure,
            7 => Self::InvalidConfig,
            8 => Self::InvalidNetns,
            11 => Self::TryAgainLater,
            50 => Self::NotAvailable,
            51 => Self::LimitedConnectivity,
            999 => Self::Internal,
            other => Self::Other(other),
        }
    }
}

impl From<ErrorCode> for u32 {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::IncompatibleVersion => 1,
            ErrorCode::UnsupportedField => 2,
            ErrorCode::UnknownContainer => 3,
            ErrorCode::InvalidEnvironment => 4,
            ErrorCode::IoFailure => 5,
            ErrorCode::DecodingFailure => 6,
            ErrorCode::InvalidConfig => 7,
            ErrorCode::InvalidNetns => 8,
            ErrorCode::TryAgainLater => 11,
            ErrorCode::NotAvailable => 50,
            ErrorCode::LimitedConnectivity => 51,
            ErrorCode::Internal => 999,
            ErrorCode::Other(other) => other,
        }
    }
}

/// The error a plugin answers with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{msg} (CNI code {code}){}", with_details(.details), code = u32::from(*.code))]
pub struct CniError {
    /// Version of the configuration it answers; some plugins leave it out.
    #[serde(rename = "cniVersion", default, skip_serializing_if = "String::is_empty")]
    pub cni_version: String,
    /// What kind of error.
    pub code: ErrorCode,
    /// What happened, in a sentence.
    #[serde(default)]
    pub msg: String,
    /// More of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub details: String,
}

fn with_details(details: &str) -> String {
    if details.is_empty() { String::new() } else { format!(": {details}") }
}

impl CniError {
    /// An error without details.
    pub fn new(code: ErrorCode, msg: impl Into<String>) -> Self {
        Self { cni_version: String::new(), code, msg: msg.into(), details: String::new() }
    }

    /// An error with the chain of its sources in the details.
    pub fn from_error(code: ErrorCode, error: &dyn std::error::Error) -> Self {
        let mut details = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            details.push(cause.to_string());
            source = cause.source();
        }
        Self { details: details.join(": "), ..Self::new(code, error.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_code_is_its_number() {
        for number in 0..1100 {
            assert_eq!(u32::from(ErrorCode::from(number)), number);
        }
    }

    #[test]
    fn it_reads_and_writes_as_plugins_do() {
        let text = r#"{"cniVersion":"1.0.0","code":7,"msg":"invalid","details":"subnet"}"#;
        let error: CniError = serde_json::from_str(text).unwrap();
        assert_eq!(error.code, ErrorCode::InvalidConfig);
        assert_eq!(error.to_string(), "invalid (CNI code 7): subnet");
        assert_eq!(serde_json::to_string(&error).unwrap(), text);
        let bare: CniError = serde_json::from_str(r#"{"code":100,"msg":"own"}"#).unwrap();
        assert_eq!(bare, CniError::new(ErrorCode::Other(100), "own"));
    }
}
