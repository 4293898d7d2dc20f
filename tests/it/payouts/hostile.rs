//! What somebody, or some machine, does to payouts to make them go wrong.

#[cfg(unix)]
#[tokio::test]
async fn a_new_ledger_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    use hongbao::payout::Sqlite;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("payouts.db");
    let ledger = Sqlite::open(&file).unwrap();
    let mode = |file: &std::path::Path| std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
    for file in ["payouts.db", "payouts.db-wal", "payouts.db-shm"] {
        assert_eq!(mode(&folder.path().join(file)), 0o600, "{file}");
    }
    // What somebody opened to others stays as it is.
    drop(ledger);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    drop(Sqlite::open(&file).unwrap());
    assert_eq!(mode(&file), 0o640);
}
