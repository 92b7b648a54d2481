//! Messages of the Container Runtime Interface, `runtime.v1`.
//!
//! Written by hand with the field numbers of
//! [api.proto](https://github.com/kubernetes/cri-api/blob/master/pkg/apis/runtime/v1/api.proto), and
//! with the fields that are read or written here. Others are skipped when a message is read, as
//! Protocol Buffers prescribe, so a newer runtime is understood too.

mod container;
mod runtime;
mod sandbox;
mod sandbox_config;

pub use container::*;
pub use runtime::*;
pub use sandbox::*;
pub use sandbox_config::*;

#[cfg(test)]
mod tests;
