//! One life of a server, from its start to its violent end.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use kube::config::AuthInfo;
use kube::{Client, Config};
use libtest_mimic::Failed;

use crate::{SERVE, TOKEN};

pub(crate) struct Life(Child);

impl Life {
    /// Starts a server; does not wait for it.
    pub(crate) fn begin(directory: &Path) -> Result<Self, Failed> {
        let program = std::env::current_exe()?;
        let mut command = Command::new(program);
        command.arg(SERVE).arg(directory).stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(Self(command.spawn()?))
    }

    /// A client, as soon as the server listens.
    pub(crate) fn client(&mut self) -> Result<Client, Failed> {
        let stdout = self.0.stdout.take().ok_or("a server has one client in this test")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        if line.is_empty() {
            return Err("the server does not start".into());
        }
        let mut config = Config::new(format!("http://{}", line.trim()).parse()?);
        config.auth_info = AuthInfo { token: Some(TOKEN.to_owned().into()), ..AuthInfo::default() };
        Ok(Client::try_from(config)?)
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(mut self) -> Result<(), Failed> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // A test that failed: do not leave the process behind.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
