//! The relay, and the tool that fills it.

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server that takes everything and keeps nothing.
pub struct Sink {
    pub address: SocketAddr,
    process: Child,
}

impl Sink {
    pub fn start() -> anyhow::Result<Sink> {
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = Command::new("smtp-sink");
        // As root it wants to be told as whom to run.
        if std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
            command.args(["-u", "nobody"]);
        }
        let process = command.args([&address.to_string(), "1000"]).stderr(Stdio::null()).spawn()?;
        let sink = Sink { address, process };
        for _ in 0..500 {
            if TcpStream::connect(address).is_ok() {
                return Ok(sink);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        anyhow::bail!("smtp-sink does not listen on {address}");
    }

    /// Sends the same message so often, over connections that are kept.
    pub fn fill(&self, connections: usize, count: i64, size: i64) -> anyhow::Result<u64> {
        let (connections, count, size) = (connections.to_string(), count.to_string(), size.to_string());
        let mut command = Command::new("smtp-source");
        command.args([
            "-d",
            "-s",
            &connections,
            "-m",
            &count,
            "-l",
            &size,
            "-f",
            "a@example.com",
            "-t",
            "b@example.com",
        ]);
        anyhow::ensure!(command.arg(self.address.to_string()).status()?.success(), "smtp-source failed");
        Ok(count.parse()?)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
