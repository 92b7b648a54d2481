//! What to do about causes that have the same remedy wherever they come up.

use std::error::Error;
use std::io;

use kubewright_node::embedded::JoinError;
use kubewright_node::join::EnrolError;
use kubewright_node::token::DEFAULT_GROUP;

/// What to do about an error, if its causes tell.
pub(crate) fn on(error: &anyhow::Error) -> Option<String> {
    if error.chain().any(lacks_group) {
        return Some(format!(
            "make a token with `kubewright node token create`; one of groups of your own needs {DEFAULT_GROUP}, too"
        ));
    }
    let of_api_server = error.chain().find_map(of_kube)?;
    if let kube::Error::Api(status) = of_api_server {
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
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::ConnectionRefused).then(|| {
        "start the API server, or choose another with --kubeconfig or --context".to_owned()
    })
}

/// Whether a token was not enough to ask for a certificate.
fn lacks_group(cause: &(dyn Error + 'static)) -> bool {
    matches!(cause.downcast_ref(), Some(JoinError::Enrol(EnrolError::Forbidden { .. })))
}

/// What the API server said, or what kept us from asking it. Registries and others refuse
/// connections too.
fn of_kube<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a kube::Error> {
    let boxed = || cause.downcast_ref::<Box<kube::Error>>().map(|inner| &**inner);
    cause.downcast_ref().or_else(boxed)
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

    #[test]
    fn a_token_that_is_not_enough_is_to_be_of_the_group() {
        let status = Status { code: 403, ..Status::failure("no", "Forbidden") };
        let source = Box::new(kube::Error::Api(Box::new(status)));
        let error = EnrolError::Forbidden { node: "a".to_owned(), source };
        let error = anyhow::Error::new(JoinError::from(error));
        assert!(on(&error).unwrap().contains(DEFAULT_GROUP));
    }

    #[test]
    fn only_an_api_server_is_to_be_started() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let registry = anyhow::Error::new(refused()).context("cannot push to 127.0.0.1:5000");
        assert_eq!(on(&registry), None);
        let server = anyhow::Error::new(kube::Error::Service(refused().into())).context("listing");
        assert!(on(&server).unwrap().contains("start the API server"));
        // Errors of areas hold it in a box.
        let boxed = anyhow::Error::new(Box::new(kube::Error::Service(refused().into())));
        assert!(on(&boxed).unwrap().contains("start the API server"));
    }
}
