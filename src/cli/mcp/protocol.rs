//! The messages of the protocol: JSON-RPC 2.0, one message a line.
//!
//! Two ways of agreeing on a version are understood: that of 2026-07-28, where
//! each request names its version, and the handshake of the versions before.

use serde_json::{Map, Value as Json, json};

/// The version whose requests each say what they need.
pub const STATELESS: &str = "2026-07-28";

/// The versions that begin with `initialize`, the latest first.
pub const WITH_HANDSHAKE: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// The key of a request's version.
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const SERVER: &str = "io.modelcontextprotocol/serverInfo";

/// What a line of the client says.
#[derive(Debug, PartialEq)]
pub enum Incoming {
    Request(Request),
    /// Nobody waits for the answer to the request with this id any more.
    Cancelled(Json),
    /// Nothing that is to be answered.
    Other,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// A text or a number.
    pub id: Json,
    pub method: String,
    pub params: Map<String, Json>,
}

/// How a client agrees on the version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    EachRequest,
    Handshake,
}

/// Why a message is not carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct ProtocolError {
    code: i32,
    message: String,
    data: Option<Json>,
}

impl ProtocolError {
    fn new(code: i32, message: impl Into<String>) -> ProtocolError {
        ProtocolError { code, message: message.into(), data: None }
    }

    /// A method that there is not.
    pub fn unknown_method(method: &str) -> ProtocolError {
        ProtocolError::new(-32601, format!("there is no method `{method}`"))
    }

    /// Parameters that are not as they should be.
    pub fn invalid(message: impl Into<String>) -> ProtocolError {
        ProtocolError::new(-32602, message)
    }

    /// The answer to the request with that id.
    pub fn to_json(&self, id: &Json) -> Json {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(data) = &self.data {
            error["data"] = data.clone();
        }
        json!({ "jsonrpc": "2.0", "id": id, "error": error })
    }
}

/// Reads a line. The error comes with the id of the request, null where it has none.
pub fn parse(line: &[u8]) -> Result<Incoming, (Json, ProtocolError)> {
    let broken = |why: String| (Json::Null, ProtocolError::new(-32700, why));
    let unfit = |id: Json, why: &str| (id, ProtocolError::new(-32600, why));
    let document: Json =
        serde_json::from_slice(line).map_err(|error| broken(format!("this line is no JSON document: {error}")))?;
    let Json::Object(mut message) = document else {
        return Err(unfit(Json::Null, "a message is one JSON object; lists of them are not understood"));
    };
    let id = message.remove("id");
    let method = match message.remove("method") {
        Some(Json::String(method)) => method,
        // An answer to a request that was never made.
        None if message.contains_key("result") || message.contains_key("error") => return Ok(Incoming::Other),
        _ => return Err(unfit(id.unwrap_or_default(), "a message names its `method`")),
    };
    if message.get("jsonrpc").and_then(Json::as_str) != Some("2.0") {
        return Err(unfit(id.unwrap_or_default(), "a message says `\"jsonrpc\": \"2.0\"`"));
    }
    let params = match message.remove("params") {
        None | Some(Json::Null) => Map::new(),
        Some(Json::Object(params)) => params,
        Some(_) => return Err((id.unwrap_or_default(), ProtocolError::invalid("`params` is an object"))),
    };
    match id {
        Some(id @ (Json::String(_) | Json::Number(_))) => Ok(Incoming::Request(Request { id, method, params })),
        Some(_) => Err(unfit(Json::Null, "the `id` of a request is a text or a number")),
        None if method == "notifications/cancelled" => {
            Ok(params.get("requestId").cloned().map_or(Incoming::Other, Incoming::Cancelled))
        }
        None => Ok(Incoming::Other),
    }
}

impl Request {
    /// How the client of this request agrees on the version, and that it is one
    /// we know.
    pub fn agreement(&self, shook_hands: bool) -> Result<Agreement, ProtocolError> {
        let meta = self.params.get("_meta");
        match meta.and_then(|meta| meta.get(VERSION)) {
            Some(version) if version == STATELESS => match meta.and_then(|meta| meta.get(CAPABILITIES)) {
                Some(Json::Object(_)) => Ok(Agreement::EachRequest),
                _ => Err(ProtocolError::invalid(format!("`_meta` says `{CAPABILITIES}`, an object"))),
            },
            Some(version) => Err(ProtocolError {
                code: -32022,
                message: "Unsupported protocol version".to_owned(),
                data: Some(json!({ "supported": [STATELESS], "requested": version })),
            }),
            None if shook_hands || ["initialize", "ping"].contains(&self.method.as_str()) => Ok(Agreement::Handshake),
            None => Err(ProtocolError::invalid(format!(
                "name the protocol's version: in `_meta` as `{VERSION}`, {STATELESS}, or by `initialize` before"
            ))),
        }
    }
}

impl Agreement {
    /// The answer to the request with that id.
    pub fn answer(self, id: &Json, mut result: Json) -> Json {
        if self == Agreement::EachRequest {
            result["resultType"] = "complete".into();
            result["_meta"] = json!({ SERVER: server_info() });
        }
        json!({ "jsonrpc": "2.0", "id": id, "result": result })
    }
}

/// Who answers.
pub fn server_info() -> Json {
    json!({ "name": "keepwell", "title": "Keepwell", "version": env!("CARGO_PKG_VERSION") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Request {
        match parse(text.as_bytes()) {
            Ok(Incoming::Request(request)) => request,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn what_needs_no_answer_gets_none() {
        for text in [
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#,
            r#"{"jsonrpc":"2.0","id":7,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"x"}}"#,
        ] {
            assert_eq!(parse(text.as_bytes()), Ok(Incoming::Other), "{text}");
        }
        let cancelled = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"a"}}"#;
        assert_eq!(parse(cancelled.as_bytes()), Ok(Incoming::Cancelled("a".into())));
    }

    #[test]
    fn a_damaged_message_is_refused_with_the_code_for_it() {
        for (text, id, code) in [
            ("{", json!(null), -32700),
            ("\u{0}", json!(null), -32700),
            ("[]", json!(null), -32600),
            ("3", json!(null), -32600),
            (r#"{"jsonrpc":"2.0","id":3}"#, json!(3), -32600),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, json!(null), -32600),
            (r#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#, json!(null), -32600),
            (r#"{"jsonrpc":"1.0","id":"a","method":"ping"}"#, json!("a"), -32600),
            (r#"{"jsonrpc":"2.0","id":3,"method":"ping","params":[1]}"#, json!(3), -32602),
        ] {
            let (found, error) = parse(text.as_bytes()).expect_err(text);
            assert_eq!((found, error.code), (id, code), "{text}");
        }
        assert_eq!(parse(b"\xff\n").map_err(|(_, error)| error.code), Err(-32700));
    }

    #[test]
    fn the_version_is_agreed_on_in_either_way() {
        let plain = request(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
        assert_eq!(plain.agreement(true), Ok(Agreement::Handshake));
        assert_eq!(plain.agreement(false).map_err(|error| error.code), Err(-32602));
        let with = |version: &str, more: &str| {
            request(&format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"_meta":{{"{VERSION}":"{version}"{more}}}}}}}"#
            ))
        };
        let capable = format!(r#","{CAPABILITIES}":{{}}"#);
        assert_eq!(with(STATELESS, &capable).agreement(false), Ok(Agreement::EachRequest));
        assert_eq!(with(STATELESS, "").agreement(true).map_err(|error| error.code), Err(-32602));
        let refused = with("1900-01-01", &capable).agreement(true).expect_err("no such version");
        assert_eq!(refused.to_json(&json!(1))["error"]["code"], -32022);
        assert_eq!(refused.to_json(&json!(1))["error"]["data"]["supported"], json!([STATELESS]));
    }
}
