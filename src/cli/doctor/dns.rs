//! TXT records, asked from one resolver: what mail domains publish about
//! themselves. Not used on the way of any mail.

use std::net::{IpAddr, SocketAddr};

use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Duration, timeout};

use crate::random;

/// How long one question waits for its answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is asked.
const TRIES: usize = 2;
/// The largest answer by UDP that we ask for, which passes every network.
const LARGEST: u16 = 1232;
const TXT: u16 = 16;
const OPT: u16 = 41;

/// Why nobody knows what a name publishes.
#[derive(Debug, Error)]
pub enum DnsError {
    #[error("`{0}` is not a name that can be asked for")]
    Name(String),
    #[error("the resolver {0} does not answer")]
    Silent(SocketAddr),
    #[error("the resolver {0} answers with the error {1}")]
    Refused(SocketAddr, u8),
    #[error("the answer of the resolver {0} cannot be read")]
    Garbled(SocketAddr),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The first resolver in the text of `/etc/resolv.conf`, else this machine.
pub fn system_resolver(text: &str) -> SocketAddr {
    let named = text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next()? == "nameserver").then(|| words.next()?.parse::<IpAddr>().ok()).flatten()
    });
    SocketAddr::new(named.unwrap_or(IpAddr::from([127, 0, 0, 1])), 53)
}

/// The TXT records of a name, each as one text; none when there is no such
/// name.
pub async fn txt(resolver: SocketAddr, name: &str) -> Result<Vec<String>, DnsError> {
    let id = u16::from_be_bytes(random::bytes());
    let question = question(id, name).ok_or_else(|| DnsError::Name(name.to_owned()))?;
    let mut last = DnsError::Silent(resolver);
    for _ in 0..TRIES {
        match timeout(PATIENCE, by_udp(resolver, &question)).await {
            Ok(Ok(answer)) if is_cut(&answer) => {
                let whole = timeout(PATIENCE, by_tcp(resolver, &question)).await;
                return read(&whole.map_err(|_| DnsError::Silent(resolver))??, resolver);
            }
            Ok(Ok(answer)) => return read(&answer, resolver),
            Ok(Err(error)) => last = error.into(),
            Err(_) => {}
        }
    }
    Err(last)
}

async fn by_udp(resolver: SocketAddr, question: &[u8]) -> std::io::Result<Vec<u8>> {
    let here = if resolver.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(here).await?;
    // From now on nobody else is heard.
    socket.connect(resolver).await?;
    socket.send(question).await?;
    let mut buffer = vec![0; usize::from(LARGEST)];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if answers(&buffer[..length], question) {
            buffer.truncate(length);
            return Ok(buffer);
        }
    }
}

async fn by_tcp(resolver: SocketAddr, question: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(resolver).await?;
    let mut framed = (question.len() as u16).to_be_bytes().to_vec();
    framed.extend_from_slice(question);
    stream.write_all(&framed).await?;
    let mut buffer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut buffer).await?;
    if answers(&buffer, question) { Ok(buffer) } else { Err(std::io::ErrorKind::InvalidData.into()) }
}

/// A question for TXT records with the room for its answer.
fn question(id: u16, name: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    // One question, recursion wanted, one additional record.
    for word in [id, 0x0100, 1, 0, 0, 1] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    for label in name.trim_end_matches('.').split('.') {
        if label.is_empty() || label.len() > 63 || !label.is_ascii() {
            return None;
        }
        out.push(label.len() as u8);
        out.extend_from_slice(label.as_bytes());
    }
    if out.len() > 12 + 254 {
        return None;
    }
    out.push(0);
    for word in [TXT, 1] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    out.push(0);
    for word in [OPT, LARGEST, 0, 0, 0] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    Some(out)
}

/// Whether this is an answer to that question.
fn answers(answer: &[u8], question: &[u8]) -> bool {
    answer.len() >= 12 && answer[..2] == question[..2] && answer[2] & 0x80 != 0
}

fn is_cut(answer: &[u8]) -> bool {
    answer.get(2).is_some_and(|flags| flags & 0x02 != 0)
}

fn read(answer: &[u8], resolver: SocketAddr) -> Result<Vec<String>, DnsError> {
    match answer.get(3).map(|flags| flags & 0x0f) {
        Some(0) => texts(answer).ok_or(DnsError::Garbled(resolver)),
        // There is no such name.
        Some(3) => Ok(Vec::new()),
        Some(code) => Err(DnsError::Refused(resolver, code)),
        None => Err(DnsError::Garbled(resolver)),
    }
}

/// The TXT records among the answers.
fn texts(message: &[u8]) -> Option<Vec<String>> {
    let word = |at: usize| Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]));
    let mut at = 12;
    for _ in 0..word(4)? {
        at = behind_name(message, at)? + 4;
    }
    let mut found = Vec::new();
    for _ in 0..word(6)? {
        at = behind_name(message, at)?;
        let (kind, length) = (word(at)?, usize::from(word(at + 8)?));
        let data = message.get(at + 10..at + 10 + length)?;
        at += 10 + length;
        if kind == TXT {
            found.push(joined(data)?);
        }
    }
    Some(found)
}

/// The strings of one record, put together.
fn joined(mut data: &[u8]) -> Option<String> {
    let mut text = Vec::new();
    while let Some((length, rest)) = data.split_first() {
        let (part, rest) = rest.split_at_checked(usize::from(*length))?;
        text.extend_from_slice(part);
        data = rest;
    }
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// Where a name ends; what it points to is not of interest.
fn behind_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length if length & 0xc0 == 0xc0 => return Some(at + 2),
            length => at += usize::from(length) + 1,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// An answer with these records, each of several strings, behind an alias.
    fn answer(question: &[u8], flags: u16, records: &[&[&str]]) -> Vec<u8> {
        let mut out = question[..2].to_vec();
        for word in [flags, 1, records.len() as u16 + 1, 0, 0] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        let end = behind_name(question, 12).unwrap() + 4;
        out.extend_from_slice(&question[12..end]);
        let mut record = |kind: u16, data: &[u8]| {
            out.extend_from_slice(&[0xc0, 12]);
            for word in [kind, 1, 0, 60, data.len() as u16] {
                out.extend_from_slice(&word.to_be_bytes());
            }
            out.extend_from_slice(data);
        };
        record(5, &[1, b'x', 0]);
        for texts in records {
            let data: Vec<u8> = texts.iter().flat_map(|text| [&[text.len() as u8], text.as_bytes()].concat()).collect();
            record(TXT, &data);
        }
        out
    }

    #[tokio::test]
    async fn records_are_read_from_a_resolver() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let resolver = socket.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let mut buffer = [0; 1500];
            for (flags, records) in
                [(0x8180, &[&["v=spf1 ", "-all"][..], &["other"][..]][..]), (0x8183, &[][..]), (0x8182, &[][..])]
            {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                // What does not answer the question is not heard.
                socket.send_to(b"nonsense", from).await.unwrap();
                socket.send_to(&answer(&buffer[..length], flags, records), from).await.unwrap();
            }
        });
        assert_eq!(txt(resolver, "acme.example").await.unwrap(), ["v=spf1 -all", "other"]);
        assert_eq!(txt(resolver, "nobody.example").await.unwrap(), Vec::<String>::new());
        assert!(matches!(txt(resolver, "acme.example").await, Err(DnsError::Refused(_, 2))));
        serving.await.unwrap();
        for name in ["", "a..b", &"x".repeat(64), &"a.".repeat(200)] {
            assert!(matches!(txt(resolver, name).await, Err(DnsError::Name(_))), "{name}");
        }
    }

    #[tokio::test]
    async fn a_large_answer_comes_by_tcp() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let resolver = listener.local_addr().unwrap();
        let socket = UdpSocket::bind(resolver).await.unwrap();
        let long = "k".repeat(255);
        let wanted = long.repeat(8);
        let serving = tokio::spawn(async move {
            let mut buffer = [0; 1500];
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            socket.send_to(&answer(&buffer[..length], 0x8380, &[]), from).await.unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut question = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut question).await.unwrap();
            let whole = answer(&question, 0x8180, &[&[long.as_str(); 8]]);
            stream.write_u16(whole.len() as u16).await.unwrap();
            stream.write_all(&whole).await.unwrap();
        });
        assert_eq!(txt(resolver, "acme.example").await.unwrap(), [wanted]);
        serving.await.unwrap();
    }

    #[test]
    fn a_hostile_answer_is_only_garbled() {
        let question = question(7, "acme.example").unwrap();
        let whole = answer(&question, 0x8180, &[&["one", "two"]]);
        for length in 0..whole.len() {
            assert!(texts(&whole[..length]).is_none(), "{length}");
        }
        for at in 0..whole.len() {
            let mut bent = whole.clone();
            bent[at] = 0xff;
            let _ = texts(&bent);
        }
    }

    #[test]
    fn the_first_resolver_counts() {
        let text = "# nameserver 9.9.9.9\nsearch acme.example\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n";
        assert_eq!(system_resolver(text).to_string(), "10.0.0.2:53");
        assert_eq!(system_resolver("nameserver ::1").to_string(), "[::1]:53");
        assert_eq!(system_resolver("").to_string(), "127.0.0.1:53");
    }
}
