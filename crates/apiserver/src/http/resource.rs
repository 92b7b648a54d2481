//! Requests for resources: from path, query and body to `rest`, and back.

mod list;

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Value, json};

use super::budget::Share;
use super::negotiate::{self, Encoding, Format};
use super::path::{ResourcePath, Verb};
use super::view::{Include, Lens};
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
use crate::subresource::{self, Special};

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
    let (body, _share) = match verb {
        Verb::Get | Verb::List | Verb::Watch => (Bytes::new(), None),
        _ => {
            let (body, share) = read(core, body).await?;
            (negotiate::without_protobuf(&mut headers, body, resource.is_builtin())?, share)
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

/// The body, and what it takes of the budget until the request is done.
async fn read(core: &Core, body: axum::body::Body) -> Result<(Bytes, Option<Share>)> {
    let announced = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
    let share = core.budget.share(announced.unwrap_or(MAX_BODY).min(MAX_BODY)).await?;
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => Ok((body.to_bytes(), share)),
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
            let value = match special {
                Special::Scale => self.lens()?.scale(value),
                _ => value,
            };
            return Ok(respond::value(status, self.format.encoding, &value));
        }
        match verb {
            Verb::Get => self.get(&target).await,
            Verb::List => self.list(&target).await,
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

    async fn get(&self, target: &Target<'_>) -> Result<Response> {
        let version = rest::parse_version(self.query.text("resourceVersion"))?;
        rest::check_known(self.core.store.version(), version.unwrap_or(0))?;
        let stored = target.get()?;
        if self.is_plain([&*stored]) {
            let body = stored.json_as(&self.resource.api_version(), &self.resource.kind);
            return Ok(respond::compressed(&self.headers, "application/json", body));
        }
        let object = rest::load(self.core, &self.resource, &stored).await?;
        let object = self.lens()?.object(object);
        Ok(respond::value(StatusCode::OK, self.format.encoding, &object))
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
        let share = self.core.budget.watch()?;
        let watch = rest::watch(&target, &options)?;
        let show = stream::Presentation {
            resource: self.resource.clone(),
            view: self.format.view,
            include: Include::parse(self.query.text("includeObject"))?,
        };
        let timeout = options.timeout_seconds;
        let response = stream::respond(self.core.clone(), watch, show, options.bookmarks, timeout);
        Ok(share.until_sent(response))
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
        let list = self.list_options(false)?;
        let deleted = rest::delete_collection(target, &list, &options).await?;
        let mut metadata = json!({ "resourceVersion": self.core.store.version().to_string() });
        if !deleted.cursor.is_empty() {
            metadata["continue"] = json!(deleted.cursor);
        }
        let list = self.list_value(&metadata, deleted.objects);
        Ok(respond::value(StatusCode::OK, self.format.encoding, &list))
    }
}
