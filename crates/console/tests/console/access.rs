//! Who gets in, and what must not get through.

use std::os::unix::process::CommandExt as _;

use http_body_util::BodyExt as _;
use hyper::{Request, StatusCode};
use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Config};
use kubewright_apiserver::Server;
use kubewright_console::{Access, Certificate, Console, ConsoleError, Settings, rbac};
use kubewright_testkit::require;
use serde_json::{Value, json};

use crate::browser::{Browser, ENTER};
use crate::cluster::{Fixture, settings};
use crate::http::{Visitor, form};

/// Headers that every page has.
#[tokio::test]
async fn pages_have_a_strict_policy_and_are_not_kept() {
    require!(let fixture = Fixture::start().await);
    let mut fixture = fixture;
    let mut visitor = Visitor::new(&fixture.console().await);
    for path in ["/", "/nodes", "/protection", "/networks", "/peer-pods", "/controllers", "/events"]
    {
        let answer = visitor.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        for inline in ["<style", " style=", "onclick", "javascript:"] {
            assert!(!answer.text.contains(inline), "{path} has {inline}");
        }
        assert!(answer.text.len() < 20_000, "{path} has {} bytes", answer.text.len());
    }
    let missing = visitor.get("/nowhere").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert_eq!(missing.header("cache-control"), "no-store");
}

/// A name that resolves to the console is not its name.
#[tokio::test]
async fn it_answers_under_its_own_names_only() {
    require!(let fixture = Fixture::start().await);
    let mut fixture = fixture;
    let access = Access::Own(fixture.client.clone());
    let hosts = vec!["console.example.org".to_owned()];
    let url = fixture.serve(Settings { hosts, ..settings(access) }).await;
    let visitor = Visitor::new(&url);
    for (host, status) in [
        ("localhost:1", StatusCode::OK),
        ("127.0.0.1", StatusCode::OK),
        ("[::1]:8443", StatusCode::OK),
        ("console.example.org", StatusCode::OK),
        ("CONSOLE.example.org:443", StatusCode::OK),
        ("evil.example.org", StatusCode::MISDIRECTED_REQUEST),
        ("localhost.evil.example.org", StatusCode::MISDIRECTED_REQUEST),
        ("127.0.0.1.evil.example.org", StatusCode::MISDIRECTED_REQUEST),
        ("", StatusCode::MISDIRECTED_REQUEST),
    ] {
        let answer = visitor.send(Request::get("/").header("host", host), "").await;
        assert_eq!(answer.status, status, "{host:?}");
    }
    let odd = Settings {
        hosts: vec!["http://x/".to_owned()],
        ..settings(Access::Own(fixture.client.clone()))
    };
    assert!(matches!(Console::bind(odd).await, Err(ConsoleError::Host { .. })));
}

/// Forms of others, forms without a token, and forms with somebody else's.
#[tokio::test]
async fn a_write_needs_a_form_of_its_own_session_and_origin() {
    require!(let fixture = Fixture::start().await);
    let mut fixture = fixture;
    require!(fixture.cluster.embedded().map(drop));
    let request = fixture.ask("csr-guarded", "worker-1").await;
    let uid = request.metadata.uid.unwrap();
    let url = fixture.console().await;
    let (mut visitor, mut other) = (Visitor::new(&url), Visitor::new(&url));
    let csrf = visitor.see(&uid).await;
    let foreign = other.see(&uid).await;
    assert_ne!(csrf, foreign);
    let fields = |csrf| form(&[("csrf", csrf), ("name", "csr-guarded"), ("uid", uid.as_str())]);
    let post = || Request::post("/nodes/accept");
    let origin = format!("http://{}", visitor.authority);
    let here = || post().header("origin", &origin);
    let stranger = Visitor { cookie: None, ..visitor.clone() };
    let refused = [
        ("no origin", visitor.send(post(), &fields(&csrf)).await),
        (
            "another origin",
            visitor.send(post().header("origin", "http://evil.example"), &fields(&csrf)).await,
        ),
        (
            "an origin of no site",
            visitor.send(post().header("origin", "null"), &fields(&csrf)).await,
        ),
        (
            "another port",
            visitor.send(post().header("origin", "http://127.0.0.1:1"), &fields(&csrf)).await,
        ),
        (
            "another site",
            visitor.send(post().header("sec-fetch-site", "same-site"), &fields(&csrf)).await,
        ),
        (
            "two origins",
            visitor.send(here().header("origin", "http://evil.example"), &fields(&csrf)).await,
        ),
        ("no token", visitor.send(here(), &fields("")).await),
        ("a token of another session", visitor.send(here(), &fields(&foreign)).await),
        ("no session", stranger.send(here(), &fields(&csrf)).await),
    ];
    for (what, answer) in refused {
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}: {}", answer.text);
    }
    let get = visitor.send(Request::get("/nodes/accept?name=csr-guarded"), "").await;
    assert_eq!(get.status, StatusCode::METHOD_NOT_ALLOWED);
    let large = visitor.send(here(), &"x".repeat(64 << 10)).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    let requests: Api<k8s_openapi::api::certificates::v1::CertificateSigningRequest> =
        Api::all(fixture.client.clone());
    let stored = requests.get("csr-guarded").await.unwrap();
    let conditions = stored.status.and_then(|status| status.conditions).unwrap_or_default();
    assert_eq!(conditions, [], "none of them did anything");

    let twin = form(&[("csrf", &csrf), ("name", "csr-guarded"), ("uid", "another")]);
    assert_eq!(visitor.send(here(), &twin).await.status, StatusCode::NOT_FOUND);
    let path = form(&[("csrf", &csrf), ("name", "../secrets"), ("uid", &uid)]);
    assert_eq!(visitor.send(here(), &path).await.status, StatusCode::NOT_FOUND);
    let silent = [("csrf", csrf.as_str()), ("name", "csr-guarded"), ("uid", &uid)];
    let silent = visitor.post("/nodes/reject", &silent).await;
    assert_eq!(silent.status, StatusCode::UNPROCESSABLE_ENTITY, "a reason is needed");

    let done = visitor.send(here(), &fields(&csrf)).await;
    assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, "/nodes"));
    assert_eq!(fixture.decided("csr-guarded").await["type"], "Approved");
    let again = visitor.send(here(), &fields(&csrf)).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.text);
}

/// Not even with a page that was loaded before the node came up.
#[tokio::test]
async fn nobody_takes_the_place_of_a_node_that_works() {
    require!(let fixture = Fixture::start().await);
    let mut fixture = fixture;
    require!(fixture.cluster.embedded().map(drop));
    let request = fixture.ask("csr-twin", "worker-1").await;
    let uid = request.metadata.uid.unwrap();
    let mut visitor = Visitor::new(&fixture.console().await);
    let csrf = visitor.see(&uid).await;
    let offers = |page: &str| page.contains("action=\"/nodes/accept\"");
    assert!(offers(&visitor.get("/nodes").await.text));
    fixture.node("worker-1", 1, true, json!({})).await;
    let form = [("csrf", csrf.as_str()), ("name", "csr-twin"), ("uid", &uid)];
    let refused = visitor.post("/nodes/accept", &form).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    assert!(refused.text.contains("cannot be accepted: a node of this name"), "{}", refused.text);
    let mut events = Events::open(&visitor, "/nodes").await;
    let mut page = visitor.get("/nodes").await;
    while offers(&page.text) {
        events.next().await;
        page = visitor.get("/nodes").await;
    }
    assert!(page.text.contains("Cannot be accepted: a node of this name"), "{}", page.text);
}

impl Visitor {
    /// Loads the nodes until a request is shown, and returns the token of the forms.
    async fn see(&mut self, uid: &str) -> String {
        let mut page = self.get("/nodes").await;
        let mut events = Events::open(self, "/nodes").await;
        while !page.text.contains(uid) {
            events.next().await;
            page = self.get("/nodes").await;
        }
        page.csrf()
    }
}

/// A stream of events.
struct Events(hyper::body::Incoming);

impl Events {
    async fn open(visitor: &Visitor, path: &str) -> Self {
        let request = Request::get(format!("/live?{}", form(&[("path", path)])));
        let response = visitor.open(request, "").await;
        assert_eq!(response.status(), StatusCode::OK);
        Self(response.into_body())
    }

    /// The next piece of the stream; nothing when it has ended.
    async fn next(&mut self) -> Option<String> {
        let frame = self.0.frame().await?.unwrap();
        Some(String::from_utf8(frame.into_data().unwrap_or_default().to_vec()).unwrap())
    }
}

/// Its own credentials stay on this machine, and tokens are not taken in the clear.
#[tokio::test]
async fn settings_that_would_expose_too_much_are_refused() {
    require!(let fixture = Fixture::start().await);
    let anywhere = "0.0.0.0:0".parse().unwrap();
    let own = settings(Access::Own(fixture.client.clone()));
    let refused = Console::bind(Settings { listen: anywhere, ..own }).await;
    assert!(matches!(refused, Err(ConsoleError::Exposed { .. })));
    let config = Config::new("https://127.0.0.1:1".parse().unwrap());
    let users = || settings(Access::Users(Box::new(config.clone())));
    let refused = Console::bind(Settings { listen: anywhere, ..users() }).await;
    assert!(matches!(refused, Err(ConsoleError::Plain { .. })));
    let allowed = Settings { listen: anywhere, allow_plain_http: true, ..users() };
    assert!(Console::bind(allowed).await.is_ok());
}

/// Users sign in with tokens, and have the rights of these, for reading and writing.
#[tokio::test]
async fn users_have_their_own_rights_and_nothing_more() {
    require!(let fixture = Fixture::start().await);
    let mut fixture = fixture;
    require!(let server = fixture.cluster.embedded());
    let config = over_tls(server).await;
    let request = fixture.ask("csr-users", "worker-1").await;
    let uid = request.metadata.uid.unwrap();
    let reader = account(
        &fixture,
        "reader",
        &[
            ("certificates.k8s.io", "certificatesigningrequests", &["get", "list", "watch"]),
            ("", "nodes", &["get"]),
        ],
    )
    .await;
    let admin = account(
        &fixture,
        "admin",
        &[
            ("certificates.k8s.io", "certificatesigningrequests", &["get", "list", "watch"]),
            ("certificates.k8s.io", "certificatesigningrequests/approval", &["update"]),
            ("certificates.k8s.io", "signers", &["approve"]),
            ("", "nodes", &["get"]),
        ],
    )
    .await;
    // The configuration is an administrator's: none of that may reach a user.
    let url = fixture.serve(settings(Access::Users(Box::new(config)))).await;

    let mut nobody = Visitor::new(&url);
    let answer = nobody.get("/nodes").await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/sign-in"));
    let live = nobody.send(Request::get("/live?path=%2Fnodes"), "").await;
    assert_eq!(live.status, StatusCode::UNAUTHORIZED);
    let csrf = nobody.get("/sign-in").await.csrf();
    for wrong in ["", "not-a-token-of-anybody", "two words", "a\r\nX-Evil: b"] {
        let answer = nobody.post("/sign-in", &[("csrf", &csrf), ("token", wrong)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{wrong:?}");
        assert!(answer.text.contains("does not accept this token"), "{}", answer.text);
        assert!(wrong.is_empty() || !answer.text.contains(wrong), "tokens are not shown");
    }

    let mut reading = Visitor::new(&url);
    let before = reading.get("/sign-in").await;
    let fields = [("csrf", before.csrf()), ("token", reader.clone())];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    let signed = reading.post("/sign-in", &fields).await;
    assert_eq!(signed.status, StatusCode::SEE_OTHER, "{}", signed.text);
    let cookie = signed.header("set-cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    assert_ne!(before.cookie(), signed.cookie(), "a session never takes over an older cookie");
    let csrf = reading.see(&uid).await;
    let page = reading.get("/nodes").await;
    assert!(page.text.contains("Your account may not list nodes"), "{}", page.text);
    assert!(page.text.contains("system:serviceaccount:"), "says who is signed in");
    assert!(!page.text.contains(&reader), "no token in a page");
    let write = [("csrf", csrf.as_str()), ("name", "csr-users"), ("uid", &uid)];
    let refused = reading.post("/nodes/accept", &write).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text);
    assert!(refused.text.contains("cannot update resource"), "{}", refused.text);

    let mut deciding = Visitor::new(&url);
    let csrf = deciding.get("/sign-in").await.csrf();
    deciding.post("/sign-in", &[("csrf", &csrf), ("token", &admin)]).await;
    let csrf = deciding.see(&uid).await;
    let write = [("csrf", csrf.as_str()), ("name", "csr-users"), ("uid", &uid)];
    assert_eq!(deciding.post("/nodes/accept", &write).await.status, StatusCode::SEE_OTHER);
    assert_eq!(fixture.decided("csr-users").await["type"], "Approved");

    let mut events = Events::open(&deciding, "/nodes").await;
    let old = deciding.clone();
    let out = deciding.post("/sign-out", &[("csrf", &csrf)]).await;
    assert_eq!(out.header("location"), "/sign-in");
    let after = old.send(Request::get("/nodes"), "").await;
    assert_eq!(after.status, StatusCode::SEE_OTHER, "the old cookie is worth nothing");
    // A stream of the session ends at the next news.
    fixture.ask("csr-later", "worker-2").await;
    while let Some(piece) = events.next().await {
        if piece.contains("event: end") {
            break;
        }
        assert!(!piece.contains("worker-2"), "{piece}");
    }
}

/// With the rules of the two roles together, everything is seen and decisions are made; none of them
/// is there for nothing.
#[tokio::test]
async fn the_rules_of_the_roles_suffice_and_are_all_needed() {
    require!(let fixture = Fixture::start().await);
    let mut fixture = fixture;
    require!(let server = fixture.cluster.embedded());
    let config = over_tls(server).await;
    // Where Calico's resources are served in both groups, the other one is watched.
    let watched = |rule: &PolicyRule| {
        rule.api_groups.iter().flatten().all(|group| group != "projectcalico.org")
    };
    let rules = rbac::of_viewers().into_iter().chain(rbac::of_approvers()).filter(watched);
    let rules: Vec<Value> = rules.map(|rule| serde_json::to_value(rule).unwrap()).collect();
    let request = fixture.ask("csr-guide", "worker-1").await;
    let uid = request.metadata.uid.unwrap();
    let all = account_by(&fixture, "all", Value::Array(rules.clone())).await;
    let mut fewer = Vec::new();
    for without in 0..rules.len() {
        let mut rules = rules.clone();
        rules.remove(without);
        fewer.push(account_by(&fixture, &format!("fewer-{without}"), Value::Array(rules)).await);
    }
    let url = fixture.serve(settings(Access::Users(Box::new(config)))).await;
    for token in fewer {
        let mut visitor = Visitor::new(&url);
        visitor.sign_in(&token).await;
        let csrf = visitor.get("/nodes").await.csrf();
        let complains = visitor.read_all().await.contains("may not list");
        let form = [("csrf", csrf.as_str()), ("name", "csr-guide"), ("uid", &uid)];
        // Without the right to see requests there is nothing to decide about, either.
        let refused = complains || {
            let decided = visitor.post("/nodes/accept", &form).await;
            decided.status == StatusCode::FORBIDDEN
        };
        assert!(refused, "a rule is not needed");
    }
    let mut visitor = Visitor::new(&url);
    visitor.sign_in(&all).await;
    let text = visitor.read_all().await;
    assert!(!text.contains("may not list"), "{text}");
    let csrf = visitor.see(&uid).await;
    let form = [("csrf", csrf.as_str()), ("name", "csr-guide"), ("uid", &uid)];
    let decided = visitor.post("/nodes/accept", &form).await;
    assert_eq!(decided.status, StatusCode::SEE_OTHER, "{}", decided.text);
}

impl Visitor {
    async fn sign_in(&mut self, token: &str) {
        let csrf = self.get("/sign-in").await.csrf();
        let answer = self.post("/sign-in", &[("csrf", &csrf), ("token", token)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    }

    /// The text of all pages, once everything has been read.
    async fn read_all(&mut self) -> String {
        let mut all = String::new();
        for path in
            ["/", "/nodes", "/protection", "/networks", "/peer-pods", "/controllers", "/events"]
        {
            let mut page = self.get(path).await;
            let mut events = Events::open(self, path).await;
            while page.text.contains("Reading ") || page.text.contains(">reading<") {
                events.next().await;
                page = self.get(path).await;
            }
            all.push_str(&page.text);
        }
        all
    }
}

/// The way to the API server as users' kubeconfigs know it.
async fn over_tls(server: &Server) -> Config {
    let address = server.serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let kubeconfig = Kubeconfig::from_yaml(&server.kubeconfig(address).unwrap()).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()
}

/// A token of a service account with these rights.
async fn account(fixture: &Fixture, name: &str, rules: &[(&str, &str, &[&str])]) -> String {
    let rules = rules.iter().map(|(group, resource, verbs)| {
        json!({ "apiGroups": [group], "resources": [resource], "verbs": verbs })
    });
    account_by(fixture, name, rules.collect()).await
}

/// The same with rules as a role has them.
async fn account_by(fixture: &Fixture, name: &str, rules: Value) -> String {
    let namespace = fixture.cluster.namespace();
    let own = fixture.cluster.unique(name);
    for object in [
        json!({ "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": { "name": name, "namespace": namespace } }),
        json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": { "name": own }, "rules": rules }),
        json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": { "name": own },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": own },
            "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": namespace }] }),
    ] {
        fixture.put(object).await;
    }
    let accounts: Api<ServiceAccount> = Api::namespaced(fixture.client.clone(), namespace);
    let asked = TokenRequest::default();
    let answer = accounts.create_token_request(name, &PostParams::default(), &asked).await.unwrap();
    let status = answer.status.unwrap();
    assert!(status.expiration_timestamp.0 > Timestamp::now());
    status.token
}

/// Over HTTPS the cookie is for HTTPS only, and forms of HTTP pages are refused.
#[tokio::test]
async fn over_tls_the_cookie_never_leaves_it() {
    require!(let fixture = Fixture::start().await);
    let mut fixture = fixture;
    let folder = tempfile::tempdir().unwrap();
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    std::fs::write(&certificate, own.cert.pem()).unwrap();
    std::fs::write(&key, own.signing_key.serialize_pem()).unwrap();
    assert!(Certificate::read(&key, &key).is_err(), "a key is no certificate");
    assert!(Certificate::read(&certificate, &folder.path().join("none")).is_err());
    let config = Config::new("https://127.0.0.1:1".parse().unwrap());
    let settings = Settings {
        certificate: Some(Certificate::read(&certificate, &key).unwrap()),
        ..settings(Access::Users(Box::new(config)))
    };
    let url = fixture.serve(settings).await;
    let authority = url.strip_prefix("https://").unwrap().trim_end_matches('/').to_owned();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(own.cert.der().clone()).unwrap();
    let client =
        rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(client));
    let send = async |request: hyper::http::request::Builder| {
        let stream = tokio::net::TcpStream::connect(&authority).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let stream = connector.connect(name, stream).await.unwrap();
        let io = hyper_util::rt::TokioIo::new(stream);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        let request = request.header("host", &authority).body(String::new()).unwrap();
        sender.send_request(request).await.unwrap()
    };
    let page = send(Request::get("/sign-in")).await;
    let cookie = page.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-kubewright-console-"), "{cookie}");
    assert!(cookie.contains("; Path=/; HttpOnly; SameSite=Strict; Secure"), "{cookie}");
    let plain = Request::post("/sign-in").header("origin", format!("http://{authority}"));
    assert_eq!(send(plain).await.status(), StatusCode::FORBIDDEN);
}

/// Its own credentials are for its own user.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_user_of_this_machine_is_not_answered() {
    require!(require::root(), require::program("bash"));
    require!(let fixture = Fixture::start().await);
    let mut fixture = fixture;
    let url = fixture.console().await;
    let mut own = Visitor::new(&url);
    assert_eq!(own.get("/").await.status, StatusCode::OK);
    let port = own.authority.rsplit(':').next().unwrap();
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port}; \
         printf 'GET / HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3; cat <&3"
    );
    let nobody = 65534;
    let mut ask = std::process::Command::new("bash");
    ask.args(["-c", &script]).current_dir("/").uid(nobody).gid(nobody);
    let answer = tokio::task::spawn_blocking(move || ask.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    assert!(text.starts_with("HTTP/1.1 403"), "{text} {answer:?}");
    assert!(!text.contains("set-cookie"), "{text}");
}

/// Pages that are followed cost something, and there is an end to it.
#[tokio::test]
async fn there_is_room_for_so_many_live_pages() {
    require!(let fixture = Fixture::start().await);
    let mut fixture = fixture;
    let mut visitor = Visitor::new(&fixture.console().await);
    visitor.get("/").await;
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(Events::open(&visitor, "/events").await);
    }
    let ask = || visitor.open(Request::get("/live?path=%2Fevents"), "");
    assert_eq!(ask().await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let mut last = open.pop().unwrap();
    assert!(last.next().await.unwrap().contains("event: part"));
    drop(last);
    // The server notices that somebody has gone when it has something to tell.
    let mut number = 0;
    while ask().await.status() != StatusCode::OK {
        number += 1;
        fixture.node(&format!("w{number}"), 9, true, json!({})).await;
    }
}

/// Signing in and out as people do it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_signs_in_and_out_in_the_browser() {
    require!(require::programs(&["chromium", "chromedriver"]));
    require!(let fixture = Fixture::start().await);
    let mut fixture = fixture;
    require!(let server = fixture.cluster.embedded());
    let config = over_tls(server).await;
    let token = account(&fixture, "viewer", &[("", "nodes", &["list", "watch"])]).await;
    let url = fixture.serve(settings(Access::Users(Box::new(config)))).await;
    let browser = Browser::start().await;
    browser.size(1240, 800, false).await;
    browser.open(&format!("{url}nodes")).await;
    browser.until("location.pathname === '/sign-in'").await;
    browser.write("#token", "not-a-token-of-anybody").await;
    browser.press(ENTER).await;
    browser.until("document.body.innerText.includes('does not accept this token')").await;
    browser.picture("sign-in-desk-light").await;
    // The page is an answer with 403, of which the browser takes note.
    let noted = browser.complaints().await;
    assert!(noted.iter().all(|line| line.contains("403")), "{noted:?}");
    browser.write("#token", &token).await;
    browser.press(ENTER).await;
    browser.until("location.pathname === '/'").await;
    browser.until("document.getElementById('live').dataset.state === 'on'").await;
    let text = browser.text().await;
    assert!(text.contains(":viewer"), "{text}");
    browser.picture("restricted-desk-light").await;
    browser.click(".account button").await;
    browser.until("location.pathname === '/sign-in'").await;
    browser.open(&url).await;
    browser.until("location.pathname === '/sign-in'").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
