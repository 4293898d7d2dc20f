//! How users behave while nobody acts for them: when they open their packets,
//! and whether they can.
//!
//! Differs from the real gateway, since no source tells of either: a user who
//! refuses a packet leaves it unopened, and the money goes back after 24 hours
//! like that of any other, because neither the table of states nor that of codes
//! has a way to send one back; a user without real-name verification is refused
//! like one whom risk control stops, with `NO_AUTH`, which is the only code for a
//! receiver's account that the red packet's table has (the transfer's has
//! `V2_ACCOUNT_SIMPLE_BAN`), and the bill is kept in `SENDING`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::archive::PacketId;
use super::desk::Desk;
use super::packets::PacketRecord;
use super::{Sandbox, refused};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::query::RedPacketStatus as Status;

/// When a user opens packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Opens {
    /// When somebody says so.
    #[default]
    ByHand,
    /// By itself, so long after a packet was sent.
    After {
        /// On the sandbox's clock; from 24 hours on it is too late.
        seconds: u64,
    },
    /// Not at all.
    Never,
    /// Not at all; of a group, nobody else gets a share either.
    Refuses,
}

/// A user, known by the openid under one appid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct User {
    /// The appid that the openid belongs to.
    pub app_id: String,
    /// Whether risk control stops packets to this user.
    pub risk_blocked: bool,
    /// Whether a payment by code asks this user for the password.
    #[serde(default)]
    pub asks_password: bool,
    /// When this user opens packets.
    #[serde(default)]
    pub opens: Opens,
    /// Whether the user is verified by name (实名认证); others get no packets.
    #[serde(default = "verified")]
    pub real_name: bool,
}

const fn verified() -> bool {
    true
}

impl User {
    /// A user of this appid who does nothing out of the ordinary.
    pub(crate) fn new(app_id: &str) -> Self {
        Self {
            app_id: app_id.to_owned(),
            risk_blocked: false,
            asks_password: false,
            opens: Opens::ByHand,
            real_name: true,
        }
    }

    /// # Errors
    /// Says why this user opens no packet, whoever asks for it.
    fn may_open(&self, openid: &str) -> std::result::Result<(), String> {
        match self.opens {
            _ if !self.real_name => Err(format!("{openid} is not verified by name (real_name)")),
            Opens::Never => Err(format!("{openid} never opens packets (opens)")),
            Opens::Refuses => Err(format!("{openid} refuses packets (opens)")),
            Opens::ByHand | Opens::After { .. } => Ok(()),
        }
    }
}

impl Sandbox {
    /// A user, if the openid was ever seen.
    #[must_use]
    pub fn user(&self, openid: &str) -> Option<User> {
        self.desk().users.get(openid).map(|user| User::clone(user))
    }

    /// Changes how a user behaves. It counts for packets that come from now on and
    /// for those that lie there unopened; what should have been opened before is
    /// opened now.
    ///
    /// ```
    /// use hongbao::sandbox::{Opens, Sandbox};
    ///
    /// # fn main() -> hongbao::Result<()> {
    /// # let sandbox = Sandbox::new()?;
    /// # let app_id = sandbox.merchants().remove(0).app_id;
    /// sandbox.change_user("oQx4r0Z1a2b3c4d5e6f7g8h9i0jk", &app_id, |user| {
    ///     user.opens = Opens::After { seconds: 2 * 3600 };
    /// })?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: the state could not be stored.
    pub fn change_user(&self, openid: &str, app_id: &str, change: impl FnOnce(&mut User)) -> Result<User> {
        self.update(|desk| {
            // What was to happen by now happens as the user was until now.
            desk.settle();
            let mut user = desk.users.get(openid).map_or_else(|| User::new(app_id), |user| User::clone(user));
            app_id.clone_into(&mut user.app_id);
            change(&mut user);
            desk.put_user(openid, user.clone());
            desk.expect_openings_of(openid);
            desk.settle();
            Ok(user)
        })
    }

    /// Says whose openid it is and whether risk control stops packets to it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: the state could not be stored.
    pub fn set_user(&self, openid: &str, app_id: &str, risk_blocked: bool) -> Result<()> {
        self.change_user(openid, app_id, |user| user.risk_blocked = risk_blocked).map(drop)
    }

    /// Whether payments by code ask this user for the password.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: the state could not be stored.
    pub fn set_asks_password(&self, openid: &str, app_id: &str, asks_password: bool) -> Result<()> {
        self.change_user(openid, app_id, |user| user.asks_password = asks_password).map(drop)
    }

    /// Ends the 24 hours of a packet now: what nobody has opened goes back, and the
    /// way back takes no time.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: there is no such packet, or it is not out.
    pub fn expire_packet(&self, mch_id: &str, mch_billno: &str) -> Result<PacketRecord> {
        self.update(|desk| {
            desk.settle();
            let look = "look at the packet's state";
            let Some(mut record) = desk.packet(mch_id, mch_billno) else {
                return Err(refused(format!("merchant {mch_id} has no packet {mch_billno}"), look));
            };
            if !matches!(record.status, Status::Sent | Status::Refunding) {
                return Err(refused(format!("the packet is {}, there is nothing to expire", record.status), look));
            }
            let now = desk.now();
            desk.give_back(&mut record, now);
            desk.put_packet(&record);
            Ok(record)
        })
    }
}

impl Desk {
    /// # Errors
    /// Says why this user cannot open this packet now, whatever is in it.
    pub(super) fn allows_opening(&self, record: &PacketRecord, openid: &str) -> std::result::Result<(), String> {
        if let Some(user) = self.users.get(openid) {
            user.may_open(openid)?;
        }
        let receiver = &record.re_openid;
        if self.users.get(receiver.as_str()).is_some_and(|user| user.opens == Opens::Refuses) {
            return Err(format!("{receiver} refuses packets (opens), and so shares none of this one"));
        }
        Ok(())
    }

    /// When its receiver opens a packet by itself, if nothing comes between.
    pub(super) fn opening(&self, record: &PacketRecord) -> Option<Timestamp> {
        let user = self.users.get(record.re_openid.as_str())?;
        let Opens::After { seconds } = user.opens else { return None };
        let unopened = record.status == Status::Sent && record.claims.iter().all(|one| one.openid != record.re_openid);
        (unopened && user.real_name).then(|| record.send_time.after(Duration::from_secs(seconds)))
    }

    /// Notes when a packet will be opened by itself. Notes are never taken back:
    /// [`open_by_itself`](Self::open_by_itself) asks again.
    pub(super) fn expect_opening(&mut self, record: &PacketRecord, id: PacketId, no_sooner: Timestamp) {
        if let Some(at) = self.opening(record) {
            self.openings.insert((at.max(no_sooner), id));
        }
    }

    /// Notes it for all packets that are out, after a restart.
    pub(super) fn expect_openings(&mut self) {
        if self.users.values().all(|user| !matches!(user.opens, Opens::After { .. })) {
            return;
        }
        let out: Vec<PacketId> = self.due.iter().map(|(_, id)| *id).collect();
        for id in out {
            if let Some(record) = self.packets.at(id) {
                self.expect_opening(&record, id, Timestamp::default());
            }
        }
    }

    fn expect_openings_of(&mut self, openid: &str) {
        let now = self.now();
        // Three days to be sent again, and one to be opened.
        let recent = |record: &PacketRecord| record.created.after(Duration::from_secs(4 * 86_400)) >= now;
        let open: Vec<_> = self.packets_for(openid).take_while(recent).collect();
        for record in open {
            if let Some(id) = self.packets.id(&record.own_key()) {
                self.expect_opening(&record, id, now);
            }
        }
    }

    /// A packet's receiver opens it, if that is still what is to happen.
    pub(super) fn open_by_itself(&mut self, id: PacketId, at: Timestamp) {
        let Some(record) = self.packets.at(id) else { return };
        if self.opening(&record).is_some_and(|opening| opening <= at) {
            let openid = record.re_openid.clone();
            // A refusal means that there is nothing left to open.
            let _ = self.take_share(record, &openid, at);
        }
    }
}
