//! WebDriver in a few calls, against the distribution's chromedriver.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::provision;

/// How long the page may take to become what a test waits for.
const PATIENCE: Duration = Duration::from_secs(8);

/// A browser, and the line to its driver.
pub struct Browser {
    port: u16,
    session: String,
    /// When this process ends, however it ends, the line is cut and the shell
    /// puts browser and driver away.
    _line: (Child, ChildStdin),
}

/// The browser that all tests share, one after another; its start takes longer
/// than most of them.
pub fn the_only() -> MutexGuard<'static, Browser> {
    static BROWSER: OnceLock<Mutex<Browser>> = OnceLock::new();
    // A test that failed leaves a page behind, which the next one leaves.
    BROWSER.get_or_init(|| Mutex::new(Browser::start())).lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts away what it started when its standard input ends.
const KEEPER: &str = r#"chromedriver --port=0 &
driver=$!
cat > /dev/null
browser=$(cat /proc/$driver/task/*/children)
kill $browser $driver
# It writes its profile until its end.
while kill -0 $browser; do sleep 0.1; done
rm -rf "$1""#;

impl Browser {
    fn start() -> Self {
        provision::command("chromium", "chromium");
        provision::command("chromedriver", "chromium-driver");
        if !Path::new("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc").exists() {
            provision::package("fonts-wqy-zenhei", "a font with Chinese characters");
        }
        let profile = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("browser-{}", std::process::id()));
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&profile)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let line = keeper.stdin.take().unwrap();
        let words = BufReader::new(keeper.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = words
            .filter_map(|word| word.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok())
            .next()
            .expect("chromedriver names its port");
        let mut browser = Self { port, session: String::new(), _line: (keeper, line) };
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--force-prefers-reduced-motion",
            &format!("--user-data-dir={}", profile.display()),
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "timeouts": { "implicit": PATIENCE.as_millis(), "script": PATIENCE.as_millis() },
        } } });
        let session = browser.ask("POST", "/session", &wanted).expect("the browser starts");
        browser.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        browser
    }

    /// One command; `Err` has what the driver says.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let head = format!("Host: 127.0.0.1\r\nContent-Length: {}\r\nConnection: close", body.len());
        write!(stream, "{method} {}{path} HTTP/1.1\r\n{head}\r\n\r\n{body}", self.session).unwrap();
        // The driver does not close, whatever it is asked for.
        let mut lines = BufReader::new(stream);
        let (mut head, mut length) = (String::new(), 0);
        while lines.read_line(&mut head).unwrap() > 2 {
            let last = head.lines().last().unwrap_or_default().to_ascii_lowercase();
            length = last.strip_prefix("content-length:").map_or(length, |length| length.trim().parse().unwrap());
        }
        let mut body = vec![0; length];
        lines.read_exact(&mut body).unwrap();
        let mut answer: Value = serde_json::from_slice(&body).unwrap();
        let value = answer["value"].take();
        if head.starts_with("HTTP/1.1 200") { Ok(value) } else { Err(value["message"].to_string()) }
    }

    fn post(&self, path: &str, body: Value) -> Value {
        self.ask("POST", path, &body).unwrap_or_else(|problem| panic!("{path} {body}: {problem}"))
    }

    pub fn go(&self, url: &str) {
        self.post("/url", json!({ "url": url }));
    }

    /// Leaves the page, and forgets what was logged.
    pub fn leave(&self) {
        self.go("about:blank");
        self.complaints();
        self.requests();
    }

    /// The page's size in CSS pixels; below 500 as on a phone.
    pub fn resize(&self, (width, height): (u32, u32)) {
        let phone = width < 500;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone });
        for (command, parameters) in [
            ("Emulation.setDeviceMetricsOverride", metrics),
            ("Emulation.setTouchEmulationEnabled", json!({ "enabled": phone })),
        ] {
            self.post("/goog/cdp/execute", json!({ "cmd": command, "params": parameters }));
        }
    }

    pub fn run(&self, script: &str, arguments: &[Value]) -> Value {
        self.post("/execute/sync", json!({ "script": script, "args": arguments }))
    }

    /// Looks at each frame whether the expression is true.
    pub fn wait(&self, expression: &str) -> Value {
        let script = format!(
            "const done = arguments[0]; (function look() {{ let found = null; try {{ found = {expression}; }} catch {{}} \
             found ? done(found) : requestAnimationFrame(look); }})()"
        );
        let found = self.ask("POST", "/execute/async", &json!({ "script": script, "args": [] }));
        found.unwrap_or_else(|problem| panic!("waited in vain for {expression}: {problem}"))
    }

    /// Acts on an element, again if it was exchanged or covered meanwhile.
    fn act(&self, selector: &str, action: &str, body: &Value) {
        let start = Instant::now();
        loop {
            let query = json!({ "using": "css selector", "value": selector });
            let done = self.ask("POST", "/element", &query).and_then(|found| {
                let id = found.as_object().and_then(|found| found.values().next()?.as_str()).unwrap_or_default();
                self.ask("POST", &format!("/element/{id}/{action}"), body)
            });
            match done {
                Ok(_) => return,
                Err(problem) => assert!(start.elapsed() < PATIENCE, "{action} {selector}: {problem}"),
            }
        }
    }

    pub fn click(&self, selector: &str) {
        self.act(selector, "click", &json!({}));
    }

    pub fn write(&self, selector: &str, text: &str) {
        self.act(selector, "value", &json!({ "text": text }));
    }

    pub fn press(&self, keys: &[&str]) {
        let strokes: Vec<Value> = keys
            .iter()
            .flat_map(|key| [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })])
            .collect();
        self.post("/actions", json!({ "actions": [{ "type": "key", "id": "keys", "actions": strokes }] }));
    }

    /// What is seen now, as a PNG file.
    pub fn picture(&self) -> Vec<u8> {
        let picture = self.ask("GET", "/screenshot", &Value::Null).unwrap();
        base64::engine::general_purpose::STANDARD.decode(picture.as_str().unwrap()).unwrap()
    }

    /// As if the machine preferred light or dark.
    pub fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.post(
            "/goog/cdp/execute",
            json!({ "cmd": "Emulation.setEmulatedMedia", "params": { "features": features } }),
        );
    }

    /// What the page has shown, for a test that fails.
    pub fn shown(&self) -> String {
        let text =
            self.ask("POST", "/execute/sync", &json!({ "script": "return document.body.innerText", "args": [] }));
        text.map_or_else(|problem| problem, |text| text.as_str().unwrap_or_default().to_owned())
    }

    fn log(&self, kind: &str) -> Vec<Value> {
        self.post("/se/log", json!({ "type": kind })).as_array().cloned().unwrap_or_default()
    }

    /// What the browser's console has said since it was last asked.
    pub fn complaints(&self) -> Vec<String> {
        self.log("browser").iter().map(|entry| entry["message"].to_string()).collect()
    }

    /// The addresses that were asked for since this was last asked, sockets
    /// among them.
    pub fn requests(&self) -> Vec<String> {
        let events = self.log("performance").into_iter().filter_map(|entry| {
            let event: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let event = &event["message"];
            match event["method"].as_str()? {
                "Network.requestWillBeSent" => event["params"]["request"]["url"].as_str().map(str::to_owned),
                "Network.webSocketCreated" => event["params"]["url"].as_str().map(str::to_owned),
                _ => None,
            }
        });
        events.filter(|url| url != "about:blank").collect()
    }
}
