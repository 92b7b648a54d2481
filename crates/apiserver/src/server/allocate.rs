//! Addresses and ports of Services, which no two of them may share.

use std::net::Ipv4Addr;

use serde_json::Value;
use tokio::sync::MutexGuard;

use super::Core;
use crate::builtin::service::{Pool, allocate};
use crate::error::{Error, Result};
use crate::meta;
use crate::resource::Resource;

/// Service addresses are from 10.96.0.0/12, as kubeadm's default has it.
const NETWORK: (Ipv4Addr, u8) = (Ipv4Addr::new(10, 96, 0, 0), 12);

impl Core {
    /// Gives a Service that passed validation its addresses and ports. Others are
    /// allocated when the answer is dropped: hold it until the object is stored.
    pub(crate) async fn allocate(
        &self,
        resource: &Resource,
        object: &mut Value,
        stored: Option<&Value>,
    ) -> Result<Option<MutexGuard<'_, ()>>> {
        if !resource.group.is_empty() || resource.plural != "services" {
            return Ok(None);
        }
        let guard = self.allocating.lock().await;
        let services = self.store.list(&resource.key, None).objects;
        let services: Vec<Value> = services.iter().map(|service| service.value()).collect();
        let mut pool = Pool::new(NETWORK.0, NETWORK.1, &services);
        if let Err(errors) = allocate(object, stored, &mut pool) {
            return Err(Error::invalid(&resource.group_kind(), meta::name(object), &errors));
        }
        Ok(Some(guard))
    }
}
