//! F10 with a pooler in between, Debian's pgbouncer: in session mode its
//! connections are terminated, in transaction mode Keepwell refuses it.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use super::company::Company;
use super::connections::storm;
use super::{Row, Size};
use crate::support::program::until;
use crate::support::proxy::{Behind, Proxy};

pub async fn storms(size: Size) -> anyhow::Result<Row> {
    const NAME: &str = "F10 the same behind pgbouncer";
    if Command::new("pgbouncer").arg("--version").output().is_err() {
        return Ok(Row::skipped(NAME, "pgbouncer is not installed"));
    }
    let mut company = Company::open("pooler", "").await?;
    let tcp = Proxy::before(Behind::Unix(company.socket()));
    let session = Pooler::start(&company, tcp.address, "session").await?;
    let transaction = Pooler::start(&company, tcp.address, "transaction").await?;

    company.home.set("DATABASE_URL", &company.url_by(transaction.address));
    for command in [["run", "--once"], ["messages", "--format=json"]] {
        let refused = company.home.run(&command);
        anyhow::ensure!(refused.code == 1 && refused.stderr.contains("transaction mode"), "{refused:?}");
    }
    drop(transaction);

    company.home.set("DATABASE_URL", &company.url_by(session.address));
    let (terminated, span) = storm(&mut company, size).await?;
    drop(session);
    let note = format!("{terminated} connections, in session mode; transaction mode is refused in words");
    Ok(Row { name: NAME, trials: size.rounds * 3, found: company.compare().await?, spans: vec![span], note })
}

/// A running pgbouncer; it ends when this is dropped.
struct Pooler {
    address: SocketAddr,
    child: Child,
}

impl Pooler {
    async fn start(company: &Company, behind: SocketAddr, mode: &str) -> anyhow::Result<Pooler> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        // SAFETY: geteuid has no arguments and cannot fail.
        let root = unsafe { libc::geteuid() } == 0;
        let settings = format!(
            "[databases]\nkeepwell = host={} port={} user={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = 60\n\
             ignore_startup_parameters = extra_float_digits\n{}",
            behind.ip(),
            behind.port(),
            company.options.get_username(),
            address.port(),
            if root { "user = nobody\n" } else { "" },
        );
        let file = company.home.path.join(format!("pgbouncer-{mode}.ini"));
        std::fs::write(&file, settings)?;
        let log = File::create(company.home.path.join(format!("pgbouncer-{mode}.log")))?;
        let child = Command::new("pgbouncer").arg(&file).stdout(Stdio::null()).stderr(log).spawn()?;
        let pooler = Pooler { address, child };
        until("pgbouncer answers", async || tokio::net::TcpStream::connect(address).await.is_ok()).await;
        Ok(pooler)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
