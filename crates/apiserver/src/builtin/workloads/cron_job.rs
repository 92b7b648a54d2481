//! CronJob.

mod schedule;

use serde_json::{Value, json};

use super::fields::{self, default, present, text};
use super::validation::enumeration;
use super::validation::number::nonnegative;
use super::{defaults, job, lifecycle, warnings};
use crate::builtin::{Part, Strategy};
use crate::{field, names};

/// Rules of cron jobs.
pub(super) struct CronJob;

/// Names of its jobs have eleven more letters, and must be labels of 63.
const LONGEST_NAME: usize = 52;

impl Strategy for CronJob {
    fn default(&self, object: &mut Value) {
        let Some(spec) = fields::object(object, "spec") else {
            return;
        };
        default(spec, "concurrencyPolicy", "Allow");
        default(spec, "suspend", false);
        default(spec, "successfulJobsHistoryLimit", 3);
        default(spec, "failedJobsHistoryLimit", 1);
        if let Some(template) = fields::object(spec, "jobTemplate") {
            defaults::embedded_metadata(template);
            if let Some(spec) = fields::object(template, "spec") {
                job::template_of(spec);
            }
        }
    }

    fn prepare_create(&self, object: &mut Value) {
        job::drop_disabled(object, "/spec/jobTemplate/spec", None);
        lifecycle::create(object, json!({}));
    }

    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        if part == Part::Sub("status") {
            lifecycle::update_status(object, stored);
        } else {
            job::drop_disabled(object, "/spec/jobTemplate/spec", Some(stored));
            lifecycle::update(object, stored, "spec");
        }
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        spec(&object["spec"], None, &mut errors);
        let name = &object["metadata"]["name"];
        if name.as_str().is_some_and(|name| name.len() > LONGEST_NAME) {
            let words = format!("must be no more than {LONGEST_NAME} characters");
            errors.push(field::Error::invalid("metadata.name", name, words));
        }
        errors
    }

    fn validate_update(&self, part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
        let mut errors = Vec::new();
        if part != Part::Sub("status") {
            spec(&object["spec"], Some(&stored["spec"]), &mut errors);
        }
        errors
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn warnings(&self, object: &Value) -> Vec<String> {
        let mut warnings = warnings::owner_name(object);
        let spec = &object["spec"];
        let template = &spec["jobTemplate"]["spec"]["template"];
        warnings::template(template, "spec.jobTemplate.spec.template", &mut warnings);
        if schedule::has_zone(text(spec, "schedule")) {
            warnings.push("CRON_TZ or TZ used in spec.schedule is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details".to_owned());
        }
        warnings
    }
}

fn spec(spec: &Value, stored: Option<&Value>, errors: &mut field::Errors) {
    let schedule = text(spec, "schedule");
    let path = "spec.schedule";
    if schedule.is_empty() {
        errors.push(field::Error::required(path, ""));
    } else {
        if let Err(error) = schedule::check(schedule) {
            errors.push(field::Error::invalid(path, &spec["schedule"], error.to_string()));
        }
        let zoned = schedule::has_zone(schedule);
        let had = stored.is_some_and(|stored| schedule::has_zone(text(stored, "schedule")));
        if zoned && present(spec, "timeZone") {
            let words = "cannot use both timeZone field and TZ or CRON_TZ in schedule";
            errors.push(field::Error::invalid(path, &spec["schedule"], words));
        } else if zoned && !had && stored.is_some() {
            let words = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
            errors.push(field::Error::invalid(path, &spec["schedule"], words));
        }
    }
    time_zone(spec, errors);
    nonnegative(spec, &["startingDeadlineSeconds"], "spec", errors);
    let policies = ["Allow", "Forbid", "Replace"];
    enumeration::required(spec, "concurrencyPolicy", &policies, "spec", errors);
    job::spec(&spec["jobTemplate"]["spec"], "spec.jobTemplate.spec", errors);
    let limits = ["successfulJobsHistoryLimit", "failedJobsHistoryLimit"];
    nonnegative(spec, &limits, "spec", errors);
}

fn time_zone(spec: &Value, errors: &mut field::Errors) {
    if !present(spec, "timeZone") {
        return;
    }
    let zone = text(spec, "timeZone");
    let words = if zone.is_empty() {
        "timeZone must be nil or non-empty string"
    } else if zone.eq_ignore_ascii_case("Local") {
        "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
    } else if !schedule::is_zone(zone) {
        "unknown time zone"
    } else {
        return;
    };
    errors.push(field::Error::invalid("spec.timeZone", &spec["timeZone"], words));
}

#[cfg(test)]
mod tests;
