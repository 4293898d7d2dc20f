//! Carries notifications over HTTP: the only file of the sandbox that asks
//! others over the network.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::sync::{Semaphore, watch};

use super::clock::SandboxClock;
use super::notices::{Carried, Errand, NoticeFault, NoticeRecord};
use super::{Sandbox, failed, refused};
use crate::error::Result;

/// What a merchant has to answer (payment result notification, read 2026-11).
const DEADLINE: Duration = Duration::from_secs(5);

/// Longer answers are cut.
const LONGEST: usize = 64 * 1024;

/// So many notifications are under way at the same time.
const AT_ONCE: usize = 16;

/// What posts notifications.
pub(super) struct Http(reqwest::Client);

/// So often a notification can be sent besides.
const MOST_DUPLICATES: u32 = 100;

impl Sandbox {
    /// Notifications in the order in which they were written, from `offset`,
    /// `limit` at most.
    #[must_use]
    pub fn notices(&self, offset: usize, limit: usize) -> Vec<NoticeRecord> {
        let mut desk = self.desk();
        desk.settle();
        desk.notices.all.values().skip(offset).take(limit).cloned().collect()
    }

    /// One notification.
    #[must_use]
    pub fn notice(&self, id: u64) -> Option<NoticeRecord> {
        self.desk().notices.all.get(&id).cloned()
    }

    /// Spoils the next notification that is written; called twice, the next two.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: more than a hundred duplicates, or the state
    /// could not be stored.
    pub fn spoil_next_notice(&self, fault: NoticeFault) -> Result<()> {
        if matches!(fault, NoticeFault::Duplicate { times } if times > MOST_DUPLICATES) {
            return Err(refused(format!("times: at most {MOST_DUPLICATES} duplicates"), "give a smaller number"));
        }
        self.update(|desk| {
            desk.notices.spoil_next(fault);
            Ok(())
        })
    }

    /// Posts all notifications that are due by the sandbox's clock, the oldest
    /// first, until none is; repetitions that fall due meanwhile are among them.
    /// Gives the number of attempts. A sandbox that is served does so by itself.
    ///
    /// ```no_run
    /// # async fn run(sandbox: hongbao::sandbox::Sandbox) -> hongbao::Result<()> {
    /// sandbox.advance(std::time::Duration::from_secs(86_400))?;
    /// let attempts = sandbox.deliver_notices().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: the state could not be stored, or this
    /// machine has no root certificates.
    pub async fn deliver_notices(&self) -> Result<usize> {
        let mut attempts = 0;
        while let Some(errand) = self.next_errand() {
            self.run(errand).await?;
            attempts += 1;
        }
        Ok(attempts)
    }

    /// Posts a notification once more, now, whatever became of it before.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: there is no such notification, or it is
    /// being posted just now.
    pub async fn resend_notice(&self, id: u64) -> Result<NoticeRecord> {
        let look = "look at the list of notices";
        let errand = self.desk().extra_errand(id);
        let Some(errand) = errand else { return Err(refused(format!("there is no notice {id} to be sent now"), look)) };
        self.run(errand).await?;
        self.notice(id).ok_or_else(|| refused(format!("there is no notice {id}"), look))
    }

    fn next_errand(&self) -> Option<Errand> {
        self.desk().next_errand()
    }

    async fn run(&self, errand: Errand) -> Result<()> {
        let started = Instant::now();
        let answer = self.post(&errand.url, &errand.body, Some(&errand.request_id)).await;
        if let Err(why) = &answer {
            tracing::debug!(url = %errand.url, %why, "notification not received");
        }
        self.update(|desk| {
            desk.carried(&errand, Carried { answer, took: started.elapsed() });
            Ok(())
        })
    }

    /// Status and body of the answer, or why there is none.
    pub(super) async fn post(
        &self,
        url: &str,
        body: &str,
        request_id: Option<&str>,
    ) -> std::result::Result<(u16, String), String> {
        let Http(http) = self.0.http.get_or_try_init(client).map_err(|error| error.to_string())?;
        let mut request = http.post(url).header("content-type", "text/xml").body(body.to_owned());
        if let Some(request_id) = request_id {
            request = request.header("Request-ID", request_id);
        }
        let mut response = request.send().await.map_err(|error| why(&error))?;
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        while bytes.len() < LONGEST
            && let Some(chunk) = response.chunk().await.map_err(|error| why(&error))?
        {
            bytes.extend_from_slice(&chunk);
        }
        bytes.truncate(LONGEST);
        Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Delivers by itself until the server stops.
    pub(super) async fn courier(self, mut stopped: watch::Receiver<bool>) -> std::io::Result<()> {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            // Before looking, so that what is announced meanwhile is not missed.
            let woken = self.0.wake.notified();
            while let Some(errand) = self.next_errand() {
                // The semaphore is never closed.
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
                let sandbox = self.clone();
                tokio::spawn(async move {
                    if let Err(error) = sandbox.run(errand).await {
                        tracing::error!(%error, "a notification's attempt cannot be stored");
                    }
                    drop(place);
                });
            }
            let pause = self.until_next();
            tokio::select! {
                () = woken => {}
                () = tokio::time::sleep(pause) => {}
                _ = stopped.wait_for(|stop| *stop) => return Ok(()),
            }
        }
    }

    /// How long the machine's clock runs until a notification or anything else
    /// is due.
    fn until_next(&self) -> Duration {
        let desk = self.desk();
        let now = desk.now();
        let due = [desk.notices.next_due(), desk.trades.due.first().map(|(due, _)| *due)];
        let next = due.into_iter().flatten().filter(|due| *due > now).min();
        match (next, desk.clock) {
            // What stands still brings nothing by itself.
            (None, _) | (_, SandboxClock::At(_)) => Duration::from_secs(3600),
            (Some(due), SandboxClock::Ahead(_)) => due.since(now).max(Duration::from_millis(10)),
        }
    }
}

/// As the platform asks: certificates that the world trusts, no redirects.
fn client() -> Result<Http> {
    let unusable = |error: &dyn std::fmt::Display| failed("the client that posts notifications", error);
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?
        .with_platform_verifier()
        .map_err(|error| unusable(&error))?
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .timeout(DEADLINE)
        .user_agent("Mozilla/4.0")
        .build()
        .map(Http)
        .map_err(|error| unusable(&error))
}

fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no whole answer within {} s", DEADLINE.as_secs());
    }
    if error.is_builder() {
        return "the address cannot be used".to_owned();
    }
    let mut cause: &(dyn StdError + 'static) = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    if error.is_connect() { format!("no connection: {cause}") } else { format!("no answer: {cause}") }
}
