//! The languages that a browser asks for.

use axum::http::{HeaderMap, header};

/// The languages that a browser names, the most wanted first.
pub(super) fn accepted_languages(headers: &HeaderMap) -> Vec<&str> {
    let text = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut languages: Vec<(&str, f32)> = text
        .split(',')
        .take(20)
        .filter_map(|part| {
            let (tag, rest) = part.split_once(';').unwrap_or((part, ""));
            let weight = rest.trim().strip_prefix("q=").map_or(Some(1.0), |weight| weight.trim().parse().ok())?;
            Some((tag.trim(), weight))
        })
        .filter(|(tag, weight)| !tag.is_empty() && *weight > 0.0)
        .collect();
    languages.sort_by(|one, other| other.1.total_cmp(&one.1));
    languages.into_iter().map(|(tag, _)| tag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_of_a_browser_come_by_their_weight() {
        let of = |text: &'static str| {
            let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, text.parse().expect("a value"))]);
            accepted_languages(&headers).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(of("de-AT, en;q=0.5, fr;q=0.8"), ["de-AT", "fr", "en"]);
        assert_eq!(of("zh-CN,zh;q=0.9,de;q=0"), ["zh-CN", "zh"]);
        assert_eq!(of("en;q=x,*"), ["*"]);
        assert_eq!(accepted_languages(&HeaderMap::new()), Vec::<&str>::new());
    }
}
