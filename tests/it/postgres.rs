//! A private PostgreSQL for the tests: installed where it is missing, made anew
//! for each test process, and gone with it whatever ends that.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};

use tempfile::TempDir;

use crate::provision;

pub const USER: &str = "hongbao";
pub const PASSWORD: &str = "p@ss/of?the:tests";
pub const ESCAPED_PASSWORD: &str = "p%40ss%2Fof%3Fthe%3Atests";

/// Runs as the owner of the cluster and reads orders from its standard input.
/// When that ends, because the tests did, it stops the server and tidies up.
const KEEPER: &str = r#"
trap '' INT TERM HUP
home=$1 programs=$2 port=$3 password=$4 user=$5
order() { "$programs/pg_ctl" -s -w -t 60 -D "$home/data" "$@" </dev/null >>"$home/log" 2>&1; }
answer() { if "$@"; then echo done; else echo failed; fi; }
make() {
    umask 077
    printf '%s\n' "$password" >"$home/password"
    "$programs/initdb" -D "$home/data" -U "$user" --pwfile="$home/password" --auth=scram-sha-256 \
        --no-sync -E UTF8 --locale=C >>"$home/log" 2>&1 </dev/null || return 1
    cat >>"$home/data/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$home'
ssl = on
ssl_cert_file = '$home/server.pem'
ssl_key_file = '$home/server.key'
max_connections = 200
shared_buffers = 64MB
END
    order start
}
answer make
while read -r line; do
    case $line in
        start) answer order start ;;
        stop) answer order stop -m fast ;;
        restart) answer order restart -m immediate ;;
    esac
done
order stop -m immediate
cd / && rm -rf "$home"
"#;

/// A server of its own cluster, on 127.0.0.1 and on a Unix socket, with TLS.
pub struct Server {
    // Before its folder goes, it must have stopped.
    keeper: Mutex<Keeper>,
    home: TempDir,
    port: u16,
    schemas: AtomicU64,
}

struct Keeper {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// The server that tests share, each with a schema of its own.
pub fn server() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(Server::start)
}

impl Server {
    /// A server for one test alone, which may stop and restart it.
    pub fn start() -> Self {
        let programs = programs();
        // Somebody else may take a free port before the server does.
        let mut log = String::new();
        for _ in 0..3 {
            match Self::try_start(&programs) {
                Ok(server) => return server,
                Err(text) => log = text,
            }
        }
        panic!("PostgreSQL in {} does not start:\n{log}", programs.display());
    }

    fn try_start(programs: &Path) -> Result<Self, String> {
        // Not below the build directory: the path of a socket is short, and the
        // server's user may not get there.
        let home = tempfile::Builder::new().prefix("hongbao-postgres-").tempdir().unwrap();
        write_certificate(home.path());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = match owner() {
            Some(user) => {
                let chown = Command::new("chown").arg("-R").arg(user).arg(home.path()).status().unwrap();
                assert!(chown.success(), "chown to {user}");
                let mut command = Command::new("runuser");
                command.args(["-u", user, "--", "sh"]);
                command
            }
            None => Command::new("sh"),
        };
        let mut child = command
            .args(["-c", KEEPER, "keeper"])
            .arg(home.path())
            .arg(programs)
            .args([&port.to_string(), PASSWORD, USER])
            .current_dir(home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut keeper = Keeper { child, orders, answers };
        if keeper.answer() != "done" {
            return Err(std::fs::read_to_string(home.path().join("log")).unwrap_or_default());
        }
        Ok(Self { home, port, keeper: Mutex::new(keeper), schemas: AtomicU64::new(0) })
    }

    /// The URL of a ledger that does not exist yet.
    pub fn url(&self) -> String {
        self.url_of(&self.schema())
    }

    pub fn url_of(&self, schema: &str) -> String {
        format!("postgres://{USER}:{ESCAPED_PASSWORD}@127.0.0.1:{}/postgres?schema={schema}", self.port)
    }

    /// The same through the Unix socket.
    pub fn socket_url(&self, schema: &str) -> String {
        let folder = self.home.path().to_str().unwrap().replace('/', "%2F");
        format!("postgres://{USER}:{ESCAPED_PASSWORD}@{folder}:{}/postgres?schema={schema}", self.port)
    }

    /// The name of a schema that no other test has.
    pub fn schema(&self) -> String {
        format!("test_{}", self.schemas.fetch_add(1, Ordering::Relaxed))
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate that signs for the server, which is its own.
    pub fn ca(&self) -> PathBuf {
        self.home.path().join("server.pem")
    }

    /// A connection that goes round the ledger.
    pub async fn sql(&self, schema: &str) -> tokio_postgres::Client {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(self.port).user(USER).password(PASSWORD).dbname("postgres");
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("SET search_path = {schema}")).await.unwrap();
        client
    }

    /// Restarts it as after a crash: nothing is written that is not on disk
    /// already, and all connections break.
    pub fn restart_immediate(&self) {
        self.order("restart");
    }

    pub fn stop(&self) {
        self.order("stop");
    }

    /// After [`stop`](Self::stop).
    pub fn start_again(&self) {
        self.order("start");
    }

    fn order(&self, order: &str) {
        let mut keeper = self.keeper.lock().unwrap();
        writeln!(keeper.orders.as_mut().unwrap(), "{order}").unwrap();
        let answer = keeper.answer();
        assert_eq!(answer, "done", "{order}: {}", std::fs::read_to_string(self.home.path().join("log")).unwrap());
    }
}

impl Keeper {
    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.child.wait();
    }
}

/// The server refuses to run as root.
fn owner() -> Option<&'static str> {
    let id = Command::new("id").arg("-u").output().unwrap();
    let known = |user: &&str| Command::new("id").arg("-u").arg(user).output().unwrap().status.success();
    (id.stdout.trim_ascii() == b"0").then(|| ["postgres", "nobody"].into_iter().find(known).unwrap())
}

fn write_certificate(folder: &Path) {
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.join("server.pem"), parameters.self_signed(&key).unwrap().pem()).unwrap();
    let path = folder.join("server.key");
    std::fs::write(&path, key.serialize_pem()).unwrap();
    let only_the_owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(path, only_the_owner).unwrap();
}

/// The folder of `initdb` and `pg_ctl`.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let find = || find_programs(std::env::split_paths(&path), Path::new("/usr/lib/postgresql"));
    find().unwrap_or_else(|| {
        provision::package("postgresql", "the server of PostgreSQL");
        find().expect("postgresql was installed, but initdb and pg_ctl are not to be found")
    })
}

/// Debian keeps them where no PATH leads; the newest is taken.
fn find_programs(path: impl Iterator<Item = PathBuf>, debian: &Path) -> Option<PathBuf> {
    let complete = |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file();
    let versions = std::fs::read_dir(debian).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    path.chain(versions.into_iter().rev().map(|(_, folder)| folder)).find(complete)
}

#[test]
fn the_servers_programs_are_found_on_the_path_or_where_debian_keeps_them() {
    let root = tempfile::tempdir().unwrap();
    let folder = |name: &str, files: &[&str]| {
        let folder = root.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for file in files {
            std::fs::write(folder.join(file), "").unwrap();
        }
        folder
    };
    let debian = root.path().join("debian");
    let clients_only = folder("path", &["psql"]);
    assert_eq!(find_programs([clients_only.clone()].into_iter(), &debian), None);
    folder("debian/9/bin", &["initdb", "pg_ctl"]);
    let newer = folder("debian/15/bin", &["initdb", "pg_ctl"]);
    folder("debian/16/bin", &["psql"]);
    folder("debian/common/bin", &["initdb", "pg_ctl"]);
    assert_eq!(find_programs([clients_only.clone()].into_iter(), &debian), Some(newer));
    let on_the_path = folder("bin", &["initdb", "pg_ctl"]);
    assert_eq!(find_programs([clients_only, on_the_path.clone()].into_iter(), &debian), Some(on_the_path));
}

#[test]
fn a_server_goes_with_whoever_started_it() {
    let server = Server::start();
    let (home, port) = (server.home.path().to_owned(), server.port());
    let reachable = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    assert!(reachable());
    // As when the test process dies: the end of the pipe is all that is told.
    drop(server.keeper.lock().unwrap().orders.take());
    server.keeper.lock().unwrap().child.wait().unwrap();
    assert!(!reachable() && !home.exists());
}
