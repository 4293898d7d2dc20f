//! Carries notifications over HTTP: the only file of the sandbox that asks
//! others over the network.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::clock::SandboxClock;
use super::desk::Desk;
use super::notices::{Carried, Errand, NoticeFault, NoticeRecord};
use super::store::Storing;
use super::{Sandbox, failed, refused};
use crate::clock::Timestamp;
use crate::error::Result;

/// What a merchant has to answer (payment result notification, read 2026-11).
const DEADLINE: Duration = Duration::from_secs(5);

/// Longer answers are cut.
const LONGEST: usize = 64 * 1024;

/// So many notifications are under way at the same time.
const AT_ONCE: usize = 16;

/// What posts notifications.
pub(super) struct Http(reqwest::Client);

/// An attempt to be made, once all that was done before it is stored.
struct Way {
    errand: Errand,
    stored: Option<Storing>,
    under_way: UnderWay,
}

/// A notification that nobody else posts for as long as this lives: an attempt
/// that is given up half way is free again.
struct UnderWay {
    sandbox: Sandbox,
    /// `None` once what came of it is written down.
    id: Option<u64>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.sandbox.desk().put_back(id);
        }
    }
}

/// So often a notification can be sent besides, or once more at a time.
pub(super) const MOST_DUPLICATES: u32 = 100;

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
            desk.spoil_next_notice(fault);
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
    /// [`crate::ErrorKind::Sandbox`]: the state could not be stored. How the
    /// merchants answer is no error; see [`notices`](Self::notices).
    pub async fn deliver_notices(&self) -> Result<usize> {
        let mut attempts = 0;
        while let Some(way) = self.next_errand() {
            self.run(way).await?;
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
        self.resend(id, false).await
    }

    /// The same with one bit of it flipped, in a value that is signed or in what
    /// is encrypted: a copy that nobody must believe. A merchant who answers it
    /// with success has not received the notification by that.
    ///
    /// # Errors
    /// As [`resend_notice`](Self::resend_notice).
    pub async fn resend_notice_flipped(&self, id: u64) -> Result<NoticeRecord> {
        self.resend(id, true).await
    }

    /// Posts notifications once more in the order of the list, each when the one
    /// before was answered; a number may stand in it more than once.
    ///
    /// # Errors
    /// As [`resend_notice`](Self::resend_notice), which ends it there. Nothing is
    /// posted if one of them is unknown or the list is longer than a hundred.
    pub async fn resend_notices(&self, ids: &[u64]) -> Result<Vec<NoticeRecord>> {
        self.check_list(ids)?;
        let mut records = Vec::with_capacity(ids.len());
        for id in ids {
            records.push(self.resend(*id, false).await?);
        }
        Ok(records)
    }

    fn check_list(&self, ids: &[u64]) -> Result<()> {
        if ids.len() > MOST_DUPLICATES as usize {
            let problem = format!("at most {MOST_DUPLICATES} notices at a time");
            return Err(refused(problem, "give a shorter list"));
        }
        let desk = self.desk();
        match ids.iter().find(|id| !desk.notices.all.contains_key(id)) {
            Some(id) => Err(refused(format!("there is no notice {id}"), "look at the list of notices")),
            None => Ok(()),
        }
    }

    async fn resend(&self, id: u64, flip: bool) -> Result<NoticeRecord> {
        let look = "look at the list of notices";
        let way = {
            let mut desk = self.desk();
            desk.extra_errand(id, flip).map(|errand| self.set_out(&mut desk, errand))
        };
        let Some(way) = way else { return Err(refused(format!("there is no notice {id} to be sent now"), look)) };
        self.run(way).await?;
        self.notice(id).ok_or_else(|| refused(format!("there is no notice {id}"), look))
    }

    /// The attempt that is due; `None` if none is.
    fn next_errand(&self) -> Option<Way> {
        let mut desk = self.desk();
        if let Some(errand) = desk.next_errand() {
            return Some(self.set_out(&mut desk, errand));
        }
        // Time may have brought something all the same. Nobody was told of it, so
        // nobody waits until it is stored.
        let changes = desk.take_changes();
        if let Some(store) = &self.0.store {
            drop(store.submit_async(changes));
        }
        None
    }

    fn set_out(&self, desk: &mut Desk, errand: Errand) -> Way {
        let changes = desk.take_changes();
        let stored = self.0.store.as_ref().map(|store| store.submit_behind_all(changes));
        Way { stored, under_way: UnderWay { sandbox: self.clone(), id: Some(errand.id) }, errand }
    }

    async fn run(&self, way: Way) -> Result<()> {
        let Way { errand, stored, mut under_way } = way;
        let unstored = |problem| failed("the sandbox's store", problem);
        // Nobody is told what a crash could still undo.
        if let Some(stored) = stored {
            stored.done().await.map_err(unstored)?;
        }
        let started = Instant::now();
        let forwarded_to = self.forwarding();
        let id = errand.id.to_string();
        let mut headers = vec![("Request-ID", errand.request_id.as_str())];
        if forwarded_to.is_some() {
            headers.push(("Hongbao-Notice", id.as_str()));
            // What else an address may hold has no place in a header.
            let url = Some(errand.url.as_str()).filter(|url| url.bytes().all(|byte| byte.is_ascii_graphic()));
            headers.extend(url.map(|url| ("Hongbao-Notify-Url", url)));
        }
        let url = forwarded_to.as_deref().unwrap_or(&errand.url);
        let answer = self.post(url, &errand.body, &headers).await;
        if let Err(why) = &answer {
            tracing::debug!(%url, %why, "notification not received");
        }
        let stored = {
            let mut desk = self.desk();
            desk.carried(&errand, Carried { answer, took: started.elapsed(), forwarded_to });
            under_way.id = None;
            let changes = desk.take_changes();
            self.0.store.as_ref().map(|store| store.submit_async(changes))
        };
        self.0.wake.notify_one();
        match stored {
            Some(stored) => stored.done().await.map_err(unstored),
            None => Ok(()),
        }
    }

    /// Status and body of the answer, or why there is none.
    pub(super) async fn post(
        &self,
        url: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> std::result::Result<(u16, String), String> {
        let Http(http) = self.0.http.get_or_try_init(client).map_err(|error| error.to_string())?;
        let mut request = http.post(url).header("content-type", "text/xml").body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
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

    /// Delivers by itself until the server stops, and what is under way to its end.
    pub(super) async fn courier(self, mut stopped: watch::Receiver<bool>) -> std::io::Result<()> {
        let mut under_way = JoinSet::new();
        loop {
            // Before looking, so that what is announced meanwhile is not missed.
            let woken = self.0.wake.notified();
            let looked = self.now();
            while under_way.len() < AT_ONCE
                && let Some(way) = self.next_errand()
            {
                let sandbox = self.clone();
                under_way.spawn(async move {
                    if let Err(error) = sandbox.run(way).await {
                        tracing::error!(%error, "a notification's attempt cannot be stored");
                    }
                });
            }
            let pause = self.until_next(looked);
            tokio::select! {
                () = woken => {}
                () = tokio::time::sleep(pause) => {}
                Some(_) = under_way.join_next() => {}
                _ = stopped.wait_for(|stop| *stop) => break,
            }
        }
        while under_way.join_next().await.is_some() {}
        Ok(())
    }

    /// How long the machine's clock runs until a notification or anything else is
    /// due. What was due when somebody `looked` is on its way; what fell due since
    /// then must not be overlooked.
    fn until_next(&self, looked: Timestamp) -> Duration {
        let desk = self.desk();
        let now = desk.now();
        let due = [desk.notices.next_due(looked), desk.next_event().map(|(due, _)| due)];
        let next = due.into_iter().flatten().filter(|due| *due > looked).min();
        match (next, desk.clock) {
            // What stands still brings nothing by itself.
            (None, _) | (_, SandboxClock::At(_)) => Duration::from_secs(3600),
            // A machine that sleeps meanwhile is looked after when it wakes.
            (Some(due), SandboxClock::Ahead(_)) => {
                due.since(now).clamp(Duration::from_millis(10), Duration::from_secs(1))
            }
        }
    }
}

/// As the platform asks: certificates that the world trusts, no redirects.
fn client() -> Result<Http> {
    let unusable = |error: &dyn std::fmt::Display| failed("the client that posts notifications", error);
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?;
    let trusting = tls.clone().with_platform_verifier().unwrap_or_else(|error| {
        // A bare container: addresses without TLS get their notifications all the same.
        tracing::warn!(%error, "no https address will be trusted; install the system's root certificates");
        tls.with_root_certificates(RootCertStore::empty())
    });
    reqwest::Client::builder()
        .tls_backend_preconfigured(trusting.with_no_client_auth())
        // A kept connection that the merchant closes would be one more reason for
        // a repetition, and not the merchant's fault.
        .pool_max_idle_per_host(0)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::notices::{News, NoticeKind};

    #[test]
    fn what_falls_due_while_the_courier_looks_is_not_overlooked() {
        let sandbox = Sandbox::new().unwrap();
        let looked = sandbox.now();
        let at = looked.after(Duration::from_millis(1));
        let news = News { kind: NoticeKind::Paid, mch_id: "1", number: "T1", url: "http://127.0.0.1:1/", at };
        sandbox.desk().announce(&news, String::new(), None);
        while sandbox.now() <= at {
            std::thread::yield_now();
        }
        assert_eq!(sandbox.until_next(looked), Duration::from_millis(10));
    }
}
