//! The basic and the operating account of a merchant.

use hongbao::query::{AccountType, FundFlow};
use hongbao::sandbox::{Account, AccountKind, Reason, Sandbox};
use hongbao::{ErrorKind, Fen};

use crate::orders::{native, refund};
use crate::support::{ALICE, DAY, HOUR, Stage, code, packet};

#[tokio::test]
async fn packets_are_paid_from_the_operating_account_and_from_nothing_else() {
    let stage = Stage::new();
    let (sandbox, mch_id) = (&stage.sandbox, stage.entity.mch_id.as_str());
    assert_eq!(sandbox.operating_balance(mch_id), None);
    assert!(sandbox.top_up_account(mch_id, AccountKind::Operating, Fen::new(1)).is_err());
    assert_eq!(sandbox.open_operating_account(mch_id, Fen::new(300)).unwrap(), Fen::new(300));
    assert_eq!((stage.balance(), sandbox.operating_balance(mch_id)), (Fen::new(999_700), Some(Fen::new(300))));

    stage.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    assert_eq!((stage.balance(), sandbox.operating_balance(mch_id)), (Fen::new(999_700), Some(Fen::new(112))));
    let error = stage.client.send(&packet("A2", ALICE, 188)).await.unwrap_err();
    assert_eq!((code(&error), error.kind()), ("NOTENOUGH", ErrorKind::Refusal));
    sandbox.top_up_account(mch_id, AccountKind::Operating, Fen::new(88)).unwrap();
    stage.client.send(&packet("A2", ALICE, 188)).await.unwrap();
    assert_eq!(sandbox.operating_balance(mch_id), Some(Fen::new(12)));
    assert_eq!(sandbox.balance("1900000102"), Fen::new(1_000_000), "the other merchant has nothing to do with it");

    for amount in [-1, 999_701] {
        assert!(sandbox.open_operating_account(mch_id, Fen::new(amount)).is_err(), "{amount}");
    }
    assert!(sandbox.change_settings(mch_id, |settings| settings.operating_account = false).is_err());
    let books = sandbox.books();
    assert_eq!(books.with_merchants, Fen::new(2_000_000 + 88 - 2 * 188));
    assert!(books.accounts.iter().any(|row| row.account == Account::Operating(mch_id.to_owned())));
    stage.balanced();
}

#[tokio::test]
async fn what_nobody_opened_goes_back_to_where_it_came_from() {
    let stage = Stage::new();
    let (sandbox, mch_id) = (&stage.sandbox, stage.entity.mch_id.as_str());
    stage.client.send(&packet("A1", ALICE, 100)).await.unwrap();
    sandbox.open_operating_account(mch_id, Fen::new(500)).unwrap();
    stage.client.send(&packet("A2", ALICE, 200)).await.unwrap();
    stage.advance(DAY + HOUR);
    assert_eq!((stage.balance(), sandbox.operating_balance(mch_id)), (Fen::new(999_500), Some(Fen::new(500))));
    let back: Vec<_> = sandbox.postings(0, 99).into_iter().filter(|one| one.reason == Reason::Refunded).collect();
    assert_eq!(back[0].to, Account::Merchant(mch_id.to_owned()));
    assert_eq!(back[1].to, Account::Operating(mch_id.to_owned()));
    stage.balanced();
}

#[tokio::test]
async fn payments_and_refunds_use_the_basic_account() {
    let stage = Stage::new();
    let (sandbox, mch_id) = (&stage.sandbox, stage.entity.mch_id.as_str());
    sandbox.open_operating_account(mch_id, Fen::new(500)).unwrap();
    stage.client.send(&native("T00001", 1000)).await.unwrap();
    sandbox.pay_order(mch_id, "T00001", &hongbao::sandbox::Payer::default()).unwrap();
    stage.client.send(&refund("T00001", "R00001", 1000, 1000)).await.unwrap();
    stage.advance(HOUR);
    assert_eq!((stage.balance(), sandbox.operating_balance(mch_id)), (Fen::new(999_500), Some(Fen::new(500))));
    stage.balanced();
}

#[tokio::test]
async fn each_account_has_its_fund_bill() {
    let stage = Stage::new();
    let (sandbox, mch_id) = (&stage.sandbox, stage.entity.mch_id.as_str());
    sandbox.open_operating_account(mch_id, Fen::new(500)).unwrap();
    stage.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    stage.advance(DAY);
    let moves = async |account| {
        let request = FundFlow::new("2025-03-18".parse().unwrap(), account);
        let (mut bill, mut moves) = (stage.client.download(&request).await.unwrap(), vec![]);
        while let Some(row) = bill.next().await.unwrap() {
            moves.push((row.business_name.to_owned(), row.amount.get(), row.balance.get()));
        }
        moves
    };
    let row = |name: &str, amount, balance| (name.to_owned(), amount, balance);
    assert_eq!(moves(AccountType::Basic).await, [row("充值", 1_000_000, 1_000_000), row("账户间转账", 500, 999_500)]);
    assert_eq!(moves(AccountType::Operation).await, [row("账户间转账", 500, 500), row("现金红包", 188, 312)]);
}

#[tokio::test]
async fn the_operating_account_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    {
        let stage = Stage::on(Sandbox::open(directory.path()).unwrap());
        stage.sandbox.open_operating_account(&stage.entity.mch_id, Fen::new(500)).unwrap();
        stage.client.send(&packet("A1", ALICE, 200)).await.unwrap();
    }
    let stage = Stage::on(Sandbox::open(directory.path()).unwrap());
    assert_eq!(stage.sandbox.operating_balance(&stage.entity.mch_id), Some(Fen::new(300)));
    stage.advance(2 * DAY);
    assert_eq!(stage.sandbox.packet(&stage.entity.mch_id, "A1").unwrap().refund_amount, Some(Fen::new(200)));
    assert_eq!(stage.sandbox.operating_balance(&stage.entity.mch_id), Some(Fen::new(500)));
    stage.balanced();
}
