//! An app that answers whatever a test wants it to, and remembers what it heard.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{Method, Response};

/// A request.
#[derive(Clone, Debug)]
pub struct Heard {
    pub method: Method,
    /// Path with query.
    pub path: String,
    pub authorization: String,
    pub body: String,
}

impl Heard {
    /// The value of a query parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        let (_, query) = self.path.split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    pub fn number(&self, name: &str) -> usize {
        self.param(name).and_then(|text| text.parse().ok()).unwrap_or_default()
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Says {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    breaks: bool,
}

impl Says {
    pub fn json(body: impl ToString) -> Self {
        Self::new(200, "application/json", body)
    }

    pub fn new(status: u16, kind: &str, body: impl ToString) -> Self {
        let headers = vec![("content-type", kind.to_owned())];
        Self { status, headers, body: body.to_string(), breaks: false }
    }

    /// A status with nothing else.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new(), breaks: false }
    }

    /// The connection breaks before the end of the answer.
    pub fn broken() -> Self {
        Self { breaks: true, ..Self::json("{\"id\": 1, ") }
    }

    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    fn into_response(self) -> Response<Body> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        let body = if self.breaks {
            let parts = [Ok(Bytes::from(self.body)), Err(std::io::Error::other("gone"))];
            Body::from_stream(futures_util::stream::iter(parts))
        } else {
            Body::from(self.body)
        };
        response.body(body).unwrap()
    }
}

pub struct Liar {
    pub url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Liar {
    pub async fn start(answer: impl Fn(&Heard) -> Says + Send + Sync + 'static) -> Self {
        Self::start_slow(move |heard| std::future::ready(answer(&heard))).await
    }

    /// An app that may take its time.
    pub async fn start_slow<F>(answer: impl Fn(Heard) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Says> + Send + 'static,
    {
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        let (all, answer) = (Arc::clone(&heard), Arc::new(answer));
        let router = Router::new().fallback(move |request: Request| {
            let (all, answer) = (Arc::clone(&all), Arc::clone(&answer));
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
                let authorization = parts.headers.get("authorization");
                let heard = Heard {
                    method: parts.method,
                    path: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
                    authorization: authorization
                        .and_then(|value| value.to_str().ok())
                        .unwrap_or_default()
                        .to_owned(),
                    body: String::from_utf8_lossy(&body).into_owned(),
                };
                all.lock().unwrap().push(heard.clone());
                answer(heard).await.into_response()
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, heard, server }
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// How often a path was asked for so.
    pub fn count(&self, method: &Method, path: &str) -> usize {
        let is_it = |heard: &&Heard| heard.method == *method && heard.path.split('?').next() == Some(path);
        self.heard().iter().filter(is_it).count()
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.server.abort();
    }
}
