//! Whether some rules grant everything that others do: nobody may give away rights that
//! they do not have.

use super::rule::{Rule, has, url_covers};

/// How many single rights a check may look at. No role of a real cluster comes near; a body
/// of a few megabytes could name a trillion.
const LIMIT: usize = 250_000;

/// More rights at once than can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the rules grant more than {LIMIT} rights one by one; use wildcards or several roles")]
pub(crate) struct TooMany;

/// The single rights in `wanted` that `held` does not grant.
pub(crate) fn missing(held: &[Rule], wanted: &[Rule]) -> Result<Vec<Rule>, TooMany> {
    let mut budget = LIMIT;
    let mut missing = Vec::new();
    for rule in wanted.iter().filter(|rule| !held.iter().any(|one| covers(one, rule))) {
        budget = budget.checked_sub(size(rule)).ok_or(TooMany)?;
        let atoms = atoms(rule).into_iter();
        missing.extend(atoms.filter(|atom| !held.iter().any(|one| covers(one, atom))));
    }
    Ok(missing)
}

/// Number of the single rights in a rule.
fn size(rule: &Rule) -> usize {
    let names = rule.resource_names.len().max(1);
    let resources = rule.api_groups.len().saturating_mul(rule.resources.len());
    let objects = resources.saturating_mul(names).saturating_add(rule.urls.len());
    objects.saturating_mul(rule.verbs.len())
}

/// One rule per verb, group, resource and name; and per verb and path.
fn atoms(rule: &Rule) -> Vec<Rule> {
    let one = |text: &String| vec![text.clone()];
    let names: Vec<Vec<String>> = match rule.resource_names.as_slice() {
        [] => vec![Vec::new()],
        names => names.iter().map(one).collect(),
    };
    let mut atoms = Vec::new();
    for group in &rule.api_groups {
        for resource in &rule.resources {
            for verb in &rule.verbs {
                atoms.extend(names.iter().map(|name| Rule {
                    verbs: one(verb),
                    api_groups: one(group),
                    resources: one(resource),
                    resource_names: name.clone(),
                    urls: Vec::new(),
                }));
            }
        }
    }
    for url in &rule.urls {
        let verbs = rule.verbs.iter();
        atoms.extend(verbs.map(|verb| Rule {
            verbs: one(verb),
            urls: one(url),
            ..Rule::default()
        }));
    }
    atoms
}

/// Whether a single rule grants all that another does.
fn covers(held: &Rule, wanted: &Rule) -> bool {
    let all = |held: &[String], wanted: &[String]| {
        has(held, "*") || wanted.iter().all(|entry| has(held, entry))
    };
    let names = match wanted.resource_names.as_slice() {
        [] => held.resource_names.is_empty(),
        names => {
            held.resource_names.is_empty()
                || names.iter().all(|name| has(&held.resource_names, name))
        }
    };
    let urls = wanted.urls.iter().all(|url| held.urls.iter().any(|own| url_covers(own, url)));
    names
        && urls
        && all(&held.verbs, &wanted.verbs)
        && all(&held.api_groups, &wanted.api_groups)
        && wanted.resources.iter().all(|resource| has_resource(&held.resources, resource))
}

/// `*`, the very resource, or `*/sub` for a subresource.
fn has_resource(held: &[String], wanted: &str) -> bool {
    has(held, "*")
        || has(held, wanted)
        || wanted.split_once('/').is_some_and(|(_, sub)| has(held, &format!("*/{sub}")))
}

/// The rules as messages list them: rights on the same resource together, sorted.
pub(crate) fn describe(rules: &[Rule]) -> String {
    let mut lines: Vec<String> = compact(rules).iter().map(line).collect();
    lines.sort();
    lines.dedup();
    lines.join("\n")
}

/// Puts the verbs on the same resource (and name) into one rule.
fn compact(rules: &[Rule]) -> Vec<Rule> {
    let mut compacted: Vec<Rule> = Vec::new();
    for rule in rules {
        let simple = rule.urls.is_empty()
            && rule.resource_names.len() <= 1
            && rule.api_groups.len() == 1
            && rule.resources.len() == 1;
        let same = compacted.iter_mut().find(|known| {
            simple
                && known.api_groups == rule.api_groups
                && known.resources == rule.resources
                && known.resource_names == rule.resource_names
                && known.urls.is_empty()
        });
        match same {
            None => compacted.push(rule.clone()),
            Some(known) => {
                for verb in &rule.verbs {
                    if !has(&known.verbs, verb) {
                        known.verbs.push(verb.clone());
                    }
                }
            }
        }
    }
    compacted
}

/// `{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}`
fn line(rule: &Rule) -> String {
    let parts = [
        ("APIGroups", &rule.api_groups),
        ("Resources", &rule.resources),
        ("NonResourceURLs", &rule.urls),
        ("ResourceNames", &rule.resource_names),
        ("Verbs", &rule.verbs),
    ];
    let parts = parts.iter().filter(|(_, list)| !list.is_empty());
    let parts: Vec<String> = parts.map(|(name, list)| format!("{name}:{}", quoted(list))).collect();
    format!("{{{}}}", parts.join(", "))
}

/// A list as Go's `%q` writes it.
pub(crate) fn quoted(list: &[String]) -> String {
    let words: Vec<String> = list.iter().map(|word| format!("{word:?}")).collect();
    format!("[{}]", words.join(" "))
}
