#![allow(clippy::unwrap_used)]

use super::*;

fn now() -> Timestamp {
    "2024-01-01T01:00:00Z".parse().unwrap()
}

fn cells(group: &str, resource: &str, mut object: Value) -> Value {
    object["metadata"]["creationTimestamp"] = json!("2024-01-01T00:00:00Z");
    let cells = row(group, resource, &object, now());
    assert_eq!(cells.len(), columns(group, resource).len(), "{resource}");
    Value::Array(cells)
}

#[test]
fn durations_read_as_in_kubectl() {
    let (minute, hour, day) = (60, 3600, 86_400);
    let table = [
        (-5, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (3 * minute + 20, "3m20s"),
        (10 * minute + 5, "10m"),
        (179 * minute, "179m"),
        (3 * hour, "3h"),
        (7 * hour + 59 * minute, "7h59m"),
        (8 * hour + minute, "8h"),
        (47 * hour, "47h"),
        (2 * day, "2d"),
        (2 * day + 4 * hour, "2d4h"),
        (8 * day + hour, "8d"),
        (729 * day, "729d"),
        (730 * day, "2y"),
        (800 * day, "2y70d"),
        (3000 * day, "8y"),
    ];
    for (seconds, wanted) in table {
        assert_eq!(human_duration(seconds), wanted, "{seconds}");
    }
    assert_eq!(age("", now()), "<unknown>");
    assert_eq!(age("2024-01-01T00:59:00Z", now()), "60s");
}

#[test]
fn columns_of_a_real_server() {
    let names = |group, resource| -> Vec<&str> {
        columns(group, resource).iter().map(|column| column.name).collect()
    };
    assert_eq!(
        names("", "nodes"),
        [
            "Name",
            "Status",
            "Roles",
            "Age",
            "Version",
            "Internal-IP",
            "External-IP",
            "OS-Image",
            "Kernel-Version",
            "Container-Runtime"
        ]
    );
    assert_eq!(
        names("apps", "daemonsets"),
        [
            "Name",
            "Desired",
            "Current",
            "Ready",
            "Up-to-date",
            "Available",
            "Node Selector",
            "Age",
            "Containers",
            "Images",
            "Selector"
        ]
    );
    assert_eq!(
        names("events.k8s.io", "events"),
        [
            "Last Seen",
            "Type",
            "Reason",
            "Object",
            "Subobject",
            "Source",
            "Message",
            "First Seen",
            "Count",
            "Name"
        ]
    );
    let secrets: Vec<_> = columns("", "secrets").iter().map(Column::to_value).collect();
    assert_eq!(
        secrets[0],
        json!({"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0})
    );
    assert_eq!(secrets[2]["type"], "string");
    let priorities: Vec<_> = columns("", "pods").iter().map(|column| column.priority).collect();
    assert_eq!(priorities, [0, 0, 0, 0, 0, 1, 1, 1, 1]);
    assert_eq!(columns("rbac.authorization.k8s.io", "roles")[1].kind, "date");
    assert!(is_plain("rbac.authorization.k8s.io", "roles"));
    assert!(!is_plain("", "pods"));
}

#[test]
fn every_kind_has_as_many_cells_as_columns() {
    let text = include_str!("../../../data/discovery-v1.28.json");
    let discovery: Value = serde_json::from_str(text).unwrap();
    let mut kinds = 0;
    for (group, versions) in discovery["groups"].as_object().unwrap() {
        for resources in versions.as_object().unwrap().values() {
            for resource in resources.as_array().into_iter().flatten() {
                let name = resource["name"].as_str().unwrap();
                let group = if group == "core" { "" } else { group };
                cells(group, name, json!({"metadata": {"name": "x"}}));
                kinds += 1;
            }
        }
    }
    assert!(kinds > 50, "{kinds}");
}

#[test]
fn what_a_pod_is_doing() {
    let pod = |status: Value| {
        let cells = cells(
            "",
            "pods",
            json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}],
            "initContainers": [{"name": "i"}, {"name": "j"}]}, "status": status}),
        );
        [1, 2, 3].map(|at| cells[at].as_str().unwrap().to_owned())
    };
    let table = [
        (json!({"phase": "Pending"}), ["0/1", "Pending", "0"]),
        (
            json!({"phase": "Running", "containerStatuses": [{"ready": true, "state": {"running": {}}, "restartCount": 0}]}),
            ["1/1", "Running", "0"],
        ),
        (
            json!({"phase": "Running", "containerStatuses": [{"restartCount": 5, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"finishedAt": "2024-01-01T00:57:00Z"}}}]}),
            ["0/1", "CrashLoopBackOff", "5 (3m ago)"],
        ),
        (
            json!({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 3}}}]}),
            ["0/1", "ExitCode:3", "0"],
        ),
        (
            json!({"phase": "Pending", "initContainerStatuses": [{"state": {"terminated": {"exitCode": 0}}}, {"state": {"running": {}}}]}),
            ["0/1", "Init:1/2", "0"],
        ),
        (
            json!({"phase": "Pending", "initContainerStatuses": [{"restartCount": 2, "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}),
            ["0/1", "Init:Error", "2"],
        ),
        (
            json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]}),
            ["0/1", "SchedulingGated", "0"],
        ),
    ];
    for (status, wanted) in table {
        assert_eq!(pod(status.clone()), wanted, "{status}");
    }
    let gone = cells(
        "",
        "pods",
        json!({"metadata": {"name": "p", "deletionTimestamp": "2024-01-01T00:00:00Z"}, "status": {"phase": "Running"}}),
    );
    assert_eq!(gone[2], "Terminating");
}

#[test]
fn cells_of_many_kinds() {
    let table = [
        (
            "",
            "configmaps",
            json!({"metadata": {"name": "a"}, "data": {"k": "v"}, "binaryData": {"b": ""}}),
            json!(["a", 2, "60m"]),
        ),
        (
            "",
            "secrets",
            json!({"metadata": {"name": "x"}, "type": "Opaque", "data": {"a": "Yg=="}}),
            json!(["x", "Opaque", 1, "60m"]),
        ),
        (
            "",
            "services",
            json!({"metadata": {"name": "s"}, "spec": {"type": "ClusterIP", "clusterIP": "None", "clusterIPs": ["None"],
                "ports": [{"port": 80, "protocol": "TCP"}, {"port": 81, "protocol": "UDP", "nodePort": 30001}]}}),
            json!(["s", "ClusterIP", "None", "<none>", "80/TCP,81:30001/UDP", "60m", "<none>"]),
        ),
        (
            "",
            "nodes",
            json!({"metadata": {"name": "n", "labels": {"node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/control-plane": ""}},
                "spec": {"unschedulable": true}, "status": {"conditions": [{"type": "Ready", "status": "True"}],
                "addresses": [{"type": "InternalIP", "address": "10.0.0.7"}], "nodeInfo": {"kubeletVersion": "v1.28.0"}}}),
            json!([
                "n",
                "Ready,SchedulingDisabled",
                "control-plane,worker",
                "60m",
                "v1.28.0",
                "10.0.0.7",
                "<none>",
                "<unknown>",
                "<unknown>",
                "<unknown>"
            ]),
        ),
        (
            "apps",
            "deployments",
            json!({"metadata": {"name": "d"}, "spec": {"replicas": 3, "selector": {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "In", "values": ["x", "y"]}]},
                "template": {"spec": {"containers": [{"name": "c", "image": "i:1"}, {"name": "e", "image": "j"}]}}}, "status": {"readyReplicas": 1}}),
            json!(["d", "1/3", 0, 0, "60m", "c,e", "i:1,j", "a=b,c in (x,y)"]),
        ),
        (
            "",
            "events",
            json!({"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "p"}, "reason": "R", "type": "Normal", "message": "m ",
                "firstTimestamp": "2024-01-01T00:00:00Z", "lastTimestamp": "2024-01-01T00:59:00Z", "count": 4, "source": {"component": "c", "host": "h"}}),
            json!(["60s", "Normal", "R", "pod/p", "", "c, h", "m", "60m", 4, "e"]),
        ),
        (
            "certificates.k8s.io",
            "certificatesigningrequests",
            json!({"metadata": {"name": "c"}, "spec": {"signerName": "a.b/c", "username": "u", "expirationSeconds": 3600},
                "status": {"conditions": [{"type": "Approved"}], "certificate": "eA=="}}),
            json!(["c", "60m", "a.b/c", "u", "60m", "Approved,Issued"]),
        ),
        (
            "",
            "endpoints",
            json!({"metadata": {"name": "e"}, "subsets": [{"addresses": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}], "ports": [{"port": 80}, {"port": 81}]}]}),
            json!(["e", "10.0.0.1:80,10.0.0.1:81,10.0.0.2:80 + 1 more...", "60m"]),
        ),
        (
            "batch",
            "jobs",
            json!({"metadata": {"name": "j"}, "spec": {"completions": 2}, "status": {"succeeded": 1, "startTime": "2024-01-01T00:59:30Z"}}),
            json!(["j", "1/2", "30s", "60m", "", "", "<none>"]),
        ),
        (
            "rbac.authorization.k8s.io",
            "rolebindings",
            json!({"metadata": {"name": "r"}, "roleRef": {"kind": "ClusterRole", "name": "view"}, "subjects": [{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "namespace": "n", "name": "s"}]}),
            json!(["r", "ClusterRole/view", "60m", "u", "", "n/s"]),
        ),
        (
            "rbac.authorization.k8s.io",
            "roles",
            json!({"metadata": {"name": "r"}}),
            json!(["r", "2024-01-01T00:00:00Z"]),
        ),
    ];
    for (group, resource, object, wanted) in table {
        assert_eq!(cells(group, resource, object), wanted, "{resource}");
    }
}
