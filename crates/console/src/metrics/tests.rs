#![allow(clippy::unwrap_used)]
use super::*;

#[test]
fn samples_are_read_with_their_labels() {
    let all = parse("# HELP a b\na 1\nb{x=\"1\",y=\"q\\\"\\\\\\n}\"} 2.5 1700000000\nc{} +Inf\n");
    assert_eq!(all.len(), 3);
    assert_eq!((all[0].name.as_str(), all[0].value), ("a", 1.0));
    assert_eq!(all[1].label("y"), Some("q\"\\\n}"));
    assert_eq!(all[1].value, 2.5);
    assert!(all[2].value.is_infinite());
}

#[test]
fn lines_that_are_none_are_left_out() {
    for line in
        ["", "a", "a{", "a{x", "a{x=\"", "a{x=\"1\"", "a{x=\"1\"} ", "a nothing", "{} {} {}"]
    {
        assert_eq!(parse(line), [], "{line:?}");
    }
}

#[tokio::test]
async fn an_address_where_nobody_is_is_told() {
    // Port 0 can be connected to by nobody.
    let source = MetricsSource::Address { address: "127.0.0.1:0".to_owned() };
    let scrape = source.scrape().await;
    assert_eq!(scrape.origin, "127.0.0.1:0");
    assert!(scrape.outcome.is_err());
}

#[tokio::test]
async fn metrics_of_another_process_are_fetched() {
    use kubewright_operator::health::{HealthServer, Readiness};
    use kubewright_operator::{Metrics, Shutdown};
    let server = HealthServer::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = server.address().to_string();
    let (metrics, shutdown) = (Metrics::new(), Shutdown::new());
    metrics.controller("gardener").queue(3, None);
    let serving = tokio::spawn(server.serve(metrics, Readiness::new(), shutdown.clone()));
    let samples = MetricsSource::Address { address }.scrape().await.outcome.unwrap();
    let depth = samples.iter().find(|it| it.name == "kubewright_queue_depth").unwrap();
    assert_eq!((depth.label("controller"), depth.value), (Some("gardener"), 3.0));
    shutdown.trigger();
    serving.await.unwrap().unwrap();
}
