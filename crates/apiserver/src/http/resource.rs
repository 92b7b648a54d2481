//! Requests for resources: from path, query and body to `rest`, and back.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Value, json};

use super::negotiate::{self, Encoding, Format, View};
use super::path::{ResourcePath, Verb};
use super::view::{Include, Lens, partial};
use super::{Query, respond, stream};
use crate::access::{Attributes, Identity};
use crate::decode::Kind;
use crate::error::{Error, Result};
use crate::names;
use crate::protobuf;
use crate::resource::{Catalog, Resource};
use crate::rest::{
    self, Body, DeleteOptions, Deleted, ListOptions, PatchKind, Target, WriteOptions, Written,
};
use crate::selector::FieldSelector;
use crate::server::Core;
use crate::subresource;

/// The largest request body (etcd's and kube-apiserver's limit).
const MAX_BODY: usize = 3 * 1024 * 1024;

/// Everything of a request but its body.
struct Call<'a> {
    core: &'a Arc<Core>,
    resource: Arc<Resource>,
    path: ResourcePath,
    query: &'a Query,
    headers: HeaderMap,
    format: Format,
    identity: &'a Identity,
}

pub(super) async fn handle(
    core: &Arc<Core>,
    identity: &Identity,
    mut path: ResourcePath,
    query: &Query,
    request: Request,
) -> Result<Response> {
    let watch = path.watch || query.flag("watch");
    let verb = path.verb(request.method(), watch).ok_or_else(Error::method_not_allowed)?;
    let selected = selected_name(verb, query);
    core.authorizer.require(&Attributes::of(identity, verb, &path, selected.as_deref()))?;
    let catalog = core.catalog();
    let Some(resource) = catalog.find(&path.group, &path.version, &path.plural).cloned() else {
        let known = catalog.group(&path.group).is_some_and(|group| {
            group.versions.contains(&path.version) && Catalog::is_builtin(&path.group)
        });
        return if known { Err(Error::unknown_path()) } else { Ok(respond::page_not_found()) };
    };
    if path.plural == "namespaces" && path.group.is_empty() {
        path.namespace = None;
    }
    if let Some(answer) = misplaced(&resource, &path, verb) {
        return answer;
    }
    let (parts, body) = request.into_parts();
    let kind = Kind::new(&resource.group, &resource.version, &resource.kind);
    let binary = resource.is_builtin() && verb != Verb::Watch && protobuf::knows(&kind);
    let format = Format::negotiate(&parts.headers, binary)?;
    let mut headers = parts.headers;
    let body = match verb {
        Verb::Get | Verb::List | Verb::Watch => Bytes::new(),
        _ => {
            let body = read(body).await?;
            negotiate::without_protobuf(&mut headers, body, resource.is_builtin())?
        }
    };
    let call = Call { core, resource, path, query, headers, format, identity };
    let answer = call.dispatch(verb, &body).await;
    if !matches!(verb, Verb::Get | Verb::List | Verb::Watch) {
        // The answer may follow from somebody else's write that is not on disk yet.
        let settled = core.store.settle(&call.resource.key, &call.target().key()).await;
        settled.map_err(Error::internal)?;
    }
    let mut response = answer?;
    respond::warn(&mut response, call.resource.deprecation());
    Ok(response)
}

/// The one name that a list or watch selects by its field selector.
fn selected_name(verb: Verb, query: &Query) -> Option<String> {
    let text = query.text("fieldSelector");
    if !matches!(verb, Verb::List | Verb::Watch) || text.is_empty() {
        return None;
    }
    let selector = FieldSelector::parse(text).ok()?;
    let name = selector.required("metadata.name")?;
    names::path_segment(name, false).is_empty().then(|| name.to_owned())
}

/// Paths that name a resource but do not fit it.
fn misplaced(resource: &Resource, path: &ResourcePath, verb: Verb) -> Option<Result<Response>> {
    let not_found = || {
        if resource.is_builtin() {
            Err(Error::unknown_path())
        } else {
            Ok(respond::page_not_found())
        }
    };
    let across = resource.namespaced && path.namespace.is_none();
    if !resource.namespaced && path.namespace.is_some() || across && path.name.is_some() {
        return Some(not_found());
    }
    if let Some(name) = &path.subresource {
        let Some(sub) = resource.subresources.get(name) else {
            return Some(if resource.is_builtin() {
                Err(Error::unknown_path())
            } else {
                let name = path.name.as_deref().unwrap_or_default();
                Err(Error::not_found(&resource.group_resource(), name))
            });
        };
        let served = sub.verbs.iter().any(|known| known == verb.as_str());
        return (!served).then(|| Err(Error::method_not_allowed()));
    }
    let odd = match verb {
        Verb::Create => path.name.is_some(),
        Verb::Update | Verb::Patch => path.name.is_none(),
        _ => false,
    };
    let reads = matches!(verb, Verb::List | Verb::Watch);
    let refused = odd || across && !reads || !resource.allows(verb.as_str());
    refused.then(|| Err(Error::method_not_allowed()))
}

async fn read(body: axum::body::Body) -> Result<Bytes> {
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Error::too_large(format!("Request entity too large: limit is {MAX_BODY}")))
        }
        Err(error) => Err(Error::bad_request(format!("the body cannot be read: {error}"))),
    }
}

impl Call<'_> {
    fn target(&self) -> Target<'_> {
        Target {
            core: self.core,
            resource: &self.resource,
            namespace: self.path.namespace.as_deref().unwrap_or_default(),
            name: self.path.name.as_deref().unwrap_or_default(),
            subresource: self.path.subresource.as_deref().unwrap_or_default(),
            identity: Some(self.identity),
        }
    }

    fn lens(&self) -> Result<Lens<'_>> {
        Ok(Lens {
            resource: &self.resource,
            view: self.format.view,
            include: Include::parse(self.query.text("includeObject"))?,
            now: jiff::Timestamp::now(),
        })
    }

    async fn dispatch(&self, verb: Verb, body: &Bytes) -> Result<Response> {
        let target = self.target();
        if let Some(special) = subresource::find(&self.resource, target.subresource) {
            let options = match verb {
                Verb::Get => WriteOptions::internal(),
                Verb::Patch => self.write_options("PatchOptions")?,
                Verb::Update => self.write_options("UpdateOptions")?,
                _ => self.write_options("CreateOptions")?,
            };
            let request = subresource::Request {
                verb,
                encoding: match verb {
                    Verb::Get | Verb::Patch => Encoding::Json,
                    _ => negotiate::body_encoding(&self.headers)?,
                },
                media: negotiate::content_type(&self.headers),
                body,
                identity: self.identity,
                options: &options,
                query: self.query,
            };
            let (status, value) = special.handle(&target, &request).await?;
            if status == StatusCode::NO_CONTENT {
                return Ok(respond::empty(status));
            }
            return Ok(respond::value(status, self.format.encoding, &value));
        }
        match verb {
            Verb::Get => self.get(&target),
            Verb::List => self.list(&target),
            Verb::Watch => self.watch(&target),
            Verb::Create => {
                let options = self.write_options("CreateOptions")?;
                self.wrote(rest::create(&target, self.body(body)?, &options).await?)
            }
            Verb::Update => {
                let options = self.write_options("UpdateOptions")?;
                self.wrote(rest::replace(&target, self.body(body)?, &options).await?)
            }
            Verb::Patch => {
                let media = negotiate::content_type(&self.headers);
                let kind = PatchKind::of(media, self.resource.is_builtin())?;
                let options = self.write_options("PatchOptions")?;
                options.check_patch(self.query, kind == PatchKind::Apply)?;
                self.wrote(rest::patch(&target, kind, body, &options).await?)
            }
            Verb::Delete => self.delete(&target, body).await,
            Verb::DeleteCollection => self.delete_collection(&target, body).await,
        }
    }

    fn write_options(&self, kind: &str) -> Result<WriteOptions> {
        let agent = self.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        WriteOptions::parse(kind, self.query, agent.unwrap_or_default())
    }

    fn body<'b>(&self, bytes: &'b Bytes) -> Result<Body<'b>> {
        Ok(Body { encoding: negotiate::body_encoding(&self.headers)?, bytes })
    }

    fn get(&self, target: &Target<'_>) -> Result<Response> {
        let version = rest::parse_version(self.query.text("resourceVersion"))?;
        rest::check_known(self.core.store.version(), version.unwrap_or(0))?;
        let stored = target.get()?;
        if self.format == Format::JSON && !self.resource.converts() {
            let body = stored.json_as(&self.resource.api_version(), &self.resource.kind);
            return Ok(respond::compressed(&self.headers, "application/json", body));
        }
        let object = self.lens()?.object(self.resource.load(&stored));
        Ok(respond::value(StatusCode::OK, self.format.encoding, &object))
    }

    fn list(&self, target: &Target<'_>) -> Result<Response> {
        let options = self.list_options(false)?;
        let list = rest::list(target, &options)?;
        let mut metadata = json!({ "resourceVersion": list.resource_version.to_string() });
        // The dynamic lists of custom resources always have the field.
        let dynamic = !self.resource.is_builtin() && self.format.view == View::Whole;
        if !list.cursor.is_empty() || dynamic {
            metadata["continue"] = json!(list.cursor);
        }
        if let Some(remaining) = list.remaining {
            metadata["remainingItemCount"] = json!(remaining);
        }
        let plain = self.format == Format::JSON && !self.resource.converts();
        if plain {
            let body = self.write_list(&metadata, &list.objects);
            return Ok(respond::compressed(&self.headers, "application/json", body));
        }
        let objects: Vec<_> =
            list.objects.iter().map(|stored| self.resource.load(stored)).collect();
        let lens = self.lens()?;
        let value = match self.format.view {
            View::Table => lens.table(objects, &metadata, true),
            View::Metadata => json!({ "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
                "items": objects.iter().map(partial).collect::<Vec<_>>() }),
            View::Whole => self.list_value(&metadata, objects),
        };
        Ok(respond::value(StatusCode::OK, self.format.encoding, &value))
    }

    /// Built-in items carry neither kind nor apiVersion in a list; custom ones do.
    fn list_value(&self, metadata: &Value, mut objects: Vec<Value>) -> Value {
        if self.resource.is_builtin() {
            for object in objects.iter_mut().filter_map(Value::as_object_mut) {
                object.remove("kind");
                object.remove("apiVersion");
            }
        }
        json!({ "kind": self.resource.list_kind, "apiVersion": self.resource.api_version(),
            "metadata": metadata, "items": objects })
    }

    /// The list as bytes, without parsing what is stored.
    fn write_list(&self, metadata: &Value, objects: &[Arc<crate::store::Stored>]) -> Vec<u8> {
        let api_version = self.resource.api_version();
        let size: usize = objects.iter().map(|object| object.json.len() + 96).sum();
        let mut out = Vec::with_capacity(size + 256);
        let head = format!(
            "{{\"kind\":\"{}\",\"apiVersion\":\"{api_version}\",\"metadata\":{metadata},\"items\":[",
            self.resource.list_kind
        );
        out.extend_from_slice(head.as_bytes());
        for (at, object) in objects.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            if self.resource.is_builtin() {
                out.extend_from_slice(&object.json);
            } else {
                object.write_as(&api_version, &self.resource.kind, &mut out);
            }
        }
        out.extend_from_slice(b"]}");
        out
    }

    fn list_options(&self, watch: bool) -> Result<ListOptions> {
        let mut options = ListOptions::parse(self.query, &self.resource, watch, self.core.gates)?;
        if let (true, Some(name)) = (self.path.watch, &self.path.name) {
            // `/watch/…/NAME` is a watch of one object.
            options.select_name(name);
        }
        Ok(options)
    }

    fn watch(&self, target: &Target<'_>) -> Result<Response> {
        let options = self.list_options(true)?;
        let target = Target { name: "", ..*target };
        let watch = rest::watch(&target, &options)?;
        let show = stream::Presentation {
            resource: self.resource.clone(),
            view: self.format.view,
            include: Include::parse(self.query.text("includeObject"))?,
        };
        let timeout = options.timeout_seconds;
        Ok(stream::respond(self.core.clone(), watch, show, options.bookmarks, timeout))
    }

    fn wrote(&self, written: Written) -> Result<Response> {
        let status = if written.created { StatusCode::CREATED } else { StatusCode::OK };
        let object = self.lens()?.object(written.object);
        let mut response =
            respond::object(status, self.format.encoding, &object, self.resource.is_builtin());
        respond::warn(&mut response, &written.warnings);
        Ok(response)
    }

    fn delete_options(&self, body: &Bytes) -> Result<DeleteOptions> {
        if body.is_empty() {
            return DeleteOptions::parse(self.query, None);
        }
        let encoding = negotiate::body_encoding(&self.headers)?;
        let body = rest::parse(encoding, body).map_err(|error| {
            Error::unclassified(format!("couldn't get version/kind; json parse error: {error}"))
        })?;
        DeleteOptions::parse(self.query, Some(&body.0))
    }

    async fn delete(&self, target: &Target<'_>, body: &Bytes) -> Result<Response> {
        let options = self.delete_options(body)?;
        let object = match rest::delete(target, &options).await? {
            Deleted::Pending(object) => object,
            Deleted::Gone(object) if self.resource.delete_returns_object() => object,
            Deleted::Gone(object) => {
                let status = self.success(target, &object);
                return Ok(respond::value(StatusCode::OK, self.format.encoding, &status));
            }
        };
        let object = self.lens()?.object(object);
        Ok(respond::value(StatusCode::OK, self.format.encoding, &object))
    }

    fn success(&self, target: &Target<'_>, object: &Value) -> Value {
        let mut details = json!({ "name": target.name, "kind": self.resource.plural,
            "uid": object["metadata"]["uid"] });
        if !self.resource.group.is_empty() {
            details["group"] = json!(self.resource.group);
        }
        json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": details })
    }

    async fn delete_collection(&self, target: &Target<'_>, body: &Bytes) -> Result<Response> {
        let options = self.delete_options(body)?;
        let selection = self.list_options(false)?.selection;
        let items = rest::delete_collection(target, &selection, &options).await?;
        let metadata = json!({ "resourceVersion": self.core.store.version().to_string() });
        let list = self.list_value(&metadata, items);
        Ok(respond::value(StatusCode::OK, self.format.encoding, &list))
    }
}
