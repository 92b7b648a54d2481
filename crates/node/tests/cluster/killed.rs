//! Killed after every step, and run again: the same end.
//!
//! The process that is killed is this test program once more, told by its environment what to be.

use std::path::{Path, PathBuf};
use std::process::Command;

use kubewright_apiserver::Server;
use kubewright_node::discovery::{Cluster, Pin, Search, Trusted};
use kubewright_node::embedded::{self, ControlPlane, Given, Join, Running, Seed};
use kubewright_node::formation::{Approval, Formation, publish};
use kubewright_node::journal::{Observer, Progress};
use kubewright_node::token::{self, Grant, Token};
use rustix::process::{Signal, getpid, kill_process};
use serde::{Deserialize, Serialize};

use crate::fixture::{PATIENCE, seed, served};

/// What the process that is killed is to be.
const PART: &str = "KUBEWRIGHT_TEST_PART";

const TOKEN: &str = "abcdef.0123456789abcdef";

#[derive(Serialize, Deserialize)]
struct Part {
    state: PathBuf,
    /// Whom to join; seeds, otherwise.
    join: Option<Cluster>,
    /// Dies when this step is on record so.
    die: Option<(String, Progress)>,
}

/// Kills this very process, as nothing can prevent, when a step is on record.
fn deadly(die: Option<(String, Progress)>) -> Observer {
    Box::new(move |step| {
        if die
            .as_ref()
            .is_some_and(|(name, progress)| *name == step.name && *progress == step.progress)
        {
            let _ = kill_process(getpid(), Signal::KILL);
        }
    })
}

fn machine(state: &Path, cluster: &Cluster) -> Join {
    Join {
        state: state.to_owned(),
        search: Search {
            seeder: cluster.endpoint().unwrap(),
            token: TOKEN.parse().unwrap(),
            trust: Trusted::Pins(Pin::of_pem(&cluster.authority).unwrap()),
            patience: PATIENCE,
        },
        node: "killed".parse().unwrap(),
        address: "10.1.2.3".parse().ok(),
        labels: Default::default(),
        expiration: None,
        given: Given::ALL,
    }
}

/// A control plane in this process, whose objects are on disk.
struct Here(std::sync::Mutex<Option<Server>>);

impl ControlPlane for Here {
    async fn ensure(
        &self,
        seed: &Seed,
    ) -> Result<Running, Box<dyn std::error::Error + Send + Sync>> {
        let server = Server::builder().state_dir(seed.state.join("control-plane")).start().await?;
        let authority = server.pki().certificate_pem().to_owned();
        let client = server.client();
        *self.0.lock().unwrap() = Some(server);
        let cluster = Cluster { server: format!("https://{}", seed.address), authority };
        Ok(Running { client, cluster })
    }
}

/// Not a test of its own: the process that is killed.
#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_is_killed() {
    let Ok(part) = std::env::var(PART) else { return };
    let part: Part = serde_json::from_str(&part).unwrap();
    match &part.join {
        Some(cluster) => {
            let machine = machine(&part.state, cluster);
            embedded::join(&machine, Some(deadly(part.die)), &mut |_| {}).await.unwrap();
        }
        None => {
            let here = Here(std::sync::Mutex::default());
            embedded::init(&seed(&part.state, Some(true)), &here, Some(deadly(part.die)))
                .await
                .unwrap();
        }
    }
}

/// Whether it was killed.
fn run(part: &Part) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "killed::the_process_that_is_killed", "--nocapture"]);
    let output = command.env(PART, serde_json::to_string(part).unwrap()).output().unwrap();
    let killed = std::os::unix::process::ExitStatusExt::signal(&output.status) == Some(9);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(killed || output.status.success(), "{text}");
    assert!(!text.contains("0123456789abcdef"), "{text}");
    killed
}

/// Kills at every step, before and after it was done, each time in the same place.
fn kill_everywhere(state: &Path, join: Option<&Cluster>, steps: &[&str]) {
    let part = |die| Part { state: state.to_owned(), join: join.cloned(), die };
    for step in steps {
        for progress in [Progress::Begun, Progress::Done] {
            assert!(run(&part(Some(((*step).to_owned(), progress)))), "{step} {progress}");
        }
    }
    assert!(!run(&part(None)), "the last run ends by itself");
    assert!(!run(&part(None)), "and so does one more");
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_survives_being_killed_after_every_step() {
    let server = Server::builder().approve_kubelet_clients(true).start().await.unwrap();
    let cluster = served(&server).await;
    let client = server.client();
    let token: Token = TOKEN.parse().unwrap();
    token::create(&client, Some(token), &Grant::for_nodes(None)).await.unwrap();
    Formation::new(Approval::Everything).apply(&client).await.unwrap();
    publish(&client, &cluster).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let steps = ["discover", "request", "certificate", "register"];
    tokio::task::block_in_place(|| kill_everywhere(&state, Some(&cluster), &steps));

    let joined = embedded::join(&machine(&state, &cluster), None, &mut |_| {}).await.unwrap();
    assert!(joined.before);
    let nodes: kube::Api<k8s_openapi::api::core::v1::Node> = kube::Api::all(joined.client);
    assert!(kubewright_node::acceptance::is_ready(&nodes.get("killed").await.unwrap()));
    // One key, so one request; nothing half is left.
    let requests: kube::Api<k8s_openapi::api::certificates::v1::CertificateSigningRequest> =
        kube::Api::all(client);
    assert_eq!(requests.list(&Default::default()).await.unwrap().items.len(), 1);
    let mut files: Vec<_> = std::fs::read_dir(&state)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, ["join.journal.json", "journal.lock", "kubelet.conf"]);
}

/// What a power cut may leave: records of steps whose files it took.
#[tokio::test(flavor = "multi_thread")]
async fn joining_survives_that_files_are_gone_which_the_journal_tells_of() {
    let server = Server::builder().approve_kubelet_clients(true).start().await.unwrap();
    let cluster = served(&server).await;
    let token: Token = TOKEN.parse().unwrap();
    token::create(&server.client(), Some(token), &Grant::for_nodes(None)).await.unwrap();
    Formation::new(Approval::Everything).apply(&server.client()).await.unwrap();
    publish(&server.client(), &cluster).await.unwrap();
    let after = [
        ("discover", Progress::Done, "joining.json"),
        ("certificate", Progress::Begun, "joining.json"),
        ("register", Progress::Begun, "kubelet.conf"),
    ];
    for (step, progress, file) in after {
        for content in [None, Some("")] {
            let folder = tempfile::tempdir().unwrap();
            let state = folder.path().join("state");
            let die = Some((step.to_owned(), progress));
            let part = Part { state: state.clone(), join: Some(cluster.clone()), die };
            assert!(tokio::task::block_in_place(|| run(&part)), "{step}");
            match content {
                None => std::fs::remove_file(state.join(file)).unwrap(),
                Some(text) => std::fs::write(state.join(file), text).unwrap(),
            }
            let joined = embedded::join(&machine(&state, &cluster), None, &mut |_| {}).await;
            assert!(!joined.unwrap().before, "{step} {content:?}");
            let nodes: kube::Api<k8s_openapi::api::core::v1::Node> =
                kube::Api::all(server.client());
            nodes.delete("killed", &Default::default()).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seeding_survives_being_killed_after_every_step() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let steps = ["control-plane", "rights", "token", "cluster-info", "node"];
    tokio::task::block_in_place(|| kill_everywhere(&state, None, &steps));

    let here = Here(std::sync::Mutex::default());
    let seeded = embedded::init(&seed(&state, Some(true)), &here, None).await.unwrap();
    assert!(seeded.before);
    let server = here.0.lock().unwrap().take().unwrap();
    // One token, the one that is still to be shown; and then it is shown no more.
    let tokens = token::list(&server.client(), jiff::Timestamp::now()).await.unwrap();
    let ids: Vec<_> = tokens.iter().map(|info| info.id.as_str()).collect();
    assert_eq!(ids, [seeded.token.as_ref().unwrap().id()]);
    seeded.shown().unwrap();
    assert!(!state.join("token").exists());
    let nodes: kube::Api<k8s_openapi::api::core::v1::Node> = kube::Api::all(server.client());
    assert!(kubewright_node::acceptance::is_ready(&nodes.get("seeder").await.unwrap()));
}
