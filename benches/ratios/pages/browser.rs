//! A browser as far as time matters: one connection that is kept, and compressed answers.

use std::net::SocketAddr;

use anyhow::Context;
use axum::body::Body;
use http_body_util::BodyExt;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

pub struct Browser {
    sender: SendRequest<Body>,
    host: String,
}

impl Browser {
    pub async fn connect(address: SocketAddr) -> anyhow::Result<Browser> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Browser { sender, host: address.to_string() })
    }

    /// Asks for a page and reads all of it; how many bytes came.
    pub async fn get(&mut self, path: &str) -> anyhow::Result<usize> {
        let request = Request::get(path)
            .header(header::HOST, &self.host)
            .header(header::ACCEPT_ENCODING, "gzip")
            .header(header::ACCEPT_LANGUAGE, "en")
            .body(Body::empty())?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await.context("no answer")?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        anyhow::ensure!(status == StatusCode::OK, "{path} is answered with {status}");
        Ok(body.len())
    }
}
