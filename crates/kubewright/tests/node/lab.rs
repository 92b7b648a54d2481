//! Machines on a switch.

use std::cell::Cell;
use std::path::PathBuf;
use std::process::Command;

use kubewright_node::service;
use kubewright_testkit::Netns;
use kubewright_testkit::require::{self, Skip};
use serde_json::Value;

use crate::sandbox::{Ended, KUBEWRIGHT, Running, Sandbox, eventually, run, spawn};

/// What a lab takes.
pub(crate) fn possible() -> Result<(), Skip> {
    require::root()?;
    require::program("ip")
}

/// A switch.
pub(crate) struct Lab {
    switch: Netns,
    ports: Cell<u8>,
}

/// A machine.
pub(crate) struct Host {
    pub(crate) name: &'static str,
    pub(crate) address: String,
    sandbox: Sandbox,
    netns: Netns,
}

/// What a seeder tells.
pub(crate) struct Seeded {
    pub(crate) token: String,
    pub(crate) pin: String,
    pub(crate) kubeconfig: String,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let switch = Netns::new().unwrap();
        switch.exec("ip", &["link", "add", "br0", "type", "bridge"]).unwrap();
        switch.exec("ip", &["link", "set", "br0", "up"]).unwrap();
        Self { switch, ports: Cell::new(0) }
    }

    pub(crate) fn host(&self, name: &'static str) -> Host {
        let number = self.ports.get() + 1;
        self.ports.set(number);
        let (port, address) = (format!("port{number}"), format!("10.77.0.{number}"));
        let netns = Netns::new().unwrap();
        let cable = format!("{address}/24");
        // The port needs an address to be connected, and has no use for one.
        let other = format!("10.78.{number}.1/24");
        self.switch.connect((&port, &other), &netns, ("eth0", &cable)).unwrap();
        self.switch.exec("ip", &["link", "set", &port, "master", "br0"]).unwrap();
        Host { name, address, sandbox: Sandbox::new(), netns }
    }

    /// A seeder that is up. `more` are further arguments of `node init`.
    pub(crate) fn seeder(&self, more: &[&str]) -> (Host, Seeded) {
        self.seeder_named("seeder", more)
    }

    pub(crate) fn seeder_named(&self, name: &'static str, more: &[&str]) -> (Host, Seeded) {
        let host = self.host(name);
        let seeded = host.seed(more, None);
        (host, seeded)
    }
}

impl Host {
    pub(crate) fn state(&self) -> PathBuf {
        self.sandbox.path("state")
    }

    /// A program on this machine, with a token in its environment if there is one.
    pub(crate) fn program(&self, program: &[&str], token: Option<&str>) -> Command {
        let mut command = self.sandbox.program("ip");
        command.args(["netns", "exec", self.netns.name()]).args(program);
        if let Some(token) = token {
            command.env("TOKEN", token);
        }
        command
    }

    pub(crate) fn kubewright(&self, arguments: &[&str]) -> Ended {
        run(&mut self.program(&[&[KUBEWRIGHT], arguments].concat(), None))
    }

    pub(crate) fn init(&self, more: &[&str], token: Option<&str>) -> Ended {
        let state = self.sandbox.state_dir();
        let words = ["node", "init", "--name", self.name, "--address", &self.address];
        let words = [&[KUBEWRIGHT], &words[..], &["--state-dir", &state, "-o", "json"], more];
        run(&mut self.program(&words.concat(), token))
    }

    pub(crate) fn seed(&self, more: &[&str], token: Option<&str>) -> Seeded {
        let told: Value = serde_json::from_str(&self.init(more, token).ok()).unwrap();
        let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
        Seeded { token: text("token"), pin: text("caCertHash"), kubeconfig: text("kubeconfig") }
    }

    /// `node join` as `name`.
    pub(crate) fn join_command(
        &self,
        name: &str,
        seeder: &Host,
        (token, pin): (&str, &str),
        more: &[&str],
    ) -> Command {
        let state = self.sandbox.state_dir();
        let words = ["node", "join", &seeder.address, "--name", name, "--state-dir", &state];
        let pin = if pin.is_empty() { vec![] } else { vec!["--ca-cert-hash", pin] };
        let words = [&[KUBEWRIGHT], &words[..], &["-o", "json"], &pin, more].concat();
        self.program(&words, Some(token))
    }

    pub(crate) fn join(&self, seeder: &Host, seeded: &Seeded, more: &[&str]) -> Ended {
        let known = (seeded.token.as_str(), seeded.pin.as_str());
        run(&mut self.join_command(self.name, seeder, known, more))
    }

    /// Joins in the background; what it says goes to a file.
    pub(crate) fn joining(&self, seeder: &Host, seeded: &Seeded, more: &[&str]) -> Running {
        let known = (seeded.token.as_str(), seeded.pin.as_str());
        let said = std::fs::File::create(self.said()).unwrap();
        spawn(self.join_command(self.name, seeder, known, more).stderr(said))
    }

    fn said(&self) -> PathBuf {
        self.sandbox.path("said")
    }

    /// Waits until a join in the background has said this.
    pub(crate) fn until_said(&self, words: &str) {
        eventually(&format!("{} says {words:?}", self.name), || {
            std::fs::read_to_string(self.said()).is_ok_and(|text| text.contains(words))
        });
    }

    /// `kubewright node …` as the administrator of the cluster of this seeder.
    pub(crate) fn admin(&self, seeded: &Seeded, words: &[&str]) -> Ended {
        self.kubewright(&[&["node"], words, &["--kubeconfig", &seeded.kubeconfig]].concat())
    }

    pub(crate) fn kubectl(&self, seeded: &Seeded, words: &[&str]) -> String {
        let access = ["kubectl", "--kubeconfig", &seeded.kubeconfig];
        run(&mut self.program(&[&access[..], words].concat(), None)).ok()
    }

    pub(crate) fn until_ready(&self, seeded: &Seeded, node: &str) {
        let jsonpath = "jsonpath={.status.conditions[?(@.type=='Ready')].status}";
        eventually(&format!("{node} is ready"), || {
            self.kubectl(seeded, &["get", "node", node, "--ignore-not-found", "-o", jsonpath])
                == "True"
        });
    }

    pub(crate) fn until_pending(&self, seeded: &Seeded, node: &str) {
        eventually(&format!("{node} waits"), || {
            self.admin(seeded, &["pending"]).ok().lines().any(|line| line.starts_with(node))
        });
    }

    pub(crate) fn status(&self) -> Value {
        let state = self.sandbox.state_dir();
        let ended = self.kubewright(&["node", "status", "--state-dir", &state, "-o", "json"]);
        serde_json::from_str(&ended.stdout).unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Err(error) = service::stop(&self.state()) {
            eprintln!("a service is left over: {error}");
        }
    }
}
