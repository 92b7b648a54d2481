//! A headless Chromium, driven by ChromeDriver over the WebDriver protocol.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use kubewright_testkit::require;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// Long enough for a busy machine; only a failure waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Drivers that are started until one has a port.
const TRIES: usize = 5;

/// A key of the WebDriver protocol.
pub(crate) const TAB: &str = "\u{e004}";
/// Another.
pub(crate) const ENTER: &str = "\u{e007}";

/// A browser with one window.
pub(crate) struct Browser {
    driver: Child,
    /// Process of the browser itself.
    browser: Option<Pid>,
    port: u16,
    session: String,
    _profile: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(browser) = self.browser {
            let _ = kill_process(browser, Signal::KILL);
        }
        if let Some(group) = Pid::from_raw(self.driver.id().cast_signed()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.driver.wait();
    }
}

/// A driver, and its port; none when it ended at once.
fn driver() -> Option<(Child, u16)> {
    let mut driver = Command::new(require::find("chromedriver").unwrap())
        .arg("--port=0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    // The rest is read too: a full pipe would stop it.
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                let _ = sender.send(port.trim_end_matches('.').parse::<u16>().unwrap());
            }
        }
    });
    match receiver.recv_timeout(PATIENCE) {
        Ok(port) => Some((driver, port)),
        Err(_) => {
            let _ = driver.kill();
            let _ = driver.wait();
            None
        }
    }
}

impl Browser {
    /// Starts one with a profile of its own.
    pub(crate) async fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        // It takes a free port of IPv4, and ends when that is taken for IPv6.
        let started = (0..TRIES).find_map(|_| driver());
        let (driver, port) = started.expect("chromedriver tells its port");
        let mut browser =
            Self { driver, browser: None, port, session: String::new(), _profile: profile };
        let profile = browser._profile.path().display().to_string();
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--window-size=1280,900",
        ];
        let mut arguments: Vec<_> = arguments.map(str::to_owned).into();
        arguments.push(format!("--user-data-dir={profile}"));
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "binary": require::find("chromium").unwrap(), "args": arguments },
        } } });
        let answer = browser.call("POST", "/session", capabilities).await;
        let process = answer["capabilities"]["goog:processID"].as_i64();
        browser.browser = process.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        browser.session = answer["sessionId"].as_str().unwrap().to_owned();
        browser
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        self.try_call(method, path, body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn try_call(&self, method: &str, path: &str, body: Value) -> Result<Value, Value> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let io = TokioIo::new(stream);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", format!("127.0.0.1:{}", self.port))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let answer = tokio::time::timeout(PATIENCE, async {
            let response = sender.send_request(request).await.unwrap();
            let good = response.status().is_success();
            (good, response.into_body().collect().await.unwrap().to_bytes())
        });
        let (good, text) = answer.await.expect("the browser answers");
        let mut answer: Value = serde_json::from_slice(&text).unwrap();
        let value = answer["value"].take();
        if good { Ok(value) } else { Err(value) }
    }

    async fn command(&self, method: &str, path: &str, body: Value) -> Value {
        self.call(method, &format!("/session/{}{path}", self.session), body).await
    }

    /// A command of the browser's own protocol.
    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.command("POST", "/goog/cdp/execute", body).await
    }

    /// Loads a page.
    pub(crate) async fn open(&self, url: &str) {
        self.command("POST", "/url", json!({ "url": url })).await;
    }

    /// Runs a script in the page. It is injected from outside, so the page's policy does not
    /// apply to it.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.command("POST", "/execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// Waits until a script of the page returns something true. It is asked by the page itself
    /// before each frame that it draws.
    pub(crate) async fn until(&self, what: &str) {
        let script = format!(
            "const done = arguments[arguments.length - 1]; const end = Date.now() + 45000;\
             (function look() {{ let it = false; try {{ it = ({what}); }} catch {{}}\
             if (it || Date.now() > end) done(Boolean(it)); else setTimeout(look, 20); }})();"
        );
        let _ = self.command("POST", "/timeouts", json!({ "script": 50_000 })).await;
        let body = json!({ "script": script, "args": [] });
        // A page that is being left answers with an error; the next one is asked then.
        for _ in 0..3 {
            let path = format!("/session/{}/execute/async", self.session);
            match self.try_call("POST", &path, body.clone()).await {
                Ok(Value::Bool(true)) => return,
                Ok(_) => break,
                Err(error) => eprintln!("asked again: {}", error["error"]),
            }
        }
        let text = self.run("return document.body.innerText").await;
        panic!("never {what}; the page says: {}", text.as_str().unwrap_or_default());
    }

    /// The text that a page shows.
    pub(crate) async fn text(&self) -> String {
        let text = self.run("return document.body.innerText").await;
        text.as_str().unwrap().to_owned()
    }

    async fn element(&self, css: &str) -> String {
        let body = json!({ "using": "css selector", "value": css });
        let element = self.command("POST", "/element", body).await;
        let id = element.as_object().unwrap().values().next().unwrap();
        id.as_str().unwrap().to_owned()
    }

    /// Clicks, as with a mouse.
    pub(crate) async fn click(&self, css: &str) {
        let element = self.element(css).await;
        self.command("POST", &format!("/element/{element}/click"), json!({})).await;
    }

    /// Types into a field.
    pub(crate) async fn write(&self, css: &str, text: &str) {
        let element = self.element(css).await;
        self.command("POST", &format!("/element/{element}/value"), json!({ "text": text })).await;
    }

    /// Presses keys, wherever the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        let actions: Vec<_> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })))
            .collect();
        let body = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] });
        self.command("POST", "/actions", body).await;
    }

    /// Says whether the system is dark.
    pub(crate) async fn system_theme(&self, theme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": theme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Makes the window this wide and high, as a phone's where `mobile`.
    pub(crate) async fn size(&self, width: u32, height: u32, mobile: bool) {
        let metrics = json!({ "width": width, "height": height, "mobile": mobile,
            "deviceScaleFactor": if mobile { 2 } else { 1 } });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Switches scripts of pages off, as some people do.
    pub(crate) async fn without_scripts(&self) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    }

    /// What the page and the browser have complained about since last asked: errors of scripts,
    /// violations of the policy, files that are missing.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.command("POST", "/se/log", json!({ "type": "browser" })).await;
        let entries = log.as_array().unwrap().iter();
        entries.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Keeps a picture of the whole page with the artifacts of the build.
    pub(crate) async fn picture(&self, name: &str) -> PathBuf {
        let answer =
            self.devtools("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await;
        let bytes = STANDARD.decode(answer["data"].as_str().unwrap()).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/console-screenshots");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{name}.png"));
        fs::write(&path, bytes).unwrap();
        path
    }
}
