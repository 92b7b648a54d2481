//! Answers: JSON or YAML with the headers that clients rely on.

use std::io::Write;

use axum::body::Body;
use axum::response::Response;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, VARY, WARNING};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;

use super::negotiate::Encoding;
use crate::error::Error;
use crate::protobuf;
use crate::wire::Typed;

/// Answers shorter than this are not worth compressing (as in kube-apiserver).
const COMPRESS_FROM: usize = 128 * 1024;

/// Bytes in a media type.
pub(crate) fn bytes(status: StatusCode, media: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

/// A status and nothing else.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Plain text, as the non-API endpoints answer.
pub(crate) fn text(status: StatusCode, text: impl Into<String>) -> Response {
    bytes(status, "text/plain; charset=utf-8", text.into().into_bytes())
}

/// `404 page not found`: paths that no API serves.
pub(crate) fn page_not_found() -> Response {
    text(StatusCode::NOT_FOUND, "404 page not found\n")
}

/// JSON that is already written.
pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Response {
    bytes(status, "application/json", body)
}

/// An object in the encoding asked for; one of a built-in kind in Go's order of fields.
pub(crate) fn object(
    status: StatusCode,
    encoding: Encoding,
    object: &Value,
    typed: bool,
) -> Response {
    match (typed, encoding) {
        (true, Encoding::Json) => {
            json(status, serde_json::to_vec(&Typed(object)).unwrap_or_default())
        }
        _ => value(status, encoding, object),
    }
}

/// A value in the encoding asked for.
pub(crate) fn value(status: StatusCode, encoding: Encoding, value: &Value) -> Response {
    match encoding {
        Encoding::Json => json(status, serde_json::to_vec(value).unwrap_or_default()),
        Encoding::Protobuf => match protobuf::encode(value) {
            Some(body) => bytes(status, protobuf::MEDIA, body),
            // Whatever has no message: the status of a deletion has one.
            None => self::value(status, Encoding::Json, value),
        },
        Encoding::Yaml => {
            let text = serde_saphyr::to_string(value).unwrap_or_default();
            bytes(status, "application/yaml", text.into_bytes())
        }
    }
}

/// A Status that says what failed.
pub(crate) fn error(error: &Error) -> Response {
    let mut response = value(error.code, Encoding::Json, &error.to_value());
    let retry = error.details.as_ref().map_or(0, |details| details.retry_after_seconds);
    if retry > 0 {
        response.headers_mut().insert(RETRY_AFTER, retry.into());
    }
    response
}

/// Adds `Warning: 299 - "…"` headers.
pub(crate) fn warn(response: &mut Response, warnings: &[String]) {
    for warning in warnings {
        let text = warning.replace('\\', "\\\\").replace('"', "\\\"");
        let clean: String = text.chars().filter(|c| !c.is_control()).collect();
        if let Ok(header) = HeaderValue::from_bytes(format!("299 - \"{clean}\"").as_bytes()) {
            response.headers_mut().append(WARNING, header);
        }
    }
}

/// Compresses a long body for a client that takes gzip.
pub(crate) fn compressed(headers: &HeaderMap, media: &'static str, body: Vec<u8>) -> Response {
    let accepts = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let gzip = accepts.is_some_and(|text| text.split(',').any(|part| part.trim() == "gzip"));
    if !gzip || body.len() < COMPRESS_FROM {
        return bytes(StatusCode::OK, media, body);
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    match encoder.write_all(&body).and_then(|()| encoder.finish()) {
        Ok(packed) => {
            let mut response = bytes(StatusCode::OK, media, packed);
            let headers = response.headers_mut();
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
            response
        }
        Err(_) => bytes(StatusCode::OK, media, body),
    }
}
