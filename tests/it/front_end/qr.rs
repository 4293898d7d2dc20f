//! Pictures of QR codes, read by a decoder that knows nothing of their writer.

use hongbao::ErrorKind;
use hongbao::pay::{qr_svg, qr_terminal};
use rqrr::{Grid, PreparedImage, SimpleGrid};

/// The dark pixels of a picture.
type Pixels = Vec<Vec<bool>>;

const TEXTS: [&str; 4] = [
    "weixin://wxpay/bizpayurl?pr=aB3dE5f",
    "weixin://wxpay/bizpayurl?sr=aB3dE5f",
    "weixin://wxpay/bizpayurl?sign=86E3E10DF5062BC980964AEA781E6F36&appid=wx00f1e2d3c4b5a697&mch_id=1510000001\
     &product_id=%E6%B0%B4%E6%9D%AF&time_stamp=1742257800&nonce_str=N1a2T3i4V5e6M7o8D9e0N1o2N3c4E5x6",
    "水杯 & more",
];

/// Half blocks: the upper pixel and the lower one, `lit` where something is printed.
fn terminal(picture: &str, lit_is_dark: bool) -> Pixels {
    let mut pixels = vec![];
    for line in picture.lines() {
        let (mut upper, mut lower) = (vec![], vec![]);
        for character in line.chars() {
            let (above, below) = match character {
                ' ' => (false, false),
                '▀' => (true, false),
                '▄' => (false, true),
                '█' => (true, true),
                other => panic!("{other:?} in the picture"),
            };
            upper.push(above == lit_is_dark);
            lower.push(below == lit_is_dark);
        }
        pixels.push(upper);
        pixels.push(lower);
    }
    // Codes have an odd number of rows, so the last half of the last line is none.
    pixels.pop();
    pixels
}

/// `d="M8 8h56v8h-56z…"`: rectangles of dark modules on a light ground.
fn svg(picture: &str) -> Pixels {
    let attribute = |name: &str| {
        let (_, rest) = picture.split_once(&format!(" {name}=\"")).unwrap();
        rest.split_once('"').unwrap().0
    };
    let (width, height): (usize, usize) = (attribute("width").parse().unwrap(), attribute("height").parse().unwrap());
    let mut pixels = vec![vec![false; width]; height];
    let (_, path) = picture.split_once("fill=\"#000").unwrap();
    let (_, path) = path.split_once("d=\"").unwrap();
    for rectangle in path.split_once('"').unwrap().0.split('M').filter(|piece| !piece.trim().is_empty()) {
        let numbers: Vec<usize> =
            rectangle.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
        let [x, y, across, down, ..] = *numbers else { panic!("{rectangle}") };
        for row in &mut pixels[y..y + down] {
            row[x..x + across].fill(true);
        }
    }
    pixels
}

/// The modules: without the quiet zone, one pixel each.
fn modules(pixels: &Pixels) -> Pixels {
    let dark: Vec<(usize, usize)> = pixels
        .iter()
        .enumerate()
        .flat_map(|(y, row)| row.iter().enumerate().filter(|(_, dark)| **dark).map(move |(x, _)| (x, y)))
        .collect();
    let (left, top) = (dark.iter().map(|p| p.0).min().unwrap(), dark.iter().map(|p| p.1).min().unwrap());
    let right = dark.iter().map(|p| p.0).max().unwrap();
    // The upper left finder pattern begins with seven dark modules.
    let unit = pixels[top][left..].iter().take_while(|dark| **dark).count() / 7;
    assert!(left >= 4 * unit && top >= 4 * unit, "a quiet zone of four modules");
    let size = (right + 1 - left) / unit;
    let row = |y: usize| (0..size).map(|x| pixels[top + y * unit][left + x * unit]).collect();
    (0..size).map(row).collect()
}

fn read(pixels: &Pixels) -> String {
    let modules = modules(pixels);
    let grid = SimpleGrid::from_func(modules.len(), |x, y| modules[y][x]);
    Grid::new(grid).decode().unwrap().1
}

/// The whole picture, as a camera has it: finder patterns have to be found.
fn find(pixels: &Pixels, scale: usize) -> Vec<String> {
    let (height, width) = (pixels.len() * scale, pixels[0].len() * scale);
    let mut image = PreparedImage::prepare_from_bitmap(width, height, |x, y| pixels[y / scale][x / scale]);
    image.detect_grids().iter().map(|grid| grid.decode().unwrap().1).collect()
}

#[test]
fn pictures_say_what_they_were_made_of() {
    for text in TEXTS {
        let picture = qr_svg(text).unwrap();
        let pixels = svg(&picture);
        assert!(pixels.len() >= 240 && pixels[0].len() >= 240);
        assert_eq!(read(&pixels), text);
        assert_eq!(find(&pixels, 1), [text]);
        for dark_background in [false, true] {
            let picture = qr_terminal(text, dark_background).unwrap();
            // On a dark ground what is printed is light.
            let pixels = terminal(&picture, !dark_background);
            assert_eq!(read(&pixels), text, "{picture}");
            assert_eq!(find(&pixels, 4), [text], "{picture}");
        }
    }
}

#[test]
fn a_text_can_be_too_long() {
    let error = qr_svg(&"x".repeat(5000)).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("code_url")));
    assert!(qr_terminal(&"x".repeat(5000), true).is_err());
}
