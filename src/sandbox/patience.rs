//! How long a client may take, and how many there may be at a time.
//!
//! Whoever sends half a request, lets its body drip, does not read its answer or
//! just stays, is cut off after a while; and where too many are connected, the one
//! that has been silent longest makes room. Below TLS, so that a handshake counts
//! like anything else that comes slowly.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// From the first byte of a request to its last.
const REQUEST: Duration = Duration::from_secs(30);

/// Between two requests, and between two bytes of an answer that the client takes.
/// Clients keep idle connections for 30 to 60 seconds.
const IDLE: Duration = Duration::from_secs(75);

/// What one connection is doing.
pub(super) struct Line(Mutex<State>);

struct State {
    phase: Phase,
    since: Instant,
    cut: bool,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Nothing has come yet, or the answer is on its way.
    Idle,
    /// A part of a request is here.
    Reading,
    /// The request is whole; the answer may take the time it takes.
    Answering,
}

impl Line {
    fn new() -> Self {
        // A new connection owes its first request.
        Self(Mutex::new(State { phase: Phase::Reading, since: Instant::now(), cut: false, waker: None }))
    }

    /// The request is whole.
    pub(super) fn heard(&self) {
        self.enter(Phase::Answering);
    }

    /// Ends the connection; whatever is read or written from now on fails.
    pub(super) fn cut(&self) {
        let mut state = self.state();
        state.cut = true;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    fn enter(&self, phase: Phase) {
        let mut state = self.state();
        (state.phase, state.since) = (phase, Instant::now());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self) -> io::Result<()> {
        if self.state().cut { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }

    /// When the client must have done something, if it must. Notes who waits.
    fn deadline(&self, context: &Context<'_>) -> io::Result<Option<Instant>> {
        let mut state = self.state();
        if state.cut {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            state.waker = Some(context.waker().clone());
        }
        Ok(match state.phase {
            Phase::Idle => Some(state.since + IDLE),
            Phase::Reading => Some(state.since + REQUEST),
            Phase::Answering => None,
        })
    }
}

/// The connections of a socket.
pub(super) struct Lines {
    most: usize,
    all: Mutex<All>,
}

#[derive(Default)]
struct All {
    next: u64,
    lines: BTreeMap<u64, Arc<Line>>,
}

impl Lines {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, all: Mutex::default() })
    }

    /// Takes a connection in. Where it is one too many, another ends: of those that
    /// wait for their client the one that has waited longest, idle ones first.
    pub(super) fn admit<S>(self: &Arc<Self>, stream: S) -> Patient<S> {
        let line = Arc::new(Line::new());
        let mut all = self.all();
        if all.lines.len() >= self.most {
            let waiting = all.lines.iter().filter_map(|(number, line)| {
                let state = line.state();
                (state.phase != Phase::Answering && !state.cut).then_some((state.phase, state.since, *number))
            });
            if let Some(line) = waiting.min().and_then(|(.., number)| all.lines.remove(&number)) {
                line.cut();
            }
        }
        let number = all.next;
        all.next += 1;
        all.lines.insert(number, Arc::clone(&line));
        drop(all);
        let timer = Box::pin(tokio::time::sleep(REQUEST));
        Patient { stream, line, timer, number, lines: Arc::clone(self) }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that does not wait for ever.
pub(super) struct Patient<S> {
    stream: S,
    line: Arc<Line>,
    timer: Pin<Box<Sleep>>,
    number: u64,
    lines: Arc<Lines>,
}

impl<S> Patient<S> {
    pub(super) fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// To be asked whenever the client keeps us waiting.
    fn wait<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        loop {
            let Some(deadline) = self.line.deadline(context)? else { return Poll::Pending };
            if Instant::now() >= deadline {
                // No answer either: it would begin the client's time anew.
                self.line.cut();
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            // A timer that rings early costs less than one that is set at each request.
            if self.timer.is_elapsed() || self.timer.deadline() > deadline {
                self.timer.as_mut().reset(deadline);
            }
            ready!(self.timer.as_mut().poll(context));
        }
    }
}

impl<S> Drop for Patient<S> {
    fn drop(&mut self) {
        self.lines.all().lines.remove(&self.number);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.line.check()?;
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Pending => self.wait(context),
            Poll::Ready(read) => {
                read?;
                if buffer.filled().len() > before && self.line.state().phase == Phase::Idle {
                    self.line.enter(Phase::Reading);
                }
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.line.check()?;
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Pending => {
                // An answer that nobody takes is no longer being made.
                if self.line.state().phase == Phase::Answering {
                    self.line.enter(Phase::Idle);
                }
                self.wait(context)
            }
            Poll::Ready(written) => {
                self.line.enter(Phase::Idle);
                Poll::Ready(written)
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.line.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.line.check()?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    fn pair(lines: &Arc<Lines>) -> (Patient<DuplexStream>, DuplexStream) {
        let (here, there) = duplex(16);
        (lines.admit(here), there)
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_takes_is_given_up() {
        let (mut stream, client) = pair(&Lines::new(9));
        stream.line().heard();
        let started = Instant::now();
        let error = stream.write_all(&[0; 100]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!((IDLE..2 * IDLE).contains(&started.elapsed()), "{:?}", started.elapsed());
        drop(client);
    }

    #[tokio::test(start_paused = true)]
    async fn each_request_has_its_own_time() {
        let (mut stream, mut client) = pair(&Lines::new(9));
        for _ in 0..10 {
            tokio::time::sleep(IDLE - Duration::from_secs(50)).await;
            client.write_all(b"a").await.unwrap();
            stream.read_u8().await.unwrap();
            tokio::time::sleep(Duration::from_secs(20)).await;
            client.write_all(b"b").await.unwrap();
            stream.read_u8().await.unwrap();
            stream.line().heard();
            // However long the answer takes.
            tokio::time::timeout(3 * IDLE, stream.read_u8()).await.unwrap_err();
            stream.write_all(b"answer").await.unwrap();
            client.read_exact(&mut [0; 6]).await.unwrap();
        }
        let started = Instant::now();
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed(), IDLE);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_answered_never_makes_room() {
        let lines = Lines::new(3);
        let (busy, _busy) = pair(&lines);
        busy.line().heard();
        let (mut reading, _reading) = pair(&lines);
        let (mut idle, _idle) = pair(&lines);
        idle.write_all(b"answer").await.unwrap();
        // The one that waits is woken, whatever its deadline.
        let woken = tokio::spawn(async move { (idle.read_u8().await, Instant::now()) });
        tokio::task::yield_now().await;
        let started = Instant::now();
        let (fourth, _fourth) = pair(&lines);
        let (read, at) = woken.await.unwrap();
        assert_eq!((read.unwrap_err().kind(), at), (io::ErrorKind::ConnectionAborted, started));
        fourth.line().heard();
        let (fifth, _fifth) = pair(&lines);
        assert_eq!(reading.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        fifth.line().heard();
        let (sixth, _sixth) = pair(&lines);
        for stream in [busy, fourth, fifth, sixth] {
            stream.line().check().unwrap();
        }
        assert!(lines.all().lines.is_empty());
    }
}
