//! Real signals to a real process: this test binary, started again by itself.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use kubewright_operator::Shutdown;

/// Names what the child does; unset in the test itself.
const PART: &str = "KUBEWRIGHT_TEST_SIGNALS_PART";

/// Not a test of its own: what the children of the tests below run.
#[tokio::test]
async fn child() {
    let Ok(part) = std::env::var(PART) else {
        return;
    };
    let shutdown = Shutdown::on_signals().unwrap();
    println!("\nlistening");
    shutdown.triggered().await;
    println!("\nstopping");
    if part == "hangs" {
        std::future::pending::<()>().await;
    }
    let finished = shutdown.drain(Duration::from_secs(60), async {}).await;
    std::process::exit(if finished.is_ok() { 0 } else { 1 });
}

struct Started {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Started {
    fn new(part: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(PART, part)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn says(&mut self, expected: &str) {
        assert!(self.lines.any(|line| line.unwrap() == expected), "never said {expected}");
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    fn exits(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // Already gone, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn one_signal_ends_in_order() {
    for signal in ["TERM", "INT"] {
        let mut started = Started::new("ends");
        started.says("listening");
        started.signal(signal);
        started.says("stopping");
        assert_eq!(started.exits(), Some(0), "{signal}");
    }
}

#[test]
fn a_second_signal_exits_at_once() {
    for (first, second, code) in [("TERM", "TERM", 143), ("INT", "INT", 130), ("TERM", "INT", 130)]
    {
        let mut started = Started::new("hangs");
        started.says("listening");
        started.signal(first);
        started.says("stopping");
        started.signal(second);
        assert_eq!(started.exits(), Some(code), "{first} {second}");
    }
}
