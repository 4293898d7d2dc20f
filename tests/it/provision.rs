//! What the tests need besides Rust: installed where that is possible, named
//! precisely where it is not.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One installation at a time; the package manager has a lock of its own.
static INSTALLING: Mutex<()> = Mutex::new(());

fn one_at_a_time() -> MutexGuard<'static, ()> {
    // Whoever failed has said what is missing; the next one says it of its own needs.
    INSTALLING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes sure that a command is there, from the distribution's package.
pub fn command(name: &str, package: &str) {
    let _one = one_at_a_time();
    if answers(name) {
        return;
    }
    install(package, &format!("the command {name}"));
    assert!(answers(name), "{package} was installed, but {name} does not run");
}

/// Most commands know the option; some take the bare word for nothing and go to work.
fn answers(name: &str) -> bool {
    runs(Command::new(name).arg("--version")) || runs(Command::new(name).arg("version"))
}

/// The distribution's package, for what is no command on the PATH.
pub fn package(package: &str, what: &str) {
    let _one = one_at_a_time();
    install(package, what);
}

/// A Python with the packages of a requirements file, in a virtual environment
/// below the build directory.
pub fn python(requirements: &Path) -> PathBuf {
    let _one = one_at_a_time();
    let wanted = std::fs::read_to_string(requirements).unwrap();
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    let (python, done) = (home.join("bin/python"), home.join("requirements.txt"));
    if std::fs::read_to_string(&done).ok().as_deref() == Some(&*wanted) && runs(Command::new(&python).arg("--version"))
    {
        return python;
    }
    let make = || runs(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home));
    if !make() {
        install("python3-venv", "Python 3 with its module venv");
        assert!(make(), "python3 -m venv does not work, although python3-venv is installed");
    }
    let output =
        Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(requirements).output().unwrap();
    assert!(
        output.status.success(),
        "the Python packages of {} cannot be installed (is the package registry reachable?):\n{}",
        requirements.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::write(done, wanted).unwrap();
    python
}

/// Where Node.js finds the packages of a folder with `package.json` and
/// `package-lock.json`: installed by the lock file below the build directory, and
/// without running what packages would like to run.
pub fn node(folder: &Path) -> PathBuf {
    let _one = one_at_a_time();
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("node");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let (package, lock) = (read("package.json"), read("package-lock.json"));
    let (modules, done) = (home.join("node_modules"), home.join("installed.json"));
    let wanted = format!("{package}{lock}");
    let has_node = runs(Command::new("node").arg("--version"));
    if has_node && std::fs::read_to_string(&done).ok().as_deref() == Some(&*wanted) {
        return modules;
    }
    if !has_node || !runs(Command::new("npm").arg("--version")) {
        install("npm", "Node.js with npm");
        assert!(runs(Command::new("npm").arg("--version")), "npm does not run, although the package npm is installed");
    }
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("package.json"), package).unwrap();
    std::fs::write(home.join("package-lock.json"), lock).unwrap();
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"]);
    let output = npm.current_dir(&home).output().unwrap();
    assert!(
        output.status.success(),
        "the npm packages of {} cannot be installed (is the package registry reachable?):\n{}",
        folder.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::write(done, wanted).unwrap();
    modules
}

fn install(package: &str, what: &str) {
    let missing =
        format!("{what} is missing; install it with your system's package manager (Debian: apt-get install {package})");
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        runs(apt.env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
    };
    let installed = apt(&["install", "-y", "--no-install-recommends", package])
        || (apt(&["update"]) && apt(&["install", "-y", "--no-install-recommends", package]));
    assert!(installed, "{missing}");
}

fn runs(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
