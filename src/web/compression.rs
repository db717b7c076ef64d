//! Pages as gzip, for browsers that take it: a list of tasks has a third of its size then.

use std::io::Write;

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;

/// What is shorter gains nothing, in bytes.
const SHORTEST: u64 = 1_024;

/// What is longer is compressed apart from other work, in bytes.
const LONG: u64 = 256 * 1_024;

/// Kinds of content that become shorter.
const TEXTS: [&str; 4] = ["text/", "image/svg+xml", "application/json", "application/javascript"];

/// Compresses what the next one answers, where the client takes gzip and it is a text.
pub(super) async fn compress(request: Request, next: Next) -> Response {
    let takes_gzip = takes_gzip(request.headers());
    let mut response = next.run(request).await;
    let is_text = is_text(response.headers());
    if is_text {
        response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    // Every page is made as a whole, so that its length is known.
    let Some(length) = response.body().size_hint().exact() else { return response };
    if !takes_gzip || !is_text || length < SHORTEST || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(content) = to_bytes(body, usize::MAX).await else { return Response::from_parts(parts, Body::empty()) };
    let compressed = match length {
        ..LONG => gzip(&content),
        // Other work of this thread does not wait for it.
        _ => {
            let content = content.clone();
            tokio::task::spawn_blocking(move || gzip(&content)).await.map_err(std::io::Error::other).flatten()
        }
    };
    match compressed {
        Ok(compressed) => {
            parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, Body::from(compressed))
        }
        Err(_) => Response::from_parts(parts, Body::from(content)),
    }
}

fn gzip(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(content.len() / 3), Compression::default());
    encoder.write_all(content)?;
    encoder.finish()
}

/// What is said of gzip by name counts before what is said of everything.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let codings: Vec<(&str, bool)> = accepted
        .flat_map(|text| text.split(','))
        .map(|part| {
            let (name, weight) = part.split_once(';').unwrap_or((part, ""));
            let weight = weight.trim().strip_prefix("q=").map(|weight| weight.trim().parse::<f32>());
            (name.trim(), !matches!(weight, Some(Ok(0.0))))
        })
        .collect();
    let said_of = |coding: &str| codings.iter().find(|(name, _)| *name == coding).map(|(_, is_taken)| *is_taken);
    said_of("gzip").or(said_of("*")).unwrap_or(false)
}

fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    TEXTS.iter().any(|text| kind.starts_with(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_says_whether_it_takes_gzip() {
        let takes = |text: &'static str| {
            takes_gzip(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(text))]))
        };
        assert!(takes("gzip") && takes("br, gzip;q=0.5") && takes("*"));
        assert!(
            !takes("br")
                && !takes("gzip;q=0")
                && !takes("")
                && !takes("identity, gzip; q=0.0")
                && !takes("gzip;q=0, *")
        );
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
