#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn services_are_written_as_they_are_read() {
    for text in CLUSTER_SERVICES.split(',').chain(["sctp/38412", "ip/50", "ip/0"]) {
        assert_eq!(text.parse::<Service>().unwrap().to_string(), text);
    }
}

#[test]
fn what_is_no_service_is_refused_with_the_reason() {
    for (text, reason) in [
        ("6443", "no slash"),
        ("icmp/1", "neither tcp"),
        ("tcp/", "a port is"),
        ("tcp/0", "a port is"),
        ("tcp/65536", "a port is"),
        ("tcp/+1", "a port is"),
        ("tcp/20-10", "above the last"),
        ("tcp/1-2-3", "a port is"),
        ("tcp/22 accept", "a port is"),
        ("ip/256", "0 to 255"),
        ("ip/", "0 to 255"),
    ] {
        let error = text.parse::<Service>().unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains(text), "{text:?}: {error}");
    }
}
