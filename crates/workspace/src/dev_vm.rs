//! A machine to develop on: what the old Vagrant box was, as a file for cloud-init, which any cloud
//! and any hypervisor takes.

use serde_json::{Value, json};

use crate::name::{GitUrl, NameError, Reference};

/// The machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Where the repository with `workspace.toml` is.
    pub repository: GitUrl,
    /// Its branch, tag or commit.
    pub reference: Option<Reference>,
    /// Name of the machine and of the folder.
    pub name: String,
    /// Public SSH keys of the user.
    pub keys: Vec<String>,
}

/// What a build needs on Debian and Ubuntu.
const PACKAGES: [&str; 9] = [
    "git",
    "golang-go",
    "make",
    "gcc",
    "buildah",
    "containerd",
    "containernetworking-plugins",
    "nftables",
    "jq",
];

/// Why there is no such machine.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// Its name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A key is no public SSH key.
    #[error("{0:?} is no public SSH key, as ssh-ed25519 AAAA… me@host")]
    Key(String),
}

impl Machine {
    /// Text of its `user-data`, by
    /// <https://cloudinit.readthedocs.io/en/latest/reference/modules.html>. JSON is YAML, and is
    /// quoted in one way only.
    ///
    /// # Errors
    /// When its name or a key is none.
    pub fn user_data(&self) -> Result<String, MachineError> {
        crate::name::ComponentName::new(self.name.clone())?;
        for key in &self.keys {
            let kind = key.split(' ').next().unwrap_or_default();
            let known = ["ssh-", "ecdsa-", "sk-"].iter().any(|begin| kind.starts_with(begin));
            if !known || key.contains(|c: char| c.is_control()) || !key.contains(' ') {
                return Err(MachineError::Key(key.chars().take(40).collect()));
            }
        }
        let folder = format!("/home/dev/{}", self.name);
        let mut clone = vec!["git", "clone"];
        if let Some(reference) = &self.reference {
            clone.extend(["--branch", reference.as_str()]);
        }
        clone.extend(["--", self.repository.as_str(), &folder]);
        let as_user = |words: &[&str]| -> Value {
            let words = ["runuser", "-u", "dev", "--"].iter().chain(words);
            words.copied().collect()
        };
        let file = format!("{folder}/workspace.toml");
        let data = json!({
            "hostname": self.name,
            "package_update": true,
            "packages": PACKAGES,
            "users": [{
                "name": "dev",
                "shell": "/bin/bash",
                "sudo": "ALL=(ALL) NOPASSWD:ALL",
                "lock_passwd": true,
                "ssh_authorized_keys": self.keys,
            }],
            // The program itself is brought by whoever makes the machine, as a package.
            "runcmd": [
                as_user(&clone),
                ["sh", "-c", format!(
                    "if command -v kubewright >/dev/null; then runuser -u dev -- kubewright workspace --workspace {file} sync; \
                     else echo 'install the kubewright package, then: kubewright workspace sync' >/etc/motd; fi"
                )],
            ],
        });
        let text = serde_json::to_string_pretty(&data).unwrap_or_default();
        Ok(format!("#cloud-config\n# Made by `kubewright workspace dev-vm`.\n{text}\n"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn machine() -> Machine {
        Machine {
            repository: "https://host/team/calico.git".parse().unwrap(),
            reference: Some("main".parse().unwrap()),
            name: "calico".to_owned(),
            keys: vec!["ssh-ed25519 AAAA me@host".to_owned()],
        }
    }

    #[test]
    fn it_is_what_cloud_init_reads() {
        let text = machine().user_data().unwrap();
        assert!(text.starts_with("#cloud-config\n"));
        let data: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(data["users"][0]["ssh_authorized_keys"][0], "ssh-ed25519 AAAA me@host");
        let clone: Vec<&str> =
            data["runcmd"][0].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(clone[4..8], ["git", "clone", "--branch", "main"]);
    }

    #[test]
    fn what_would_run_as_something_else_is_refused() {
        let machine = |name: &str| Machine { name: name.to_owned(), ..machine() }.user_data();
        for name in ["a b", "$(id)", "../x", ""] {
            assert!(machine(name).is_err(), "{name:?}");
        }
        let key = "ssh-rsa AAAA\nruncmd: []".to_owned();
        let machine = Machine { keys: vec![key], ..self::machine() };
        assert!(machine.user_data().is_err());
    }
}
