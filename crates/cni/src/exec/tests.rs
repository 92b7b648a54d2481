#![allow(clippy::unwrap_used)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use kubewright_testkit::require;
use kubewright_testkit::require::{program, root};
use tempfile::TempDir;

use super::*;

/// No test waits as long; a call that should end by itself and does not, fails by this.
const LONG: Duration = Duration::from_secs(120);

struct Script(TempDir);

impl Script {
    fn new(text: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let program = folder.path().join("plugin");
        fs::write(&program, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn invocation(&self) -> Invocation {
        Invocation {
            program: self.path("plugin"),
            env: vec![("CNI_COMMAND", "ADD".into()), ("CNI_PATH", self.0.path().into())],
            stdin: b"{}".to_vec(),
            timeout: LONG,
            cancel: None,
        }
    }

    fn run(&self) -> Result<Output, ExecError> {
        Processes::new().run(&self.invocation())
    }
}

/// Waits until a process is gone, or only its parent has yet to hear of it.
fn ends(pid: &str) -> bool {
    let started = Instant::now();
    loop {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
        if matches!(state, None | Some('Z' | 'X')) {
            return true;
        }
        if started.elapsed() > LONG {
            return false;
        }
        thread::yield_now();
    }
}

fn appears(path: &Path) -> String {
    let started = Instant::now();
    loop {
        match fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
            _ => assert!(started.elapsed() < LONG, "{} does not appear", path.display()),
        }
        thread::yield_now();
    }
}

#[test]
fn input_environment_output_and_status_are_those_of_the_program() {
    let script = Script::new("cat; echo \"$CNI_COMMAND $PATH\" >&2; exit 3");
    let output = script.run().unwrap();
    assert_eq!(output.stdout, b"{}");
    let path = std::env::var("PATH").unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), format!("ADD {path}\n"));
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn its_own_cni_variables_are_not_handed_on() {
    // As a plugin that calls plugins has them: the test runs itself with one set.
    if std::env::var_os("CNI_NETNS").is_none() {
        let this = "exec::tests::its_own_cni_variables_are_not_handed_on";
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", this])
            .env("CNI_NETNS", "/run/netns/of-the-caller")
            .status();
        assert!(status.unwrap().success());
        return;
    }
    let output = Script::new("env").run().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("CNI_COMMAND=ADD\n") && !text.contains("CNI_NETNS"), "{text}");
}

#[test]
fn input_and_output_longer_than_a_pipe_pass_at_once() {
    let script = Script::new("cat");
    let stdin = vec![b'x'; 900 << 10];
    let output = Processes::new().run(&Invocation { stdin: stdin.clone(), ..script.invocation() });
    assert!(output.unwrap().stdout == stdin);
}

#[test]
fn a_program_that_reads_nothing_is_no_error() {
    let script = Script::new("exec <&-; echo done");
    let stdin = vec![b'x'; 1 << 20];
    let output = Processes::new().run(&Invocation { stdin, ..script.invocation() }).unwrap();
    assert_eq!(output.stdout, b"done\n");
}

#[test]
fn a_grandchild_with_the_pipes_keeps_nobody_waiting() {
    let script = Script::new("sleep 1000 & echo $! > \"$CNI_PATH/pid\"; echo result");
    let output = script.run().unwrap();
    assert_eq!(output.stdout, b"result\n");
    // It was not told to end: a daemon of a plugin goes on.
    let pid = appears(&script.path("pid"));
    assert!(Path::new("/proc").join(&pid).exists());
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
}

#[test]
fn the_deadline_kills_the_whole_process_group() {
    let script =
        Script::new("sleep 1000 & echo $! > \"$CNI_PATH/pid\"; echo busy >&2; wait; echo late");
    // The deadline must not come before the script has got so far, however slow the machine.
    let patient = Invocation { timeout: Duration::from_secs(5), ..script.invocation() };
    let error = Processes::new().run(&patient).unwrap_err();
    let ExecError::Timeout { after, stderr } = error else { panic!("{error:?}") };
    assert!(after >= patient.timeout);
    assert_eq!(stderr, b"busy\n");
    assert!(ends(&appears(&script.path("pid"))));
}

/// What leaves the group is still its descendant.
#[test]
fn the_deadline_kills_what_has_a_session_of_its_own() {
    let script = Script::new(
        "setsid sh -c 'echo $$ > \"$CNI_PATH/session\"; sleep 1000 & echo $! > \"$CNI_PATH/pid\"; wait' &
wait",
    );
    let cancel = Cancel::new().unwrap();
    let invocation = Invocation { cancel: Some(cancel.clone()), ..script.invocation() };
    thread::scope(|scope| {
        let run = scope.spawn(|| Processes::new().run(&invocation));
        appears(&script.path("pid"));
        cancel.cancel();
        assert!(matches!(run.join().unwrap(), Err(ExecError::Cancelled)));
    });
    assert!(ends(&appears(&script.path("session"))));
    assert!(ends(&appears(&script.path("pid"))));
}

/// What its parent has left behind belongs to nobody: it may be a daemon that serves others.
#[test]
fn a_daemon_outlives_the_deadline() {
    let script = Script::new(
        "(setsid sleep 1000 >/dev/null 2>&1 & echo $! > \"$CNI_PATH/pid\")\necho > \"$CNI_PATH/left\"; sleep 1000",
    );
    let cancel = Cancel::new().unwrap();
    let invocation = Invocation { cancel: Some(cancel.clone()), ..script.invocation() };
    thread::scope(|scope| {
        let run = scope.spawn(|| Processes::new().run(&invocation));
        appears(&script.path("left"));
        // It has left the group when its session is its own.
        let pid = appears(&script.path("pid"));
        let session = || {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            let fields = stat.rsplit_once(')').unwrap().1;
            fields.split_whitespace().nth(3).unwrap().to_owned()
        };
        let started = Instant::now();
        while session() != pid && started.elapsed() < LONG {
            thread::yield_now();
        }
        cancel.cancel();
        assert!(matches!(run.join().unwrap(), Err(ExecError::Cancelled)));
    });
    let pid = appears(&script.path("pid"));
    assert!(Path::new("/proc").join(&pid).exists());
    let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn a_program_that_always_writes_does_not_outlive_its_deadline() {
    let script = Script::new("while :; do echo x >&2; done");
    let short = Invocation { timeout: Duration::from_millis(300), ..script.invocation() };
    assert!(matches!(Processes::new().run(&short), Err(ExecError::Timeout { .. })));
}

#[test]
fn a_cancelled_call_ends_and_later_ones_do_not_begin() {
    let script = Script::new("echo $$ > \"$CNI_PATH/pid\"; sleep 1000");
    let cancel = Cancel::new().unwrap();
    let invocation = Invocation { cancel: Some(cancel.clone()), ..script.invocation() };
    let (send, receive) = mpsc::channel();
    let pid = thread::scope(|scope| {
        scope.spawn(|| send.send(Processes::new().run(&invocation)).unwrap());
        let pid = appears(&script.path("pid"));
        cancel.cancel();
        pid
    });
    assert!(matches!(receive.recv().unwrap(), Err(ExecError::Cancelled)));
    assert!(ends(&pid));
    fs::remove_file(script.path("pid")).unwrap();
    assert!(cancel.is_cancelled());
    assert!(matches!(Processes::new().run(&invocation), Err(ExecError::Cancelled)));
    assert!(!script.path("pid").exists());
}

#[test]
fn output_without_end_is_cut_off() {
    let script = Script::new("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done");
    assert!(matches!(script.run(), Err(ExecError::TooMuchOutput(_))));
}

#[test]
fn of_standard_error_the_end_is_kept() {
    let script = Script::new("yes | head -c 100000 >&2; printf last >&2");
    let stderr = script.run().unwrap().stderr;
    assert_eq!(stderr.len(), 16 << 10);
    assert!(stderr.ends_with(b"y\nlast"));
}

#[test]
fn a_signal_is_seen_in_the_status() {
    let status = Script::new("kill -9 $$").run().unwrap().status;
    assert_eq!(status.signal(), Some(9));
}

#[test]
fn a_program_that_is_being_written_is_tried_again() {
    let script = Script::new("echo new");
    let writer = fs::OpenOptions::new().append(true).open(script.path("plugin")).unwrap();
    let busy = std::process::Command::new(script.path("plugin")).spawn().unwrap_err();
    assert_eq!(busy.kind(), io::ErrorKind::ExecutableFileBusy);
    thread::scope(|scope| {
        let run = scope.spawn(|| script.run());
        // The first try is within microseconds of this; either way the call succeeds.
        thread::sleep(Duration::from_millis(20));
        drop(writer);
        assert_eq!(run.join().unwrap().unwrap().stdout, b"new\n");
    });
}

#[test]
fn an_old_kernel_does_as_well() {
    let processes = Processes::without_pidfds();
    let script = Script::new("cat; sleep 0.05; echo done; exit 3");
    let output = processes.run(&script.invocation()).unwrap();
    assert_eq!((output.stdout.as_slice(), output.status.code()), (&b"{}done\n"[..], Some(3)));
    let hangs = Script::new("sleep 1000 & echo $! > \"$CNI_PATH/pid\"; wait");
    let patient = Invocation { timeout: Duration::from_secs(3), ..hangs.invocation() };
    assert!(matches!(processes.run(&patient), Err(ExecError::Timeout { .. })));
    assert!(ends(&appears(&hangs.path("pid"))));
}

#[test]
fn a_deadline_beyond_all_time_is_none() {
    let script = Script::new("echo done");
    let invocation = Invocation { timeout: Duration::MAX, ..script.invocation() };
    assert_eq!(Processes::new().run(&invocation).unwrap().stdout, b"done\n");
}

#[test]
fn what_cannot_start_says_why() {
    let script = Script::new("");
    let mut invocation = script.invocation();
    invocation.program = script.path("absent");
    let error = Processes::new().run(&invocation).unwrap_err();
    let ExecError::Spawn(source) = error else { panic!("{error:?}") };
    assert_eq!(source.kind(), io::ErrorKind::NotFound);
    invocation.program = script.path("plugin");
    invocation.env.push(("CNI_ARGS", OsStr::new("A=\0").into()));
    assert!(matches!(Processes::new().run(&invocation), Err(ExecError::Spawn(_))));
}

/// A folder that can be a root: a shell with what it is linked with.
fn root_with_a_shell() -> TempDir {
    let root = TempDir::new().unwrap();
    let linked = std::process::Command::new("ldd").arg("/bin/sh").output().unwrap();
    let linked = String::from_utf8(linked.stdout).unwrap();
    let libraries = linked.split_whitespace().filter(|word| word.starts_with('/'));
    for file in libraries.chain(["/bin/sh"]) {
        let copy = root.path().join(file.trim_start_matches('/'));
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(file, copy).unwrap();
    }
    root
}

#[test]
fn in_a_root_programs_are_found_and_run_as_there() {
    require!(root(), program("ldd"));
    let root = root_with_a_shell();
    let folder = root.path().join("opt/version-1");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("plugin"), "#!/bin/sh\nread -r text </of-there; echo $PWD $text\n")
        .unwrap();
    fs::set_permissions(folder.join("plugin"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(root.path().join("of-there"), "seen\n").unwrap();
    // As k3s has them: a link that leads nowhere but there.
    std::os::unix::fs::symlink("/opt/version-1", root.path().join("bin/current")).unwrap();

    let before = std::env::current_dir().unwrap();
    let processes = Processes::new().in_root(root.path()).unwrap();
    let program = PathBuf::from("/bin/current/plugin");
    assert!(processes.has(&program) && !Processes::new().has(&program));
    assert!(!processes.has(Path::new("/bin/current")) && !processes.has(Path::new("/of-there")));
    let env = vec![("PATH", "/bin".into())];
    let invocation = Invocation { program, env, stdin: Vec::new(), timeout: LONG, cancel: None };
    let output = processes.run(&invocation).unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "/ seen\n", "{:?}", output.stderr);
    assert!(output.status.success());
    // Nobody else has moved.
    assert_eq!(std::env::current_dir().unwrap(), before);
    assert!(!Path::new("/of-there").exists());
    let error = Processes::new().in_root(&root.path().join("absent")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}
