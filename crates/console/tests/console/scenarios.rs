//! What people do with it, in the browser.

use kubewright_testkit::require;
use kubewright_testkit::require::programs;
use serde_json::{Value, json};

use crate::browser::{Browser, ENTER, TAB};
use crate::cluster::Fixture;

/// With a browser that shows the console of a cluster; nothing when this machine has none.
macro_rules! begin {
    ($fixture:ident, $browser:ident, $url:ident) => {
        require!(programs(&["chromium", "chromedriver"]));
        require!(let fixture = Fixture::start().await);
        let mut $fixture = fixture;
        require!($fixture.cluster.embedded().map(drop));
        let $url = $fixture.console().await;
        let $browser = Browser::start().await;
    };
}

const LIVE: &str = "document.getElementById('live').dataset.state === 'on'";

fn says(text: &str) -> String {
    format!("document.body.innerText.includes({})", json!(text))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_accepted_by_a_click() {
    begin!(fixture, browser, url);
    browser.open(&url).await;
    browser.until(LIVE).await;
    browser.until(&says("Nobody is waiting")).await;
    fixture.ask("csr-good", "worker-7").await;
    // It appears by itself.
    browser.until("document.querySelector('button[aria-label=\"Accept worker-7\"]')").await;
    browser.click("button[aria-label='Accept worker-7']").await;
    let condition = fixture.decided("csr-good").await;
    assert_eq!(condition["type"], "Approved");
    assert_eq!(condition["reason"], "KubewrightAccepted");
    browser.until(&says("Accepted")).await;
    browser.until(&says("Nobody is waiting")).await;
    assert_eq!(browser.run("return location.pathname").await, "/", "back where it was clicked");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_rejected_with_a_reason_and_news_do_not_disturb_who_types_it() {
    begin!(fixture, browser, url);
    let request = fixture.ask("csr-odd", "worker-8").await;
    let uid = request.metadata.uid.unwrap();
    browser.open(&format!("{url}nodes")).await;
    browser.until(LIVE).await;
    browser.click("summary[aria-label='Reject worker-8']").await;
    let field = format!("#reason-{uid}");
    browser.write(&field, "not one ").await;
    fixture.ask("csr-other", "worker-9").await;
    browser.until(&says("worker-9")).await;
    let kept = "return [document.activeElement.id, document.activeElement.value,\
         document.activeElement.closest('details').open]";
    assert_eq!(browser.run(kept).await, json!([&field[1..], "not one ", true]));
    browser.press("of ours").await;
    browser.click("details[open] button.danger").await;
    let condition = fixture.decided("csr-odd").await;
    assert_eq!(condition["type"], "Denied");
    assert_eq!(condition["message"], "not one of ours");
    browser.until(&says("not one of ours")).await;
    let left = "document.querySelectorAll('.asking li').length === 1";
    browser.until(left).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attachment_appears_without_a_reload() {
    begin!(fixture, browser, url);
    browser.open(&format!("{url}networks")).await;
    browser.until(LIVE).await;
    browser.until(&says("No pod has a network of its own")).await;
    browser.run("window.notReloaded = true").await;
    let namespace = fixture.cluster.namespace().to_owned();
    let asks = json!({ "k8s.v1.cni.cncf.io/networks": "data@net1" });
    fixture.pod("radio", "worker-0", asks.clone(), 0).await;
    browser.until(&says("Pending")).await;
    let mut told = asks;
    let entry = json!([{ "name": format!("{namespace}/data"), "interface": "net1",
        "ips": ["10.77.0.2"], "mac": "0a:58:0a:4d:00:02", "dns": {} }]);
    told["k8s.v1.cni.cncf.io/network-status"] = json!(entry.to_string());
    fixture.pod("radio", "worker-0", told.clone(), 0).await;
    browser.until(&says("10.77.0.2")).await;
    browser.until(&says("Attached")).await;
    browser.until("document.querySelector('.drawing .line.attached')").await;
    let error = json!([{ "name": format!("{namespace}/data"), "interface": "net1",
        "reason": "AttachFailed", "message": "bridge br-data is gone" }]);
    told["kubewright.io/network-errors"] = json!(error.to_string());
    fixture.pod("radio", "worker-0", told, 0).await;
    browser.until(&says("bridge br-data is gone")).await;
    assert_eq!(browser.run("return window.notReloaded").await, true);
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keyboard_is_enough() {
    begin!(fixture, browser, url);
    fixture.ask("csr-keys", "worker-5").await;
    browser.open(&format!("{url}nodes")).await;
    browser.until("document.querySelector('button[aria-label=\"Accept worker-5\"]')").await;
    browser.press(TAB).await;
    let focus = "return document.activeElement.className";
    assert_eq!(browser.run(focus).await, "skip", "the first stop skips the navigation");
    browser.press(ENTER).await;
    let mut reached = Value::Null;
    let label = "return document.activeElement.getAttribute('aria-label')";
    for _ in 0..12 {
        browser.press(TAB).await;
        reached = browser.run(label).await;
        if reached == "Accept worker-5" {
            break;
        }
    }
    assert_eq!(reached, "Accept worker-5");
    let ring = "return getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(browser.run(ring).await, "solid", "one sees where the focus is");
    browser.press(ENTER).await;
    assert_eq!(fixture.decided("csr-keys").await["type"], "Approved");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dark_and_light_follow_the_system_until_one_is_chosen() {
    begin!(fixture, browser, url);
    let ground = "return getComputedStyle(document.body).backgroundColor";
    browser.system_theme("light").await;
    browser.open(&url).await;
    let light = browser.run(ground).await;
    browser.system_theme("dark").await;
    let dark = browser.run(ground).await;
    assert_ne!(light, dark);
    browser.click("#theme").await;
    assert_eq!(browser.run(ground).await, light, "chosen against the system");
    browser.open(&format!("{url}nodes")).await;
    assert_eq!(browser.run(ground).await, light, "and kept");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    drop(fixture);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_scripts_one_can_read_and_decide() {
    begin!(fixture, browser, url);
    fixture.ask("csr-plain", "worker-6").await;
    browser.open(&format!("{url}nodes")).await;
    browser.until("document.querySelector('button[aria-label=\"Accept worker-6\"]')").await;
    browser.without_scripts().await;
    browser.open(&format!("{url}nodes")).await;
    let shown = browser.run("return document.getElementById('live').hidden").await;
    assert_eq!(shown, true, "nothing claims to be live");
    assert!(browser.text().await.contains("load it again"));
    browser.click("button[aria-label='Accept worker-6']").await;
    assert_eq!(fixture.decided("csr-plain").await["type"], "Approved");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_cluster_says_is_never_markup() {
    begin!(fixture, browser, url);
    let evil =
        "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";
    let namespace = fixture.cluster.namespace().to_owned();
    let status = json!([{ "name": format!("{namespace}/{evil}"), "interface": evil, "ips": [evil],
        "mac": evil, "dns": {} }]);
    let errors = json!([{ "name": evil, "interface": "'\"><b>", "reason": "AttachFailed",
        "message": evil }]);
    let annotations = json!({ "k8s.v1.cni.cncf.io/network-status": status.to_string(),
        "kubewright.io/network-errors": errors.to_string() });
    fixture.pod("hostile", "worker-0", annotations, 0).await;
    fixture.ask("csr-evil", evil).await;
    fixture
        .put(json!({ "apiVersion": "events.k8s.io/v1", "kind": "Event",
            "metadata": { "name": "evil.1", "namespace": namespace },
            "eventTime": crate::cluster::ago_micro(1), "type": "Warning", "reason": "Evil",
            "note": evil, "action": "Evil", "reportingController": "evil",
            "reportingInstance": "evil",
            "regarding": { "kind": "Pod", "name": "hostile", "namespace": namespace } }))
        .await;
    for page in ["", "nodes", "networks", "events"] {
        browser.open(&format!("{url}{page}")).await;
        browser.until(LIVE).await;
        browser.until(&says("<script>document.title='owned'</script>")).await;
        let title = browser.run("return document.title").await;
        assert!(!title.as_str().unwrap().contains("owned"), "/{page}: {title}");
        let made = "return document.querySelectorAll('main img, main script, main b').length";
        assert_eq!(browser.run(made).await, 0, "/{page}");
    }
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
