//! The header fields of a message that somebody else wrote.

/// Header fields with their names in lower case and their lines joined, and
/// what stands behind the empty line.
pub(crate) fn split(bytes: &[u8]) -> (Vec<(String, String)>, &[u8]) {
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches(['\r', '\n']);
        if line.trim().is_empty() {
            break;
        }
        match fields.last_mut() {
            Some((_, value)) if line.starts_with([' ', '\t']) => {
                value.push(' ');
                value.push_str(line.trim());
            }
            _ => {
                if let Some((name, value)) = line.split_once(':') {
                    fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
                }
            }
        }
    }
    (fields, rest)
}

/// The value of the first header field of a name.
pub(crate) fn field<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// A parameter of a header field, with or without quotes.
pub(crate) fn parameter(value: &str, name: &str) -> Option<String> {
    value.split(';').find_map(|one| {
        let (key, value) = one.split_once('=')?;
        let value = value.trim();
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim_matches('"').to_owned())
    })
}
