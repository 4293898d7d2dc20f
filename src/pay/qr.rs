//! QR codes of orders, as pictures.

use qrcode::QrCode;
use qrcode::render::{svg, unicode};

use crate::error::{Error, Result};

/// A QR code as SVG, for a page: of a `code_url`, or of any text up to some
/// thousand bytes.
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid): the text is too long.
pub fn qr_svg(text: &str) -> Result<String> {
    Ok(code(text)?.render::<svg::Color<'_>>().min_dimensions(240, 240).build())
}

/// A QR code in half blocks, for a terminal. `dark_background`: whether the
/// terminal prints light on dark, as most do; a code that is inverted is read
/// by some phones only.
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid): the text is too long.
pub fn qr_terminal(text: &str, dark_background: bool) -> Result<String> {
    let (dark, light) = (unicode::Dense1x2::Dark, unicode::Dense1x2::Light);
    let (dark, light) = if dark_background { (light, dark) } else { (dark, light) };
    Ok(code(text)?.render::<unicode::Dense1x2>().dark_color(dark).light_color(light).build())
}

fn code(text: &str) -> Result<QrCode> {
    QrCode::new(text).map_err(|error| Error::invalid("code_url", format!("no QR code: {error}")))
}
