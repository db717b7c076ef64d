//! `store.read_url`, the login that only reads customers.

use url::Url;

use crate::playbook::reader::{Fields, is_variable};

/// Where the URL of the login stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadUrl {
    /// In an environment variable.
    Variable(String),
    /// Here, without a password.
    Url(String),
}

const HELP: &str = "write `read_url: env:KEEPWELL_READ_URL`, or a URL without a password: \
                    `read_url: postgres://keepwell_customers@host/name`";

pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<ReadUrl> {
    let text = fields.text("read_url")?;
    let message = match text.text.strip_prefix("env:") {
        Some(name) if is_variable(name) => return Some(ReadUrl::Variable(name.to_owned())),
        Some(_) => "`read_url` names no environment variable",
        None => match Url::parse(&text.text) {
            Ok(url) if !matches!(url.scheme(), "postgres" | "postgresql") => "`read_url` is not a URL of Postgres",
            Ok(url) if url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password") => {
                "a password does not belong into this file"
            }
            Ok(_) => return Some(ReadUrl::Url(text.text.to_string())),
            Err(_) => "`read_url` is not a URL of Postgres",
        },
    };
    fields.problems().push(text.error("KW0602", 1, 1, message).help(HELP));
    None
}

#[cfg(test)]
mod tests {
    use super::ReadUrl;
    use crate::config::Config;
    use crate::playbook::source::SourceFile;

    #[test]
    fn a_password_stays_out_of_the_file() {
        let read = |value: &str| {
            let text = format!("store: {{ read_url: \"{value}\" }}\n");
            let (config, problems) = Config::parse(&SourceFile { path: "keepwell.yaml".into(), text: text.into() });
            let messages: Vec<_> = problems.iter().map(|d| format!("{} {}", d.code, d.message)).collect();
            (config.store.read_url, messages)
        };
        let none: Vec<String> = Vec::new();
        assert_eq!(read("env:CRM_READER"), (Some(ReadUrl::Variable("CRM_READER".to_owned())), none.clone()));
        let url = "postgres:///main?host=/run/pg&user=reader";
        assert_eq!(read(url), (Some(ReadUrl::Url(url.to_owned())), none));
        for (value, expected) in [
            ("env:1", "KW0602 `read_url` names no environment variable"),
            ("reader", "KW0602 `read_url` is not a URL of Postgres"),
            ("mysql://reader@host/main", "KW0602 `read_url` is not a URL of Postgres"),
            ("postgres://reader:canary@host/main", "KW0602 a password does not belong into this file"),
            ("postgres:///main?user=reader&password=canary", "KW0602 a password does not belong into this file"),
        ] {
            let (url, problems) = read(value);
            assert_eq!((url, problems), (None, vec![expected.to_owned()]), "{value}");
        }
    }
}
