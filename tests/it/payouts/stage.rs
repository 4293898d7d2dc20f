//! A sandbox, a ledger and dispatchers whose clock the test moves.

use std::sync::Arc;
use std::time::Duration;

use hongbao::clock::{Clock, Timestamp};
use hongbao::payout::state::Phase;
use hongbao::payout::{
    CampaignId, Dispatcher, Ledger, NewCampaign, NewPayout, Operator, Payout, Rules, Sqlite, Template, Texts,
};
use hongbao::redpack::Extra;
use hongbao::sandbox::{Fault, Sandbox};
use hongbao::{AppId, Client, Entity, Fen, MchId, Merchants, OpenId, Transport};

/// The sandbox's clock.
pub struct SandboxTime(pub Sandbox);

impl Clock for SandboxTime {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

pub fn template() -> Template {
    Template {
        send_name: "蓝鲸咖啡".into(),
        wishing: "早安，今天也要加油".into(),
        act_name: "签到有礼".into(),
        remark: "连续签到七天奖励".into(),
        client_ip: [203, 0, 113, 24].into(),
        extra: Extra::default(),
    }
}

pub fn payee(number: usize) -> OpenId {
    OpenId::new(format!("oPayee{number:022}")).unwrap()
}

pub fn gift(key: &str, openid: OpenId, fen: i64) -> NewPayout {
    NewPayout { key: key.to_owned(), openid, amount: Fen::new(fen), texts: Texts::default() }
}

/// As many gifts, one for each payee.
pub fn gifts(count: usize) -> Vec<NewPayout> {
    (0..count).map(|number| gift(&format!("k{number:05}"), payee(number), 100 + number as i64 % 50)).collect()
}

/// Everything that goes wrong on the way, and one refusal that passes.
pub fn faults() -> Vec<Fault> {
    vec![
        Fault::SystemErrorBefore,
        Fault::SystemErrorAfter,
        Fault::Processing,
        Fault::HangUpBefore,
        Fault::HangUpAfter,
        Fault::Garbage,
        Fault::BadGateway,
        Fault::TruncatedBody,
        Fault::Refuse { code: "FREQ_LIMIT".into() },
    ]
}

pub fn refusal(code: &str) -> Fault {
    Fault::Refuse { code: code.into() }
}

pub struct Stage {
    pub sandbox: Sandbox,
    pub entity: Entity,
    pub ledger: Arc<dyn Ledger>,
    pub rules: Rules,
}

impl Stage {
    pub fn new() -> Self {
        let noon: Timestamp = "2025-03-18 12:00:00".parse().unwrap();
        Self::on(Sandbox::builder().frozen_at(noon).build().unwrap(), Arc::new(Sqlite::in_memory().unwrap()))
    }

    pub fn on(sandbox: Sandbox, ledger: Arc<dyn Ledger>) -> Self {
        let entity = sandbox.merchants().remove(0);
        sandbox.change_settings(&entity.mch_id, |settings| settings.calls_per_second = 10_000).unwrap();
        // The clock stands still, so nothing may wait for it.
        let mut rules = Rules::default();
        rules.per_second = 0;
        Self { sandbox, entity, ledger, rules }
    }

    pub fn mch_id(&self) -> MchId {
        MchId::new(self.entity.mch_id.as_str()).unwrap()
    }

    pub async fn plan(&self, name: &str, gifts: &[NewPayout]) -> CampaignId {
        let new = NewCampaign {
            name: name.to_owned(),
            mch_id: self.mch_id(),
            app_id: AppId::new(self.entity.app_id.as_str()).unwrap(),
            template: template(),
        };
        let now = self.sandbox.now();
        let campaign = self.ledger.campaign(&new, now).await.unwrap();
        let found = self.ledger.add(campaign.id, gifts, now).await.unwrap();
        assert_eq!((found.new, found.conflicts.len()), (gifts.len() as u64, 0));
        self.ledger.ready(campaign.id, "digest", now).await.unwrap();
        campaign.id
    }

    pub fn dispatcher(&self) -> Dispatcher {
        self.dispatcher_over(self.sandbox.transport(), &self.entity)
    }

    pub fn dispatcher_over(&self, transport: Arc<dyn Transport>, entity: &Entity) -> Dispatcher {
        self.dispatcher_on(Arc::clone(&self.ledger), transport, entity)
    }

    pub fn dispatcher_on(&self, ledger: Arc<dyn Ledger>, transport: Arc<dyn Transport>, entity: &Entity) -> Dispatcher {
        let clock: Arc<dyn Clock> = Arc::new(SandboxTime(self.sandbox.clone()));
        let merchants = Merchants::new();
        merchants.insert(Client::builder(entity).transport(transport).clock(Arc::clone(&clock)).build().unwrap());
        Dispatcher::builder(ledger, Arc::new(merchants)).rules(self.rules.clone()).clock(clock).worker("test").build()
    }

    pub fn operator(&self) -> Operator {
        Operator::new(Arc::clone(&self.ledger), "Li")
            .rules(self.rules.clone())
            .clock(Arc::new(SandboxTime(self.sandbox.clone())))
    }

    pub fn advance(&self, by: Duration) {
        self.sandbox.advance(by).unwrap();
    }

    pub async fn payout(&self, key: &str) -> Payout {
        self.ledger.find(&self.mch_id(), key).await.unwrap().unwrap()
    }

    /// Passes and moves of the clock, until all payouts are in one of these phases.
    pub async fn until(&self, dispatcher: &Dispatcher, campaign: CampaignId, phases: &[Phase]) {
        for _ in 0..500 {
            let pass = dispatcher.pass().await.unwrap();
            let totals = self.ledger.totals(campaign).await.unwrap();
            if totals.iter().all(|total| phases.contains(&total.phase)) {
                return;
            }
            let next = pass.next.unwrap_or_else(|| panic!("nothing comes next: {totals:#?}"));
            self.advance(next.since(self.sandbox.now()).max(Duration::from_millis(1)));
        }
        panic!("never ended: {:#?}", self.ledger.totals(campaign).await.unwrap());
    }

    /// What the gateway paid for a payout, under all of its numbers.
    pub fn paid(&self, payout: &Payout) -> Vec<String> {
        let mut paid = vec![];
        for generation in 0..=payout.standing.generation {
            let number = hongbao::payout::bill_no(&payout.mch_id, &payout.key, generation).unwrap();
            if let Some(packet) = self.sandbox.packet(payout.mch_id.as_str(), number.as_str())
                && !matches!(packet.status.as_str(), "SENDING" | "FAILED")
            {
                assert_eq!((packet.total_amount, &*packet.re_openid), (payout.amount, payout.openid.as_str()));
                paid.push(number.to_string());
            }
        }
        paid
    }

    pub fn balanced(&self) {
        let books = self.sandbox.books();
        assert!(books.balanced, "{books}");
    }
}
