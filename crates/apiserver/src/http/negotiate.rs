//! `Accept` and `Content-Type`.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

use crate::error::{Details, Error, Result};
use crate::protobuf;

/// How bodies are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    Yaml,
    /// Only between client and server: bodies become JSON before anything reads them.
    Protobuf,
}

/// What a client wants to see of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// The object.
    Whole,
    /// Rows and columns for people.
    Table,
    /// Metadata only.
    Metadata,
}

/// The answer's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) encoding: Encoding,
    pub(crate) view: View,
}

const NOT_ACCEPTABLE: &str = "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf";

fn encoding(media: &str) -> Option<Encoding> {
    match media {
        "application/json" | "*/*" | "application/*" => Some(Encoding::Json),
        "application/yaml" => Some(Encoding::Yaml),
        protobuf::MEDIA => Some(Encoding::Protobuf),
        _ => None,
    }
}

struct Range<'a> {
    kind: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    quality: f32,
}

impl<'a> Range<'a> {
    fn parameter(&self, name: &str) -> &'a str {
        self.parameters.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }
}

fn ranges(header: &str) -> Vec<Range<'_>> {
    let mut ranges: Vec<_> = header
        .split(',')
        .map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default();
            let parameters: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
            let quality = parameters.iter().find(|(key, _)| *key == "q");
            let quality = quality.and_then(|(_, text)| text.parse().ok()).unwrap_or(1.0);
            Range { kind, parameters, quality }
        })
        .collect();
    ranges.sort_by(|a, b| b.quality.total_cmp(&a.quality));
    ranges
}

fn accept(headers: &HeaderMap) -> &str {
    headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

impl Format {
    pub(crate) const JSON: Self = Self { encoding: Encoding::Json, view: View::Whole };

    /// The first form in `Accept` that can be served; not every answer has a `protobuf`.
    pub(crate) fn negotiate(headers: &HeaderMap, protobuf: bool) -> Result<Self> {
        let header = accept(headers);
        if header.is_empty() {
            return Ok(Self::JSON);
        }
        let ranges = ranges(header);
        let served = |form: &Self| protobuf || form.encoding != Encoding::Protobuf;
        ranges.iter().filter_map(Self::of).find(served).ok_or_else(|| {
            let known = ranges.iter().any(|range| encoding(range.kind).is_some());
            let error = Error::not_acceptable(NOT_ACCEPTABLE);
            // The router refuses unknown media types, the API unknown views of known ones.
            if known { error } else { Error { details: Some(Details::default()), ..error } }
        })
    }

    fn of(range: &Range<'_>) -> Option<Self> {
        let encoding = encoding(range.kind)?;
        let meta = range.parameter("g") == "meta.k8s.io"
            && matches!(range.parameter("v"), "v1" | "v1beta1");
        let view = match range.parameter("as") {
            "" => View::Whole,
            "Table" if meta => View::Table,
            "PartialObjectMetadata" | "PartialObjectMetadataList" if meta => View::Metadata,
            _ => return None,
        };
        // Tables have no message, and parts of objects are asked for in JSON.
        let served = encoding != Encoding::Protobuf || view == View::Whole;
        served.then_some(Self { encoding, view })
    }
}

/// Whether `Accept` prefers aggregated discovery, and in which version.
pub(crate) fn aggregated_discovery(headers: &HeaderMap) -> Option<&'static str> {
    for range in ranges(accept(headers)) {
        let aggregated = range.parameter("g") == "apidiscovery.k8s.io"
            && range.parameter("as") == "APIGroupDiscoveryList";
        match (range.kind, aggregated, range.parameter("v")) {
            ("application/json" | "*/*", true, "v2") => return Some("v2"),
            ("application/json" | "*/*", true, "v2beta1") => return Some("v2beta1"),
            ("application/json" | "*/*", false, _) if range.parameter("as").is_empty() => {
                return None;
            }
            _ => {}
        }
    }
    None
}

/// The media type of the request body, without parameters.
pub(crate) fn content_type(headers: &HeaderMap) -> &str {
    let header = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    header.unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

const UNKNOWN_FORM: &str = "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml";

/// The body of a request, which is JSON from here on if it was protobuf. Custom resources
/// have no messages.
pub(crate) fn without_protobuf(
    headers: &mut HeaderMap,
    body: Bytes,
    is_builtin: bool,
) -> Result<Bytes> {
    if content_type(headers) != protobuf::MEDIA {
        return Ok(body);
    }
    if !is_builtin && !body.is_empty() {
        return Err(Error::unsupported_media_type(UNKNOWN_FORM));
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if body.is_empty() {
        return Ok(body);
    }
    let object = protobuf::decode(&body)?;
    serde_json::to_vec(&object).map(Bytes::from).map_err(Error::internal)
}

/// How an object is written in the body: JSON unless said otherwise.
pub(crate) fn body_encoding(headers: &HeaderMap) -> Result<Encoding> {
    match content_type(headers) {
        "" | "application/json" => Ok(Encoding::Json),
        "application/yaml" => Ok(Encoding::Yaml),
        _ => Err(Error::unsupported_media_type(format!("{UNKNOWN_FORM}, {}", protobuf::MEDIA))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn format(accept: &str) -> Result<Format> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        Format::negotiate(&headers, true)
    }

    #[test]
    fn the_best_known_range_wins() {
        assert_eq!(format("*/*"), Ok(Format::JSON));
        assert_eq!(format("application/xml, application/json;q=0.5"), Ok(Format::JSON));
        assert_eq!(format("application/yaml").unwrap().encoding, Encoding::Yaml);
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        assert_eq!(format(table).unwrap().view, View::Table);
        let protobuf = "application/vnd.kubernetes.protobuf,application/json";
        assert_eq!(format(protobuf).unwrap().encoding, Encoding::Protobuf);
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, protobuf.parse().unwrap());
        assert_eq!(Format::negotiate(&headers, false), Ok(Format::JSON));
        assert!(format("application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io").is_err());
        assert!(format("text/html").is_err());
        assert!(format("application/json;as=Nope;g=meta.k8s.io;v=v1").is_err());
    }
}
