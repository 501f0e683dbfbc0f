//! Calls that the simulated systems make themselves: plain HTTP to this machine, where a test or a demo listens.
//! May not decide what is called. Read [`post`].

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Bytes of an answer that are read.
const ANSWER: u64 = 64 << 10;

/// What came back.
pub(crate) struct Said {
    /// Of the answer.
    pub(crate) status: u16,
    /// Status line and headers.
    pub(crate) head: String,
    /// What follows them.
    pub(crate) body: String,
}

/// Posts a body. `None`: no answer that could be read.
pub(crate) async fn post(address: &str, headers: &[(&str, &str)], body: &str) -> Option<Said> {
    let rest = address.strip_prefix("http://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut text = format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(body);
    let mut stream = TcpStream::connect(host).await.ok()?;
    stream.write_all(text.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.take(ANSWER).read_to_end(&mut answer).await.ok()?;
    let answer = String::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Said { status, head: head.to_owned(), body: body.to_owned() })
}
