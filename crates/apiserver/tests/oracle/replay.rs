//! One scenario from its first step to its clean-up.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Result;
use tokio::sync::OnceCell;

use crate::client::{Client, Endpoint};
use crate::compare::short;
use crate::json::Json;
use crate::normalise::Normaliser;
use crate::scenario::{Action, Request, Scenario, Step};
use crate::target::Target;
use crate::variables::Variables;
use crate::watch::Watch;
use crate::webhook::Webhooks;

/// What the scenarios of a run share.
pub(crate) struct Shared {
    pub(crate) endpoint: Arc<Endpoint>,
    /// Started by the first scenario that needs it.
    pub(crate) webhooks: OnceCell<Webhooks>,
    /// Keeps an embedded server running.
    pub(crate) _target: Target,
}

/// A scenario that is being replayed.
pub(crate) struct Replay<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) client: Client,
    pub(crate) run: String,
    pub(crate) variables: Variables,
    pub(crate) normaliser: Normaliser,
    pub(crate) watches: HashMap<String, Watch>,
}

/// Replays a scenario; the error is the first step that differs, and how.
///
/// # Errors
/// At the first difference, or when the server cannot be talked to.
pub(crate) async fn replay(shared: &Shared, scenario: &Scenario) -> Result<(), String> {
    let run = run_id();
    let namespace = format!("kw-{run}");
    let mut replay = Replay {
        shared,
        client: Client::new(shared.endpoint.clone()),
        variables: Variables::default(),
        normaliser: Normaliser::default(),
        watches: HashMap::new(),
        run,
    };
    replay.variables.set("run", replay.run.as_str().into());
    replay.variables.set("ns", namespace.as_str().into());
    replay.normaliser.replace(&replay.run, "${run}");

    let outcome = replay.steps(scenario, &namespace).await;
    replay.watches.clear();
    replay.clean_up(scenario, &namespace).await;
    outcome
}

impl Replay<'_> {
    async fn steps(&mut self, scenario: &Scenario, namespace: &str) -> Result<(), String> {
        if scenario.namespace {
            self.create_namespace(namespace).await.map_err(|error| format!("setup\n{error:#}"))?;
        }
        for (index, step) in scenario.steps.iter().enumerate() {
            self.step(step).await.map_err(|error| {
                let place =
                    format!("step {} of {}: {}", index + 1, scenario.steps.len(), describe(step));
                format!("{place}\n{}", format!("{error:#}").trim_end())
            })?;
        }
        Ok(())
    }

    async fn create_namespace(&mut self, name: &str) -> Result<()> {
        let body = Json::from([
            ("apiVersion", "v1".into()),
            ("kind", "Namespace".into()),
            ("metadata", Json::from([("name", name.into())])),
        ]);
        let request =
            Request { method: "POST".to_owned(), body, ..Request::get("/api/v1/namespaces") };
        self.client.call(&request).await?.succeeded("creating the namespace")
    }

    /// Best effort: the next run has other names.
    async fn clean_up(&mut self, scenario: &Scenario, namespace: &str) {
        for request in &scenario.cleanup {
            if let Ok(request) = self.variables.request(request) {
                let _ = self.client.call(&request).await;
            }
        }
        if scenario.namespace {
            let path = format!("/api/v1/namespaces/{namespace}");
            let _ = self
                .client
                .call(&Request { method: "DELETE".to_owned(), ..Request::get(&path) })
                .await;
        }
    }
}

/// Six characters of the kind the server uses in generated names; the first keeps them from being
/// read as a number.
fn run_id() -> String {
    const ALPHABET: &[u8] = b"bcdfghjkmnpqrstvwxz2456789";
    let random = uuid::Uuid::new_v4();
    std::iter::once('z')
        .chain(
            random.as_bytes()[..5]
                .iter()
                .map(|byte| ALPHABET[usize::from(*byte) % ALPHABET.len()].into()),
        )
        .collect()
}

/// A step as the scenario writes it.
fn describe(step: &Step) -> String {
    let mut text = match &step.action {
        Action::Do(request) => describe_request(&request.method, request),
        Action::Watch(start) => describe_request("WATCH", &start.request),
        Action::Events(events) => format!("{} events of watch {}", events.count, events.id),
        Action::Check(relation) => format!("{} {} {}", relation.a, relation.op, relation.b),
        Action::Sleep(seconds) => format!("sleep {seconds}"),
        Action::StopWatch(id) => format!("stop watch {id}"),
        Action::Webhook(webhook) => format!("webhook {}", webhook.id),
        Action::WaitWebhook(wait) => format!("wait for webhooks {}", wait.ids.join(", ")),
        Action::WebhookRequests(id) => format!("requests received by webhook {id}"),
    };
    for (name, path) in step.pick.iter().flatten() {
        let _ = write!(text, "\n    compares {name}: {path}");
    }
    if !step.note.is_empty() {
        let _ = write!(text, "\n    note: {}", step.note);
    }
    text
}

fn describe_request(method: &str, request: &Request) -> String {
    let mut text = format!("{method} {}", request.path);
    for (index, (key, value)) in request.query.iter().enumerate() {
        let separator = if index == 0 && !request.path.contains('?') { '?' } else { '&' };
        let _ = write!(text, "{separator}{key}={}", value.plain_text());
    }
    if !request.headers.is_empty() {
        let _ = write!(text, "\n    headers: {}", Json::Object(request.headers.clone()));
    }
    if request.token.is_some() {
        text.push_str("\n    with a token of its own");
    }
    if request.body != Json::Null {
        let _ = write!(text, "\n    body: {}", short(&request.body.to_string(), 1000));
    }
    text
}
