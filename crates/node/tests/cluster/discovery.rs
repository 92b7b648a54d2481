//! Which clusters are found and trusted, and what is said of the others.

use std::time::Duration;

use jiff::Timestamp;
use kubewright_apiserver::Server;
use kubewright_node::discovery::{Cluster, DiscoveryError, Pin, Search, Trusted, discover};
use kubewright_node::formation::{Approval, Formation, publish};
use kubewright_node::token::{self, Grant, Token};

use crate::fixture;
use crate::fixture::{Fixture, PATIENCE, served, told};

fn search(fixture: &Fixture, token: &Token) -> Search {
    Search {
        seeder: fixture.endpoint(),
        token: token.clone(),
        trust: Trusted::Pins(vec![fixture.pin()]),
        patience: PATIENCE,
    }
}

async fn error(search: &Search) -> String {
    told(&discover(search, |_| {}).await.unwrap_err())
}

#[tokio::test]
async fn a_token_and_a_pin_find_the_cluster() {
    fixture!(fixture);
    let token = fixture.token().await;
    let found = discover(&search(&fixture, &token), |_| {}).await.unwrap();
    assert_eq!(found.cluster, fixture.place);
    token::delete(&fixture.client, token.id()).await.unwrap();
    fixture.finish().await;
}

#[tokio::test]
async fn wrong_tokens_and_pins_find_nothing() {
    fixture!(fixture);
    let token = fixture.token().await;
    let good = search(&fixture, &token);
    discover(&good, |_| {}).await.unwrap();

    let wrong: Token = format!("{}.aaaaaaaaaaaaaaaa", token.id()).parse().unwrap();
    let text = error(&Search { token: wrong, ..good.clone() }).await;
    assert!(text.contains("the secret half of the token is not that of the cluster"), "{text}");
    assert!(!text.contains("aaaaaaaaaaaaaaaa"), "{text}");

    let unknown: Token = "zzzzzz.aaaaaaaaaaaaaaaa".parse().unwrap();
    let text = error(&Search { token: unknown, ..good.clone() }).await;
    assert!(text.contains("has expired, was deleted or never was"), "{text}");

    let pin = Pin::of_key(b"another");
    let text = error(&Search { trust: Trusted::Pins(vec![pin.clone()]), ..good.clone() }).await;
    assert!(text.contains(&fixture.pin().to_string()) && text.contains(&pin.to_string()), "{text}");

    token::delete(&fixture.client, token.id()).await.unwrap();
    fixture.finish().await;
}

#[tokio::test]
async fn an_expired_token_finds_nothing() {
    fixture!(fixture);
    let soon = Timestamp::now() + Duration::from_secs(2);
    let token = token::create(&fixture.client, None, &Grant::for_nodes(Some(soon))).await.unwrap();
    // Until the cluster has taken it out.
    let text = loop {
        match discover(&search(&fixture, &token), |_| {}).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break told(&error),
        }
    };
    assert!(text.contains("the token has expired, was deleted or never was"), "{text}");
    fixture.finish().await;
}

/// Somebody who has copied what the cluster says, with its signature, and changed it.
#[tokio::test]
async fn what_was_tampered_with_is_not_believed() {
    fixture!(fixture);
    let token = fixture.token().await;
    let good = search(&fixture, &token);
    discover(&good, |_| {}).await.unwrap();
    let impostor = Server::builder().without_controllers().start().await.unwrap();
    let place = served(&impostor).await;
    Formation::new(Approval::Renewals).apply(&impostor.client()).await.unwrap();
    let lie = |kubeconfig: String, signature: String| {
        let client = impostor.client();
        let id = token.id().to_owned();
        async move {
            let maps: kube::Api<k8s_openapi::api::core::v1::ConfigMap> =
                kube::Api::namespaced(client, "kube-public");
            let map = serde_json::json!({ "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": { "name": "cluster-info" },
                "data": { "kubeconfig": kubeconfig, format!("jws-kubeconfig-{id}"): signature } });
            let apply = kube::api::PatchParams::apply("test").force();
            maps.patch("cluster-info", &apply, &kube::api::Patch::Apply(map)).await.unwrap();
        }
    };
    let seeder = place.endpoint().unwrap();
    let asks = Search { seeder, ..good.clone() };

    // The cluster's signature on another text.
    let honest = fixture.place.kubeconfig();
    let signature = kubewright_node::discovery::signature(&honest, &token);
    lie(place.kubeconfig(), signature.clone()).await;
    let text = error(&asks).await;
    assert!(text.contains("somebody has changed what the cluster says"), "{text}");

    // Who knows the token signs as well: the pin tells.
    let own = place.kubeconfig();
    lie(own.clone(), kubewright_node::discovery::signature(&own, &token)).await;
    let text = error(&asks).await;
    assert!(text.contains("certificate authority has the pin"), "{text}");

    // The true authority, and an address where nobody has a certificate of it.
    let mixed =
        Cluster { authority: fixture.place.authority.clone(), ..place.clone() }.kubeconfig();
    lie(mixed.clone(), kubewright_node::discovery::signature(&mixed, &token)).await;
    let failed = discover(&asks, |_| {}).await.unwrap_err();
    assert!(matches!(failed, DiscoveryError::Verified { .. }), "{failed}");

    // The true text but for a detail, with the token known: the second answer differs.
    let detail = format!("{honest}# changed\n");
    lie(detail.clone(), kubewright_node::discovery::signature(&detail, &token)).await;
    let failed = discover(&asks, |_| {}).await.unwrap_err();
    assert!(matches!(failed, DiscoveryError::Differs { .. }), "{failed}");

    // Word for word: it leads to the true cluster, and nothing is lost.
    lie(honest, signature).await;
    assert_eq!(discover(&asks, |_| {}).await.unwrap().cluster, fixture.place);
    fixture.finish().await;
}

#[tokio::test]
async fn a_seeder_that_is_not_up_yet_is_waited_for() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let server = Server::builder().start().await.unwrap();
    let token: Token = "abcdef.0123456789abcdef".parse().unwrap();
    let authority = server.pki().certificate_pem().to_owned();
    let search = Search {
        seeder: kubewright_node::discovery::Endpoint::at(address.ip(), address.port()),
        token: token.clone(),
        trust: Trusted::Pins(Pin::of_pem(&authority).unwrap()),
        patience: PATIENCE,
    };
    let (waits, mut waited) = tokio::sync::mpsc::unbounded_channel();
    let found = tokio::spawn(async move {
        let told = |error: &dyn std::error::Error| drop(waits.send(error.to_string()));
        discover(&search, told).await
    });
    assert!(waited.recv().await.unwrap().contains("cannot connect"));
    server.serve(address).await.unwrap();
    // It serves, and is no seeder yet.
    while !waited.recv().await.unwrap().contains("kube-public/cluster-info") {}
    let client = server.client();
    let grant = Grant::for_nodes(None);
    token::create(&client, Some(token), &grant).await.unwrap();
    Formation::new(Approval::Renewals).apply(&client).await.unwrap();
    let place = Cluster { server: format!("https://{address}"), authority };
    publish(&client, &place).await.unwrap();
    let found = tokio::time::timeout(PATIENCE, found).await.unwrap().unwrap().unwrap();
    assert_eq!(found.cluster, place);
}
