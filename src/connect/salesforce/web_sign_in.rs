//! The web sign-in of a person (section 1.3): the page to open, and a listener on this machine that the browser comes back to.
//! Read [`Client::begin_sign_in`] and [`Callback`] first.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::api::oauth::Authorization;
use super::client::Client;
use super::session::Live;
use crate::connect::ConnectError;
use crate::model::Class;

/// Path of the callback address that has to stand in the app.
const PATH: &str = "/OauthRedirect";
/// Longest request line that is read.
const LONGEST: usize = 16 << 10;

impl Client {
    /// Begins a web sign-in; the person opens its `url`. May be called again: each begins a new one.
    pub fn begin_sign_in(&self, redirect_uri: &str) -> Result<Authorization, ConnectError> {
        Authorization::begin(&self.config().login_base()?, self.config().auth.client_id(), redirect_uri)
            .map_err(|cause| ConnectError::new("R104", Class::Pipeline, cause.to_string()))
    }

    /// Finishes a web sign-in with the query the browser brought back; the tokens are stored before they are used.
    pub async fn finish_sign_in(
        &self,
        authorization: &Authorization,
        query: &str,
    ) -> Result<Arc<Live>, ConnectError> {
        self.session().finish(self, authorization, query).await
    }
}

impl Client {
    /// Ends the tokens of this connection at Salesforce and forgets them, for `disconnect`. False where nobody was signed in.
    pub async fn revoke(&self) -> Result<bool, ConnectError> {
        self.session().revoke(self).await
    }
}

/// Waits on this machine for the browser to come back.
pub struct Callback {
    listener: TcpListener,
    redirect_uri: String,
}

impl Callback {
    /// Listens on a port of the loopback; the address must stand in the app, so the port is usually 1717.
    pub async fn bind(port: u16) -> Result<Self, ConnectError> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(|cause| {
            ConnectError::new("R105", Class::Pipeline, format!("port {port} of this machine is in use"))
                .help("end the program that uses it: the browser comes back to this port after the sign-in")
                .caused_by(cause)
        })?;
        let port = listener.local_addr().map_or(port, |address| address.port());
        Ok(Self { listener, redirect_uri: format!("http://localhost:{port}{PATH}") })
    }

    /// The callback address.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// The query that the browser comes back with. Other requests (icons, curious neighbours) are answered with 404.
    pub async fn wait(&self) -> Result<String, ConnectError> {
        loop {
            let (stream, _) = self.listener.accept().await.map_err(|cause| {
                ConnectError::new("R105", Class::Pipeline, "the browser cannot be answered").caused_by(cause)
            })?;
            // A connection that says nothing must not keep the browser out.
            if let Ok(Some(query)) = tokio::time::timeout(Duration::from_secs(5), receive(stream)).await {
                return Ok(query);
            }
        }
    }
}

async fn receive(mut stream: TcpStream) -> Option<String> {
    let mut request = Vec::new();
    while !request.contains(&b'\n') && request.len() < LONGEST {
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
    let query = query_of(&String::from_utf8_lossy(&request));
    let (status, text) = match query {
        Some(_) => ("200 OK", "Signed in. You can close this window and go back to the terminal."),
        None => ("404 Not Found", "Nothing here."),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    );
    // The query counts, whether the browser hears the answer or not.
    let _ = stream.write_all(answer.as_bytes()).await;
    query
}

/// The query of a request line `GET /OauthRedirect?code=… HTTP/1.1`.
fn query_of(request: &str) -> Option<String> {
    let target = request.strip_prefix("GET ")?.split(' ').next()?;
    let query = target.strip_prefix(PATH)?.strip_prefix('?')?;
    Some(query.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_callback_is_taken() {
        assert_eq!(query_of("GET /OauthRedirect?code=a&state=b HTTP/1.1\r\n"), Some("code=a&state=b".into()));
        for other in [
            "GET /favicon.ico HTTP/1.1",
            "POST /OauthRedirect?code=a HTTP/1.1",
            "GET /OauthRedirect HTTP/1.1",
            "",
        ] {
            assert_eq!(query_of(other), None, "{other}");
        }
    }
}
