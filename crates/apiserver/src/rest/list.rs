//! List: selectors, paging, and at which version.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::Target;
use crate::error::{Cause, Details, Error, GroupName, Result};
use crate::field;
use crate::http::Query;
use crate::resource::Resource;
use crate::selector::{FieldSelector, LabelSelector, Selection};
use crate::server::Gates;
use crate::store::{Snapshot, Stored};

/// Options of list, watch and delete-collection.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListOptions {
    pub(crate) selection: Selection,
    pub(crate) limit: usize,
    pub(crate) cursor: String,
    /// `None`: not given.
    pub(crate) resource_version: Option<u64>,
    pub(crate) version_match: Option<VersionMatch>,
    pub(crate) timeout_seconds: Option<u64>,
    pub(crate) bookmarks: bool,
    pub(crate) send_initial_events: bool,
}

/// `resourceVersionMatch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VersionMatch {
    NotOlderThan,
    Exact,
}

impl ListOptions {
    pub(crate) fn parse(
        query: &Query,
        resource: &Resource,
        watch: bool,
        gates: Gates,
    ) -> Result<Self> {
        let limit = query.number("limit")?.unwrap_or(0);
        let timeout = query.number("timeoutSeconds")?;
        let labels =
            LabelSelector::parse(query.text("labelSelector")).map_err(Error::bad_request)?;
        let fields =
            FieldSelector::parse(query.text("fieldSelector")).map_err(Error::bad_request)?;
        check_fields(&fields, resource)?;
        let version_match = match query.text("resourceVersionMatch") {
            "" => None,
            "NotOlderThan" => Some(VersionMatch::NotOlderThan),
            "Exact" => Some(VersionMatch::Exact),
            other => {
                let allowed = ["Exact", "NotOlderThan"];
                return Err(invalid(field::Error::not_supported(
                    "resourceVersionMatch",
                    &other.into(),
                    &allowed,
                )));
            }
        };
        let options = Self {
            selection: Selection { labels, fields },
            limit: usize::try_from(limit).unwrap_or(0),
            cursor: query.text("continue").to_owned(),
            resource_version: parse_version(query.text("resourceVersion"))?,
            version_match,
            timeout_seconds: timeout.and_then(|seconds| u64::try_from(seconds).ok()),
            bookmarks: query.flag("allowWatchBookmarks"),
            send_initial_events: query.flag("sendInitialEvents"),
        };
        options.check(query, watch, gates)?;
        Ok(options)
    }

    /// Restricts the selection to one name.
    pub(crate) fn select_name(&mut self, name: &str) {
        self.selection.fields.require("metadata.name", name);
    }

    /// Combinations that the API refuses (`ValidateListOptions`).
    fn check(&self, query: &Query, watch: bool, gates: Gates) -> Result<()> {
        let forbidden =
            |why: &str| Err(invalid(field::Error::forbidden("resourceVersionMatch", why)));
        if watch && query.has("sendInitialEvents") {
            if !gates.watch_list {
                let why = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";
                return Err(invalid(field::Error::forbidden("sendInitialEvents", why)));
            }
            return match self.version_match {
                Some(VersionMatch::NotOlderThan) => Ok(()),
                _ => forbidden(
                    "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
                ),
            };
        }
        if query.has("sendInitialEvents") {
            let why = "sendInitialEvents is forbidden for list";
            return Err(invalid(field::Error::forbidden("sendInitialEvents", why)));
        }
        match self.version_match {
            Some(_) if watch => forbidden("resourceVersionMatch is forbidden for watch"),
            Some(_) if self.resource_version.is_none() => {
                forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided")
            }
            Some(_) if !self.cursor.is_empty() => {
                forbidden("resourceVersionMatch is forbidden when continue is provided")
            }
            Some(VersionMatch::Exact) if self.resource_version == Some(0) => {
                forbidden("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"")
            }
            _ => Ok(()),
        }
    }
}

fn invalid(error: field::Error) -> Error {
    Error::invalid(&GroupName::new("meta.k8s.io", "ListOptions"), "", &[error])
}

/// A resource version in a query: empty is none.
pub(crate) fn parse_version(text: &str) -> Result<Option<u64>> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        Error::unclassified(format!(
            "resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"
        ))
    })
}

fn check_fields(fields: &FieldSelector, resource: &Resource) -> Result<()> {
    let known: Vec<&str> = ["metadata.name", "metadata.namespace"]
        .into_iter()
        .filter(|name| {
            resource.namespaced || *name != "metadata.namespace" || resource.is_builtin()
        })
        .chain(resource.selectable_fields(&serde_json::Value::Null).iter().map(|(name, _)| *name))
        .collect();
    match fields.fields().find(|field| !known.contains(field)) {
        None => Ok(()),
        Some(field) => Err(Error::bad_request(format!("field label not supported: {field}"))),
    }
}

/// A page of a list.
pub(crate) struct List {
    pub(crate) objects: Vec<Arc<Stored>>,
    pub(crate) resource_version: u64,
    /// Where the next page begins; empty on the last one.
    pub(crate) cursor: String,
    /// How many objects follow; unknown with selectors.
    pub(crate) remaining: Option<usize>,
}

#[derive(Serialize, Deserialize)]
struct Cursor {
    v: String,
    /// The version of the list, or [`LATEST`].
    rv: i64,
    start: (String, String),
}

const CURSOR_VERSION: &str = "meta.k8s.io/v1";

/// Goes on with what there is now, for clients that can live with a list of several versions.
const LATEST: i64 = -1;

pub(crate) fn list(target: &Target<'_>, options: &ListOptions) -> Result<List> {
    let (snapshot, after) = snapshot(target, options)?;
    let resource_version = snapshot.resource_version;
    let mut objects = snapshot.objects;
    if let Some((namespace, name)) = &after {
        let after = crate::store::ObjectKey::new(namespace, name);
        objects.drain(..objects.partition_point(|object| object.key <= after));
    }
    if options.limit == 0 {
        objects.retain(|object| options.selection.matches(object));
        return Ok(List { objects, resource_version, cursor: String::new(), remaining: None });
    }
    let total = objects.len();
    let mut page = Vec::new();
    let mut seen = 0;
    let mut more = false;
    for object in objects {
        if !options.selection.matches(&object) {
            seen += 1;
            continue;
        }
        if page.len() == options.limit {
            more = true;
            break;
        }
        seen += 1;
        page.push(object);
    }
    let cursor = match page.last() {
        Some(last) if more => {
            let start = (last.key.namespace.to_string(), last.key.name.to_string());
            cursor(i64::try_from(resource_version).unwrap_or(LATEST), start)
        }
        _ => String::new(),
    };
    let remaining = (more && options.selection.is_empty()).then_some(total - seen);
    Ok(List { objects: page, resource_version, cursor, remaining })
}

fn cursor(rv: i64, start: (String, String)) -> String {
    let cursor = Cursor { v: CURSOR_VERSION.to_owned(), rv, start };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).unwrap_or_default())
}

type Start = Option<(String, String)>;

fn snapshot(target: &Target<'_>, options: &ListOptions) -> Result<(Snapshot, Start)> {
    let store = &target.core.store;
    let key = &target.resource.key;
    let namespace =
        (target.resource.namespaced && !target.namespace.is_empty()).then_some(target.namespace);
    if !options.cursor.is_empty() {
        if options.resource_version.is_some_and(|version| version > 0) {
            return Err(Error::bad_request(
                "specifying resource version is not allowed when using continue",
            ));
        }
        let cursor = URL_SAFE_NO_PAD.decode(&options.cursor).ok();
        let cursor: Cursor = cursor
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .filter(|cursor: &Cursor| cursor.v == CURSOR_VERSION)
            .ok_or_else(|| {
                Error::bad_request("invalid continue token: continue key is not valid")
            })?;
        let snapshot = match u64::try_from(cursor.rv) {
            Err(_) => store.list(key, namespace),
            Ok(version) => store
                .list_at(key, namespace, version)
                .map_err(|_| Error::expired_page(&self::cursor(LATEST, cursor.start.clone())))?,
        };
        return Ok((snapshot, Some(cursor.start)));
    }
    if let Some(version) = options.resource_version.filter(|version| *version > 0) {
        check_known(target.core.store.version(), version)?;
        let exact = match options.version_match {
            Some(VersionMatch::Exact) => true,
            Some(VersionMatch::NotOlderThan) => false,
            // The historic rule: paging means exactly this version.
            None => options.limit > 0,
        };
        if exact {
            let snapshot = store.list_at(key, namespace, version).map_err(|expired| {
                Error::expired(format!("too old resource version: {version} ({})", expired.oldest))
            })?;
            return Ok((snapshot, None));
        }
    }
    Ok((store.list(key, namespace), None))
}

/// A version that is not written yet: the client is told to come back.
pub(crate) fn check_known(current: u64, asked: u64) -> Result<()> {
    if asked <= current {
        return Ok(());
    }
    let cause = Cause {
        reason: "ResourceVersionTooLarge",
        message: "Too large resource version".to_owned(),
        field: String::new(),
    };
    Err(Error {
        code: http::StatusCode::GATEWAY_TIMEOUT,
        reason: "Timeout",
        message: format!("Timeout: Too large resource version: {asked}, current: {current}"),
        details: Some(Details {
            causes: vec![cause],
            retry_after_seconds: 1,
            ..Details::default()
        }),
    })
}
