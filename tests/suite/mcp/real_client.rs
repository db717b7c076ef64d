//! The client of the protocol's own library, in both ways of agreeing.

use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};

use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt, RoleClient, RunningService};
use serde_json::{Value as Json, json};
use tokio::net::unix::pipe::{Receiver, Sender};

use super::CALL;
use crate::support::program::Home;

async fn connect(home: &Home, lifecycle: ClientLifecycleMode) -> (Child, RunningService<RoleClient, ()>) {
    let mut command = home.command(&["mcp"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let reader = Receiver::from_owned_fd(OwnedFd::from(child.stdout.take().unwrap())).unwrap();
    let writer = Sender::from_owned_fd(OwnedFd::from(child.stdin.take().unwrap())).unwrap();
    let client = ().serve_with_lifecycle((reader, writer), lifecycle).await.unwrap();
    (child, client)
}

async fn call(client: &RunningService<RoleClient, ()>, tool: &'static str, arguments: Json) -> (bool, Json) {
    let arguments = arguments.as_object().unwrap().clone();
    let result = client.call_tool(CallToolRequestParams::new(tool).with_arguments(arguments)).await.unwrap();
    (result.is_error.unwrap_or(false), result.structured_content.unwrap_or_default())
}

#[tokio::test]
async fn a_client_library_writes_and_checks_a_playbook() {
    let stateless = || vec![ProtocolVersion::V_2026_07_28];
    for (lifecycle, version) in [
        (ClientLifecycleMode::Initialize, ProtocolVersion::V_2025_11_25),
        (ClientLifecycleMode::Discover { preferred_versions: stateless() }, ProtocolVersion::V_2026_07_28),
        (
            ClientLifecycleMode::Auto { preferred_versions: stateless(), legacy_version: None },
            ProtocolVersion::V_2026_07_28,
        ),
    ] {
        let home = Home::new("mcp-library");
        let (mut child, client) = connect(&home, lifecycle).await;
        let server = client.peer_info().unwrap();
        assert_eq!(server.protocol_version, version);
        assert_eq!(server.server_info.as_ref().map(|info| info.name.as_str()), Some("keepwell"));
        let tools = client.list_all_tools().await.unwrap();
        assert!(tools.iter().any(|tool| tool.name == "write_playbook"), "{tools:?}");

        let wrong = CALL.replace("account.mrr", "account.mr");
        let (is_error, answer) = call(&client, "write_playbook", json!({ "file": "call.yaml", "text": wrong })).await;
        assert_eq!((is_error, &answer["diagnostics"][0]["code"]), (false, &json!("KW0202")));
        let (_, page) = call(&client, "explain_code", json!({ "code": answer["diagnostics"][0]["code"] })).await;
        assert_eq!(page["page"]["code"], "KW0202");
        let (_, answer) = call(&client, "write_playbook", json!({ "file": "call.yaml", "text": CALL })).await;
        assert_eq!(answer["diagnostics"], json!([]));
        let (_, tested) = call(&client, "test", json!({})).await;
        assert!(tested["tests"].as_array().unwrap().iter().all(|case| case["passed"] == true), "{tested}");
        let (is_error, _) = call(&client, "plan", json!({})).await;
        assert!(is_error, "there is no database");
        client.cancel().await.unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}
