//! `hongbao order create`: the order, and what its payer needs.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hongbao::clock::{Clock as _, SystemClock};
use hongbao::pay::{self, AppParams, BridgeParams, Payer};
use hongbao::wire::Request;
use hongbao::{Client, Entity, OpenId, PayConfig as _};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::order::OUT_TRADE_NO;
use crate::order_create::{Create, Ground};
use crate::terminal::{GOOD, MONEY, NUMBER, QUIET, Terminal};

/// One order on its way.
pub(crate) struct Place<'a> {
    pub(crate) args: &'a Create,
    pub(crate) terminal: Terminal,
    pub(crate) client: Client,
    pub(crate) entity: Entity,
}

/// Where a developer's own server would listen.
const TRIAL_NOTIFY_URL: &str = "http://127.0.0.1:8000/wx/notify";
const TRIAL_USER: &str = "oQx4r0Z1a2b3c4d5e6f7g8h9i0jk";

impl Place<'_> {
    pub(crate) async fn native(&self) -> Result<(), Failure> {
        let order = pay::Native {
            body: self.body()?,
            out_trade_no: self.args.out_trade_no.clone(),
            total_fee: self.args.amount,
            spbill_create_ip: self.ip(),
            notify_url: self.notify_url()?,
            product_id: self.text(self.args.product_id.as_deref(), "--product-id", "SKU-1")?,
            extra: self.extra(),
        };
        let placed = self.send(&order).await?;
        let svg = self.args.qr_svg.as_ref().map(|file| pay::qr_svg(&placed.code_url).map(|svg| (file, svg)));
        let svg = svg.transpose()?;
        self.placed(json!({ "prepay_id": placed.prepay_id, "code_url": placed.code_url }));
        self.terminal.say(format_args!("  code_url   {NUMBER}{}{NUMBER:#}", placed.code_url));
        if self.args.qr.is_some() || self.terminal.is_seen() {
            let dark = self.args.qr != Some(Ground::Light);
            self.terminal.say(format_args!("\n{}\n", pay::qr_terminal(&placed.code_url, dark)?));
        }
        if let Some((file, svg)) = svg {
            fs::write(file, svg).map_err(|error| {
                Failure::unexpected(format!("the order is placed, but {}: {error}", file.display()))
                    .about(OUT_TRADE_NO, &self.args.out_trade_no)
            })?;
            self.terminal.say(format_args!("  QR code    {}", file.display()));
        }
        Ok(())
    }

    pub(crate) async fn jsapi(&self) -> Result<(), Failure> {
        let has_sub_app = self.client.merchant().sub_merchant().is_some_and(|sub| sub.app_id().is_some());
        if self.args.sub_openid.is_some() && !has_sub_app {
            return Err(Failure::usage(
                "--sub-openid: the entity has no sub-merchant with an appid of its own",
                "give --openid, or sub_mch_id and sub_app_id in the entity's file",
            ));
        }
        let payer = match (&self.args.openid, &self.args.sub_openid) {
            (_, Some(user)) => Payer::SubOpenId(user.clone()),
            (Some(user), None) => Payer::OpenId(user.clone()),
            (None, None) => {
                let user = self.text(None, "--openid", TRIAL_USER)?;
                Payer::OpenId(OpenId::new(user).map_err(hongbao::Error::from)?)
            }
        };
        let order = pay::Jsapi {
            body: self.body()?,
            out_trade_no: self.args.out_trade_no.clone(),
            total_fee: self.args.amount,
            spbill_create_ip: self.ip(),
            notify_url: self.notify_url()?,
            payer,
            extra: self.extra(),
        };
        let placed = self.send(&order).await?;
        let stamp = self.client.stamp().await?;
        let params = match order.payer {
            Payer::SubOpenId(_) => BridgeParams::for_sub_app(&stamp, &placed.prepay_id)?,
            Payer::OpenId(_) => BridgeParams::new(&stamp, &placed.prepay_id),
        };
        let forms = [
            ("mini_program", "wx.requestPayment(…) of a mini program", params.mini_program_json()),
            ("jssdk", "wx.chooseWXPay(…) of the JSSDK", params.jssdk_json()),
            ("bridge", "WeixinJSBridge.invoke('getBrandWCPayRequest', …)", params.bridge_json()),
        ];
        let mut facts = json!({ "prepay_id": placed.prepay_id });
        for (name, _, form) in &forms {
            facts[*name] = parsed(form);
        }
        self.placed(facts);
        self.terminal.say(format_args!("  prepay_id  {NUMBER}{}{NUMBER:#}", placed.prepay_id));
        for (_, call, form) in &forms {
            self.terminal.say(format_args!("\n{QUIET}{call}{QUIET:#}\n{form}"));
        }
        Ok(())
    }

    pub(crate) async fn app(&self) -> Result<(), Failure> {
        let order = pay::App {
            body: self.body()?,
            out_trade_no: self.args.out_trade_no.clone(),
            total_fee: self.args.amount,
            spbill_create_ip: self.ip(),
            notify_url: self.notify_url()?,
            extra: self.extra(),
        };
        let placed = self.send(&order).await?;
        let form = AppParams::new(&self.client.stamp().await?, &placed.prepay_id).json();
        self.placed(json!({ "prepay_id": placed.prepay_id, "app": parsed(&form) }));
        self.terminal.say(format_args!("  prepay_id  {NUMBER}{}{NUMBER:#}", placed.prepay_id));
        self.terminal.say(format_args!("\n{QUIET}PayReq of the app SDK{QUIET:#}\n{form}"));
        Ok(())
    }

    pub(crate) async fn h5(&self) -> Result<(), Failure> {
        let order = pay::H5 {
            body: self.body()?,
            out_trade_no: self.args.out_trade_no.clone(),
            total_fee: self.args.amount,
            spbill_create_ip: match (self.args.ip, &self.args.source.sandbox) {
                (None, None) => {
                    let next = "give the address that the user's browser has; WeChat compares it";
                    return Err(Failure::usage("--ip is missing", next));
                }
                _ => self.ip(),
            },
            notify_url: self.notify_url()?,
            scene_info: pay::H5Scene::Wap {
                wap_url: self.text(self.args.wap_url.as_deref(), "--wap-url", "https://shop.example.com")?,
                wap_name: self.text(self.args.wap_name.as_deref(), "--wap-name", &self.entity.name)?,
            },
            extra: self.extra(),
        };
        let placed = self.send(&order).await?;
        let Some(mweb_url) = placed.mweb_url else {
            let problem = "the order is placed, but no mweb_url came with it: this merchant has not been granted H5";
            return Err(Failure::unexpected(problem).about(OUT_TRADE_NO, &self.args.out_trade_no));
        };
        let url = match &self.args.redirect_url {
            Some(back) => pay::h5_redirect(&mweb_url, back),
            None => mweb_url,
        };
        self.placed(json!({ "prepay_id": placed.prepay_id, "url": url }));
        self.terminal.say(format_args!("  prepay_id  {NUMBER}{}{NUMBER:#}", placed.prepay_id));
        self.terminal.say(format_args!("\n{QUIET}for the browser, within five minutes{QUIET:#}\n{url}"));
        Ok(())
    }

    async fn send<R: Request>(&self, order: &R) -> Result<R::Reply, Failure> {
        let placed = self.client.send(order).await;
        placed.map_err(|error| self.args.source.failure(error).about(OUT_TRADE_NO, &self.args.out_trade_no))
    }

    /// Tells what is the same for all kinds.
    fn placed(&self, mut facts: Value) {
        let Create { out_trade_no, amount, .. } = self.args;
        facts["outcome"] = json!("placed");
        facts["out_trade_no"] = json!(out_trade_no);
        facts["total_fee"] = json!(amount);
        facts["mch_id"] = json!(self.entity.mch_id());
        self.terminal.result(&facts);
        let until = match self.args.expire_in {
            Some(minutes) => format!("{minutes} minutes"),
            None => "two hours".to_owned(),
        };
        self.terminal.say(format_args!("{GOOD}placed{GOOD:#}; it can be paid for {until}"));
        self.terminal.say(format_args!("  number     {NUMBER}{out_trade_no}{NUMBER:#}"));
        self.terminal.say(format_args!("  amount     {MONEY}{amount}{MONEY:#} yuan"));
        self.terminal.say(format_args!("  to         {} ({})", self.entity.name, self.entity.mch_id));
    }

    fn text(&self, given: Option<&str>, flag: &str, usual: &str) -> Result<String, Failure> {
        self.args.source.text(given, flag, usual)
    }

    fn body(&self) -> Result<String, Failure> {
        self.text(self.args.body.as_deref(), "--body", &format!("{}-沙箱试单", self.entity.name))
    }

    fn notify_url(&self) -> Result<String, Failure> {
        self.text(self.args.notify_url.as_deref(), "--notify-url", TRIAL_NOTIFY_URL)
    }

    fn ip(&self) -> IpAddr {
        self.args.ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    fn extra(&self) -> pay::Extra {
        let mut extra = pay::Extra { attach: self.args.attach.clone(), ..pay::Extra::default() };
        if let Some(minutes) = self.args.expire_in {
            let now = SystemClock.now();
            extra.time_start = Some(now);
            extra.time_expire = Some(now.after(Duration::from_secs(60 * minutes)));
        }
        extra
    }
}

/// A form that the SDK made, as a part of the result.
fn parsed(form: &str) -> Value {
    serde_json::from_str(form).unwrap_or_default()
}
