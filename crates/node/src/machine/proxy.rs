//! How the machine reaches the internet, and the cluster without it.

use super::{Files, OURS, OurFile, Then, runtime_unit};
use crate::config::{NodeConfiguration, Secret};
use crate::discovery::Endpoint;
use crate::file::{PUBLIC, SECRET};

/// What is reached without the proxy: what the configuration says, the cluster itself, and the
/// `own` addresses and networks of this machine. kubeadm gives it to the API server's pod, too, which
/// reaches the kubelets of the other machines.
fn no_proxy(configuration: &NodeConfiguration, own: &[String]) -> String {
    let network = &configuration.network;
    let mut names: Vec<String> = Vec::new();
    let given = network.proxy.no_proxy.split(',').map(str::trim).map(str::to_owned);
    let subnets = [&network.pod_subnet, &network.service_subnet];
    let subnets = subnets.into_iter().flat_map(|subnet| subnet.split(',')).map(str::trim);
    let seeder = configuration.cluster_formation.seeder.parse::<Endpoint>().ok();
    let always = ["localhost", "127.0.0.1", "::1", ".svc"].map(str::to_owned);
    let all = given
        .chain(always)
        .chain([format!(".{}", network.dns.domain)])
        .chain(subnets.map(str::to_owned))
        .chain([network.bind.address.clone()])
        .chain(network.dns.external_host().map(str::to_owned))
        .chain(seeder.map(|seeder| seeder.host().to_owned()))
        .chain(own.iter().cloned());
    for name in all {
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(",")
}

/// The variables, in both cases: programs differ in which they read. None without a proxy. `own` are
/// the addresses of this machine.
#[must_use]
pub fn environment(configuration: &NodeConfiguration, own: &[String]) -> Vec<(String, String)> {
    let proxy = &configuration.network.proxy;
    if !proxy.is_set() {
        return Vec::new();
    }
    let url = |text: &str| match text.is_empty() || text.contains("://") {
        true => text.to_owned(),
        false => format!("http://{text}"),
    };
    let variables = [
        ("HTTP_PROXY", url(&proxy.http)),
        ("HTTPS_PROXY", url(&proxy.https)),
        ("NO_PROXY", no_proxy(configuration, own)),
    ];
    variables
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .flat_map(|(name, value)| {
            [(name.to_owned(), value.clone()), (name.to_ascii_lowercase(), value)]
        })
        .collect()
}

/// The users of proxies and their passwords, which kubeadm repeats when it warns of a proxy.
#[must_use]
pub fn passwords(configuration: &NodeConfiguration) -> Vec<Secret> {
    let proxy = &configuration.network.proxy;
    let users = [&proxy.http, &proxy.https].into_iter().filter_map(|url| {
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        rest.rsplit_once('@').map(|(user, _)| Secret::new(user))
    });
    users.collect()
}

pub(super) fn files(configuration: &NodeConfiguration, own: &[String]) -> Files {
    let mut files = Files::new();
    let variables = environment(configuration, own);
    if variables.is_empty() {
        return files;
    }
    // systemd takes a percent sign for a specifier; quotes are not among what a value may have.
    let quoted = |value: &str| value.replace('%', "%%");
    let lines: String = variables
        .iter()
        .map(|(name, value)| format!("Environment=\"{name}={}\"\n", quoted(value)))
        .collect();
    for (unit, then) in [
        (runtime_unit(configuration.runtime.engine), Then::RestartRuntime),
        ("kubelet.service", Then::Reload),
    ] {
        let path = format!("/etc/systemd/system/{unit}.d/30-kubewright-proxy.conf");
        // The URL may name a user and his password.
        let file = OurFile { content: format!("{OURS}[Service]\n{lines}"), mode: SECRET, then };
        files.insert(path.into(), file);
    }
    if configuration.network.proxy.system_wide {
        let defaults: Vec<String> =
            variables.iter().map(|(name, value)| format!("\"{name}={}\"", quoted(value))).collect();
        let manager = format!("{OURS}[Manager]\nDefaultEnvironment={}\n", defaults.join(" "));
        files.insert(
            "/etc/systemd/system.conf.d/30-kubewright-proxy.conf".into(),
            OurFile { content: manager, mode: PUBLIC, then: Then::Reload },
        );
        let exports: String =
            variables.iter().map(|(name, value)| format!("export {name}='{value}'\n")).collect();
        files.insert(
            "/etc/profile.d/kubewright-proxy.sh".into(),
            OurFile { content: format!("{OURS}{exports}"), mode: PUBLIC, then: Then::Nothing },
        );
    }
    files
}
