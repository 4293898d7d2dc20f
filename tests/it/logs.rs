//! No key ever reaches the log.

use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

use crate::{cashier, fake, flow, notices, payments, payouts, postgres, served};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Runs every flow at the most talkative level; whatever runs beside it in this
/// process is captured too.
#[test]
fn whole_suites_leave_no_key_behind() {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(captured.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();

    flow::sent_and_received();
    flow::unclaimed_money_comes_back();
    flow::the_same_number_pays_once();
    flow::limits_refuse_and_keep_the_bill();
    flow::faults_say_unknown_and_the_repeat_pays_once();
    flow::every_documented_code_can_be_provoked();
    served::one_connection_serves_many_calls();
    served::faults_on_a_real_connection();
    served::a_late_answer_is_unknown_and_the_client_repeats_by_itself();
    served::nothing_is_sent_to_the_wrong_server();
    served::foreign_certificates_pay_nothing();
    served::a_wrong_key_is_explained_in_the_log();
    served::an_entity_of_ones_own_is_admitted();

    payments::requests_are_written_as_elsewhere();
    notices::retired_keys_still_open_notices_and_sign_nothing();
    notices::hostile::no_forgery_is_accepted();
    notices::strict::strangers_write_no_lines_into_the_log();
    cashier::what_stays_open_is_reversed_at_the_deadline();

    payouts::dispatch::every_kind_of_fault_still_pays_once();
    payouts::dispatch::a_wrong_key_stops_the_merchant_until_a_person_releases_it();
    payouts::postgres::the_same_ledger_works_again_after_the_server_was_restarted();
    payouts::postgres::the_password_is_never_shown();

    let log = String::from_utf8_lossy(&captured.0.lock().unwrap()).into_owned();
    for expected in [
        "call accepted",
        "call failed",
        "SYSTEMERROR",
        "notification refused",
        "payment by code reversed",
        "the merchant is stopped",
    ] {
        assert!(log.contains(expected), "the log is not what it should be without {expected:?}");
    }
    // Each key of a sandbox begins with the same mark; the others stand in the
    // tests that were run. Of a message, errors quote names and no contents.
    let marks = ["HongbaoSandbox", "0123456789abcdef0123456789abcdef", "TestKey0", "PRIVATE KEY", "<sign><!"];
    for secret in
        marks.into_iter().chain([fake::KEY, notices::OTHER_KEY, postgres::PASSWORD, postgres::ESCAPED_PASSWORD])
    {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} is in the log");
    }
}
