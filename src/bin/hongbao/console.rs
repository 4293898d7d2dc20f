//! The console of a sandbox that runs on this machine, for the verbs that use it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::http::{Request, Response};
use crate::sandbox::USUAL_DIR;

/// Which sandbox.
#[derive(Clone, clap::Args)]
pub(crate) struct Of {
    /// Directory of the sandbox that runs on this machine (`hongbao sandbox --dir DIR`)
    #[arg(long, value_name = "DIR", default_value = USUAL_DIR)]
    pub(crate) sandbox: PathBuf,

    /// The token of its console, if it has one; DIR/console.token unless it is given
    #[arg(long, value_name = "TOKEN", env = TOKEN_VARIABLE, hide_env_values = true)]
    console_token: Option<String>,
}

/// The variable that holds a console's token.
pub(crate) const TOKEN_VARIABLE: &str = "HONGBAO_CONSOLE_TOKEN";
/// The file in a sandbox's directory that holds it.
pub(crate) const TOKEN_FILE: &str = "console.token";

pub(crate) struct Console {
    /// `host:port`.
    pub(crate) authority: String,
    directory: PathBuf,
    /// The value of the header, if the console wants one.
    authorization: Option<String>,
}

impl Of {
    pub(crate) fn console(&self) -> Result<Console, Failure> {
        let directory = &self.sandbox;
        let file = directory.join("sandbox.json");
        let text = fs::read(&file).map_err(|error| {
            Failure::usage(format!("{}: {error}", file.display()), format!("start it: {}", start(directory)))
        })?;
        let addresses: Value = serde_json::from_slice(&text).unwrap_or_default();
        let authority = addresses["console"].as_str().and_then(|address| address.strip_prefix("http://"));
        let authority = authority.ok_or_else(|| {
            let problem = format!("{}: there is no console's address in it", file.display());
            Failure::usage(problem, format!("start the sandbox again: {}", start(directory)))
        })?;
        let kept = || fs::read_to_string(directory.join(TOKEN_FILE)).ok();
        let token = self.console_token.clone().or_else(kept).map(|token| token.trim().to_owned());
        Ok(Console {
            authority: reachable(authority),
            directory: directory.clone(),
            authorization: token.filter(|token| !token.is_empty()).map(|token| format!("Bearer {token}")),
        })
    }
}

/// A console that listens everywhere is asked on this machine.
fn reachable(authority: &str) -> String {
    authority.replacen("0.0.0.0:", "127.0.0.1:", 1).replacen("[::]:", "[::1]:", 1)
}

fn start(directory: &Path) -> String {
    format!("hongbao sandbox --dir {}", directory.display())
}

impl Console {
    /// The page for people.
    pub(crate) fn page(&self) -> String {
        format!("http://{}/", self.authority)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.call("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.call("POST", path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.call("PUT", path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.call("DELETE", path, None).await
    }

    /// What an operation answers; what it refuses is a failure with its words.
    async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let mut response = self.send(method, path, body).await?;
        let text = response.body().await.map_err(|error| self.gone(&error))?;
        let answer: Value = serde_json::from_slice(&text).unwrap_or_default();
        if (200..300).contains(&response.status) {
            return Ok(answer);
        }
        Err(self.refused(response.status, &answer))
    }

    async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Response, Failure> {
        let path = format!("/api/v1{path}");
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(self.authorization.as_deref().map(|value| ("Authorization", value)));
        let request =
            Request { method, authority: &self.authority, path: &path, headers: &headers, body: body.as_bytes() };
        request.send().await.map_err(|error| self.gone(&error))
    }

    /// What changes, as it changes.
    pub(crate) async fn events(&self) -> Result<Events, Failure> {
        let mut response = self.send("GET", "/events", None).await?;
        if response.status != 200 {
            let text = response.body().await.unwrap_or_default();
            return Err(self.refused(response.status, &serde_json::from_slice(&text).unwrap_or_default()));
        }
        Ok(Events { response, buffer: Vec::new() })
    }

    fn gone(&self, error: &std::io::Error) -> Failure {
        Failure::not_now(
            format!("the console at {} does not answer: {error}", self.page()),
            format!("does the sandbox run? {}", start(&self.directory)),
        )
    }

    fn refused(&self, status: u16, answer: &Value) -> Failure {
        let message = answer["message"].as_str().unwrap_or("the console refused it without a word");
        let next = answer["next_step"].as_str().unwrap_or("look at the console's page");
        if status == 401 {
            let next = format!("give --console-token, {TOKEN_VARIABLE} or the file {TOKEN_FILE} in its directory");
            return Failure::usage(message, next);
        }
        let failure = Failure::not_now(message, next);
        failure.with(json!({ "status": status, "code": answer["code"] }))
    }
}

/// A stream of server-sent events.
pub(crate) struct Events {
    response: Response,
    buffer: Vec<u8>,
}

impl Events {
    /// The next event's data. `None`: the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let event: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let text = String::from_utf8_lossy(&event).into_owned();
                let data: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data:")).collect();
                // Lines that only keep the connection alive have none.
                if !data.is_empty() {
                    return Some(serde_json::from_str(&data.concat()).unwrap_or_default());
                }
                continue;
            }
            let bytes = self.response.chunk().await.ok()??;
            self.buffer.extend_from_slice(&bytes);
        }
    }
}
