//! How a server and its client agree, and what is said to messages that are wrong.

use serde_json::{Value as Json, json};

use super::{CALL, Session};
use crate::support::program::Home;

const TOOLS: [&str; 13] = [
    "language_guide",
    "facts",
    "schema",
    "list_playbooks",
    "read_playbook",
    "write_playbook",
    "check",
    "explain_code",
    "test",
    "plan",
    "diff",
    "explain",
    "backtest",
];

fn home(name: &str) -> Home {
    let home = Home::new(name);
    home.write("playbooks/call.yaml", CALL);
    home
}

fn code(answer: &Json) -> i64 {
    answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("an error: {answer}"))
}

#[test]
fn a_client_of_before_shakes_hands() {
    let home = home("mcp-handshake");
    for (wanted, agreed) in [
        ("2025-11-25", "2025-11-25"),
        ("2024-11-05", "2024-11-05"),
        ("2025-06-18", "2025-06-18"),
        ("2031-01-01", "2025-11-25"),
    ] {
        let mut session = Session::start(&home, &[]);
        assert_eq!(session.ask("ping", json!({})), json!({}), "also before the handshake");
        assert_eq!(code(&session.answer("tools/list", json!({}))), -32602);
        let hello = session.ask("initialize", json!({ "protocolVersion": wanted, "capabilities": {} }));
        assert_eq!(hello["protocolVersion"], agreed);
        assert_eq!(hello["capabilities"], json!({ "tools": {} }));
        assert_eq!((&hello["serverInfo"]["name"], &hello["resultType"]), (&json!("keepwell"), &Json::Null));
        assert!(hello["instructions"].as_str().unwrap().contains("language_guide"));
        session.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        let listed = session.ask("tools/list", json!({}));
        assert_eq!(listed.as_object().unwrap().keys().collect::<Vec<_>>(), ["tools"]);
        assert_eq!(session.end(), (vec![], 0));
    }
    let mut session = Session::start(&home, &[]);
    assert_eq!(code(&session.answer("initialize", json!({}))), -32602);
}

#[test]
fn a_client_of_today_says_its_version_in_each_request() {
    let home = home("mcp-stateless");
    let mut session = Session::start(&home, &[]);
    let meta = |version: &str| json!({ "io.modelcontextprotocol/protocolVersion": version, "io.modelcontextprotocol/clientCapabilities": {} });
    let found = session.ask("server/discover", json!({ "_meta": meta("2026-07-28") }));
    assert_eq!((&found["supportedVersions"], &found["resultType"]), (&json!(["2026-07-28"]), &json!("complete")));
    assert_eq!((&found["capabilities"], &found["cacheScope"]), (&json!({ "tools": {} }), &json!("public")));
    assert!(found["ttlMs"].as_u64().is_some());
    assert_eq!(found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "keepwell");
    let listed = session.ask("tools/list", json!({ "_meta": meta("2026-07-28") }));
    assert_eq!((&listed["resultType"], &listed["cacheScope"]), (&json!("complete"), &json!("public")));
    let page = session.ask(
        "tools/call",
        json!({ "_meta": meta("2026-07-28"), "name": "explain_code", "arguments": { "code": "207" } }),
    );
    assert_eq!(
        (&page["resultType"], &page["structuredContent"]["page"]["code"]),
        (&json!("complete"), &json!("KW0207"))
    );
    let other = session.answer("tools/list", json!({ "_meta": meta("1900-01-01") }));
    assert_eq!(code(&other), -32022);
    assert_eq!(other["error"]["data"], json!({ "supported": ["2026-07-28"], "requested": "1900-01-01" }));
    let bare = json!({ "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } });
    assert_eq!(code(&session.answer("tools/list", bare)), -32602);
    // What belongs to the handshake is gone.
    assert_eq!(code(&session.answer("ping", json!({ "_meta": meta("2026-07-28") }))), -32601);
    assert_eq!(session.end(), (vec![], 0));
}

#[test]
fn tools_are_listed_with_what_they_take() {
    let home = home("mcp-list");
    let mut session = Session::begin(&home, &[]);
    let tools = session.ask("tools/list", json!({}))["tools"].as_array().unwrap().clone();
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    for name in TOOLS {
        assert!(names.contains(&name), "{names:?}");
    }
    for tool in &tools {
        let name = tool["name"].as_str().unwrap();
        let input = &tool["inputSchema"];
        assert_eq!((&input["type"], &input["additionalProperties"]), (&json!("object"), &json!(false)), "{tool}");
        assert_eq!(tool["annotations"]["readOnlyHint"], name != "write_playbook", "{name}");
        assert!(tool["description"].as_str().unwrap().len() > 40 && tool["outputSchema"]["required"][0].is_string());
        // What the schema does not name is refused, and what it requires is missed.
        assert!(session.refusal(name, &json!({ "elephant": 1 })).contains("takes no argument `elephant`"));
        let required = input["required"].as_array().unwrap();
        if let Some(first) = required.first() {
            let why = session.refusal(name, &json!({}));
            assert!(why.contains(&format!("needs the argument `{}`", first.as_str().unwrap())), "{why}");
        }
        for (property, schema) in input["properties"].as_object().unwrap() {
            assert!(!schema["description"].as_str().unwrap().is_empty());
            let why = session.refusal(name, &json!({ property: { "a": 1 } }));
            assert!(why.starts_with(&format!("the argument `{property}` of `{name}`: it is ")), "{why}");
        }
    }
    assert_eq!(code(&session.answer("tools/list", json!({ "cursor": "2" }))), -32602);
}

#[test]
fn the_configuration_of_the_page_starts_it() {
    let page = include_str!("../../../docs/operations.md");
    let (_, after) = page.split_once("## For an assistant\n").unwrap();
    let (json, _) = after.split_once("```json\n").unwrap().1.split_once("```").unwrap();
    let configuration: Json = serde_json::from_str(json).unwrap();
    let server = &configuration["mcpServers"]["keepwell"];
    assert_eq!((&server["command"], server["env"]["DATABASE_URL"].is_string()), (&json!("keepwell"), true));
    let home = home("mcp-page");
    let here = home.path.display().to_string();
    let arguments: Vec<String> = server["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(|argument| argument.as_str().unwrap().replace("/srv/success", &here))
        .collect();
    assert_eq!(arguments[0], "mcp");
    let options: Vec<&str> = arguments[1..].iter().map(String::as_str).collect();
    let mut session = Session::begin(&home, &options);
    let file = session.call("list_playbooks", &json!({}))["playbooks"][0]["file"].clone();
    assert_eq!(file, json!(format!("{here}/playbooks/call.yaml")));
    for tool in session.ask("tools/list", json!({}))["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        assert!(after.contains(&format!("`{name}`")), "the page says nothing of {name}");
    }
}

#[test]
fn what_is_no_message_is_answered_and_the_next_one_is_understood() {
    let home = home("mcp-damaged");
    let mut session = Session::begin(&home, &[]);
    for (line, id, expected) in [
        (&b"{"[..], Json::Null, -32700),
        (b"\xff\xfe", Json::Null, -32700),
        (b"[]", Json::Null, -32600),
        (br#"{"jsonrpc":"2.0","id":"x"}"#, json!("x"), -32600),
        (br#"{"jsonrpc":"2.0","id":"y","method":"tools/call","params":[]}"#, json!("y"), -32602),
        (br#"{"jsonrpc":"2.0","id":"z","method":"resources/list"}"#, json!("z"), -32601),
        (br#"{"jsonrpc":"2.0","id":"n","method":"tools/call","params":{"name":"approve"}}"#, json!("n"), -32602),
        (br#"{"jsonrpc":"2.0","id":"m","method":"tools/call","params":{}}"#, json!("m"), -32602),
        (
            br#"{"jsonrpc":"2.0","id":"o","method":"tools/call","params":{"name":"check","arguments":1}}"#,
            json!("o"),
            -32602,
        ),
    ] {
        session.send_line(line);
        let answer = session.receive();
        assert_eq!((&answer["id"], code(&answer)), (&id, expected), "{answer}");
    }
    // Longer than any message may be.
    session.send_line(&vec![b'x'; 17 * 1024 * 1024]);
    assert_eq!(code(&session.receive()), -32700);
    session.send_line(b"");
    session.send_line(br#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#);
    assert_eq!(session.ask("ping", json!({})), json!({}));
}

#[test]
fn nobody_is_answered_who_waits_no_more() {
    let home = home("mcp-cancelled");
    // Enough to be busy for a while.
    for number in 0..12 {
        let other = CALL.replace("playbook: call", &format!("playbook: call-{number}"));
        home.write(&format!("playbooks/{number}.yaml"), &other);
    }
    let mut session = Session::begin(&home, &[]);
    let first = session.request("tools/call", json!({ "name": "test", "arguments": { "mutants": true } }));
    // The same number twice cannot be told apart.
    session.send(&json!({ "jsonrpc": "2.0", "id": first, "method": "tools/call", "params": { "name": "facts" } }));
    let twice = session.receive();
    assert_eq!((&twice["id"], code(&twice)), (&json!(first), -32602));
    let second = session.request("tools/call", json!({ "name": "facts" }));
    session.send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": second } }));
    // Short questions do not wait behind long ones.
    assert_eq!(session.ask("ping", json!({})), json!({}));
    let third = session.request("tools/call", json!({ "name": "list_playbooks" }));
    assert_eq!(session.receive()["id"], first);
    assert_eq!(session.receive()["id"], third);
    // Those who write everything at once get their answers before the end.
    let last = session.request("tools/call", json!({ "name": "check" }));
    let (rest, code) = session.end();
    assert_eq!((rest.len(), &rest[0]["id"], code), (1, &json!(last), 0));
}
