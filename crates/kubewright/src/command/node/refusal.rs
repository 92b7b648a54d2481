//! What is said of a line that clap refuses: without what may be a token, and with what those who
//! know kubeadm were looking for.

use std::ffi::OsString;

/// Letters and digits in a row from which on they may be the secret half of a token.
const SECRET: usize = 16;

/// Flags of kubeadm, and what says the same here.
const FLAGS: [(&str, &str); 18] = [
    ("--apiserver-advertise-address", "--address"),
    ("--apiserver-bind-port", "--port"),
    ("--apiserver-cert-extra-sans", "--var apiServer.certSANs=…"),
    ("--cert-dir", "--var certificates.directory=…"),
    ("--certificate-key", "--var clusterFormation.certificateKeyFile=FILE"),
    ("--control-plane", "--var clusterFormation.controlPlane=true"),
    ("--control-plane-endpoint", "--var network.dns.externalFqdn=…"),
    ("--cri-socket", "--var runtime.socket=…"),
    ("--discovery-token", TOKEN),
    (
        "--discovery-token-unsafe-skip-ca-verification",
        "--var certificates.unsafeSkipVerification=true",
    ),
    ("--force", "--yes"),
    ("--node-name", "--name"),
    ("--pod-network-cidr", "--var network.podSubnet=…"),
    ("--service-cidr", "--var network.serviceSubnet=…"),
    ("--service-dns-domain", "--var network.dns.domain=…"),
    ("--token-ttl", "--var clusterFormation.tokenTtl=…"),
    ("--token", TOKEN),
    (
        "--upload-certs",
        "network.dns.externalFqdn: a seeder that others reach by such a name does it",
    ),
];

const TOKEN: &str = "the variable TOKEN of the environment, or --token-file: every user of the machine could read it in an argument";

/// What clap says of a line of `kubewright node`, as it is to be said; nothing when there is
/// nothing to be changed about it.
pub(crate) fn refusal(said: &str, arguments: &[OsString]) -> Option<String> {
    let words: Vec<&str> = arguments.iter().skip(1).filter_map(|word| word.to_str()).collect();
    if !words.contains(&"node") {
        return None;
    }
    let mut text = said.to_owned();
    let values = words.iter().map(|word| word.split_once('=').map_or(*word, |(_, value)| value));
    for value in values.filter(|value| may_be_token(value)) {
        text = text.replace(value, "…");
    }
    let leaks = text != said;
    let refused = |flag: &str| said.contains(&format!("'{flag}'"));
    let hints = FLAGS.iter().filter(|(flag, _)| refused(flag));
    let mut hints: Vec<String> =
        hints.map(|(flag, here)| format!("what kubeadm has as {flag} is here: {here}\n")).collect();
    if leaks && hints.is_empty() {
        hints.push(format!("if this was a token, it belongs in {TOKEN}\n"));
    }
    (!hints.is_empty()).then(|| format!("{text}\n{}", hints.concat()))
}

fn may_be_token(word: &str) -> bool {
    let mut runs = word.split(|letter: char| !letter.is_ascii_alphanumeric());
    runs.any(|run| run.len() >= SECRET)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &[&str]) -> Option<String> {
        use clap::CommandFactory as _;
        let arguments: Vec<OsString> = line.iter().map(OsString::from).collect();
        let error = crate::cli::Cli::command().try_get_matches_from(&arguments).err()?;
        refusal(&error.to_string(), &arguments)
    }

    #[test]
    fn flags_of_kubeadm_are_told_by_what_says_the_same() {
        for (flag, here) in FLAGS.iter().filter(|(flag, _)| *flag != "--force") {
            let verb = if flag.contains("apiserver") { "init" } else { "join" };
            let told = refused(&["kubewright", "node", verb, flag, "1"]);
            assert!(told.is_some_and(|told| told.contains(here)), "{flag}");
        }
        let told = refused(&["kubewright", "node", "reset", "--force"]);
        assert!(told.is_some_and(|told| told.contains("--yes")));
    }

    #[test]
    fn keys_that_are_told_are_there() {
        let variables =
            FLAGS.iter().filter_map(|(_, here)| here.strip_prefix("--var ")?.split_once('='));
        for (key, _) in variables {
            let tree =
                serde_json::to_value(kubewright_node::config::defaults()).unwrap_or_default();
            let pointer = format!("/{}", key.replace('.', "/"));
            assert!(tree.pointer(&pointer).is_some(), "{key}");
        }
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        assert_eq!(refused(&["kubewright", "up", "--token", "94dcda.c271f4ff502789ca"]), None);
        assert_eq!(refused(&["kubewright", "node", "join", "a", "b"]), None);
        let told = refused(&["kubewright", "node", "join", "a", "94dcda.c271f4ff502789ca"]);
        let told = told.unwrap_or_default();
        assert!(told.contains("'…'") && told.contains("if this was a token"), "{told}");
    }
}
