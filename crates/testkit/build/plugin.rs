//! The CNI plugin of the tests: keeps its attachments as files, and fails as it is told.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::thread;
use std::time::Duration;

use kubewright_cni::plugin::{Plugin, Request};
use kubewright_cni::{Attachment, CniError, CniResult, ErrorCode, Interface};
use serde_json::{Value, json};

use crate::behaviour::{Behaviour, Call, Step};

/// No test takes longer; then what it left hanging ends by itself.
const LONGEST: Duration = Duration::from_secs(600);

/// Does what the `testkit` object of its configuration says.
pub(crate) struct TestPlugin;

impl Plugin for TestPlugin {
    fn add(&self, request: &Request) -> Result<CniResult, CniError> {
        let run = Run::start(request)?;
        let runtime = request.attachment()?;
        let state = run.state(runtime.container_id(), runtime.ifname());
        if let Some(state) = &state {
            if state.exists() {
                return Err(failed("the attachment is there already, ADD came twice"));
            }
            let kept = json!({"containerID": runtime.container_id(), "ifname": runtime.ifname()});
            fs::write(state, kept.to_string()).map_err(|error| io_failure(&error))?;
        }
        run.finish()?;
        if let Some(answer) = &run.behaviour.result {
            return CniResult::from_value(answer.clone(), request.version)
                .map_err(|error| CniError::from_error(ErrorCode::InvalidConfig, &error));
        }
        let mut result =
            request.prev_result.clone().unwrap_or_else(|| CniResult::empty(request.version));
        if request.prev_result.is_none() {
            let sandbox = runtime.netns().map(|netns| netns.to_string_lossy().into_owned());
            result.interfaces.push(Interface {
                name: runtime.ifname().to_owned(),
                sandbox: sandbox.unwrap_or_default(),
                ..Interface::default()
            });
        }
        Ok(result)
    }

    fn del(&self, request: &Request) -> Result<(), CniError> {
        let run = Run::start(request)?;
        let runtime = request.attachment()?;
        if let Some(state) = run.state(runtime.container_id(), runtime.ifname()) {
            remove(&state)?;
        }
        run.finish()
    }

    fn check(&self, request: &Request) -> Result<(), CniError> {
        let run = Run::start(request)?;
        let runtime = request.attachment()?;
        let state = run.state(runtime.container_id(), runtime.ifname());
        if state.is_some_and(|state| !state.exists()) {
            return Err(failed("the attachment is not there"));
        }
        run.finish()
    }

    fn status(&self, request: &Request) -> Result<(), CniError> {
        Run::start(request)?.finish()
    }

    fn gc(&self, request: &Request) -> Result<(), CniError> {
        let run = Run::start(request)?;
        if let Some(folder) = &run.behaviour.state {
            for entry in fs::read_dir(folder).map_err(|error| io_failure(&error))? {
                let path = entry.map_err(|error| io_failure(&error))?.path();
                let own = path.file_name().is_some_and(|name| {
                    name.to_string_lossy().starts_with(&format!("{}-", request.network))
                });
                let kept = fs::read(&path).map_err(|error| io_failure(&error))?;
                let kept: Attachment = serde_json::from_slice(&kept)
                    .map_err(|error| CniError::from_error(ErrorCode::DecodingFailure, &error))?;
                if own && !request.valid_attachments.contains(&kept) {
                    remove(&path)?;
                }
            }
        }
        run.finish()
    }
}

/// One call: what it is told to do, recorded.
struct Run<'a> {
    request: &'a Request,
    behaviour: Behaviour,
    step: Step,
}

impl<'a> Run<'a> {
    fn start(request: &'a Request) -> Result<Self, CniError> {
        let told = request.config.get("testkit").cloned().unwrap_or(Value::Object(<_>::default()));
        let mut behaviour: Behaviour = serde_json::from_value(told).map_err(|error| {
            let msg = format!("field \"testkit\" of the configuration: {error}");
            CniError::new(ErrorCode::InvalidConfig, msg)
        })?;
        let step = behaviour.on.remove(request.command.as_str()).unwrap_or_default();
        let run = Self { request, behaviour, step };
        run.record().map_err(|error| io_failure(&error))?;
        if let Some(file) = &run.step.wait_for {
            wait_for(file);
        }
        match &run.step.refuse {
            Some(error) => Err(refusal(error)),
            None => Ok(run),
        }
    }

    /// What a plugin that goes wrong does after its work.
    fn finish(&self) -> Result<(), CniError> {
        let step = &self.step;
        io::stderr().write_all(step.stderr.as_bytes()).map_err(|error| io_failure(&error))?;
        if let Some(file) = &step.grandchild {
            leave_grandchild(file).map_err(|error| io_failure(&error))?;
        }
        if step.hang {
            thread::sleep(LONGEST);
        }
        if step.flood {
            let line = [b'x'; 4096];
            while io::stdout().write_all(&line).is_ok() {}
        }
        if step.die {
            let _ = rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::KILL,
            );
        }
        if let Some(text) = &step.write {
            io::stdout().write_all(text.as_bytes()).map_err(|error| io_failure(&error))?;
            process::exit(step.exit.unwrap_or(0));
        }
        if let Some(code) = step.exit {
            process::exit(code);
        }
        step.fail.as_ref().map_or(Ok(()), |error| Err(refusal(error)))
    }

    fn state(&self, container_id: &str, ifname: &str) -> Option<PathBuf> {
        let folder = self.behaviour.state.as_ref()?;
        Some(folder.join(format!("{}-{container_id}-{ifname}", self.request.network)))
    }

    fn record(&self) -> io::Result<()> {
        let Some(file) = &self.behaviour.record else { return Ok(()) };
        let Request { command, runtime, config, .. } = self.request;
        let runtime = runtime.as_ref();
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let call = Call {
            command: command.to_string(),
            container_id: text(runtime.map(|runtime| runtime.container_id())),
            ifname: text(runtime.map(|runtime| runtime.ifname())),
            netns: runtime.and_then(|runtime| runtime.netns().map(Path::to_owned)),
            args: runtime.map(|runtime| runtime.args.to_string()).unwrap_or_default(),
            config: Value::Object(config.clone()),
        };
        // One write, as other calls append at the same time.
        let line = format!("{}\n", serde_json::to_string(&call)?);
        OpenOptions::new().append(true).create(true).open(file)?.write_all(line.as_bytes())
    }
}

/// A child that outlives the plugin with its pipes open, and whose id the test finds in a file.
fn leave_grandchild(file: &Path) -> io::Result<()> {
    let seconds = LONGEST.as_secs().to_string();
    let child = Command::new("sleep").arg(seconds).stdin(Stdio::inherit()).spawn()?;
    let temporary = file.with_extension("new");
    fs::write(&temporary, child.id().to_string())?;
    fs::rename(temporary, file)
}

/// A plugin cannot be told by its caller when to go on; so it looks.
fn wait_for(file: &Path) {
    let mut waited = Duration::ZERO;
    let look = Duration::from_millis(2);
    while !file.exists() && waited < LONGEST {
        thread::sleep(look);
        waited += look;
    }
}

fn remove(file: &Path) -> Result<(), CniError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_failure(&error)),
        _ => Ok(()),
    }
}

fn refusal(error: &Value) -> CniError {
    serde_json::from_value(error.clone()).unwrap_or_else(|invalid| {
        let msg = format!("the error that this plugin shall answer with: {invalid}");
        CniError::new(ErrorCode::InvalidConfig, msg)
    })
}

fn failed(msg: &str) -> CniError {
    CniError::new(ErrorCode::Other(100), msg)
}

fn io_failure(error: &io::Error) -> CniError {
    CniError::new(ErrorCode::IoFailure, error.to_string())
}
