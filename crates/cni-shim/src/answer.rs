//! Failures as the runtime is to understand them.

use kubewright_attachment::protocol::CallError;
use kubewright_cni::{CniError, ErrorCode};

/// No answer to anything but STATUS: the runtime calls again, and the agent may be back by then.
pub(crate) fn try_again(error: &CallError) -> CniError {
    let code = match error {
        CallError::Refused(_) => ErrorCode::InvalidConfig,
        CallError::Away { .. } | CallError::Lost { .. } => ErrorCode::TryAgainLater,
    };
    CniError::from_error(code, error)
}

/// No answer to STATUS: an ADD would not be served, while pods that are there are well.
pub(crate) fn not_available(error: &CallError) -> CniError {
    CniError::from_error(ErrorCode::NotAvailable, error)
}
