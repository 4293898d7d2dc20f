//! A scenario as it runs: a sandbox in this process on a frozen clock, a client
//! for each merchant, and the merchant's backend that takes notifications.

use std::time::{Duration, Instant};

use hongbao::clock::Timestamp;
use hongbao::sandbox::{AccountKind, Sandbox};
use hongbao::{Client, Entity, Fen, Outcome, RetryPolicy};
use serde_json::Value;

use super::check::check;
use super::expect::{Must, Word};
use super::read::changed;
use super::shop::Shop;
use super::{Act, Behaviour, Difference, Report, Scenario, Step, StepReport};
use crate::failure::Failure;

/// Everything that a running scenario has.
pub(super) struct World<'a> {
    pub(super) sandbox: Sandbox,
    pub(super) scenario: &'a Scenario,
    /// One for each that the file describes, in its order: the places that steps
    /// name were found there when it was read, so that none is missing here.
    pub(super) merchants: Vec<Member>,
    pub(super) shop: Shop,
}

/// A merchant of the scenario.
pub(super) struct Member {
    pub(super) entity: Entity,
    pub(super) client: Client,
}

/// What became of one call or of one user's act.
#[derive(Clone)]
pub(super) struct Happened {
    pub(super) word: Word,
    pub(super) code: Option<String>,
    pub(super) field: Option<String>,
    /// The answer's fields, or null.
    pub(super) reply: Value,
    pub(super) amount: Option<Fen>,
    /// Why it was not accepted, for people.
    pub(super) why: String,
}

impl Happened {
    pub(super) fn accepted(reply: Value, amount: Option<Fen>) -> Self {
        Self { word: Word::Accepted, code: None, field: None, reply, amount, why: String::new() }
    }

    pub(super) fn failed(error: &hongbao::Error) -> Self {
        let word = match error.outcome() {
            Outcome::Refused => Word::Refused,
            Outcome::Unknown => Word::Unknown,
            Outcome::NotSent => Word::NotSent,
        };
        Self {
            word,
            code: error.code().map(|code| code.as_str().to_owned()),
            field: error.field().map(str::to_owned),
            reply: Value::Null,
            amount: None,
            why: error.to_string(),
        }
    }

    /// A user was told no.
    pub(super) fn turned_down(error: &hongbao::Error) -> Self {
        Self { word: Word::Refused, ..Self::failed(error) }
    }
}

/// Runs a scenario to its end, whatever differs on the way.
///
/// # Errors
/// No sandbox could be made. What differs is no error.
pub(crate) async fn run(scenario: &Scenario) -> Result<Report, Failure> {
    let started = Instant::now();
    let mut world = World::new(scenario).await?;
    let mut steps = Vec::with_capacity(scenario.steps.len());
    for step in &scenario.steps {
        steps.push(world.step(step).await?);
    }
    Ok(Report { steps, books: world.sandbox.books(), took: started.elapsed() })
}

impl<'a> World<'a> {
    async fn new(scenario: &'a Scenario) -> Result<Self, Failure> {
        let sandbox = Sandbox::builder().frozen_at(scenario.at).seed(scenario.seed).balance(Fen::ZERO).build()?;
        let shop = Shop::open().await?;
        let mut world = Self { sandbox, scenario, merchants: Vec::new(), shop };
        for (plan, entity) in scenario.merchants.iter().zip(world.sandbox.merchants()) {
            if plan.balance > Fen::ZERO {
                world.sandbox.top_up(&entity.mch_id, plan.balance)?;
            }
            if let Some(operating) = plan.operating {
                world.sandbox.open_operating_account(&entity.mch_id, Fen::ZERO)?;
                if operating > Fen::ZERO {
                    world.sandbox.top_up_account(&entity.mch_id, AccountKind::Operating, operating)?;
                }
            }
            let client = world.client(&entity)?;
            world.shop.learn(client.clone());
            world.merchants.push(Member { entity, client });
            world.settings(world.merchants.len() - 1, &plan.settings)?;
        }
        for user in &scenario.users {
            let app_id = &world.merchants[user.of].entity.app_id;
            world.behave(&user.openid, app_id, user.behaviour)?;
        }
        Ok(world)
    }

    /// Attempts are the scenario's own affair, on its own clock.
    fn client(&self, entity: &Entity) -> Result<Client, Failure> {
        Ok(Client::builder(entity).transport(self.sandbox.transport()).retry(RetryPolicy::never()).build()?)
    }

    fn settings(&self, of: usize, changes: &serde_json::Map<String, Value>) -> Result<(), Failure> {
        let mch_id = &self.merchants[of].entity.mch_id;
        let before = self.sandbox.settings(mch_id).unwrap_or_default();
        let after = changed(&before, changes).map_err(|error| Failure::unexpected(format!("settings: {error}")))?;
        self.sandbox.change_settings(mch_id, |settings| *settings = after)?;
        Ok(())
    }

    fn behave(&self, openid: &str, app_id: &str, behaviour: Behaviour) -> Result<(), Failure> {
        let Behaviour { risk_blocked, asks_password, opens, real_name } = behaviour;
        self.sandbox.change_user(openid, app_id, |user| {
            user.risk_blocked = risk_blocked.unwrap_or(user.risk_blocked);
            user.asks_password = asks_password.unwrap_or(user.asks_password);
            user.opens = opens.unwrap_or(user.opens);
            user.real_name = real_name.unwrap_or(user.real_name);
        })?;
        Ok(())
    }

    /// The openid of a user and the appid it belongs to.
    pub(super) fn user(&self, name: &str) -> (&'a str, &str) {
        // The file was refused if it names a user that is not there.
        let plan = self.scenario.users.iter().find(|plan| plan.name == name);
        plan.map_or(("", ""), |plan| (plan.openid.as_str(), self.merchants[plan.of].entity.app_id.as_str()))
    }

    async fn step(&mut self, step: &Step) -> Result<StepReport, Failure> {
        let place = format!("at {}:{}", self.scenario.file, step.line);
        let (did, happened) = self.act(&step.act).await.map_err(|failure| failure.hint(place))?;
        // What was told meanwhile is posted, and so is what has fallen due.
        self.sandbox.deliver_notices().await?;
        let mut differences = Vec::new();
        let speaks_of_it =
            |must: &Must| matches!(must, Must::Outcome(_) | Must::Outcomes(..) | Must::Code(_) | Must::Field(_));
        if !step.expect.iter().any(|expectation| speaks_of_it(&expectation.must)) {
            // A call of which nothing is said must do what it is for.
            differences.extend(happened.iter().find(|happened| happened.word != Word::Accepted).map(|bad| {
                Difference {
                    line: step.line,
                    what: "outcome".to_owned(),
                    expected: "accepted, as nothing else is expected".to_owned(),
                    found: outcome(bad),
                }
            }));
        }
        for expectation in &step.expect {
            differences.extend(check(self, expectation, &happened).map(|(expected, found)| Difference {
                line: expectation.line,
                what: expectation.what.clone(),
                expected,
                found,
            }));
        }
        if !self.sandbox.books().balanced {
            differences.push(Difference {
                line: step.line,
                what: "books.balanced".to_owned(),
                expected: "true, after each step".to_owned(),
                found: "false".to_owned(),
            });
        }
        Ok(StepReport { differences, did })
    }

    /// Does what a step says. What a call or a user meets is told, and is no error.
    async fn act(&mut self, act: &Act) -> Result<(String, Vec<Happened>), Failure> {
        let did = match act {
            Act::Call(call, often) => return self.calls(call, *often).await,
            Act::User(user_act, often) => return self.user_acts(user_act, *often).await,
            Act::Nothing => "looks".to_owned(),
            Act::Advance(advance) => {
                let by = self.length(advance)?;
                format!("the clock goes to {}", self.sandbox.advance(by)?)
            }
            Act::Handler(answers) => {
                self.shop.answers(answers);
                "the handler answers otherwise".to_owned()
            }
            Act::Fault(rule) => {
                self.sandbox.fault(rule.clone())?;
                "a fault is set".to_owned()
            }
            Act::FaultsOff => {
                self.sandbox.clear_faults()?;
                "no faults any more".to_owned()
            }
            Act::Answers(answers) => {
                self.sandbox.set_answers(answers.clone())?;
                "the gateway writes its answers otherwise".to_owned()
            }
            Act::Spoil(fault) => {
                self.sandbox.spoil_next_notice(fault.clone())?;
                "the next notification is spoilt".to_owned()
            }
            Act::Resend(number) => {
                let notices = self.sandbox.notices(0, usize::MAX);
                let Some(notice) = notices.iter().rev().find(|notice| notice.number == *number) else {
                    let problem = format!("there is no notification of {number}");
                    return Ok((problem.clone(), vec![self.nothing_there(problem)]));
                };
                self.sandbox.resend_notice(notice.id).await?;
                format!("the notification of {number} is posted again")
            }
            Act::TopUp(of, account, amount) => {
                let mch_id = &self.merchants[*of].entity.mch_id;
                let balance = self.sandbox.top_up_account(mch_id, *account, *amount)?;
                format!("the account has {balance} yuan")
            }
            Act::Settings(of, changes) => {
                self.settings(*of, changes)?;
                "settings are changed".to_owned()
            }
            Act::Behave(name, behaviour) => {
                let (openid, app_id) = self.user(name);
                self.behave(openid, app_id, *behaviour)?;
                format!("{name} is otherwise")
            }
            Act::RenewCertificate(of) => {
                let entity = self.sandbox.renew_certificate(&self.merchants[*of].entity.mch_id)?;
                let client = self.client(&entity)?;
                self.merchants[*of] = Member { entity, client };
                "the merchant has a new certificate".to_owned()
            }
        };
        Ok((did, Vec::new()))
    }

    fn nothing_there(&self, why: String) -> Happened {
        Happened { word: Word::Refused, code: None, field: None, reply: Value::Null, amount: None, why }
    }

    fn length(&self, advance: &super::Advance) -> Result<Duration, Failure> {
        let now = self.sandbox.now();
        let until = |moment: Timestamp| moment.since(now);
        Ok(match advance {
            super::Advance::By(by) => *by,
            super::Advance::To(moment) => until(*moment),
            super::Advance::Midnight => until(now.beijing_day().start().after(Duration::from_secs(86_400))),
            super::Advance::CertificateExpiry(of) => {
                let certificate = self.merchants[*of].client.merchant().certificate();
                let end = certificate
                    .map(|facts| facts.not_after)
                    .ok_or_else(|| Failure::unexpected("the merchant has no certificate that could expire"))?;
                until(end.after(Duration::from_secs(1)))
            }
        })
    }
}

/// An outcome with its reason.
pub(super) fn outcome(happened: &Happened) -> String {
    let mut text = happened.word.name().to_owned();
    if let Some(code) = &happened.code {
        text.push_str(&format!(" with {code}"));
    }
    if !happened.why.is_empty() {
        text.push_str(&format!(": {}", happened.why));
    }
    text
}
