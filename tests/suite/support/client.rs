//! A browser or a probe of one request, on a socket.

use std::time::Duration;

use serde_json::Value as Json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::program::{Daemon, until};

/// What a page answered.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub body: String,
}

impl Page {
    /// The document that the body is.
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Sends one request and reads its answer; within ten seconds.
pub async fn send(address: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> Page {
    let answered = tokio::time::timeout(Duration::from_secs(10), async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request.push_str(&format!("Host: {address}\r\n"));
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{request}\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    });
    let answer = answered.await.unwrap_or_else(|_| panic!("{method} {path} was not answered"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Page { status: status.unwrap_or_else(|| panic!("no status: {head}")), body: body.to_owned() }
}

pub async fn get(address: &str, path: &str) -> Page {
    send(address, "GET", path, &[]).await
}

/// Where a daemon that logs JSON serves what it calls by this name.
pub async fn address_of(daemon: &Daemon, name: &str) -> String {
    let find = || {
        let log = daemon.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
        lines.map(|line| line["fields"].clone()).find(|fields| fields["message"] == name)
    };
    until(&format!("`{name}` is served"), async || find().is_some()).await;
    find().unwrap()["address"].as_str().unwrap().to_owned()
}
