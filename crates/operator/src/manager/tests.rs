#![allow(clippy::unwrap_used)]
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use crate::controller::Context;
use crate::double::{Mode, Server};
use crate::lease::{ElectionOptions, is_not_leading};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Conduct {
    /// Works until it is told to stop.
    Good,
    Fails,
    Panics,
    Returns,
    /// Ignores being told to stop.
    Deaf,
}

#[derive(Clone)]
struct Worker {
    name: &'static str,
    conduct: Conduct,
    started: mpsc::UnboundedSender<(&'static str, Context)>,
    stopped: mpsc::UnboundedSender<&'static str>,
}

impl Controller for Worker {
    type Error = std::io::Error;

    fn name(&self) -> &str {
        self.name
    }

    async fn run(self, context: Context) -> Result<(), Self::Error> {
        self.started.send((self.name, context.clone())).unwrap();
        match self.conduct {
            Conduct::Good => context.shutdown.triggered().await,
            Conduct::Fails => return Err(std::io::Error::other("the template is missing")),
            Conduct::Panics => panic!("an invariant is broken"),
            Conduct::Returns => {}
            Conduct::Deaf => std::future::pending().await,
        }
        let _ = self.stopped.send(self.name);
        Ok(())
    }
}

struct Running {
    started: mpsc::UnboundedReceiver<(&'static str, Context)>,
    stopped: mpsc::UnboundedReceiver<&'static str>,
    metrics: Metrics,
    readiness: Readiness,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), ManagerError>>,
}

async fn run(server: &Server, elect: bool, workers: &[(&'static str, Conduct)]) -> Running {
    let election = elect.then(|| ElectionOptions::new("kube-system", "controllers"));
    let options = ManagerOptions { election, ..ManagerOptions::default() };
    let mut manager = Manager::bind(server.client(), options).await.unwrap();
    let (starts, started) = mpsc::unbounded_channel();
    let (stops, stopped) = mpsc::unbounded_channel();
    for (name, conduct) in workers {
        let (started, stopped) = (starts.clone(), stops.clone());
        manager = manager.controller(Worker { name, conduct: *conduct, started, stopped });
    }
    let (metrics, readiness) = (manager.metrics().clone(), manager.readiness().clone());
    let shutdown = Shutdown::new();
    let task = tokio::spawn(manager.run(shutdown.clone()));
    Running { started, stopped, metrics, readiness, shutdown, task }
}

async fn delete(context: &Context) -> kube::Result<()> {
    let api = Api::<ConfigMap>::namespaced(context.client.clone(), "n");
    api.delete("a", &DeleteParams::default()).await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn controllers_write_while_leading_and_stop_before_the_lease_is_released() {
    let server = Server::new();
    let mut one = run(&server, true, &[("a", Conduct::Good)]).await;
    let (_, context) = one.started.recv().await.unwrap();
    delete(&context).await.unwrap();
    assert!(
        one.readiness
            .report()
            .1
            .contains("[+] leadership ok: leading by lease kube-system/controllers, term 1")
    );
    let text = one.metrics.render();
    assert!(text.contains("kubewright_leader{lease=\"kube-system/controllers\"} 1"), "{text}");
    assert!(text.contains("controller=\"a\",verb=\"delete\""), "{text}");
    assert!(text.contains("controller=\"leader-election\",verb=\"create\""), "{text}");

    one.shutdown.trigger();
    one.task.await.unwrap().unwrap();
    assert_eq!(one.stopped.recv().await, Some("a"));
    assert!(is_not_leading(&delete(&context).await.unwrap_err()));
    let lease = server.objects("/apis/coordination.k8s.io").remove(0);
    assert!(lease["spec"]["holderIdentity"].is_null());
    let (ready, report) = one.readiness.report();
    assert!(!ready && report.contains("[-] shutdown: shutting down"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_standby_runs_nothing_until_the_leader_is_gone() {
    let server = Server::new();
    let mut one = run(&server, true, &[("a", Conduct::Good)]).await;
    let (_, first) = one.started.recv().await.unwrap();
    let mut two = run(&server, true, &[("a", Conduct::Good)]).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(two.started.try_recv().is_err());
    assert!(two.readiness.report().0, "a standby is ready: {}", two.readiness.report().1);

    one.shutdown.trigger();
    let (_, second) = two.started.recv().await.unwrap();
    delete(&second).await.unwrap();
    assert!(is_not_leading(&delete(&first).await.unwrap_err()));
}

#[tokio::test(start_paused = true)]
async fn lost_leadership_stops_controllers_and_regained_leadership_starts_new_ones() {
    let server = Server::new();
    let mut one = run(&server, true, &[("a", Conduct::Good), ("deaf", Conduct::Deaf)]).await;
    let (_, first) = one.started.recv().await.unwrap();
    let _ = one.started.recv().await.unwrap();
    server.mode(Mode::Hanging);
    assert_eq!(one.stopped.recv().await, Some("a"));
    let error = delete(&first).await.unwrap_err();
    assert!(is_not_leading(&error), "{error}");

    server.mode(Mode::Up);
    let (_, second) = one.started.recv().await.unwrap();
    assert!(!second.shutdown.is_triggered());
    delete(&second).await.unwrap();
    assert!(is_not_leading(&delete(&first).await.unwrap_err()), "the first term is over for good");
    assert!(one.readiness.report().1.contains("term 2"));
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_is_started_again_ever_later_and_the_others_go_on() {
    for conduct in [Conduct::Fails, Conduct::Panics, Conduct::Returns] {
        let server = Server::new();
        let mut one = run(&server, false, &[("good", Conduct::Good), ("bad", conduct)]).await;
        let mut goods = 0;
        let mut bads = Vec::new();
        let begin = Instant::now();
        while bads.len() < 5 {
            match one.started.recv().await.unwrap().0 {
                "good" => goods += 1,
                _ => bads.push(begin.elapsed().as_secs()),
            }
        }
        assert_eq!(bads, [0, 1, 3, 7, 15], "{conduct:?}");
        assert_eq!(goods, 1, "{conduct:?}");
        // The fifth run has started; its end is reported once it has had a turn.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (ready, report) = one.readiness.report();
        assert!(!ready && report.contains("[+] good ok"), "{report}");
        let reason = match conduct {
            Conduct::Fails => "[-] bad: the template is missing; starting again in 16s",
            Conduct::Panics => "[-] bad: panicked: an invariant is broken; starting again in 16s",
            _ => "[-] bad: returned without being told to stop; starting again in 16s",
        };
        assert!(report.contains(reason), "{report}");
        let restarts = "kubewright_controller_restarts_total{controller=\"bad\"} 5";
        assert!(one.metrics.render().contains(restarts));
        one.shutdown.trigger();
        one.task.await.unwrap().unwrap();
        assert_eq!(
            one.stopped.recv().await,
            Some("good").filter(|_| conduct != Conduct::Returns).or(Some("bad"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_ignores_the_end_is_cut_off_in_time() {
    let server = Server::new();
    let mut one = run(&server, true, &[("deaf", Conduct::Deaf), ("good", Conduct::Good)]).await;
    let _ = one.started.recv().await.unwrap();
    let _ = one.started.recv().await.unwrap();
    let start = Instant::now();
    one.shutdown.trigger();
    let error = one.task.await.unwrap().unwrap_err();
    assert!(matches!(error, ManagerError::Drain(_)), "{error}");
    assert_eq!(start.elapsed().as_secs(), 20);
    assert_eq!(one.stopped.recv().await, Some("good"));
    let lease = server.objects("/apis/coordination.k8s.io").remove(0);
    assert!(lease["spec"]["holderIdentity"].is_null(), "it was not writing: released");
}

#[tokio::test]
async fn one_controller_runs_without_a_manager() {
    let server = Server::new();
    let (started, mut starts) = mpsc::unbounded_channel();
    let (stopped, _stops) = mpsc::unbounded_channel();
    let worker = Worker { name: "a", conduct: Conduct::Good, started, stopped };
    let shutdown = Shutdown::new();
    let context = Context::standalone("a", server.client(), shutdown.clone());
    let metrics = context.metrics.process().clone();
    let task = tokio::spawn(worker.run(context));
    let (_, context) = starts.recv().await.unwrap();
    delete(&context).await.unwrap();
    shutdown.trigger();
    task.await.unwrap().unwrap();
    assert!(metrics.render().contains("verb=\"delete\""));
}

#[tokio::test]
async fn health_is_served_on_the_port_that_was_chosen_until_the_end() {
    let options = ManagerOptions {
        health: Some("127.0.0.1:0".parse().unwrap()),
        ..ManagerOptions::default()
    };
    let manager = Manager::bind(Server::new().client(), options).await.unwrap();
    let address = manager.health_address().unwrap();
    let shutdown = Shutdown::new();
    let task = tokio::spawn(manager.run(shutdown.clone()));
    // A connection that its client never closes must not hold up the end.
    let idle = tokio::net::TcpStream::connect(address).await.unwrap();
    idle.writable().await.unwrap();
    shutdown.trigger();
    task.await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn command_lines_become_options() {
    use clap::{CommandFactory, Parser};

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        manager: ManagerArgs,
        #[command(flatten)]
        client: crate::ClientArgs,
        #[command(flatten)]
        log: crate::LogArgs,
    }
    Command::command().debug_assert();
    let client = Server::new().client();
    let options = |args: &[&str]| {
        let command = Command::try_parse_from([&["x"], args].concat()).unwrap();
        command.manager.options(&client, "controllers")
    };
    let election = options(&[]).unwrap().election.unwrap();
    assert_eq!(election.timing, crate::lease::Timing::default());
    assert_eq!((election.namespace.as_str(), election.name.as_str()), ("test", "controllers"));
    let args = ["--lease-duration", "60", "--lease-namespace", "kube-system", "--drain", "5"];
    let given = options(&args).unwrap();
    assert_eq!(given.drain, Duration::from_secs(5));
    let election = given.election.unwrap();
    assert_eq!(election.namespace, "kube-system");
    assert_eq!(election.timing.renew_deadline(), Duration::from_secs(40));
    assert!(options(&["--no-leader-election"]).unwrap().election.is_none());
    assert!(options(&["--lease-duration", "0"]).is_err());
}

/// `controllers` and `one run` may run side by side, but no controller twice.
#[tokio::test(start_paused = true)]
async fn each_lease_has_its_own_leader() {
    let server = Server::new();
    let start = async |leases: &[&'static str]| {
        let election = ElectionOptions::new("kube-system", leases[0]);
        let options = ManagerOptions { election: Some(election), ..ManagerOptions::default() };
        let mut manager = Manager::bind(server.client(), options).await.unwrap();
        let (starts, started) = mpsc::unbounded_channel();
        let (stops, stopped) = mpsc::unbounded_channel();
        for name in leases {
            let (started, stopped) = (starts.clone(), stops.clone());
            let worker = Worker { name, conduct: Conduct::Good, started, stopped };
            manager = manager.controller_by_lease(name, worker);
        }
        let (metrics, readiness) = (manager.metrics().clone(), manager.readiness().clone());
        let shutdown = Shutdown::new();
        let task = tokio::spawn(manager.run(shutdown.clone()));
        Running { started, stopped, metrics, readiness, shutdown, task }
    };
    let mut alone = start(&["b"]).await;
    let (_, lonely) = alone.started.recv().await.unwrap();
    let mut both = start(&["a", "b"]).await;
    let (name, a) = both.started.recv().await.unwrap();
    assert_eq!(name, "a");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(both.started.try_recv().is_err(), "b runs elsewhere");
    delete(&a).await.unwrap();
    delete(&lonely).await.unwrap();
    let (ready, report) = both.readiness.report();
    assert!(ready && report.contains("leadership of kube-system/a ok: leading"), "{report}");
    assert!(report.contains("leadership of kube-system/b ok: standing by"), "{report}");
    let text = both.metrics.render();
    assert!(text.contains("kubewright_leader{lease=\"kube-system/a\"} 1"), "{text}");
    assert!(text.contains("kubewright_leader{lease=\"kube-system/b\"} 0"), "{text}");

    alone.shutdown.trigger();
    alone.task.await.unwrap().unwrap();
    let (name, b) = both.started.recv().await.unwrap();
    assert_eq!(name, "b");
    delete(&b).await.unwrap();
    delete(&a).await.unwrap();
    assert!(is_not_leading(&delete(&lonely).await.unwrap_err()));
    both.shutdown.trigger();
    both.task.await.unwrap().unwrap();
    let released = server.objects("/apis/coordination.k8s.io");
    assert_eq!(released.len(), 2);
    assert!(released.iter().all(|lease| lease["spec"]["holderIdentity"].is_null()));
}
