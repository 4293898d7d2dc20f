//! `hongbao order create`: what it is asked to do.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::ValueEnum;
use hongbao::{Client, Fen, OpenId, OutTradeNo};

use crate::entities::Source;
use crate::failure::Failure;
use crate::order_place::Place;
use crate::terminal::Terminal;

#[derive(clap::Args)]
pub(crate) struct Create {
    #[command(flatten)]
    pub(crate) source: Source,

    /// Where it is paid
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) way: Way,

    /// The merchant's number of this order, stored before the first attempt
    #[arg(long, value_name = "NO")]
    pub(crate) out_trade_no: OutTradeNo,

    /// How much, in yuan, as in 8.88
    #[arg(long, value_name = "YUAN")]
    pub(crate) amount: Fen,

    /// What is sold: the shop, a hyphen, the goods. Like all texts and addresses it may be left out in a sandbox
    #[arg(long, value_name = "TEXT")]
    pub(crate) body: Option<String>,

    /// Where WeChat tells of the payment; no query string
    #[arg(long, value_name = "URL")]
    pub(crate) notify_url: Option<String>,

    /// Who pays, under the appid of the entity; jsapi
    #[arg(long, value_name = "OPENID")]
    pub(crate) openid: Option<OpenId>,

    /// Who pays, under the appid of the entity's sub-merchant; jsapi
    #[arg(long, value_name = "OPENID", conflicts_with = "openid")]
    pub(crate) sub_openid: Option<OpenId>,

    /// The number of the goods; native
    #[arg(long, value_name = "ID")]
    pub(crate) product_id: Option<String>,

    /// The page that shows the order; h5
    #[arg(long, value_name = "URL")]
    pub(crate) wap_url: Option<String>,

    /// The name of that page; h5
    #[arg(long, value_name = "TEXT")]
    pub(crate) wap_name: Option<String>,

    /// Where the browser comes back to, paid or not; h5
    #[arg(long, value_name = "URL")]
    pub(crate) redirect_url: Option<String>,

    /// The user's address (native: of the calling machine); h5 compares it with the browser's
    #[arg(long, value_name = "IP")]
    pub(crate) ip: Option<IpAddr>,

    /// Comes back unchanged in notification and query
    #[arg(long, value_name = "TEXT")]
    pub(crate) attach: Option<String>,

    /// How long it can be paid, by this machine's clock, 5 at least; a later repeat is then another order and is refused
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u64).range(5..=525_600))]
    pub(crate) expire_in: Option<u64>,

    /// Print the QR code of a native order although nobody sees the output now; `--qr=light` for dark text on a light ground
    #[arg(long, value_name = "GROUND", num_args = 0..=1, require_equals = true, default_missing_value = "dark")]
    pub(crate) qr: Option<Ground>,

    /// Write the QR code of a native order to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) qr_svg: Option<PathBuf>,

    /// One JSON object on standard output, words on standard error
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// By scanning a QR code
    Native,
    /// In an official account or mini program
    Jsapi,
    /// In a mobile app
    App,
    /// In a browser outside WeChat
    H5,
}

/// What a terminal prints on.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ground {
    Dark,
    Light,
}

pub(crate) async fn create(args: &Create) -> Result<(), Failure> {
    fitting(args)?;
    let entity = args.source.entity()?;
    let place = Place { args, terminal: Terminal::new(args.json), client: Client::new(&entity)?, entity };
    match args.way {
        Way::Native => place.native().await,
        Way::Jsapi => place.jsapi().await,
        Way::App => place.app().await,
        Way::H5 => place.h5().await,
    }
}

/// Refuses what would say nothing to an order of this kind.
fn fitting(args: &Create) -> Result<(), Failure> {
    for (flag, given, way) in [
        ("--openid", args.openid.is_some(), Way::Jsapi),
        ("--sub-openid", args.sub_openid.is_some(), Way::Jsapi),
        ("--product-id", args.product_id.is_some(), Way::Native),
        ("--qr", args.qr.is_some(), Way::Native),
        ("--qr-svg", args.qr_svg.is_some(), Way::Native),
        ("--wap-url", args.wap_url.is_some(), Way::H5),
        ("--wap-name", args.wap_name.is_some(), Way::H5),
        ("--redirect-url", args.redirect_url.is_some(), Way::H5),
    ] {
        if given && args.way != way {
            let name = |way: Way| way.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned());
            let problem = format!("{flag} belongs to orders of type {}, not {}", name(way), name(args.way));
            return Err(Failure::usage(problem, "remove it, or change --type; nothing was sent"));
        }
    }
    Ok(())
}
