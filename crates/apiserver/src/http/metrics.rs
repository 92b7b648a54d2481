//! `/metrics`: what there is, for Prometheus.

use std::fmt::Write;

use axum::response::Response;
use http::StatusCode;

use super::respond;
use crate::server::Core;

pub(super) fn answer(core: &Core, path: &str) -> Option<Response> {
    if path != "/metrics" {
        return None;
    }
    let mut text = String::from(
        "# HELP apiserver_storage_objects Number of stored objects by resource.\n\
         # TYPE apiserver_storage_objects gauge\n",
    );
    for resource in core.store.resources() {
        let count = core.store.count(&resource);
        let name = crate::error::GroupName::new(&*resource.group, &*resource.plural);
        // Writing into a text cannot fail.
        let _ = writeln!(text, "apiserver_storage_objects{{resource=\"{name}\"}} {count}");
    }
    let media = "text/plain; version=0.0.4; charset=utf-8";
    Some(respond::bytes(StatusCode::OK, media, text.into_bytes()))
}
