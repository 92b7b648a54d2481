#![allow(clippy::unwrap_used)]
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::*;
use crate::double::{Mode, Server};
use crate::lease::is_not_leading;

const PATH: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/controllers";

struct Replica {
    leadership: Leadership,
    shutdown: Shutdown,
    task: JoinHandle<()>,
    identity: String,
}

fn replica(server: &Server) -> Replica {
    let options = ElectionOptions::new("kube-system", "controllers");
    let identity = options.identity.to_string();
    let (election, leadership) = Election::new(server.client(), options);
    let shutdown = Shutdown::new();
    let task = tokio::spawn(election.run(shutdown.clone()));
    Replica { leadership, shutdown, task, identity }
}

fn holder(server: &Server) -> Value {
    server.object(PATH).map_or(Value::Null, |lease| lease["spec"]["holderIdentity"].clone())
}

async fn delete(client: &kube::Client) -> kube::Result<()> {
    let api = Api::<ConfigMap>::namespaced(client.clone(), "n");
    api.delete("a", &DeleteParams::default()).await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn the_lease_is_created_renewed_and_released() {
    let server = Server::new();
    let mut one = replica(&server);
    let tenure = one.leadership.acquired().await;
    let lease = server.object(PATH).unwrap();
    assert_eq!(lease["spec"]["holderIdentity"], one.identity.as_str());
    assert_eq!(lease["spec"]["leaseDurationSeconds"], 15);
    assert_eq!(lease["spec"]["leaseTransitions"], 0);

    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(tenure.is_certain());
    let renewed = server.log().iter().filter(|line| line.starts_with("PUT")).count();
    assert!((29..=30).contains(&renewed), "every two seconds: {renewed}");
    let acquired = lease["spec"]["acquireTime"].clone();
    assert_eq!(server.object(PATH).unwrap()["spec"]["acquireTime"], acquired);

    one.shutdown.trigger();
    one.task.await.unwrap();
    assert_eq!(holder(&server), Value::Null);
    assert!(!one.leadership.is_certain());
}

#[tokio::test(start_paused = true)]
async fn a_standby_takes_over_at_once_when_the_leader_resigns() {
    let server = Server::new();
    let mut one = replica(&server);
    one.leadership.acquired().await;
    let mut two = replica(&server);
    server.until(|server| server.log().len() > 3).await;
    assert!(!two.leadership.is_certain());

    one.shutdown.trigger();
    let start = Instant::now();
    two.leadership.acquired().await;
    assert!(start.elapsed() < Duration::from_millis(100), "{:?}", start.elapsed());
    assert_eq!(holder(&server), two.identity.as_str());
    assert_eq!(server.object(PATH).unwrap()["spec"]["leaseTransitions"], 1);
    one.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_died_is_replaced_after_the_lease_ran_out() {
    let server = Server::new();
    let mut one = replica(&server);
    one.leadership.acquired().await;
    let mut two = replica(&server);
    tokio::time::sleep(Duration::from_secs(5)).await;
    one.task.abort();
    let start = Instant::now();
    two.leadership.acquired().await;
    let waited = start.elapsed();
    assert!(waited >= Duration::from_secs(13) && waited < Duration::from_secs(18), "{waited:?}");
    assert!(!one.leadership.is_certain(), "although nobody told it");
}

#[tokio::test(start_paused = true)]
async fn an_outage_ends_leadership_at_the_deadline_and_it_comes_back() {
    for outage in [Mode::Hanging, Mode::Failing(500), Mode::Failing(403), Mode::Mute] {
        let server = Server::new();
        let mut one = replica(&server);
        let tenure = one.leadership.acquired().await;
        let client = one.leadership.gate(server.client());
        delete(&client).await.unwrap();
        let before = Instant::now();
        server.mode(outage);
        tenure.lost().await;
        let lasted = before.elapsed();
        assert!(lasted <= Duration::from_secs(10), "{outage:?}: {lasted:?}");
        assert!(lasted > Duration::from_secs(7), "{outage:?}: {lasted:?}");
        assert!(is_not_leading(&delete(&client).await.unwrap_err()), "{outage:?}");

        tokio::time::sleep(Duration::from_secs(300)).await;
        assert!(!one.leadership.is_certain(), "{outage:?}");
        server.mode(Mode::Up);
        let next = one.leadership.acquired().await;
        assert_eq!(next.term(), 2, "{outage:?}");
        assert_eq!(server.object(PATH).unwrap()["spec"]["leaseTransitions"], 0, "{outage:?}");
        delete(&client).await.unwrap();
        one.task.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_is_not_noticed_by_those_who_write() {
    let server = Server::new();
    let mut one = replica(&server);
    let tenure = one.leadership.acquired().await;
    for _ in 0..5 {
        server.mode(Mode::Failing(503));
        tokio::time::sleep(Duration::from_secs(4)).await;
        server.mode(Mode::Up);
        tokio::time::sleep(Duration::from_secs(6)).await;
        assert!(tenure.is_certain());
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_taken_by_force_ends_leadership_at_the_next_renewal() {
    let server = Server::new();
    let mut one = replica(&server);
    let tenure = one.leadership.acquired().await;
    let mut lease = server.object(PATH).unwrap();
    lease["spec"]["holderIdentity"] = json!("intruder");
    server.put(PATH, Some(lease));
    let start = Instant::now();
    tenure.lost().await;
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(holder(&server), "intruder");
    one.shutdown.trigger();
    one.task.await.unwrap();
    assert_eq!(holder(&server), "intruder", "only our own lease is released");
}

#[tokio::test(start_paused = true)]
async fn an_annotated_or_deleted_lease_does_not_interrupt_its_holder() {
    let server = Server::new();
    let mut one = replica(&server);
    let tenure = one.leadership.acquired().await;
    let mut lease = server.object(PATH).unwrap();
    lease["metadata"]["annotations"] = json!({"note": "kept"});
    server.put(PATH, Some(lease));
    tokio::time::sleep(Duration::from_secs(20)).await;
    let lease = server.object(PATH).unwrap();
    assert_eq!(lease["metadata"]["annotations"]["note"], "kept");

    server.put(PATH, None);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(tenure.is_certain());
    assert_eq!(holder(&server), one.identity.as_str());
}

#[tokio::test(start_paused = true)]
async fn the_lease_is_kept_until_the_last_answer_and_left_to_run_out_without_it() {
    for (answered, held) in [(true, false), (false, true)] {
        let server = Server::new();
        let mut one = replica(&server);
        let client = one.leadership.acquired().await.gate(server.client());
        server.mode(Mode::Mute);
        let write = tokio::spawn(async move { delete(&client).await });
        server.until(|server| !server.writes().is_empty()).await;
        one.shutdown.trigger();
        tokio::task::yield_now().await;
        assert_eq!(holder(&server), one.identity.as_str(), "a write is under way");
        if answered {
            server.mode(Mode::Up);
            write.await.unwrap().unwrap();
        } else {
            write.abort();
        }
        // With the answer lost, nothing else must hinder the release.
        server.mode(Mode::Up);
        one.task.await.unwrap();
        assert_eq!(holder(&server) == one.identity.as_str(), held);
    }
}

#[tokio::test(start_paused = true)]
async fn of_many_replicas_through_many_ends_one_writes_at_a_time() {
    let server = Server::new();
    let mut replicas: Vec<Replica> = (0..3).map(|_| replica(&server)).collect();
    let mut terms = 0;
    for round in 0..30 {
        let waiting = replicas.iter_mut().map(|r| Box::pin(r.leadership.acquired()));
        let (tenure, leader, _) = futures::future::select_all(waiting).await;
        let certain = replicas.iter().filter(|r| r.leadership.is_certain()).count();
        assert_eq!(certain, 1, "round {round}");
        terms += 1;
        match round % 3 {
            0 => replicas[leader].shutdown.trigger(),
            1 => replicas[leader].task.abort(),
            _ => {
                server.mode(Mode::Hanging);
                tenure.lost().await;
                server.mode(Mode::Up);
                continue;
            }
        }
        replicas.remove(leader);
        replicas.push(replica(&server));
    }
    assert_eq!(terms, 30);
}
