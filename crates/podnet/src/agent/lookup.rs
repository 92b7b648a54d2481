//! What a request is resolved with: definitions from the cache, devices from the kubelet.

use std::collections::{HashMap, VecDeque};
use std::sync::{PoisonError, RwLock};

use kubewright_attachment::annotation::{Request, Requests};
use kubewright_attachment::definition::Definition as Spec;
use kubewright_attachment::desired::{Desired, Lookup, Resolution};
use kubewright_attachment::network::{Candidates, NetworkKey};
use kubewright_attachment::pod::Pod;
use kubewright_attachment::problem::{Problem, Reason};
use kubewright_attachment::record::Record;
use serde_json::Value;

use crate::definition::Definitions;
use crate::pod_resources::Devices;

/// Definitions that anyone may read and one writes.
pub(crate) type SharedDefinitions = RwLock<Definitions>;

/// Whether any network of a pod needs a device.
pub(crate) fn needs_devices(
    definitions: &SharedDefinitions,
    requests: &Requests,
    pod: &Pod,
) -> bool {
    let definitions = definitions.read().unwrap_or_else(PoisonError::into_inner);
    requests.list.iter().any(|request| {
        let candidates = Candidates::new(request, pod);
        let found = candidates.iter().find_map(|key| definitions.get(key));
        found.is_some_and(|definition| definition.resource.is_some())
    })
}

/// What a pod should have, by what is known now.
///
/// `devices` is what the kubelet has allocated to the pod, or why that is not known; `records` are
/// those of the pod: an attachment keeps the device it has.
pub(crate) fn resolve(
    resolution: &Resolution,
    definitions: &SharedDefinitions,
    requests: &Requests,
    pod: &Pod,
    devices: &Result<Devices, String>,
    records: &[Record],
) -> Desired {
    let definitions = definitions.read().unwrap_or_else(PoisonError::into_inner);
    let assigned = match devices {
        Ok(devices) => assign(&definitions, requests, pod, devices, records),
        Err(_) => HashMap::new(),
    };
    let mut table = Table { definitions: &definitions, assigned };
    let mut desired = resolution.resolve(requests, pod, &mut table);
    for (wanted, request) in desired.wanted.iter_mut().zip(&requests.list) {
        let resource = definitions.get(&wanted.network).and_then(|found| found.resource.as_deref());
        let Some(resource) = resource else { continue };
        let given = wanted.attachment.as_ref().map(|attachment| device_of(&attachment.config));
        let why = match (devices, &request.device_id, given) {
            (Ok(devices), Some(id), _) if !is_allocated(devices, resource, id) => {
                format!(
                    "{id:?} is none of the {resource} that the kubelet has allocated to the pod"
                )
            }
            (Err(why), Some(_), _) => why.clone(),
            (_, _, Ok(Some(_)) | Err(_)) => continue,
            (Err(why), _, _) => why.clone(),
            (Ok(_), _, _) => {
                format!("the kubelet has allocated no (further) {resource} to the pod")
            }
        };
        let message = format!("network {} needs a device: {why}", wanted.network);
        wanted.attachment = Err(Problem::new(Reason::AttachFailed, message));
    }
    desired
}

fn is_allocated(devices: &Devices, resource: &str, id: &str) -> bool {
    devices.get(resource).is_some_and(|all| all.iter().any(|other| other == id))
}

struct Table<'a> {
    definitions: &'a Definitions,
    /// The device of each request for a network, in the order of the requests.
    assigned: HashMap<NetworkKey, VecDeque<Option<String>>>,
}

impl Lookup for Table<'_> {
    fn definition(&self, network: &NetworkKey) -> Option<Spec> {
        self.definitions.get(network).map(|definition| definition.spec.clone())
    }

    fn device(&mut self, network: &NetworkKey) -> Option<String> {
        self.assigned.get_mut(network)?.pop_front()?
    }
}

/// Who gets which device: first each attachment the one that it asks for, then the one that it has,
/// then the others what is free, and at last what attachments have that nobody asks for any more.
fn assign(
    definitions: &Definitions,
    requests: &Requests,
    pod: &Pod,
    devices: &Devices,
    records: &[Record],
) -> HashMap<NetworkKey, VecDeque<Option<String>>> {
    let asked: Vec<(&Request, NetworkKey, &str)> = requests
        .list
        .iter()
        .filter_map(|request| {
            let candidates = Candidates::new(request, pod);
            let key = candidates.iter().find(|key| definitions.get(key).is_some())?.clone();
            let resource = definitions.get(&key)?.resource.as_deref()?;
            Some((request, key, resource))
        })
        .collect();
    let mut held: Vec<(&Record, &str)> = records
        .iter()
        .filter_map(|record| Some((record, device_of(&record.config)?)))
        .filter(|(_, device)| devices.values().flatten().any(|id| id == device))
        .collect();
    let own_choice = |(request, _, resource): &(&Request, NetworkKey, &str)| {
        request.device_id.clone().filter(|id| is_allocated(devices, resource, id))
    };
    let mut given: Vec<Option<String>> = asked.iter().map(own_choice).collect();
    held.retain(|(_, device)| !given.iter().flatten().any(|id| id == device));
    for named in [true, false] {
        for (given, (request, key, _)) in given.iter_mut().zip(&asked) {
            let same = |record: &Record| match &request.interface {
                Some(interface) => named && record.interface == *interface,
                None => !named && !record.explicit,
            };
            let found =
                held.iter().position(|(record, _)| record.network() == Some(key) && same(record));
            if let Some(index) = found
                && given.is_none()
            {
                *given = Some(held.remove(index).1.to_owned());
            }
        }
    }
    for (index, (_, _, resource)) in asked.iter().enumerate() {
        if given[index].is_none() {
            let is_given = |id: &String| given.iter().flatten().any(|other| other == id);
            let is_held = |id: &String| held.iter().any(|(_, other)| other == id);
            let all = devices.get(*resource).into_iter().flatten();
            let mut left: Vec<&String> = all.filter(|id| !is_given(id)).collect();
            left.sort_by_key(|id| is_held(id));
            given[index] = left.first().map(|id| (*id).clone());
        }
    }
    let mut assigned: HashMap<NetworkKey, VecDeque<Option<String>>> = HashMap::new();
    for ((_, key, _), device) in asked.into_iter().zip(given) {
        assigned.entry(key).or_default().push_back(device);
    }
    assigned
}

/// The device in a configuration that was completed with one.
fn device_of(config: &Value) -> Option<&str> {
    config["plugins"].as_array()?.iter().find_map(|plugin| plugin["deviceID"].as_str())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use kubewright_attachment::annotation::{self, Dialect};

    use super::*;
    use crate::definition::Definition;

    fn definitions() -> SharedDefinitions {
        let mut all = Definitions::default();
        for name in ["a", "b"] {
            let config = r#"{"cniVersion":"0.4.0","type":"sriov"}"#.to_owned();
            let resource = Some("intel.com/sriov".to_owned());
            let key = NetworkKey::new(Dialect::Standard, "pods", name).unwrap();
            all.seen(key, Definition { spec: Spec::Standard { config }, resource });
        }
        RwLock::new(all)
    }

    fn devices(ids: &[&str]) -> Result<Devices, String> {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        Ok(Devices::from([("intel.com/sriov".to_owned(), ids)]))
    }

    fn given(devices: &Result<Devices, String>, text: &str) -> Vec<Result<String, String>> {
        let pod = Pod::new("pods", "p", "u").unwrap();
        let requests = annotation::parse(None, Some(text));
        assert!(needs_devices(&definitions(), &requests, &pod));
        let resolution = Resolution::new("/nowhere");
        let desired = resolve(&resolution, &definitions(), &requests, &pod, devices, &[]);
        let one = |wanted: &kubewright_attachment::desired::Wanted| match &wanted.attachment {
            Ok(attachment) => Ok(device_of(&attachment.config).unwrap().to_owned()),
            Err(problem) => Err(problem.message.clone()),
        };
        desired.wanted.iter().map(one).collect()
    }

    #[test]
    fn a_pod_may_choose_among_the_devices_it_was_given_and_no_others() {
        let ask = |ids: &[&str]| {
            let elements = ids.iter().map(|id| match *id {
                "" => serde_json::json!({ "name": "a" }),
                id => serde_json::json!({ "name": "a", "deviceID": id }),
            });
            elements.collect::<Value>().to_string()
        };
        let all = given(&devices(&["0:1", "0:2"]), &ask(&["", "0:1"]));
        assert_eq!(all, [Ok("0:2".into()), Ok("0:1".into())]);
        let all = given(&devices(&["0:1", "0:2"]), &ask(&["", "0:9"]));
        assert_eq!(all[0], Ok("0:1".into()));
        let why = all[1].as_ref().unwrap_err();
        assert!(why.contains("\"0:9\" is none of the intel.com/sriov"), "{why}");
        // While the kubelet does not tell, nobody gets what he has chosen.
        let all = given(&Err("the kubelet is away".into()), &ask(&["0:1"]));
        assert!(all[0].as_ref().unwrap_err().contains("the kubelet is away"), "{all:?}");
    }

    #[test]
    fn each_attachment_gets_a_device_of_its_own_or_says_why_not() {
        let all = given(&devices(&["0:1", "0:2"]), "a,b,a");
        assert_eq!(all[..2], [Ok("0:1".into()), Ok("0:2".into())]);
        assert!(all[2].as_ref().unwrap_err().contains("intel.com/sriov"), "{all:?}");
        let all = given(&Err("the kubelet is away".into()), "a");
        assert!(all[0].as_ref().unwrap_err().contains("the kubelet is away"));
    }
}
