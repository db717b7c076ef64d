//! How the company looks on the pages for customers: its name, its colour and its logo.

use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::page::{Trouble, Web, cacheable, version};
use crate::config::{BrandConfig, Color, PICTURES};

/// The longest logo, in bytes.
const LONGEST_LOGO: u64 = 200 * 1024;

/// How the company looks.
#[derive(Clone, Debug)]
pub(super) struct Brand {
    pub name: String,
    /// Where the sheet with its colour is; `None` where it has none.
    pub style_path: Option<String>,
    /// Where the logo is; `None` where it has none.
    pub logo_path: Option<String>,
    style: String,
    logo: Option<Arc<Logo>>,
}

/// A picture.
#[derive(Debug)]
pub(super) struct Logo {
    content: Vec<u8>,
    content_type: &'static str,
}

impl Logo {
    /// Reads the file that the configuration names. The error is a sentence for operators.
    pub fn read(path: &Path) -> Result<Logo, String> {
        let refuse = |why: &str| format!("`brand.logo`, {}: {why}", path.display());
        let kind = PICTURES.iter().find(|(ending, _)| path.to_string_lossy().ends_with(ending));
        let (_, content_type) = kind.ok_or_else(|| refuse("it is none of .svg, .png, .jpg and .webp"))?;
        let length = std::fs::metadata(path).map_err(|error| refuse(&error.to_string()))?.len();
        if length > LONGEST_LOGO {
            return Err(refuse(&format!("it has {length} bytes, and {LONGEST_LOGO} are the limit")));
        }
        let content = std::fs::read(path).map_err(|error| refuse(&error.to_string()))?;
        Ok(Logo { content, content_type })
    }
}

impl Brand {
    /// As the configuration says, without its logo; `sender` is the name where it says none.
    pub fn new(config: &BrandConfig, sender: String) -> Brand {
        let style = config.color.map(style).unwrap_or_default();
        Brand {
            name: config.name.clone().unwrap_or(sender),
            style_path: config.color.is_some().then(|| format!("/brand.css?{}", version(style.as_bytes()))),
            logo_path: None,
            style,
            logo: None,
        }
    }

    /// The same with a logo.
    pub fn with_logo(self, logo: Logo) -> Brand {
        let logo_path = Some(format!("/logo?{}", version(&logo.content)));
        Brand { logo_path, logo: Some(Arc::new(logo)), ..self }
    }
}

/// The colour, and black or white on it, whichever can be read better.
fn style(color: Color) -> String {
    let on = if color.contrast_with_white() >= color.contrast_with_black() { "#ffffff" } else { "#000000" };
    format!(".customer {{ --brand: {color}; --on-brand: {on}; }}\n")
}

/// The sheet with the company's colour.
pub(super) async fn show_style(State(web): Web) -> Response {
    cacheable(web.brand.style.clone(), "text/css; charset=utf-8")
}

/// The logo.
pub(super) async fn show_logo(State(web): Web) -> Result<Response, Trouble> {
    let logo = web.brand.logo.as_ref().ok_or(Trouble::NotFound("There is no such page."))?;
    Ok(cacheable(logo.content.clone(), logo.content_type))
}
