//! What a mail of ours shows once somebody has received it: who signed it, and
//! over which headers.

use crate::address::parse_mailbox;
use crate::delivery::headers::{field, parameter, split};

/// A mail as its reader's provider stored it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The domain of From, in lower case.
    pub from: Option<String>,
    pub has_unsubscribe: bool,
    pub has_one_click: bool,
    pub signatures: Vec<Signature>,
    /// What the receiving server found: `dkim=pass`, `spf=fail`, `dmarc=pass`.
    pub results: Vec<String>,
}

/// One DKIM signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub domain: String,
    pub selector: String,
    /// The headers it covers, in lower case.
    pub headers: Vec<String>,
}

impl Signature {
    /// Whether it counts for mail from this domain: it is the same one, or one
    /// is below the other.
    pub fn is_aligned(&self, from: &str) -> bool {
        let below = |one: &str, other: &str| one.strip_suffix(other).is_some_and(|rest| rest.ends_with('.'));
        self.domain == from || below(&self.domain, from) || below(from, &self.domain)
    }

    /// Whether it covers a header.
    pub fn covers(&self, header: &str) -> bool {
        self.headers.iter().any(|covered| covered == header)
    }
}

/// Reads a received mail; whatever is not there stays empty.
pub fn received(bytes: &[u8]) -> Received {
    let (fields, _) = split(bytes);
    let from = field(&fields, "from").and_then(|from| parse_mailbox(from).ok());
    let all = |name: &str| -> Vec<&str> {
        fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    };
    let signature = |value: &&str| {
        Some(Signature {
            domain: parameter(value, "d")?.to_ascii_lowercase(),
            selector: parameter(value, "s")?.to_ascii_lowercase(),
            headers: parameter(value, "h")?.split(':').map(|name| name.trim().to_ascii_lowercase()).collect(),
        })
    };
    // The first was added last, by the server that the mailbox is on.
    let results = field(&fields, "authentication-results").unwrap_or_default();
    let word = |part: &str| {
        let word = part.split_whitespace().next()?.to_ascii_lowercase();
        ["dkim=", "spf=", "dmarc="].iter().any(|kind| word.starts_with(kind)).then_some(word)
    };
    Received {
        from: from.and_then(|from| from.address.rsplit('@').next().map(str::to_ascii_lowercase)),
        has_unsubscribe: field(&fields, "list-unsubscribe").is_some(),
        has_one_click: field(&fields, "list-unsubscribe-post").is_some(),
        signatures: all("dkim-signature").iter().filter_map(signature).collect(),
        results: results.split(';').filter_map(word).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_name_what_they_cover() {
        let mail = "Authentication-Results: mx.example; dkim=pass header.d=acme.example;\r\n spf=pass\r\n smtp.mailfrom=b; dmarc=fail (p=none)\r\n\
            DKIM-Signature: v=1; a=rsa-sha256; d=Mail.Acme.example; s=S1;\r\n\th=From:To:List-Unsubscribe\r\n\t :List-Unsubscribe-Post; bh=x=; b=y\r\n\
            DKIM-Signature: v=1; nonsense\r\nFrom: Acme <success@acme.example>\r\nList-Unsubscribe: <https://a>\r\n\r\nhi";
        let read = received(mail.as_bytes());
        assert_eq!(read.from.as_deref(), Some("acme.example"));
        assert_eq!(read.results, ["dkim=pass", "spf=pass", "dmarc=fail"]);
        let [signature] = &read.signatures[..] else { panic!("{read:?}") };
        assert!(signature.is_aligned("acme.example") && !signature.is_aligned("me.example"));
        assert!(signature.covers("list-unsubscribe-post") && !signature.covers("subject"));
        assert!(read.has_unsubscribe && !read.has_one_click);
        assert_eq!(received(b""), Received::default());
    }
}
