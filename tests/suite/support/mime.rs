//! Reads a mail back, strictly, independently of the library that wrote it.

/// Name and decoded value of each header, in order.
pub type Headers = Vec<(String, String)>;

/// Splits a message or part into headers (unfolded, encoded words decoded)
/// and body. Panics on anything malformed.
pub fn split(bytes: &[u8]) -> (Headers, String) {
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.is_ascii(), "a byte is not ASCII");
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "bare CR or LF");
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut headers: Headers = Vec::new();
    for line in head.split("\r\n") {
        assert!(line.len() <= 998, "a line is too long");
        if let Some(rest) = line.strip_prefix(' ') {
            assert!(!rest.trim().is_empty(), "a folded line is blank");
            headers.last_mut().unwrap().1.push_str(line);
        } else {
            let (name, value) = line.split_once(": ").unwrap();
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
            headers.push((name.to_owned(), value.to_owned()));
        }
    }
    for (_, value) in &mut headers {
        *value = decode_words(value).trim().to_owned();
    }
    (headers, body.to_owned())
}

/// The value of the only header with this name.
pub fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    let mut found = headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
    let value = found.next().map(|(_, value)| value.as_str());
    assert!(found.next().is_none(), "{name} stands twice");
    value
}

/// The decoded parts of a multipart message, with their content types.
pub fn parts(headers: &Headers, body: &str) -> Vec<(String, String)> {
    let kind = header(headers, "Content-Type").unwrap();
    assert!(kind.starts_with("multipart/alternative;"), "{kind}");
    let boundary = kind.split("boundary=\"").nth(1).unwrap();
    let boundary = boundary.strip_suffix('"').unwrap();
    let body = format!("\r\n{body}");
    let delimiter = format!("\r\n--{boundary}");
    let mut pieces = body.split(&delimiter);
    assert_eq!(pieces.next(), Some(""));
    let mut out = Vec::new();
    for piece in pieces {
        if piece.starts_with("--") {
            assert_eq!(piece.trim_end(), "--");
            return out;
        }
        let (headers, body) = split(piece.strip_prefix("\r\n").unwrap().as_bytes());
        assert_eq!(header(&headers, "Content-Transfer-Encoding"), Some("quoted-printable"));
        let kind = header(&headers, "Content-Type").unwrap().to_owned();
        out.push((kind, quoted_printable(&body).replace("\r\n", "\n")));
    }
    panic!("the closing boundary is missing");
}

fn quoted_printable(text: &str) -> String {
    let mut out = Vec::new();
    for line in text.split_inclusive("\r\n") {
        let soft = line.strip_suffix("=\r\n");
        let mut bytes = soft.unwrap_or(line).bytes();
        while let Some(byte) = bytes.next() {
            if byte != b'=' {
                out.push(byte);
                continue;
            }
            let hex: String = bytes.by_ref().take(2).map(char::from).collect();
            out.push(u8::from_str_radix(&hex, 16).unwrap());
        }
    }
    String::from_utf8(out).unwrap()
}

/// Decodes `=?utf-8?b?…?=`; space between two of them is not shown.
fn decode_words(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value;
    let mut after_word = false;
    while let Some(at) = rest.find("=?utf-8?b?") {
        let before = &rest[..at];
        if !(after_word && before.trim().is_empty()) {
            out.push_str(before);
        }
        let (word, tail) = rest[at + 10..].split_once("?=").unwrap();
        out.push_str(std::str::from_utf8(&unbase64(word)).unwrap());
        rest = tail;
        after_word = true;
    }
    out + rest
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let mut word = 0u32;
        for at in 0..3 {
            word = word << 8 | u32::from(three.get(at).copied().unwrap_or(0));
        }
        for at in 0..4 {
            let digit = (word >> (18 - 6 * at)) & 63;
            let used = at <= three.len();
            out.push(if used { ALPHABET[digit as usize] as char } else { '=' });
        }
    }
    out
}

fn unbase64(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut word, mut bits) = (0u32, 0);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        let digit = ALPHABET.iter().position(|other| *other == byte).unwrap();
        word = word << 6 | digit as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((word >> bits) as u8);
        }
    }
    out
}
