//! What a writer knows of the objects that only it writes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use libtest_mimic::Failed;
use serde_json::json;

use crate::Dice;

pub(crate) type Map = ConfigMap;

/// Objects of each writer.
const OBJECTS: u64 = 6;

/// A state of an object: its value and its version. Both are told in an acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    value: u64,
    version: u64,
}

/// What is certain, and what is not.
#[derive(Debug)]
pub(crate) struct Ledger {
    number: usize,
    certain: BTreeMap<String, State>,
    /// The write that was not answered, if any: it may have been made.
    open: Option<(String, Option<u64>)>,
    /// Values are never used twice.
    next: u64,
    newest: u64,
    acknowledged: u64,
}

impl Ledger {
    pub(crate) fn new(number: usize) -> Self {
        let certain = BTreeMap::new();
        Self { number, certain, open: None, next: 0, newest: 0, acknowledged: 0 }
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// The newest version that was seen.
    pub(crate) fn newest(&self) -> u64 {
        self.newest
    }

    /// Writes answered since the last check.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    fn prefix(&self) -> String {
        format!("writer-{}-", self.number)
    }

    /// Takes this writer's objects out of `found`, and checks them. What is found is
    /// certain from then on.
    pub(crate) fn check(&mut self, found: &mut Vec<Map>) -> Result<(), Failed> {
        let prefix = self.prefix();
        let ours = |map: &Map| map.metadata.name.as_ref().is_some_and(|n| n.starts_with(&prefix));
        let mut there = BTreeMap::new();
        for map in found.iter().filter(|map| ours(map)) {
            there.insert(map.metadata.name.clone().unwrap_or_default(), state(map)?);
        }
        found.retain(|map| !ours(map));
        for at in 0..OBJECTS {
            let name = format!("{prefix}{at}");
            let (is, was) = (there.get(&name), self.certain.get(&name));
            let open = self.open.as_ref().filter(|(open, _)| *open == name);
            let made = open.is_some_and(|(_, value)| is.map(|state| state.value) == *value);
            if is != was && !made {
                return Err(format!("{name} is {is:?}, was {was:?}, open: {open:?}").into());
            }
        }
        if let Some(odd) = there.keys().find(|name| !self.names().contains(name)) {
            return Err(format!("{odd} was never asked for").into());
        }
        self.certain = there;
        self.open = None;
        self.acknowledged = 0;
        Ok(())
    }

    fn names(&self) -> Vec<String> {
        (0..OBJECTS).map(|at| format!("{}{at}", self.prefix())).collect()
    }
}

fn state(map: &Map) -> Result<State, Failed> {
    let value = map.data.as_ref().and_then(|data| data.get("value")).ok_or("no value")?;
    let version = map.metadata.resource_version.as_deref().unwrap_or_default();
    Ok(State { value: value.parse()?, version: version.parse()? })
}

/// Writes until the server is gone.
pub(crate) struct Writer {
    maps: Api<Map>,
    ledger: Ledger,
    dice: Dice,
}

impl Writer {
    pub(crate) fn new(client: Client, ledger: Ledger, dice: Dice) -> Self {
        Self { maps: Api::namespaced(client, "default"), ledger, dice }
    }

    pub(crate) async fn work(mut self) -> Result<Ledger, Failed> {
        loop {
            let name = format!("{}{}", self.ledger.prefix(), self.dice.roll(OBJECTS));
            self.ledger.next += 1;
            let value = self.ledger.next;
            let exists = self.ledger.certain.contains_key(&name);
            let deletes = exists && self.dice.roll(4) == 0;
            self.ledger.open = Some((name.clone(), (!deletes).then_some(value)));
            let written = if deletes {
                self.maps.delete(&name, &DeleteParams::background()).await.map(|_| None)
            } else {
                self.write(&name, value, exists).await.map(Some)
            };
            match written {
                Ok(written) => self.ledger.acknowledge(&name, written.as_ref())?,
                // An answer other than silence is a fault of the server.
                Err(kube::Error::Api(status)) => return Err(format!("{name}: {status}").into()),
                Err(_) => return Ok(self.ledger),
            }
        }
    }

    async fn write(&mut self, name: &str, value: u64, exists: bool) -> kube::Result<Map> {
        let whole = json!({ "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": name }, "data": { "value": value.to_string() } });
        let map = || serde_json::from_value(whole.clone()).expect("a ConfigMap");
        let manager = PatchParams::apply("crash").force();
        match self.dice.roll(3) {
            _ if !exists => self.maps.create(&PostParams::default(), &map()).await,
            0 => self.maps.replace(name, &PostParams::default(), &map()).await,
            1 => self.maps.patch(name, &PatchParams::default(), &Patch::Merge(&whole)).await,
            _ => self.maps.patch(name, &manager, &Patch::Apply(&whole)).await,
        }
    }
}

impl Ledger {
    fn acknowledge(&mut self, name: &str, written: Option<&Map>) -> Result<(), Failed> {
        self.open = None;
        self.acknowledged += 1;
        let Some(written) = written else {
            self.certain.remove(name);
            return Ok(());
        };
        let state = state(written)?;
        if state.version <= self.newest {
            return Err(format!("{name} has {}, after {}", state.version, self.newest).into());
        }
        self.newest = state.version;
        self.certain.insert(name.to_owned(), state);
        Ok(())
    }
}
