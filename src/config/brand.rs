//! `brand`: how the company looks on the pages for customers.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::refusal::refuse;
use crate::diagnostic::Diagnostic;
use crate::playbook::reader::{Fields, Form, Key, Shape, short};
use crate::playbook::yaml::Node;

/// The keys of `brand`.
pub(super) static BRAND: Form = Form::new(
    "brand",
    &[&[
        Key::new("name", Shape::Text, "What customers call the company. Default: the name in `mail.from`."),
        Key::new(
            "color",
            Shape::text_like("^#[0-9A-Fa-f]{6}$", "a colour such as `#1f5fa8`"),
            "The colour of buttons and of the line above a page, such as `\"#1f5fa8\"`. Default: Keepwell's.",
        ),
        Key::new(
            "logo",
            Shape::text_like("\\.(svg|png|jpe?g|webp)$", "a file that ends in .svg, .png, .jpg or .webp"),
            "The file of a logo, beside the configuration, of at most 200 KiB: `logo.svg`. Default: none.",
        ),
    ]],
);

/// What `brand` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BrandConfig {
    pub name: Option<String>,
    pub color: Option<Color>,
    /// Where the logo's file is; it has not been read.
    pub logo: Option<PathBuf>,
}

/// How files of pictures end, and what they are.
pub const PICTURES: [(&str, &str); 5] = [
    (".svg", "image/svg+xml"),
    (".png", "image/png"),
    (".jpg", "image/jpeg"),
    (".jpeg", "image/jpeg"),
    (".webp", "image/webp"),
];

fn is_picture(name: &str) -> bool {
    PICTURES.iter().any(|(ending, _)| name.ends_with(ending))
}

/// A colour: red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color([u8; 3]);

impl Color {
    /// From `#1f5fa8`.
    fn read(text: &str) -> Option<Color> {
        let digits = text.trim().strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
        let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
        Some(Color([part(0)?, part(2)?, part(4)?]))
    }

    /// How well white can be read on it: from 1 to 21, as WCAG 2.2 defines the contrast ratio.
    pub fn contrast_with_white(self) -> f64 {
        1.05 / (self.luminance() + 0.05)
    }

    /// The same of black.
    pub fn contrast_with_black(self) -> f64 {
        (self.luminance() + 0.05) / 0.05
    }

    /// The relative luminance that WCAG 2.2 defines.
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl BrandConfig {
    pub(super) fn read(file: &Arc<str>, node: &Node, problems: &mut Vec<Diagnostic>) -> BrandConfig {
        let mut fields = Fields::new(file, node, &BRAND, problems);
        let mut brand = BrandConfig { name: fields.string("name"), ..BrandConfig::default() };
        if let Some(text) = fields.string("color") {
            brand.color = Color::read(&text);
            if brand.color.is_none() {
                let message = format!("`{}` is not a colour", short(&text));
                refuse(&mut fields, "color", message, "write six digits in quotes: `\"#1f5fa8\"`");
            }
        }
        if let Some(name) = fields.string("logo") {
            if is_picture(&name) {
                let folder = Path::new(&**file).parent().unwrap_or(Path::new(""));
                brand.logo = Some(folder.join(name));
            } else {
                let message = format!("`{}` is no picture that a page can show", short(&name));
                refuse(&mut fields, "logo", message, "name a file that ends in .svg, .png, .jpg or .webp");
            }
        }
        fields.finish();
        brand
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_says_what_can_be_read_on_it() {
        let color = |text: &str| Color::read(text).expect("a colour");
        assert_eq!(color("#1F5fa8").to_string(), "#1f5fa8");
        assert!((color("#000000").contrast_with_white() - 21.0).abs() < 1e-9);
        assert!((color("#ffffff").contrast_with_black() - 21.0).abs() < 1e-9);
        assert!(color("#1f5fa8").contrast_with_white() > 4.5 && color("#ffd54a").contrast_with_black() > 4.5);
        for wrong in ["1f5fa8", "#1f5fa", "#1f5fag", "blue", "#ü1234", ""] {
            assert_eq!(Color::read(wrong), None, "{wrong}");
        }
    }
}
