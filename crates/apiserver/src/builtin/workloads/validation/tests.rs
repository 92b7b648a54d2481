#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use crate::builtin::Part;
use crate::builtin::workloads::tests::{created, findings, updated};

const REQUIRED: &str = "FieldValueRequired";
const INVALID: &str = "FieldValueInvalid";
const FORBIDDEN: &str = "FieldValueForbidden";
const UNSUPPORTED: &str = "FieldValueNotSupported";
const DUPLICATE: &str = "FieldValueDuplicate";
const NOT_FOUND: &str = "FieldValueNotFound";

type Expected = &'static [(&'static str, &'static str)];

/// Checks pods whose `spec` or first container differ from a good one.
fn check(table: Vec<(Value, Expected)>, place: fn(&mut Value) -> &mut Value) {
    for (more, expected) in table {
        let mut pod = json!({"metadata": {"name": "p"}, "spec": {
            "serviceAccountName": "sa",
            "containers": [{"name": "c", "image": "x"}],
            "volumes": [{"name": "v"}],
        }});
        for (name, value) in more.as_object().unwrap() {
            place(&mut pod)[name] = value.clone();
        }
        let found = findings("", "pods", pod);
        let found: Vec<_> = found.iter().map(|(a, b)| (*a, b.as_str())).collect();
        assert_eq!(found, expected, "{more}");
    }
}

fn in_spec(table: Vec<(Value, Expected)>) {
    check(table, |pod| &mut pod["spec"]);
}

fn in_container(table: Vec<(Value, Expected)>) {
    check(table, |pod| &mut pod["spec"]["containers"][0]);
}

#[test]
fn containers() {
    in_spec(vec![
        (json!({}), &[]),
        (json!({"containers": []}), &[(REQUIRED, "spec.containers")]),
        (json!({"containers": [{"name": "c"}]}), &[(REQUIRED, "spec.containers[0].image")]),
        (json!({"containers": [{"image": "x"}]}), &[(REQUIRED, "spec.containers[0].name")]),
        (
            json!({"containers": [{"name": "c", "image": "x"}, {"name": "c", "image": "y"}]}),
            &[(DUPLICATE, "spec.containers[1].name")],
        ),
        (
            json!({"initContainers": [
                {"name": "c", "image": "y", "livenessProbe": {"exec": {"command": ["a"]}}},
            ]}),
            &[
                (DUPLICATE, "spec.initContainers[0].name"),
                (FORBIDDEN, "spec.initContainers[0].livenessProbe"),
            ],
        ),
        (
            json!({"ephemeralContainers": [{
                "name": "e", "image": "x", "targetContainerName": "z",
                "ports": [{"containerPort": 1}],
                "volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "s"}],
            }]}),
            &[
                (NOT_FOUND, "spec.ephemeralContainers[0].targetContainerName"),
                (FORBIDDEN, "spec.ephemeralContainers[0].ports"),
                (FORBIDDEN, "spec.ephemeralContainers[0].volumeMounts[0].subPath"),
                (FORBIDDEN, "spec.ephemeralContainers"),
            ],
        ),
    ]);
    in_container(vec![
        (
            json!({"name": "C_", "ports": [{"containerPort": 0}],
                   "env": [{"name": "1bad=", "value": "x"}], "imagePullPolicy": "Sometimes"}),
            &[
                (INVALID, "spec.containers[0].name"),
                (REQUIRED, "spec.containers[0].ports[0].containerPort"),
                (INVALID, "spec.containers[0].env[0].name"),
                (UNSUPPORTED, "spec.containers[0].imagePullPolicy"),
            ],
        ),
        (json!({"image": " x"}), &[(INVALID, "spec.containers[0].image")]),
        (
            json!({"terminationMessagePolicy": "X"}),
            &[(UNSUPPORTED, "spec.containers[0].terminationMessagePolicy")],
        ),
    ]);
}

#[test]
fn ports() {
    in_container(vec![
        (
            json!({"ports": [
                {"containerPort": 1, "name": "a"}, {"containerPort": 70000, "name": "a"},
                {"containerPort": 3, "name": "UP", "protocol": "X", "hostPort": -1},
            ]}),
            &[
                (DUPLICATE, "spec.containers[0].ports[1].name"),
                (INVALID, "spec.containers[0].ports[1].containerPort"),
                (INVALID, "spec.containers[0].ports[2].name"),
                (INVALID, "spec.containers[0].ports[2].name"),
                (INVALID, "spec.containers[0].ports[2].hostPort"),
                (UNSUPPORTED, "spec.containers[0].ports[2].protocol"),
            ],
        ),
        (
            json!({"ports": [
                {"containerPort": 1, "hostPort": 5}, {"containerPort": 2, "hostPort": 5},
                {"containerPort": 3, "hostPort": 5, "protocol": "UDP"},
            ]}),
            &[(DUPLICATE, "spec.containers[0].ports[1].hostPort")],
        ),
    ]);
}

#[test]
fn environment() {
    let from = |source: Value| json!({"env": [{"name": "A", "valueFrom": source}]});
    in_container(vec![
        (from(json!({"fieldRef": {"fieldPath": "metadata.labels['a']"}})), &[]),
        (from(json!({"resourceFieldRef": {"resource": "limits.cpu"}})), &[]),
        (from(json!({})), &[(INVALID, "spec.containers[0].env[0].valueFrom")]),
        (
            from(json!({"fieldRef": {"fieldPath": "spec.restartPolicy"}})),
            &[(UNSUPPORTED, "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath")],
        ),
        (
            from(json!({"fieldRef": {"fieldPath": "spec.nope"}})),
            &[(INVALID, "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath")],
        ),
        (
            from(
                json!({"secretKeyRef": {"key": "a b"}, "configMapKeyRef": {"name": "c", "key": "k"}}),
            ),
            &[
                (REQUIRED, "spec.containers[0].env[0].valueFrom.secretKeyRef.name"),
                (INVALID, "spec.containers[0].env[0].valueFrom.secretKeyRef.key"),
                (INVALID, "spec.containers[0].env[0].valueFrom"),
            ],
        ),
        (
            from(json!({"resourceFieldRef": {"resource": "limits.memory", "divisor": "1m"}})),
            &[(INVALID, "spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor")],
        ),
        (
            json!({"envFrom": [{}, {"secretRef": {}}, {"prefix": "=", "configMapRef": {"name": "a"}}]}),
            &[
                (INVALID, "spec.containers[0].envFrom[0]"),
                (REQUIRED, "spec.containers[0].envFrom[1].secretRef.name"),
                (INVALID, "spec.containers[0].envFrom[2].prefix"),
            ],
        ),
    ]);
}

#[test]
fn mounts_and_probes() {
    in_container(vec![
        (
            json!({"volumeMounts": [{"name": "nope", "mountPath": "/x"}]}),
            &[(NOT_FOUND, "spec.containers[0].volumeMounts[0].name")],
        ),
        (
            json!({"volumeMounts": [
                {"name": "v", "mountPath": "/x", "subPath": "../a"},
                {"name": "v", "mountPath": "/x", "mountPropagation": "Bidirectional"},
            ]}),
            &[
                (INVALID, "spec.containers[0].volumeMounts[0].subPath"),
                (INVALID, "spec.containers[0].volumeMounts[1].mountPath"),
                (FORBIDDEN, "spec.containers[0].volumeMounts[1].mountPropagation"),
            ],
        ),
        (
            json!({"livenessProbe": {}, "readinessProbe": {
                "httpGet": {"port": 0}, "exec": {"command": ["a"]}, "periodSeconds": -1,
            }, "startupProbe": {"tcpSocket": {"port": "http"}, "successThreshold": 2}}),
            &[
                (REQUIRED, "spec.containers[0].livenessProbe"),
                (FORBIDDEN, "spec.containers[0].readinessProbe.httpGet"),
                (INVALID, "spec.containers[0].readinessProbe.periodSeconds"),
                (INVALID, "spec.containers[0].startupProbe.successThreshold"),
            ],
        ),
        (
            json!({"livenessProbe": {"httpGet": {"port": "a--b", "scheme": "FTP"}}}),
            &[
                (INVALID, "spec.containers[0].livenessProbe.httpGet.port"),
                (UNSUPPORTED, "spec.containers[0].livenessProbe.httpGet.scheme"),
            ],
        ),
        (
            json!({"lifecycle": {"preStop": {"exec": {}}}}),
            &[(REQUIRED, "spec.containers[0].lifecycle.preStop.exec.command")],
        ),
        (
            json!({"securityContext": {"runAsUser": -1, "privileged": true,
                                       "allowPrivilegeEscalation": false}}),
            &[
                (INVALID, "spec.containers[0].securityContext.runAsUser"),
                (INVALID, "spec.containers[0].securityContext"),
            ],
        ),
    ]);
}

#[test]
fn resources() {
    let of = |resources: Value| json!({"resources": resources});
    in_container(vec![
        (
            of(json!({"requests": {"cpu": "2"}, "limits": {"cpu": "1"}})),
            &[(INVALID, "spec.containers[0].resources.requests")],
        ),
        (
            of(json!({"requests": {"example.com/d": "1"}})),
            &[(REQUIRED, "spec.containers[0].resources.limits")],
        ),
        (
            of(json!({"requests": {"example.com/d": "1"}, "limits": {"example.com/d": "2"}})),
            &[(INVALID, "spec.containers[0].resources.requests")],
        ),
        (
            of(json!({"limits": {"example.com/d": "500m"}})),
            &[
                (INVALID, "spec.containers[0].resources.limits[example.com/d]"),
                (INVALID, "spec.containers[0].resources.requests[example.com/d]"),
            ],
        ),
        (
            of(json!({"requests": {"gpu": "1"}, "limits": {"gpu": "1"}})),
            &[
                (INVALID, "spec.containers[0].resources.limits[gpu]"),
                (INVALID, "spec.containers[0].resources.requests[gpu]"),
            ],
        ),
        (
            of(json!({"requests": {"memory": "-1"}})),
            &[(INVALID, "spec.containers[0].resources.requests[memory]")],
        ),
        (
            of(json!({"limits": {"hugepages-2Mi": "4Mi"}})),
            &[(FORBIDDEN, "spec.containers[0].resources")],
        ),
    ]);
}

#[test]
fn volumes() {
    let volume = |volume: Value| json!({"volumes": [volume]});
    in_spec(vec![
        (
            json!({"volumes": [{"name": "v"}, {"name": "v", "emptyDir": {}, "hostPath": {"path": "/x"}}]}),
            &[(FORBIDDEN, "spec.volumes[1].hostPath"), (DUPLICATE, "spec.volumes[1].name")],
        ),
        (volume(json!({"name": "V", "emptyDir": {}})), &[(INVALID, "spec.volumes[0].name")]),
        (
            volume(json!({"name": "v", "hostPath": {"path": "/a/../b", "type": "X"}})),
            &[
                (INVALID, "spec.volumes[0].hostPath.path"),
                (UNSUPPORTED, "spec.volumes[0].hostPath.type"),
            ],
        ),
        (
            volume(json!({"name": "v", "secret": {"defaultMode": 512, "items": [{"path": "/a"}]}})),
            &[
                (REQUIRED, "spec.volumes[0].secret.secretName"),
                (INVALID, "spec.volumes[0].secret.defaultMode"),
                (REQUIRED, "spec.volumes[0].secret.items[0].key"),
                (INVALID, "spec.volumes[0].secret.items[0].path"),
            ],
        ),
        (
            volume(json!({"name": "v", "downwardAPI": {"items": [
                {"path": "a", "fieldRef": {"fieldPath": "spec.nodeName"}}, {"path": "b"},
            ]}})),
            &[
                (UNSUPPORTED, "spec.volumes[0].downwardAPI.fieldRef.fieldPath"),
                (REQUIRED, "spec.volumes[0].downwardAPI"),
            ],
        ),
        (
            volume(json!({"name": "v", "projected": {"sources": [
                {"serviceAccountToken": {"path": "t", "expirationSeconds": 60}}, {"configMap": {}},
            ]}})),
            &[
                (
                    INVALID,
                    "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds",
                ),
                (REQUIRED, "spec.volumes[0].projected.sources[1].configMap.name"),
            ],
        ),
        (
            volume(json!({"name": "v", "projected": {"sources": [
                {"secret": {"name": "a", "items": [{"key": "k", "path": "p"}]}},
                {"configMap": {"name": "b", "items": [{"key": "k", "path": "p"}]},
                 "secret": {"name": "c"}}, {},
            ]}})),
            &[
                (INVALID, "spec.volumes[0].projected"),
                (FORBIDDEN, "spec.volumes[0].projected.sources[1]"),
            ],
        ),
        (
            volume(json!({"name": "v", "persistentVolumeClaim": {}})),
            &[(REQUIRED, "spec.volumes[0].persistentVolumeClaim.claimName")],
        ),
    ]);
}

#[test]
fn the_pod_itself() {
    in_spec(vec![
        (
            json!({"restartPolicy": "Maybe", "dnsPolicy": "X"}),
            &[(UNSUPPORTED, "spec.restartPolicy"), (UNSUPPORTED, "spec.dnsPolicy")],
        ),
        (json!({"nodeSelector": {"a b": "c"}}), &[(INVALID, "spec.nodeSelector")]),
        (json!({"dnsPolicy": "None"}), &[(REQUIRED, "spec.dnsConfig")]),
        (
            json!({"dnsConfig": {"nameservers": ["x"], "searches": ["A_"], "options": [{}]}}),
            &[
                (INVALID, "spec.dnsConfig.nameservers[0]"),
                (INVALID, "spec.dnsConfig.searches[0]"),
                (REQUIRED, "spec.dnsConfig.options[0]"),
            ],
        ),
        (json!({"activeDeadlineSeconds": 0}), &[(INVALID, "spec.activeDeadlineSeconds")]),
        (
            json!({"hostname": "a.b", "subdomain": "C", "nodeName": "N"}),
            &[(INVALID, "spec.nodeName"), (INVALID, "spec.hostname"), (INVALID, "spec.subdomain")],
        ),
        (json!({"preemptionPolicy": "X"}), &[(UNSUPPORTED, "spec.preemptionPolicy")]),
        (
            json!({"hostAliases": [{"ip": "x", "hostnames": ["A"]}]}),
            &[(INVALID, "spec.hostAliases.ip"), (INVALID, "spec.hostAliases.hostnames")],
        ),
        (
            json!({"securityContext": {"runAsUser": -1, "sysctls": [{"name": ""}],
                                       "seccompProfile": {"type": "Localhost"}}}),
            &[
                (INVALID, "spec.securityContext.runAsUser"),
                (REQUIRED, "spec.securityContext.seccompProfile.localhostProfile"),
                (REQUIRED, "spec.securityContext.sysctls[0].name"),
            ],
        ),
        (
            json!({"serviceAccountName": null, "volumes": [{"name": "v", "projected": {"sources": [
                {"serviceAccountToken": {"path": "t"}}]}}]}),
            &[(FORBIDDEN, "spec.volumes[0].projected.sources[0].serviceAccountToken")],
        ),
    ]);
}

#[test]
fn scheduling() {
    let node = |term: Value| {
        json!({"affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]},
        }}})
    };
    in_spec(vec![
        (
            json!({"tolerations": [
                {"operator": "Equal"}, {"key": "a", "tolerationSeconds": 1},
                {"key": "a", "operator": "X", "effect": "Y"},
                {"key": "a", "operator": "Exists", "value": "v"},
            ]}),
            &[
                (INVALID, "spec.tolerations[0].operator"),
                (INVALID, "spec.tolerations[1].effect"),
                (UNSUPPORTED, "spec.tolerations[2].operator"),
                (UNSUPPORTED, "spec.tolerations[2].effect"),
                (INVALID, "spec.tolerations[3].operator"),
            ],
        ),
        (
            json!({"affinity": {"nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {},
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 0, "preference": {}}],
            }}}),
            &[
                (
                    REQUIRED,
                    "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms",
                ),
                (
                    INVALID,
                    "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight",
                ),
            ],
        ),
        (
            node(json!({"matchExpressions": [{"key": "a", "operator": "In"}]})),
            &[(
                REQUIRED,
                "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values",
            )],
        ),
        (node(json!({"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]})), &[]),
        (
            json!({"affinity": {"podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution":
                    [{"weight": 5, "podAffinityTerm": {"topologyKey": "a b"}}],
            }}}),
            &[(
                INVALID,
                "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.topologyKey",
            )],
        ),
        (
            json!({"topologySpreadConstraints": [
                {"maxSkew": 0, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"},
                {"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"},
                {"maxSkew": 1, "whenUnsatisfiable": "X"},
            ]}),
            &[
                (INVALID, "spec.topologySpreadConstraints[0].maxSkew"),
                (DUPLICATE, "spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}"),
                (REQUIRED, "spec.topologySpreadConstraints[2].topologyKey"),
                (UNSUPPORTED, "spec.topologySpreadConstraints[2].whenUnsatisfiable"),
            ],
        ),
    ]);
}

#[test]
fn ended_containers_stay_so() {
    let pod = |policy: &str| json!({"metadata": {"name": "p"}, "spec": {"restartPolicy": policy, "containers": [{"name": "c", "image": "x"}]}});
    let ended = json!({"name": "c", "state": {"terminated": {"exitCode": 0}}});
    let running = json!({"name": "c", "state": {"running": {}}});
    for (policy, count) in [("Never", 1), ("OnFailure", 1), ("Always", 0)] {
        let mut stored = created("", "pods", pod(policy));
        stored["status"]["containerStatuses"] = json!([ended]);
        let mut object = stored.clone();
        object["status"]["containerStatuses"] = json!([running]);
        let (_, errors) = updated(("", "pods"), Part::Sub("status"), object, &stored);
        assert_eq!(errors.len(), count, "{policy} {errors:?}");
    }
    let stored = created("", "pods", pod("Always"));
    for (ips, count) in [
        (json!([{"ip": "1.2.3.4"}, {"ip": "::1"}]), 0),
        (json!([{"ip": "1.2.3.4"}, {"ip": "1.2.3.5"}]), 1),
        (json!([{"ip": "x"}]), 1),
    ] {
        let mut object = stored.clone();
        object["status"]["podIPs"] = ips;
        let (_, errors) = updated(("", "pods"), Part::Sub("status"), object, &stored);
        assert_eq!(errors.len(), count, "{errors:?}");
    }
}
