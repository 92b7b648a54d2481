//! All resources by group, version and name.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use serde::Deserialize;

use super::{Resource, Rules, Subresource};
use crate::schema::Schema;
use crate::store::ResourceKey;
use crate::{builtin, crd, decode};

#[derive(Deserialize)]
struct Document {
    groups: BTreeMap<String, BTreeMap<String, Vec<Entry>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: String,
    kind: String,
    #[serde(default)]
    group: String,
    #[serde(default)]
    version: String,
    namespaced: bool,
    singular_name: String,
    verbs: Vec<String>,
    #[serde(default)]
    short_names: Vec<String>,
    #[serde(default)]
    categories: Vec<String>,
}

/// An API group and its versions, the preferred one first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Name; empty for the core group.
    pub name: String,
    /// Versions in order of preference.
    pub versions: Vec<String>,
}

/// An immutable view of everything served; a new one is made when a CRD changes.
pub struct Catalog {
    groups: Vec<Group>,
    resources: HashMap<(String, String, String), Arc<Resource>>,
    /// Resource names per group and version, in discovery order.
    order: BTreeMap<(String, String), Vec<String>>,
}

static BUILTIN: LazyLock<Vec<Arc<Resource>>> = LazyLock::new(|| {
    let text = include_str!("../../data/discovery-v1.28.json");
    let document: Document = serde_json::from_str(text).expect("the embedded discovery is valid");
    let mut resources = Vec::new();
    for (group, versions) in document.groups {
        let group = if group == "core" { String::new() } else { group };
        // Later versions first: v2 before v1, v1beta3 before v1beta2.
        for (version, entries) in versions.into_iter().rev() {
            resources.extend(read(&group, &version, entries).into_iter().map(Arc::new));
        }
    }
    resources
});

fn read(group: &str, version: &str, entries: Vec<Entry>) -> Vec<Resource> {
    let mut resources: Vec<Resource> = Vec::new();
    for entry in entries {
        if let Some((plural, sub)) = entry.name.split_once('/') {
            let subresource = Subresource {
                group: entry.group,
                version: entry.version,
                kind: entry.kind,
                verbs: entry.verbs,
            };
            if let Some(parent) = resources.iter_mut().find(|resource| resource.plural == plural) {
                parent.subresources.insert(sub.to_owned(), subresource);
            }
            continue;
        }
        resources.push(Resource {
            // Events of both groups are the same objects.
            key: ResourceKey::new(if entry.name == "events" { "" } else { group }, &*entry.name),
            group: group.to_owned(),
            version: version.to_owned(),
            singular: entry.singular_name,
            list_kind: format!("{}List", entry.kind),
            namespaced: entry.namespaced,
            short_names: entry.short_names,
            categories: entry.categories,
            verbs: entry.verbs,
            subresources: BTreeMap::new(),
            rules: Rules::Builtin {
                schema: decode::schema_of(group, version, &entry.kind).unwrap_or_else(Schema::any),
                strategy: builtin::strategy(group, &entry.name),
            },
            kind: entry.kind,
            plural: entry.name,
        });
    }
    resources
}

impl Catalog {
    /// The built-in resources and the established custom ones.
    pub fn new<'a>(definitions: impl IntoIterator<Item = &'a Arc<crd::Definition>>) -> Self {
        let mut catalog =
            Self { groups: Vec::new(), resources: HashMap::new(), order: BTreeMap::new() };
        for resource in BUILTIN.iter() {
            catalog.add(resource.clone());
        }
        for definition in definitions {
            for resource in custom(definition) {
                catalog.add(Arc::new(resource));
            }
        }
        for group in &mut catalog.groups {
            group.versions.sort_by(|a, b| crd::newest_first(a, b));
        }
        catalog
    }

    fn add(&mut self, resource: Arc<Resource>) {
        let (group, version) = (resource.group.clone(), resource.version.clone());
        match self.groups.iter_mut().find(|known| known.name == group) {
            Some(known) if known.versions.contains(&version) => {}
            Some(known) => known.versions.push(version.clone()),
            None => {
                self.groups.push(Group { name: group.clone(), versions: vec![version.clone()] })
            }
        }
        let order = self.order.entry((group.clone(), version.clone())).or_default();
        order.push(resource.plural.clone());
        self.resources.insert((group, version, resource.plural.clone()), resource);
    }

    /// Groups, the core group included.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// A group by name.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// Whether Kubernetes itself defines this group.
    pub fn is_builtin(group: &str) -> bool {
        BUILTIN.iter().any(|resource| resource.group == group)
    }

    /// A resource.
    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.resources.get(&(group.to_owned(), version.to_owned(), plural.to_owned()))
    }

    /// A resource by kind, in any version.
    pub fn by_kind(&self, group: &str, version: &str, kind: &str) -> Option<&Arc<Resource>> {
        self.in_version(group, version).find(|resource| resource.kind == kind)
    }

    /// Resources of a group version, in discovery order.
    pub fn in_version(&self, group: &str, version: &str) -> impl Iterator<Item = &Arc<Resource>> {
        self.order
            .get(&(group.to_owned(), version.to_owned()))
            .into_iter()
            .flatten()
            .filter_map(move |plural| self.find(group, version, plural))
    }

    /// The versions in which the objects of one place are served, the preferred one first.
    pub fn versions(&self, key: &ResourceKey) -> impl Iterator<Item = &Arc<Resource>> {
        let all = self.groups.iter().flat_map(move |group| {
            group.versions.iter().flat_map(move |version| self.in_version(&group.name, version))
        });
        all.filter(move |resource| resource.key == *key)
    }

    /// Every resource, once per stored place, in its preferred version.
    pub fn stored(&self) -> Vec<&Arc<Resource>> {
        let mut by_key: BTreeMap<&ResourceKey, &Arc<Resource>> = BTreeMap::new();
        for group in &self.groups {
            for version in &group.versions {
                for resource in self.in_version(&group.name, version) {
                    by_key.entry(&resource.key).or_insert(resource);
                }
            }
        }
        by_key.into_values().collect()
    }
}

const CUSTOM_VERBS: [&str; 8] =
    ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

fn custom(definition: &Arc<crd::Definition>) -> Vec<Resource> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    definition
        .versions
        .iter()
        .filter(|version| version.served)
        .map(|version| {
            let mut subresources = BTreeMap::new();
            if version.subresources.status {
                let status = Subresource {
                    group: String::new(),
                    version: String::new(),
                    kind: definition.names.kind.clone(),
                    verbs: words(&["get", "patch", "update"]),
                };
                subresources.insert("status".to_owned(), status);
            }
            if version.subresources.scale.is_some() {
                let scale = Subresource {
                    group: "autoscaling".to_owned(),
                    version: "v1".to_owned(),
                    kind: "Scale".to_owned(),
                    verbs: words(&["get", "patch", "update"]),
                };
                subresources.insert("scale".to_owned(), scale);
            }
            Resource {
                key: ResourceKey::new(&*definition.group, &*definition.names.plural),
                group: definition.group.clone(),
                version: version.name.clone(),
                plural: definition.names.plural.clone(),
                singular: definition.names.singular.clone(),
                kind: definition.names.kind.clone(),
                list_kind: definition.names.list_kind.clone(),
                namespaced: definition.scope == crd::Scope::Namespaced,
                short_names: definition.names.short_names.clone(),
                categories: definition.names.categories.clone(),
                verbs: words(&CUSTOM_VERBS),
                subresources,
                rules: Rules::Custom {
                    version: version.clone(),
                    schema: version.merge_schema(),
                    definition: definition.clone(),
                },
            }
        })
        .collect()
}
