//! `/healthz`, `/livez`, `/readyz`, `/version`.

use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use super::{Encoding, respond};
use crate::server::Core;

/// The Kubernetes version whose API is served.
pub(crate) const VERSION: (&str, &str, &str) = ("1", "28", "v1.28.0");

pub(super) fn answer(core: &Core, path: &str) -> Option<Response> {
    let path = path.trim_end_matches('/');
    if path == "/version" {
        return Some(version());
    }
    let mut parts = path.strip_prefix('/')?.splitn(2, '/');
    let endpoint = parts.next()?;
    if !matches!(endpoint, "healthz" | "livez" | "readyz") {
        return None;
    }
    match parts.next() {
        None | Some("ping") if endpoint == "readyz" && core.is_stopping() => {
            Some(respond::text(StatusCode::INTERNAL_SERVER_ERROR, "shutting down"))
        }
        None | Some("ping") => Some(respond::text(StatusCode::OK, "ok")),
        Some(_) => None,
    }
}

fn version() -> Response {
    let (major, minor, git) = VERSION;
    let version = json!({
        "major": major,
        "minor": minor,
        "gitVersion": format!("{git}+kubewright.{}", env!("CARGO_PKG_VERSION")),
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    });
    respond::value(StatusCode::OK, Encoding::Json, &version)
}
