#![allow(clippy::unwrap_used)]
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

/// A kubelet asks at the address of the pod, of whichever family that is.
#[tokio::test]
async fn every_address_is_answered_on_both_families() {
    let every = ":0".parse::<crate::listen::Listen>().unwrap().address();
    let server = HealthServer::bind(every).await.unwrap();
    let port = server.address().port();
    let serving = tokio::spawn(server.serve(Metrics::new(), Readiness::new(), Shutdown::new()));
    let mut hosts = vec![IpAddr::from(Ipv4Addr::LOCALHOST)];
    // A machine without IPv6 has only the other.
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.is_ok() {
        hosts.push(Ipv6Addr::LOCALHOST.into());
    }
    for host in hosts {
        let answer = get(SocketAddr::new(host, port), "/healthz").await;
        assert_eq!(answer, (200, "ok\n".to_owned()), "{host}");
    }
    serving.abort();
}

#[tokio::test]
async fn the_three_paths_answer() {
    let server = HealthServer::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = server.address();
    assert_ne!(address.port(), 0);
    let readiness = Readiness::new();
    let shutdown = Shutdown::new();
    let serving = tokio::spawn(server.serve(Metrics::new(), readiness.clone(), shutdown.clone()));

    assert_eq!(get(address, "/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(get(address, "/readyz").await, (200, "ready\n".to_owned()));
    let cache = readiness.check("cache");
    readiness.check("apiserver").ready_with("v1.28");
    let expected = "[+] apiserver ok: v1.28\n[-] cache: not started\nnot ready\n";
    assert_eq!(get(address, "/readyz").await, (503, expected.to_owned()));
    cache.not_ready("listing\n[+] forged ok");
    let expected = "[+] apiserver ok: v1.28\n[-] cache: listing [+] forged ok\nnot ready\n";
    assert_eq!(get(address, "/readyz").await, (503, expected.to_owned()));
    cache.ready();
    assert_eq!(get(address, "/readyz").await.0, 200);

    let (status, text) = get(address, "/metrics").await;
    assert_eq!(status, 200);
    assert!(text.contains("process_resident_memory_bytes"), "{text}");
    assert_eq!(get(address, "/else").await.0, 404);

    shutdown.trigger();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let first = HealthServer::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let error = HealthServer::bind(first.address()).await.unwrap_err();
    assert!(error.to_string().contains(&first.address().to_string()), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}
