#![allow(clippy::unwrap_used)]
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use tokio::time::Instant;

use super::*;
use crate::double::{Mode, Server};
use crate::lease::leadership::{Right, Standing};

fn map() -> ConfigMap {
    let metadata = ObjectMeta { name: Some("a".into()), ..Default::default() };
    ConfigMap { metadata, ..Default::default() }
}

fn maps(client: &kube::Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), "n")
}

fn until(term: u64, seconds: u64) -> Standing {
    Standing { term, right: Right::Until(Instant::now() + Duration::from_secs(seconds)) }
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_write_is_refused_and_reads_pass() {
    let server = Server::new();
    let (_standing, leadership) = Leadership::new("n/l".into());
    let api = maps(&leadership.gate(server.client()));

    assert!(api.get_opt("a").await.unwrap().is_none());
    assert!(api.list(&Default::default()).await.unwrap().items.is_empty());
    let errors = [
        api.create(&PostParams::default(), &map()).await.unwrap_err(),
        api.replace("a", &PostParams::default(), &map()).await.unwrap_err(),
        api.patch("a", &PatchParams::apply("x").force(), &Patch::Apply(map())).await.unwrap_err(),
        api.delete("a", &DeleteParams::default()).await.unwrap_err(),
        api.delete_collection(&DeleteParams::default(), &Default::default()).await.unwrap_err(),
    ];
    for error in &errors {
        assert!(is_not_leading(error), "{error}");
    }
    let text = errors[0].to_string();
    assert!(text.contains("POST /api/v1/namespaces/n/configmaps"), "{text}");
    assert!(text.contains("does not hold the lease n/l"), "{text}");
    assert_eq!(server.writes(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn the_gate_closes_by_the_clock_without_being_told() {
    let server = Server::new();
    let (standing, leadership) = Leadership::new("n/l".into());
    let api = maps(&leadership.gate(server.client()));
    standing.send_replace(until(1, 10));
    api.create(&PostParams::default(), &map()).await.unwrap();

    tokio::time::advance(Duration::from_secs(10)).await;
    let error = api.delete("a", &DeleteParams::default()).await.unwrap_err();
    assert!(is_not_leading(&error), "{error}");
    assert_eq!(server.writes(), ["POST /api/v1/namespaces/n/configmaps"]);
}

#[tokio::test(start_paused = true)]
async fn a_write_under_way_is_cut_off_at_the_deadline_and_moved_by_renewals() {
    let server = Server::new();
    let (standing, leadership) = Leadership::new("n/l".into());
    let api = maps(&leadership.gate(server.client()));
    standing.send_replace(until(1, 10));
    server.mode(Mode::Hanging);
    let start = Instant::now();
    let write = tokio::spawn(async move { api.create(&PostParams::default(), &map()).await });
    tokio::time::sleep_until(start + Duration::from_secs(8)).await;
    standing.send_replace(until(1, 10));

    let error = write.await.unwrap().unwrap_err();
    assert!(is_not_leading(&error), "{error}");
    assert!(error.to_string().contains("cut off"), "{error}");
    assert_eq!(start.elapsed().as_secs(), 18, "at the renewed deadline");
    assert!(leadership.writes().last_cut_off().is_some());
    server.mode(Mode::Up);
    tokio::task::yield_now().await;
    assert_eq!(server.writes(), Vec::<String>::new(), "a queued request is not sent later");
}

#[tokio::test(start_paused = true)]
async fn while_handing_over_nothing_starts_but_what_runs_may_finish() {
    let server = Server::new();
    let (standing, leadership) = Leadership::new("n/l".into());
    let api = maps(&leadership.gate(server.client()));
    standing.send_replace(until(1, 10));
    server.mode(Mode::Mute);
    let slow = api.clone();
    let write = tokio::spawn(async move { slow.create(&PostParams::default(), &map()).await });
    server.until(|server| !server.writes().is_empty()).await;

    let end = Instant::now() + Duration::from_secs(5);
    standing.send_replace(Standing { term: 1, right: Right::Closing(end) });
    let error = api.delete("a", &DeleteParams::default()).await.unwrap_err();
    assert!(is_not_leading(&error), "{error}");
    server.mode(Mode::Up);
    write.await.unwrap().unwrap();
    leadership.writes().finished().await;
    assert_eq!(leadership.writes().last_cut_off(), None);
}

#[tokio::test(start_paused = true)]
async fn what_one_term_began_is_not_written_in_the_next() {
    let server = Server::new();
    let (standing, mut leadership) = Leadership::new("n/l".into());
    standing.send_replace(until(1, 10));
    let first = leadership.acquired().await;
    let api = maps(&first.gate(server.client()));
    api.create(&PostParams::default(), &map()).await.unwrap();

    standing.send_replace(until(2, 10));
    first.lost().await;
    assert!(is_not_leading(&api.delete("a", &DeleteParams::default()).await.unwrap_err()));
    let second = leadership.acquired().await;
    assert_eq!(second.term(), 2);
    maps(&second.gate(server.client())).delete("a", &DeleteParams::default()).await.unwrap();
    maps(&leadership.gate(server.client())).delete("a", &DeleteParams::default()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_election_that_vanished_keeps_nobody_in_power() {
    let (standing, mut leadership) = Leadership::new("n/l".into());
    standing.send_replace(until(1, 10));
    let tenure = leadership.acquired().await;
    drop(standing);
    let start = Instant::now();
    tenure.lost().await;
    assert_eq!(start.elapsed().as_secs(), 10);
    assert!(!tenure.is_certain());
}

#[tokio::test(start_paused = true)]
async fn a_late_look_at_a_renewed_term_finds_it_lasting() {
    let (standing, mut leadership) = Leadership::new("n/l".into());
    standing.send_replace(until(1, 10));
    let tenure = leadership.acquired().await;
    let mut lost = std::pin::pin!(tenure.lost());
    assert!(futures::poll!(lost.as_mut()).is_pending());
    // Renewed twice while the waiting task was not scheduled.
    tokio::time::advance(Duration::from_secs(9)).await;
    standing.send_replace(until(1, 10));
    tokio::time::advance(Duration::from_secs(9)).await;
    assert!(futures::poll!(lost.as_mut()).is_pending());
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(futures::poll!(lost.as_mut()).is_ready());
}

#[tokio::test]
async fn without_an_election_the_gate_is_open() {
    let server = Server::new();
    let leadership = Leadership::always();
    let client = leadership.gate(server.client());
    assert_eq!(client.default_namespace(), "test");
    maps(&client).create(&PostParams::default(), &map()).await.unwrap();
    assert!(leadership.clone().acquired().await.is_certain());
}
