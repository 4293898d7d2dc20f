//! A process that drives one SDK: it takes a call a line and answers with a line.
//! The other end is `tests/foreign/stage.js` or `stage.py`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::provision;
use crate::source::root;

/// Longer than any call may take there.
const PATIENCE: Duration = Duration::from_secs(60);

/// How one SDK came out of a call.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It has nothing of the kind.
    NotOffered,
    /// What it gave back.
    Answer(Value),
    /// What a caller can see of the error that it raised.
    Error(String),
}

impl Outcome {
    /// A field of the answer as text; numbers too.
    pub fn field(&self, name: &str) -> String {
        match self {
            Self::Answer(answer) => match &answer[name] {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            },
            _ => String::new(),
        }
    }

    /// Whether it says that the gateway agreed.
    pub fn succeeded(&self) -> bool {
        self.field("return_code") == "SUCCESS" && self.field("result_code") == "SUCCESS"
    }

    /// All that it tells, in one text.
    pub fn text(&self) -> String {
        match self {
            Self::NotOffered => String::new(),
            Self::Answer(answer) => answer.to_string(),
            Self::Error(text) => text.clone(),
        }
    }
}

/// Which SDK, and how it is run.
#[derive(Clone, Copy)]
pub struct Sdk {
    pub name: &'static str,
    pub language: &'static str,
    pub script: &'static str,
}

impl Sdk {
    fn command(self) -> Command {
        let folder = root().join("tests/foreign");
        let mut command = if self.language == "Python" {
            Command::new(provision::python(&folder.join("requirements.txt")))
        } else {
            let modules = provision::node(&folder);
            let mut node = Command::new("node");
            node.env("NODE_PATH", modules);
            node
        };
        command.arg(folder.join(self.script));
        command
    }
}

pub struct Driver {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    pub version: String,
    /// Where its listener for notifications is.
    pub here: String,
}

impl Driver {
    /// Starts it with the sandbox's directory; `ca` is what it trusts besides the
    /// public CAs.
    pub fn start(sdk: Sdk, directory: &Path, ca: Option<&Path>) -> Self {
        let mut command = sdk.command();
        for name in ["NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
            command.env_remove(name);
            if let (Some(ca), true) = (ca, name != "CURL_CA_BUNDLE") {
                command.env(name, ca);
            }
        }
        for name in ["http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        command.arg(directory).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", sdk.script));
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut driver = Self { child, input, lines, version: String::new(), here: String::new() };
        let hello = driver.line();
        assert_eq!(hello["sdk"], sdk.name, "{hello}");
        hello["version"].as_str().unwrap().clone_into(&mut driver.version);
        hello["here"].as_str().unwrap().clone_into(&mut driver.here);
        driver
    }

    pub fn call(&mut self, call: &str, fields: &Value) -> Outcome {
        self.call_as("right", call, fields)
    }

    /// As another client of the same SDK: `wrong_key` has another key.
    pub fn call_as(&mut self, client: &str, call: &str, fields: &Value) -> Outcome {
        writeln!(self.input, "{}", json!({"call": call, "as": client, "fields": fields})).unwrap();
        self.input.flush().unwrap();
        let line = self.line();
        match (line.get("answer"), line.get("error")) {
            (Some(answer), None) => Outcome::Answer(answer.clone()),
            (None, Some(error)) => Outcome::Error(error["text"].as_str().unwrap().to_owned()),
            _ if line["offered"] == false => Outcome::NotOffered,
            _ => panic!("{call}: {line}"),
        }
    }

    fn line(&mut self) -> Value {
        // The sandbox is served by other threads meanwhile.
        let line = tokio::task::block_in_place(|| self.lines.recv_timeout(PATIENCE));
        let line = line.unwrap_or_else(|error| panic!("the driver says nothing: {error}"));
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It ends with its input; one that hangs is ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory like the sandbox's, whose gateway is somebody else.
pub fn directory_of_an_impostor(directory: &Path, gateway: &str) -> (tempfile::TempDir, PathBuf) {
    let other = tempfile::tempdir().unwrap();
    let path = other.path().to_owned();
    let merchant = std::fs::read_dir(directory.join("merchants")).unwrap().map(|entry| entry.unwrap().path());
    for folder in merchant {
        let to = path.join("merchants").join(folder.file_name().unwrap());
        std::fs::create_dir_all(&to).unwrap();
        for file in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            std::fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
        }
    }
    std::fs::write(path.join("sandbox.json"), json!({"gateway": gateway}).to_string()).unwrap();
    (other, path)
}
