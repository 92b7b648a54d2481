//! Registries that only a proxy leads to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use kubewright_oci::registry::{Options, Proxies};

use crate::fake::{Fake, answer};
use crate::scene::{client_with, image, layout, name};

/// A proxy that leads everyone to one server, and keeps what it was asked for.
fn proxy(server: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = asked.clone();
    // Ends with the process.
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let kept = kept.clone();
            std::thread::spawn(move || {
                let (mut head, mut byte) = (Vec::new(), [0]);
                while !head.ends_with(b"\r\n\r\n") && client.read_exact(&mut byte).is_ok() {
                    head.push(byte[0]);
                }
                kept.lock().unwrap().push(String::from_utf8(head).unwrap());
                let server = TcpStream::connect(server).unwrap();
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                let (mut up, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut up, &mut to));
                let (mut down, mut client) = (server, client);
                let _ = std::io::copy(&mut down, &mut client);
            });
        }
    });
    (address, asked)
}

#[tokio::test]
async fn a_proxy_leads_to_a_registry_and_learns_nothing_but_its_name() {
    let fake = Fake::start(|seen| match (seen.method.as_str(), &*seen.path) {
        ("HEAD", _) => answer(404, &[], b""),
        ("GET", path) if path.contains("/manifests/") => answer(404, &[], b""),
        ("GET", _) => answer(200, &[], b""),
        ("POST", _) => answer(202, &[("location", "/v2/a/b/blobs/uploads/1")], b""),
        _ => answer(201, &[], b""),
    })
    .await;
    let (address, asked) = proxy(fake.host().parse().unwrap());
    let (_folder, here) = layout();
    let image = image(&here, "linux/amd64", b"x");
    let through = |host: &str, no_proxy: &str| {
        let options = Options {
            plain_http: vec![host.to_owned()],
            proxies: Proxies::one(&format!("http://me:secret@{address}"), no_proxy),
            ..Options::default()
        };
        client_with(host, options)
    };
    let host = "registry.invalid:5000";
    through(host, "").push(&here, &image, &name(host, "a/b:v1")).await.unwrap();
    assert!(fake.seen().iter().any(|seen| seen.method == "PUT"));
    let asked = asked.lock().unwrap().clone();
    assert!(!asked.is_empty());
    for head in &asked {
        assert!(head.starts_with("CONNECT registry.invalid:5000 HTTP/1.1\r\n"), "{head}");
        assert!(head.to_lowercase().contains("proxy-authorization: basic bwu6c2vjcmv0"), "{head}");
    }
    // What is excepted is reached directly: that name has no address.
    let error = through(host, ".invalid").push(&here, &image, &name(host, "a/b:v2")).await;
    assert!(!format!("{:?}", error.unwrap_err()).contains("proxy"), "asked the proxy");
}

#[tokio::test]
async fn this_machine_is_reached_without_a_proxy() {
    let fake = Fake::start(|_| answer(404, &[], b"")).await;
    let proxies = Proxies::one("http://127.0.0.1:1", "");
    let client = client_with(&fake.host(), Options { proxies, ..Options::default() });
    let error = client.resolve(&name(&fake.host(), "a/b:v1")).await.unwrap_err();
    assert!(error.to_string().contains("is not there"), "{error}");
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_without_its_password() {
    let refusing = Fake::start(|_| answer(403, &[], b"")).await;
    let proxies = Proxies::one(&format!("http://me:secret@{}", refusing.host()), "");
    let client = client_with("registry.invalid", Options { proxies, ..Options::default() });
    let error = client.resolve(&name("registry.invalid", "a/b:v1")).await.unwrap_err();
    let text = format!("{error:?}");
    assert!(text.contains(&refusing.host()) && !text.contains("secret"), "{text}");
}
