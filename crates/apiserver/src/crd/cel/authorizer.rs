//! `authorizer`: conditions on requests may ask what the caller is allowed to do.
//!
//! ```text
//!  authorizer.group(G).resource(R).subresource(S).namespace(N).name(N).check(VERB) ─▶ decision
//!            .requestResource.check(VERB)                                              .allowed()
//!            .path(P).check(VERB)                                                      .reason()
//!            .serviceAccount(NAMESPACE, NAME)…
//! ```
//!
//! A question is built up in a value and asked by `check`. Semantics: `library.Authz` of
//! `k8s.io/apiserver` 1.28.

use std::collections::HashMap;
use std::sync::Arc;

use kube_cel::cel::extractors::This;
use kube_cel::cel::objects::{Key, Map, Opaque, ResolveResult};
use kube_cel::cel::{Context, ExecutionError, Value as Cel};

use crate::access::{Attributes, Authorizer, Identity, On, Place};

/// The name of the variable.
pub(crate) const VARIABLE: &str = "authorizer";

/// The field of it that is about the request itself.
pub(super) const REQUESTED: &str = "requestResource";

/// The field under which the map that CEL sees holds the value itself. No rule can name it.
const SELF: &str = "\0";

/// Whom a condition asks about whom.
#[derive(Clone)]
pub(crate) struct Asker {
    /// Who knows.
    pub(crate) authorizer: Arc<Authorizer>,
    /// The caller.
    pub(crate) identity: Arc<Identity>,
    /// What the request is about.
    pub(crate) requested: Resource,
}

/// A resource that a question is about; empty texts stand for "none" or "all".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) group: String,
    pub(crate) resource: String,
    pub(crate) subresource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// A question as far as it has been put.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Subject {
    Nothing,
    Group(String),
    Resource(Resource),
    Path(String),
}

#[derive(Clone)]
struct Question {
    asker: Asker,
    about: Subject,
}

impl PartialEq for Question {
    fn eq(&self, other: &Self) -> bool {
        self.about == other.about && self.asker.identity == other.asker.identity
    }
}

impl Eq for Question {}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} by {:?}", self.about, self.asker.identity.user)
    }
}

impl Opaque for Question {
    fn runtime_type_name(&self) -> &str {
        "kubernetes.authorization.Authorizer"
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Decision {
    allowed: bool,
    reason: String,
}

impl Opaque for Decision {
    fn runtime_type_name(&self) -> &str {
        "kubernetes.authorization.Decision"
    }
}

impl Asker {
    /// The variable as CEL sees it.
    pub(super) fn value(&self) -> Cel {
        let question = |about| Cel::Opaque(Arc::new(Question { asker: self.clone(), about }));
        let requested = question(Subject::Resource(self.requested.clone()));
        Cel::Map(Map {
            map: Arc::new(HashMap::from([
                (Key::from(REQUESTED), requested),
                (Key::from(SELF), question(Subject::Nothing)),
            ])),
        })
    }
}

impl Question {
    /// The question that a function is called on.
    fn of(function: &str, this: &Cel) -> Result<Self, ExecutionError> {
        let value = match this {
            Cel::Map(map) => map.map.get(&Key::from(SELF)),
            value => Some(value),
        };
        match value {
            Some(Cel::Opaque(value)) => value.downcast_ref::<Self>().cloned(),
            _ => None,
        }
        .ok_or_else(|| no_overload(function))
    }

    fn about(self, about: Subject) -> ResolveResult {
        Ok(Cel::Opaque(Arc::new(Self { about, ..self })))
    }

    /// Says more of the resource that the question is about.
    fn with(
        self,
        function: &str,
        edit: impl FnOnce(&mut Resource) -> &mut String,
        text: &str,
    ) -> ResolveResult {
        let Subject::Resource(mut resource) = self.about.clone() else {
            return Err(no_overload(function));
        };
        *edit(&mut resource) = text.to_owned();
        self.about(Subject::Resource(resource))
    }

    fn check(&self, verb: &str) -> ResolveResult {
        let on = match &self.about {
            Subject::Path(path) => On::Path(path),
            Subject::Resource(about) => On::Resource(Place {
                group: &about.group,
                resource: &about.resource,
                subresource: &about.subresource,
                namespace: &about.namespace,
                name: &about.name,
            }),
            Subject::Nothing | Subject::Group(_) => return Err(no_overload("check")),
        };
        let asked = Attributes { identity: &self.asker.identity, verb, on };
        let decision = self.asker.authorizer.decide(&asked);
        let (allowed, reason) = (decision.allowed, decision.reason);
        Ok(Cel::Opaque(Arc::new(Decision { allowed, reason })))
    }
}

fn no_overload(function: &str) -> ExecutionError {
    ExecutionError::function_error(function, "no such overload")
}

type Text = Arc<String>;

/// Adds the functions; without the variable there is nothing to call them on.
pub(super) fn register(context: &mut Context<'_>) {
    context.add_function("path", |This(this): This<Cel>, path: Text| {
        Question::of("path", &this)?.about(Subject::Path(path.to_string()))
    });
    context.add_function("serviceAccount", |This(this): This<Cel>, namespace: Text, name: Text| {
        let question = Question::of("serviceAccount", &this)?;
        let identity = Arc::new(Identity::service_account(&namespace, &name));
        let asker = Asker { identity, ..question.asker };
        Ok(asker.value()) as ResolveResult
    });
    context.add_function("group", |This(this): This<Cel>, group: Text| {
        Question::of("group", &this)?.about(Subject::Group(group.to_string()))
    });
    context.add_function("resource", |This(this): This<Cel>, resource: Text| {
        let question = Question::of("resource", &this)?;
        let Subject::Group(group) = question.about.clone() else {
            return Err(no_overload("resource"));
        };
        let resource = Resource { group, resource: resource.to_string(), ..Resource::default() };
        question.about(Subject::Resource(resource))
    });
    context.add_function("subresource", |This(this): This<Cel>, text: Text| {
        Question::of("subresource", &this)?.with("subresource", |it| &mut it.subresource, &text)
    });
    context.add_function("namespace", |This(this): This<Cel>, text: Text| {
        Question::of("namespace", &this)?.with("namespace", |it| &mut it.namespace, &text)
    });
    context.add_function("name", |This(this): This<Cel>, text: Text| {
        Question::of("name", &this)?.with("name", |it| &mut it.name, &text)
    });
    context.add_function("check", |This(this): This<Cel>, verb: Text| {
        Question::of("check", &this)?.check(&verb)
    });
    context.add_function("allowed", |This(this): This<Cel>| {
        decided("allowed", &this, |decision| Cel::Bool(decision.allowed))
    });
    context.add_function("reason", |This(this): This<Cel>| {
        decided("reason", &this, |decision| Cel::String(Arc::new(decision.reason.clone())))
    });
    // The authorizers here always know an answer.
    context.add_function("errored", |This(this): This<Cel>| {
        decided("errored", &this, |_| Cel::Bool(false))
    });
    context.add_function("error", |This(this): This<Cel>| {
        decided("error", &this, |_| Cel::String(Arc::default()))
    });
}

fn decided(function: &str, this: &Cel, read: fn(&Decision) -> Cel) -> ResolveResult {
    let decision = match this {
        Cel::Opaque(value) => value.downcast_ref::<Decision>(),
        _ => None,
    };
    decision.map(read).ok_or_else(|| no_overload(function))
}
