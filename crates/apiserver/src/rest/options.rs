//! Options of requests, as in `metav1.ListOptions`, `CreateOptions` and so on.

use serde_json::{Value, json};

use crate::error::{Error, GroupName, Result};
use crate::field;
use crate::http::Query;

/// What happens to unknown and duplicate fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    Ignore,
    Warn,
    Strict,
}

/// Options of create, update and patch.
#[derive(Debug, Clone)]
pub(crate) struct WriteOptions {
    pub(crate) dry_run: bool,
    /// Who writes, for `managedFields`.
    pub(crate) manager: String,
    /// `fieldManager` was given (apply requires it).
    pub(crate) manager_given: bool,
    pub(crate) validation: FieldValidation,
    /// `fieldValidation` as it was given.
    pub(crate) validation_given: String,
    pub(crate) force: bool,
}

const MAX_MANAGER: usize = 128;

impl WriteOptions {
    /// `kind` is `CreateOptions`, `UpdateOptions` or `PatchOptions`.
    pub(crate) fn parse(kind: &str, query: &Query, user_agent: &str) -> Result<Self> {
        let mut errors = field::Errors::new();
        let dry_run = query.all("dryRun");
        check_dry_run(&dry_run, &mut errors);
        let given = query.text("fieldManager");
        if given.len() > MAX_MANAGER {
            errors.push(field::Error::too_long("fieldManager", MAX_MANAGER));
        }
        if let Some(odd) = given.chars().find(|c| c.is_control()) {
            let why = format!("should only contain printable characters, found {odd:?}");
            errors.push(field::Error::invalid("fieldManager", &json!(given), why));
        }
        let validation = match query.text("fieldValidation") {
            "Ignore" => FieldValidation::Ignore,
            "" | "Warn" => FieldValidation::Warn,
            "Strict" => FieldValidation::Strict,
            other => {
                let allowed = ["", "Ignore", "Strict", "Warn"];
                errors.push(field::Error::not_supported(
                    "fieldValidation",
                    &json!(other),
                    &allowed,
                ));
                FieldValidation::Warn
            }
        };
        invalid_unless_empty(kind, errors)?;
        let manager = if given.is_empty() { manager_of(user_agent) } else { given.to_owned() };
        Ok(Self {
            dry_run: !dry_run.is_empty(),
            manager,
            manager_given: !given.is_empty(),
            validation,
            validation_given: query.text("fieldValidation").to_owned(),
            force: query.flag("force"),
        })
    }

    /// The options as webhooks see them; `kind` is `CreateOptions` or `UpdateOptions`.
    pub(crate) fn review(&self, kind: &str) -> Value {
        let mut options = json!({ "kind": kind, "apiVersion": "meta.k8s.io/v1" });
        if self.dry_run {
            options["dryRun"] = json!(["All"]);
        }
        if self.manager_given {
            options["fieldManager"] = json!(self.manager);
        }
        if !self.validation_given.is_empty() {
            options["fieldValidation"] = json!(self.validation_given);
        }
        options
    }

    /// The rules that only patches have.
    pub(crate) fn check_patch(&self, query: &Query, apply: bool) -> Result<()> {
        let mut errors = field::Errors::new();
        if apply && !self.manager_given {
            errors.push(field::Error::required("fieldManager", "is required for apply patch"));
        }
        if !apply && query.has("force") {
            errors
                .push(field::Error::forbidden("force", "may not be specified for non-apply patch"));
        }
        invalid_unless_empty("PatchOptions", errors)
    }
}

/// The first word of the user agent: what `kubectl/v1.28 …` writes is owned by `kubectl`.
fn manager_of(user_agent: &str) -> String {
    let name: String = user_agent
        .split('/')
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_MANAGER)
        .collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}

fn check_dry_run(values: &[String], errors: &mut field::Errors) {
    if values.iter().any(|value| value != "All") {
        let words: Vec<_> = values.iter().map(|value| format!("{value:?}")).collect();
        let kind = field::Kind::NotSupported(
            format!("[]string{{{}}}", words.join(", ")),
            vec!["All".to_owned()],
        );
        errors.push(field::Error { field: "dryRun".to_owned(), kind, detail: String::new() });
    }
}

fn invalid_unless_empty(kind: &str, errors: field::Errors) -> Result<()> {
    if errors.is_empty() {
        return Ok(());
    }
    Err(Error::invalid(&GroupName::new("meta.k8s.io", kind), "", &errors))
}

/// What becomes of dependents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Propagation {
    Orphan,
    Background,
    Foreground,
}

/// Options of delete and delete-collection.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeleteOptions {
    pub(crate) dry_run: bool,
    pub(crate) grace_period: Option<i64>,
    pub(crate) propagation: Option<Propagation>,
    pub(crate) uid: Option<String>,
    pub(crate) resource_version: Option<String>,
    /// One of many objects that are deleted together.
    pub(crate) collection: bool,
}

impl DeleteOptions {
    /// From the body if there is one, else from the query.
    pub(crate) fn parse(query: &Query, body: Option<&Value>) -> Result<Self> {
        match body {
            Some(body) => Self::from_body(body),
            None => Self::from_query(query),
        }
    }

    fn from_query(query: &Query) -> Result<Self> {
        let orphan = query.has("orphanDependents").then(|| query.flag("orphanDependents"));
        let policy = query.text("propagationPolicy");
        Self::check(
            query.all("dryRun"),
            query.number("gracePeriodSeconds")?,
            (!policy.is_empty()).then_some(policy),
            orphan,
            &Value::Null,
        )
    }

    /// From `DeleteOptions` as JSON; `null` means none.
    pub(crate) fn from_body(body: &Value) -> Result<Self> {
        let kind = body["kind"].as_str().unwrap_or("DeleteOptions");
        if kind != "DeleteOptions" {
            let version = body["apiVersion"].as_str().unwrap_or_default();
            return Err(Error::unclassified(format!(
                "no kind {kind:?} is registered for version {version:?}"
            )));
        }
        let dry_run = body["dryRun"].as_array().into_iter().flatten();
        Self::check(
            dry_run.filter_map(Value::as_str).map(str::to_owned).collect(),
            body["gracePeriodSeconds"].as_i64(),
            body["propagationPolicy"].as_str(),
            body["orphanDependents"].as_bool(),
            &body["preconditions"],
        )
    }

    fn check(
        dry_run: Vec<String>,
        grace_period: Option<i64>,
        policy: Option<&str>,
        orphan: Option<bool>,
        preconditions: &Value,
    ) -> Result<Self> {
        let mut errors = field::Errors::new();
        check_dry_run(&dry_run, &mut errors);
        if let (Some(policy), Some(_)) = (policy, orphan) {
            let why = "orphanDependents and deletionPropagation cannot be both set";
            errors.push(field::Error::invalid("propagationPolicy", &json!(policy), why));
        }
        let propagation = match (policy, orphan) {
            (Some("Orphan"), _) | (None, Some(true)) => Some(Propagation::Orphan),
            (Some("Background"), _) | (None, Some(false)) => Some(Propagation::Background),
            (Some("Foreground"), _) => Some(Propagation::Foreground),
            (Some(other), _) => {
                let allowed = ["Foreground", "Background", "Orphan", "nil"];
                let error =
                    field::Error::not_supported("propagationPolicy", &json!(other), &allowed);
                errors.push(error);
                None
            }
            (None, None) => None,
        };
        invalid_unless_empty("DeleteOptions", errors)?;
        let text = |name: &str| preconditions[name].as_str().map(str::to_owned);
        Ok(Self {
            dry_run: !dry_run.is_empty(),
            grace_period,
            propagation,
            uid: text("uid"),
            resource_version: text("resourceVersion"),
            collection: false,
        })
    }

    /// The options as webhooks see them.
    pub(crate) fn review(&self) -> Value {
        let mut options = json!({ "kind": "DeleteOptions", "apiVersion": "meta.k8s.io/v1" });
        if self.dry_run {
            options["dryRun"] = json!(["All"]);
        }
        if let Some(seconds) = self.grace_period {
            options["gracePeriodSeconds"] = json!(seconds);
        }
        if let Some(propagation) = self.propagation {
            options["propagationPolicy"] = json!(format!("{propagation:?}"));
        }
        for (name, text) in [("uid", &self.uid), ("resourceVersion", &self.resource_version)] {
            if let Some(text) = text {
                options["preconditions"][name] = json!(text);
            }
        }
        options
    }
}
