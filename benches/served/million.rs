//! What many packets in the books cost: memory, start-up, and the rate with them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hongbao::Client;
use hongbao::sandbox::Sandbox;
use tokio::task::JoinSet;

use crate::connections::{self, Connections};
use crate::{WIDTH, any, lift_limits, median, packet, requests, runtime};

/// The argument of the process that serves.
pub(crate) const CHILD: &str = "--serve";

pub(crate) fn measure(program: &str, packets: u64) {
    let directory = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let (opened, entity, ca_pem) = fill(directory.path(), packets);
    let on_disk = std::fs::metadata(directory.path().join("sandbox.redb")).unwrap().len();
    println!(
        "{packets} packets, each to a user of its own, {opened} of them opened: filled in {:.0} s, {} MiB on disk",
        started.elapsed().as_secs_f64(),
        on_disk >> 20
    );
    let server = Server::start(program, directory.path());
    println!("start-up until both sockets accept: {}", server.took);
    drop(server);
    for _ in 0..3 {
        let server = Server::start(program, directory.path());
        println!("start-up after kill -9: {}", server.took);
        drop(server);
    }
    let server = Server::start(program, directory.path());
    println!("after the start: {} MiB now, {} MiB at its peak", server.memory("VmRSS"), server.memory("VmHWM"));
    let clients = runtime(2);
    let identity = connections::identity(directory.path(), &entity.mch_id);
    let mut connections = clients.block_on(Connections::open(server.gateway, &ca_pem, &identity, WIDTH));
    let mut numbers = packets..;
    let sends = if packets < 1000 { 2 } else { 100 };
    let rates = (0..5).map(|_| {
        let lists = (0..WIDTH).map(|_| requests(&entity, &mut numbers, sends)).collect();
        connections::per_second(&clients, &mut connections, lists)
    });
    println!("with them, over {WIDTH} connections: {:.0} sends/s", median(rates.collect()));
    // The first time it counts what each user got today.
    let merchant = format!("/api/merchants/{}", entity.mch_id);
    println!("GET {merchant}, the first time: {:.1} ms", server.get(&merchant).as_secs_f64() * 1000.0);
    let books = "/api/books?accounts=false";
    let (packets, postings) = ("/api/packets?offset=500000&limit=100", "/api/postings?limit=100");
    let (users, far) = ("/api/users?limit=1000", "/api/users?offset=500000&limit=100");
    for path in [&merchant, books, packets, postings, users, far] {
        let times = (0..5).map(|_| server.get(path).as_secs_f64() * 1000.0);
        println!("GET {path}: {:.1} ms", median(times.collect()));
    }
    println!("after that: {} MiB now, {} MiB at its peak", server.memory("VmRSS"), server.memory("VmHWM"));
    drop(server);
    let sandbox = Sandbox::open(directory.path()).unwrap();
    assert!(sandbox.books().balanced);
    let last = packet(numbers.next().unwrap() - 1);
    assert!(sandbox.packet(&entity.mch_id, last.mch_billno.as_str()).is_some());
}

/// Sends the packets through the engine, with every check and every sync, and
/// opens one in ten.
fn fill(directory: &Path, packets: u64) -> (u64, hongbao::Entity, String) {
    let sandbox = Sandbox::open(directory).unwrap();
    let entity = sandbox.merchants().remove(0);
    lift_limits(&sandbox, &entity);
    let client = Client::builder(&entity).transport(sandbox.transport()).build().unwrap();
    let runtime = runtime(2);
    runtime.block_on(async {
        let (width, mut running) = (512, JoinSet::new());
        for first in 0..width {
            let client = client.clone();
            running.spawn(async move {
                for number in (first..packets).step_by(512) {
                    client.send(&packet(number)).await.unwrap();
                }
            });
        }
        while let Some(done) = running.join_next().await {
            done.unwrap();
        }
    });
    let opened = packets / 10;
    std::thread::scope(|scope| {
        for first in 0..64 {
            let (sandbox, mch_id) = (&sandbox, &entity.mch_id);
            scope.spawn(move || {
                for number in (first..opened).step_by(64) {
                    let packet = packet(number * 10);
                    sandbox.open_packet(mch_id, packet.mch_billno.as_str(), packet.re_openid.as_str()).unwrap();
                }
            });
        }
    });
    let ca_pem = sandbox.ca_pem().to_owned();
    (opened, entity, ca_pem)
}

/// A process that serves a directory; killed when dropped.
struct Server {
    child: Child,
    gateway: SocketAddr,
    console: SocketAddr,
    took: String,
}

impl Server {
    fn start(program: &str, directory: &Path) -> Self {
        let started = Instant::now();
        let mut command = Command::new(program);
        command.arg(CHILD).arg(directory).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addresses: Vec<SocketAddr> = line.split_whitespace().map(|address| address.parse().unwrap()).collect();
        for address in &addresses {
            TcpStream::connect(address).unwrap();
        }
        let (took, spent) = (started.elapsed().as_secs_f64(), processor_time(child.id()));
        let took = format!("{took:.2} s, {spent:.2} s of processor time");
        Self { child, gateway: addresses[0], console: addresses[1], took }
    }

    /// A line of `/proc/<pid>/status`, in MiB.
    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
    }

    fn get(&self, path: &str) -> Duration {
        let started = Instant::now();
        let mut stream = TcpStream::connect(self.console).unwrap();
        let host = self.console;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
        started.elapsed()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Of all threads of a process so far, in seconds. The unit of the kernel is a
/// hundredth of one.
fn processor_time(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name of the program is in brackets and may have blanks.
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    fields.skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap() / 100.0).sum()
}

/// The process that is measured: serves until it is killed.
pub(crate) fn serve(directory: &Path) {
    let runtime = Arc::new(runtime(2));
    let sandbox = Sandbox::open(directory).unwrap();
    let served = runtime.block_on(sandbox.serve(any(), any(), Some(directory))).unwrap();
    let bare = |address: String| address.split("//").nth(1).unwrap().to_owned();
    println!("{} {}", bare(served.gateway()), bare(served.console()));
    runtime.block_on(std::future::pending::<()>());
}
