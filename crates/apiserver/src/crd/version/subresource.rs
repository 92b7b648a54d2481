//! `status` and `scale` of custom resources, and which part of an object a write sets.

use serde_json::{Value, json};

use super::Version;
use crate::builtin::Part;
use crate::crd::schema::text;
use crate::field;

/// The subresources of a version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subresources {
    /// `status` is written apart.
    pub status: bool,
    /// `scale` is served.
    pub scale: Option<Scale>,
}

/// Where an object keeps what `scale` shows: simple paths (`.spec.replicas`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scale {
    /// Wanted number.
    pub spec_replicas_path: String,
    /// Actual number.
    pub status_replicas_path: String,
    /// Label selector as a text.
    pub label_selector_path: Option<String>,
}

impl Subresources {
    pub(super) fn of(raw: &Value) -> Self {
        let scale = raw.get("scale").filter(|scale| scale.is_object());
        Self {
            status: raw.get("status").is_some_and(Value::is_object),
            scale: scale.map(|scale| Scale {
                spec_replicas_path: text(scale, "specReplicasPath").unwrap_or_default().into(),
                status_replicas_path: text(scale, "statusReplicasPath").unwrap_or_default().into(),
                label_selector_path: text(scale, "labelSelectorPath").map(str::to_owned),
            }),
        }
    }
}

fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let path = path.strip_prefix('.').unwrap_or(path);
    path.split('.').try_fold(object, |value, name| value.get(name))
}

impl Scale {
    /// The `autoscaling/v1` Scale of an object; `None` when it has no wanted number.
    pub fn read(&self, object: &Value) -> Option<Value> {
        let replicas = at(object, &self.spec_replicas_path)?.as_i64()?;
        let actual = at(object, &self.status_replicas_path).and_then(Value::as_i64);
        let selector = self.label_selector_path.as_ref();
        let selector = selector.and_then(|path| at(object, path)?.as_str());
        let names = ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"];
        let meta = names
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), object["metadata"].get(name)?.clone())));
        let mut scale = json!({
            "kind": "Scale", "apiVersion": "autoscaling/v1",
            "metadata": Value::Object(meta.collect()),
            "spec": {}, "status": {"replicas": actual.unwrap_or(0)},
        });
        if replicas != 0 {
            scale["spec"]["replicas"] = json!(replicas);
        }
        if let Some(selector) = selector.filter(|it| !it.is_empty()) {
            scale["status"]["selector"] = json!(selector);
        }
        Some(scale)
    }

    /// Sets the wanted number; false when the path leads through something that is no object.
    pub fn write(&self, object: &mut Value, replicas: i64) -> bool {
        let path = self.spec_replicas_path.trim_start_matches('.');
        let mut place = object;
        for name in path.split('.') {
            if place.is_null() {
                *place = json!({});
            }
            let Some(map) = place.as_object_mut() else {
                return false;
            };
            place = map.entry(name).or_insert(Value::Null);
        }
        *place = json!(replicas);
        true
    }
}

impl Version {
    /// Sets what a client may not choose on create.
    pub fn prepare_create(&self, object: &mut Value) {
        if self.subresources.status
            && let Some(map) = object.as_object_mut()
        {
            map.remove("status");
        }
        if object.get("metadata").is_none_or(Value::is_object) {
            object["metadata"]["generation"] = json!(1);
        }
    }

    /// Carries over what this part may not change, and raises the generation when
    /// anything but metadata (and a status written apart) changed.
    pub fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        let generation = stored["metadata"]["generation"].as_i64().unwrap_or(1);
        if part == Part::Sub("status") {
            let status = object.get("status").cloned();
            let kept = ["managedFields", "resourceVersion"];
            let meta = kept.map(|name| object["metadata"].get(name).cloned());
            *object = stored.clone();
            place(object, "status", status);
            for (name, value) in kept.iter().zip(meta) {
                place(&mut object["metadata"], name, value);
            }
            return;
        }
        if self.subresources.status {
            place(object, "status", stored.get("status").cloned());
        }
        let content = |object: &Value| {
            let mut content = object.clone();
            place(&mut content, "metadata", None);
            content
        };
        let changed = i64::from(content(object) != content(stored));
        if object.get("metadata").is_some_and(Value::is_object) {
            object["metadata"]["generation"] = json!(generation + changed);
        }
    }

    /// Findings on the numbers that `scale` shows; of a status write on its own only.
    pub(super) fn validate_scale(&self, object: &Value, status: bool) -> field::Errors {
        let Some(scale) = &self.subresources.scale else {
            return Vec::new();
        };
        let mut errors = Vec::new();
        let mut number = |path: &str| match at(object, path) {
            None => {}
            Some(value) => {
                let detail = match value.as_i64() {
                    None => "accessor error: expected int64".to_owned(),
                    Some(number) if number < 0 => "should be a non-negative integer".to_owned(),
                    Some(number) if number > i64::from(i32::MAX) => {
                        format!("should be less than or equal to {}", i32::MAX)
                    }
                    Some(_) => return,
                };
                errors.push(field::Error::invalid(path, value, detail));
            }
        };
        if !status {
            number(&scale.spec_replicas_path);
        }
        number(&scale.status_replicas_path);
        if let Some(path) = &scale.label_selector_path
            && let Some(value) = at(object, path).filter(|value| !value.is_string())
        {
            let detail = "accessor error: expected string";
            errors.push(field::Error::invalid(path, value, detail));
        }
        errors
    }
}

fn place(object: &mut Value, name: &str, value: Option<Value>) {
    if let Some(map) = object.as_object_mut() {
        match value {
            Some(value) => map.insert(name.to_owned(), value),
            None => map.remove(name),
        };
    }
}
