//! The console's page in headless Chromium: what people see and touch.

mod driver;
mod panels;
mod phones;
mod pictures;

use std::net::SocketAddr;
use std::sync::MutexGuard;

use driver::Browser;
use hongbao::sandbox::{Sandbox, Served};
use hongbao::{Client, Entity, Secret};
use serde_json::{Value, json};

use crate::support::once;

/// A served sandbox with its page open in the browser, which is this test's own
/// until it drops this.
pub struct Page {
    pub sandbox: Sandbox,
    pub entity: Entity,
    /// Makes one attempt.
    pub client: Client,
    served: Served,
    browser: MutexGuard<'static, Browser>,
}

/// Phones of the narrow kind, and a desk's screen, in CSS pixels.
pub const NARROW: (u32, u32) = (360, 740);
pub const WIDE: (u32, u32) = (1600, 1000);

impl Page {
    /// Opens a panel in a language, `en` or `zh`.
    pub async fn open(panel: &str, language: &str, size: (u32, u32)) -> Self {
        Self::of(Sandbox::new().unwrap(), panel, language, size).await
    }

    /// As [`Self::open`], of a sandbox that is there.
    pub async fn of(sandbox: Sandbox, panel: &str, language: &str, size: (u32, u32)) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let served = sandbox.serve(any, any, None).await.unwrap();
        let entity = sandbox.merchants().remove(0);
        let client = once(&sandbox, &entity);
        let browser = driver::the_only();
        // Of a test that failed.
        browser.leave();
        browser.resize(size);
        browser.go(&served.console());
        browser.run("localStorage.setItem('hongbao.lang', arguments[0])", &[json!(language)]);
        browser.go(&format!("{}/?{language}#{panel}", served.console()));
        browser.wait("document.querySelector('[data-test=clock]')?.textContent");
        Self { sandbox, entity, client, served, browser }
    }

    /// Clicks what has this `data-test`, as soon as it is there and can be clicked.
    pub fn click(&self, test: &str) {
        self.browser.click(&format!("[data-test=\"{test}\"]"));
    }

    pub fn click_at(&self, selector: &str) {
        self.browser.click(selector);
    }

    /// Types as a person does, at the end of what is there.
    pub fn write(&self, test: &str, text: &str) {
        self.browser.write(&format!("[data-test=\"{test}\"]"), text);
    }

    /// Presses keys wherever the focus is.
    pub fn press(&self, keys: &[&str]) {
        self.browser.press(keys);
    }

    /// Waits until what has this `data-test` shows a text.
    pub fn shows(&self, test: &str, text: &str) {
        let found = format!(
            "[...document.querySelectorAll('[data-test={test}]')].some(e => e.innerText.includes({}))",
            json!(text)
        );
        self.browser.wait(&found);
    }

    /// Waits until nothing has this `data-test`.
    pub fn lacks(&self, test: &str) {
        self.browser.wait(&format!("!document.querySelector('[data-test={test}]')"));
    }

    /// Waits until an expression is true, and gives its value.
    pub fn wait(&self, expression: &str) -> Value {
        self.browser.wait(expression)
    }

    /// What a function's body returns.
    pub fn run(&self, script: &str) -> Value {
        self.browser.run(script, &[])
    }

    /// Every test ends with this: the page complained of nothing, and asked
    /// nobody but the sandbox that served it.
    pub fn done(self) {
        self.done_but_for(&[]);
    }

    /// As [`Self::done`], where the browser may complain of what has one of these texts.
    pub fn done_but_for(self, expected: &[&str]) {
        let mut complaints = self.browser.complaints();
        complaints.retain(|complaint| !expected.iter().any(|expected| complaint.contains(expected)));
        assert!(complaints.is_empty(), "the console of the browser has: {complaints:#?}");
        let (asked, console) = (self.browser.requests(), self.served.console());
        assert!(asked.len() > 10, "{asked:?}");
        let elsewhere: Vec<_> = asked
            .iter()
            .filter(|url| !url.starts_with(&format!("{console}/")) && !url.starts_with("data:image/"))
            .collect();
        assert!(elsewhere.is_empty(), "the page of {console} asked for {elsewhere:#?}");
        self.browser.leave();
        let books = self.sandbox.books();
        assert!(books.balanced, "{books}");
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the page showed:\n{}", self.browser.shown());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_with_a_token_lets_in_who_has_it() {
    let sandbox = Sandbox::new().unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let served = sandbox.serve_with_token(any, any, None, Some(Secret::new("s3cret&+"))).await.unwrap();
    let browser = driver::the_only();
    browser.leave();
    browser.resize(WIDE);
    browser.go(&format!("{}/?en", served.console()));
    browser.wait("document.querySelector('[data-test=token]')");
    for (given, then) in [("wrong", "[data-test=token]"), ("s3cret&+", "[data-test=step-send]")] {
        browser.write("[data-test=token]", given);
        browser.run("window.earlier = true", &[]);
        browser.press(&["\u{e007}"]);
        browser.wait(&format!("!window.earlier && document.querySelector('{then}')"));
    }
    browser.wait("document.querySelector('[data-test=books-state]').textContent == 'balanced'");
    assert!(!browser.run("return location.href", &[]).to_string().contains("s3cret"));
    assert!(browser.complaints().iter().all(|complaint| complaint.contains("401")));
    browser.requests();
    browser.leave();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_cut_does_not_stop_the_page() {
    let page = Page::open("token=abc%E4%B8", "en", WIDE).await;
    page.wait("document.querySelector('main').textContent && !location.hash");
    page.done();
}
