//! What each kind of step does.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::time::{Instant, sleep};

use crate::client::Answer;
use crate::compare::{explain, short};
use crate::json::Json;
use crate::paths::Path;
use crate::replay::Replay;
use crate::scenario::{
    Action, Events, Relation, Request, Step, Until, WaitWebhook, WatchStart, Webhook,
};
use crate::watch::Watch;
use crate::webhook::Webhooks;

impl Replay<'_> {
    /// Runs one step.
    ///
    /// # Errors
    /// When the server does not answer as recorded; the text says how.
    pub(crate) async fn step(&mut self, step: &Step) -> Result<()> {
        if let Some(option) = step.unknown.keys().next() {
            bail!("the replayer does not know the step option {option:?}");
        }
        match &step.action {
            Action::Do(request) => self.request(step, request).await,
            Action::Watch(start) => self.watch(step, start).await,
            Action::Events(events) => self.events(step, events).await,
            Action::Check(relation) => self.check(relation),
            Action::Sleep(seconds) => {
                sleep(Duration::from_secs_f64(*seconds)).await;
                Ok(())
            }
            Action::StopWatch(id) => {
                self.open_watch(id)?.stop();
                Ok(())
            }
            Action::Webhook(webhook) => self.program_webhook(webhook).await,
            Action::WaitWebhook(wait) => self.wait_for_webhooks(wait).await,
            Action::WebhookRequests(id) => self.webhook_requests(step, id).await,
        }
    }

    async fn request(&mut self, step: &Step, request: &Request) -> Result<()> {
        let request = self.variables.request(request)?;
        let answer = match &step.until {
            None => self.client.call(&request).await?,
            Some(until) => self.repeat(step, until, &request).await?,
        };
        if step.unchecked {
            if step.until.is_none() && !step.may_fail {
                answer.succeeded("the step is not compared but must succeed, and")?;
            }
            self.normaliser.learn_names(&answer.body);
        } else {
            let observed = self.observed(step, &answer, true)?;
            settle(step, &observed)?;
        }
        for (name, path) in &step.save {
            let path = self.variables.text(path)?;
            let value = path.parse::<Path>()?.find(&answer.body);
            if value == Json::Null {
                bail!("nothing to save at {path} in {}", short(&answer.body.to_string(), 600));
            }
            self.variables.set(name, value);
        }
        Ok(())
    }

    /// Repeats a request until its answer is as wanted. The last answer is compared, unless the
    /// step is not.
    async fn repeat(&mut self, step: &Step, until: &Until, request: &Request) -> Result<Answer> {
        let conditions = self.variables.json(&Json::Object(until.conditions.clone()))?;
        let conditions = conditions.as_object().into_iter().flatten();
        let conditions: Vec<(Path, &Json)> =
            conditions.map(|(path, wanted)| Ok((path.parse()?, wanted))).collect::<Result<_>>()?;
        let deadline = Instant::now() + Duration::from_secs_f64(until.timeout);
        loop {
            let answer = self.client.call(request).await?;
            let holds = until.status.is_none_or(|status| status == answer.status.as_u16())
                && conditions.iter().all(|(path, wanted)| path.find(&answer.body) == **wanted);
            if holds || (Instant::now() > deadline && !step.unchecked) {
                return Ok(answer);
            }
            if Instant::now() > deadline {
                let body = short(&answer.body.to_string(), 800);
                bail!(
                    "the awaited condition was not reached; the last answer was {} {body}",
                    answer.status.as_u16()
                );
            }
            sleep(Duration::from_secs_f64(until.interval)).await;
        }
    }

    async fn watch(&mut self, step: &Step, start: &WatchStart) -> Result<()> {
        let mut request = self.variables.request(&start.request)?;
        request.query.entry("watch".to_owned()).or_insert_with(|| "true".into());
        let (watch, answer) = Watch::open(&self.client, &request).await?;
        self.watches.insert(start.id.clone(), watch);
        let is_error = answer.status != http::StatusCode::OK;
        let observed = self.observed(step, &answer, is_error)?;
        settle(step, &observed)
    }

    async fn events(&mut self, step: &Step, spec: &Events) -> Result<()> {
        let (events, closed) = self.open_watch(&spec.id)?.take(spec).await;
        let raw = Json::Array(events.clone());
        let mut shaped = Vec::new();
        for (kind, object) in arranged(events, spec) {
            let object = self.shape(step, object)?;
            shaped.push(Json::from([("type", Json::String(kind)), ("object", object)]));
        }
        let mut observed = vec![("events".to_owned(), Json::Array(shaped))];
        if spec.until_close {
            observed.push(("closed".to_owned(), Json::Bool(closed)));
        }
        settle(step, &Json::Object(observed.into_iter().collect()))?;
        for (name, path) in &step.save {
            self.variables.set(name, path.parse::<Path>()?.find(&raw));
        }
        Ok(())
    }

    fn open_watch(&mut self, id: &str) -> Result<&mut Watch> {
        self.watches.get_mut(id).with_context(|| format!("no watch {id} was started"))
    }

    fn check(&self, relation: &Relation) -> Result<()> {
        let (a, b) = (self.variables.json(&relation.a)?, self.variables.json(&relation.b)?);
        let number = |value: &Json| {
            value.plain_text().parse::<i128>().with_context(|| format!("{value} is no number"))
        };
        let holds = match relation.op.as_str() {
            "==" => a == b,
            "!=" => a != b,
            "<" => number(&a)? < number(&b)?,
            "<=" => number(&a)? <= number(&b)?,
            other => bail!("the replayer does not know the relation {other:?}"),
        };
        if !holds {
            bail!("    the relation does not hold: {a} {} {b}", relation.op);
        }
        Ok(())
    }

    async fn program_webhook(&mut self, webhook: &Webhook) -> Result<()> {
        let path = self.webhook_path(&webhook.id);
        let rules = self.variables.json(&webhook.rules)?;
        let rules = match rules {
            Json::Null => Vec::new(),
            rules => serde_json::from_str(&rules.to_string()).context("rules of the webhook")?,
        };
        let server = self.webhooks().await?;
        server.program(path.clone(), rules);
        self.variables
            .set(format!("{}.url", webhook.id), Json::String(format!("{}{path}", server.url)));
        self.variables.set(format!("{}.ca", webhook.id), server.ca.as_str().into());
        self.normaliser.replace(&server.url, "${webhook}");
        self.normaliser.replace(&server.ca, "${ca}");
        Ok(())
    }

    /// Repeats a request (a dry run, say) until every webhook was called, then forgets those calls.
    async fn wait_for_webhooks(&mut self, wait: &WaitWebhook) -> Result<()> {
        let server = self.webhooks().await?;
        let paths: Vec<String> = wait.ids.iter().map(|id| self.webhook_path(id)).collect();
        let request = self.variables.request(&wait.request)?;
        let deadline = Instant::now() + Duration::from_secs_f64(wait.timeout);
        loop {
            let answer = self.client.call(&request).await?;
            if paths.iter().all(|path| server.was_called(path)) {
                break;
            }
            if Instant::now() > deadline {
                let body = short(&answer.body.to_string(), 400);
                bail!(
                    "    the webhook was never called; the last answer was {} {body}",
                    answer.status.as_u16()
                );
            }
            sleep(Duration::from_millis(100)).await;
        }
        for path in paths {
            server.take_requests(&path);
        }
        Ok(())
    }

    async fn webhook_requests(&mut self, step: &Step, id: &str) -> Result<()> {
        let requests = self.webhooks().await?.take_requests(&self.webhook_path(id));
        let requests =
            requests.into_iter().map(|request| self.shape(step, request)).collect::<Result<_>>()?;
        settle(step, &Json::from([("requests", Json::Array(requests))]))
    }

    fn webhook_path(&self, id: &str) -> String {
        format!("/{}/{id}", self.run)
    }
}

impl<'a> Replay<'a> {
    async fn webhooks(&self) -> Result<&'a Webhooks> {
        self.shared.webhooks.get_or_try_init(Webhooks::start).await
    }
}

/// Type and object of each event, in the form and order that is compared.
fn arranged(events: Vec<Json>, spec: &Events) -> Vec<(String, Json)> {
    let mut out: Vec<(String, Json)> = Vec::new();
    for event in events {
        let kind = event.text_of("type").to_owned();
        let mut object = event.get("object").cloned().unwrap_or_default();
        if spec.distinct && out.iter().any(|(seen, _)| *seen == kind) {
            continue;
        }
        if kind == "BOOKMARK"
            && let Some(Json::Object(metadata)) = object.get_mut("metadata")
        {
            metadata.insert("resourceVersion".to_owned(), "<rv>".into());
            if metadata.get("annotations") == Some(&Json::Null) {
                metadata.shift_remove("annotations");
            }
        }
        out.push((kind, object));
    }
    if spec.unordered {
        out.sort_by_cached_key(|(kind, object)| {
            let name = object.get("metadata").and_then(|metadata| metadata.get("name"));
            (kind.clone(), name.map(Json::to_string))
        });
    }
    out
}

fn settle(step: &Step, observed: &Json) -> Result<()> {
    if step.unchecked {
        return Ok(());
    }
    let expected = step.expect.as_ref().context("the step has no recorded expectation")?;
    match explain(expected, observed) {
        None => Ok(()),
        Some(difference) => bail!("{difference}"),
    }
}
