//! What to do about causes that have the same remedy wherever they come up.

use std::error::Error;
use std::io;

/// What to do about an error, if its causes tell.
pub(crate) fn on(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(of_cause)
}

fn of_cause(cause: &(dyn Error + 'static)) -> Option<String> {
    if let Some(kube::Error::Api(status)) = cause.downcast_ref() {
        return match status.code {
            401 => Some(
                "renew the credentials of this context; `kubectl auth whoami` tells whether they are taken"
                    .to_owned(),
            ),
            403 => Some(
                "grant these rights; `kubewright manifests` prints the rules that the controllers need"
                    .to_owned(),
            ),
            _ => None,
        };
    }
    let error = cause.downcast_ref::<io::Error>()?;
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(
            "start the API server, or choose another with --kubeconfig or --context".to_owned(),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use kube::core::Status;

    #[test]
    fn what_is_forbidden_is_to_be_granted() {
        let status = Status { code: 403, ..Status::failure("no", "Forbidden") };
        let error = anyhow::Error::new(kube::Error::Api(Box::new(status))).context("listing");
        assert!(on(&error).unwrap().contains("kubewright manifests"));
        assert_eq!(on(&anyhow::anyhow!("something else")), None);
    }
}
