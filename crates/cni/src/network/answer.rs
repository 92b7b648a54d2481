//! What a plugin that calls plugins answers its own caller: the code of the one that failed, and
//! in the details where and why.

use super::call::CallError;
use super::collect::GcError;
use super::lifecycle::{AddError, CheckError, DelError, PluginFailure};
use crate::error::{CniError, ErrorCode};
use crate::exec::ExecError;

impl From<&CallError> for ErrorCode {
    /// The plugin's own, where it answered.
    fn from(error: &CallError) -> Self {
        match error {
            CallError::Plugin { error, .. } => error.code,
            CallError::NotFound { .. } | CallError::Path(_) => Self::InvalidConfig,
            CallError::Version { .. } => Self::IncompatibleVersion,
            CallError::Exec {
                source: ExecError::Timeout { .. } | ExecError::Cancelled, ..
            } => Self::TryAgainLater,
            CallError::Exec { .. } => Self::IoFailure,
            CallError::Result { .. } | CallError::PrevResult { .. } => Self::DecodingFailure,
            CallError::Failed { .. } => Self::Internal,
        }
    }
}

impl From<&PluginFailure> for CniError {
    fn from(failure: &PluginFailure) -> Self {
        Self::from_error((&failure.source).into(), failure)
    }
}

impl From<&AddError> for CniError {
    fn from(error: &AddError) -> Self {
        let code = match error {
            AddError::Plugin { failure, .. } => (&failure.source).into(),
            AddError::NoNetns { .. } => ErrorCode::InvalidEnvironment,
            AddError::Cache { .. } => ErrorCode::IoFailure,
        };
        Self::from_error(code, error)
    }
}

impl From<&CheckError> for CniError {
    fn from(error: &CheckError) -> Self {
        let code = match error {
            CheckError::Plugin { failure, .. } => (&failure.source).into(),
            CheckError::Unsupported { .. } => ErrorCode::IncompatibleVersion,
            CheckError::NoResult { .. } => ErrorCode::UnknownContainer,
        };
        Self::from_error(code, error)
    }
}

/// The code is that of the first plugin that failed; the message names all.
impl From<&DelError> for CniError {
    fn from(error: &DelError) -> Self {
        Self::new(first(&error.failures), error.to_string())
    }
}

/// The code is that of the first plugin that failed; the message names all.
impl From<&GcError> for CniError {
    fn from(error: &GcError) -> Self {
        Self::new(first(&error.plugins), error.to_string())
    }
}

fn first(failures: &[PluginFailure]) -> ErrorCode {
    failures.first().map_or(ErrorCode::Internal, |failure| (&failure.source).into())
}
