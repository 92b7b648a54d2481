//! What is answered to a plugin that kubewright itself has called: to go on would never end.
//!
//! Multus is such a one when it chose our configuration as that of its master.

use kubewright_attachment::default_network::CALLED;
use kubewright_cni::plugin::{Plugin, Request};
use kubewright_cni::{CniError, CniResult, ErrorCode, Version};

use crate::kubewright::VERSIONS;

/// The plugin, called by one that it has called.
pub(crate) struct Nested;

/// Whether it is.
pub(crate) fn is_nested() -> bool {
    std::env::var_os(CALLED).is_some()
}

fn refused() -> CniError {
    let msg = "kubewright-cni was called by a plugin that kubewright has called, which would never \
               end: that plugin must name another network than kubewright's as the cluster's \
               (Multus: another --multus-master-cni-file-name)";
    CniError::new(ErrorCode::InvalidConfig, msg)
}

impl Plugin for Nested {
    fn versions(&self) -> &[Version] {
        &VERSIONS
    }

    fn add(&self, _: &Request) -> Result<CniResult, CniError> {
        Err(refused())
    }

    /// Whoever called that plugin detaches already; an error would make it do so for ever.
    fn del(&self, _: &Request) -> Result<(), CniError> {
        Ok(())
    }

    fn check(&self, _: &Request) -> Result<(), CniError> {
        Err(refused())
    }

    fn status(&self, _: &Request) -> Result<(), CniError> {
        Err(refused())
    }

    /// As DEL.
    fn gc(&self, _: &Request) -> Result<(), CniError> {
        Ok(())
    }
}
