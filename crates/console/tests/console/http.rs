//! Requests as a browser, or an attacker, makes them.

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{COOKIE, HOST, ORIGIN, SET_COOKIE};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// A header; empty where it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The cookie that it sets, without its attributes.
    pub(crate) fn cookie(&self) -> Option<String> {
        let line = self.headers.get(SET_COOKIE)?.to_str().unwrap();
        Some(line.split(';').next().unwrap().to_owned())
    }

    /// The token of its forms.
    pub(crate) fn csrf(&self) -> String {
        let begin = self.text.find("name=\"csrf\" value=\"").unwrap() + 19;
        self.text[begin..].split('"').next().unwrap().to_owned()
    }
}

/// Somebody who talks to a console over plain HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) authority: String,
    pub(crate) cookie: Option<String>,
}

impl Visitor {
    /// Somebody new.
    pub(crate) fn new(url: &str) -> Self {
        let authority = url.strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
        Self { authority, cookie: None }
    }

    /// Asks for a page, and keeps the cookie.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        let answer = self.send(Request::get(path), "").await;
        self.cookie = answer.cookie().or(self.cookie.take());
        answer
    }

    /// Sends a form from a page of the console, and keeps the cookie.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let origin = format!("http://{}", self.authority);
        let answer = self.send(Request::post(path).header(ORIGIN, origin), &form(fields)).await;
        self.cookie = answer.cookie().or(self.cookie.take());
        answer
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: hyper::http::request::Builder, body: &str) -> Answer {
        let response = self.open(request, body).await;
        let (head, body) = response.into_parts();
        let text = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(text.to_vec()).unwrap();
        Answer { status: head.status, headers: head.headers, text }
    }

    /// Sends a request, and leaves the answer to be read.
    pub(crate) async fn open(
        &self,
        mut request: hyper::http::request::Builder,
        body: &str,
    ) -> Response<Incoming> {
        let stream = TcpStream::connect(&self.authority).await.unwrap();
        let io = TokioIo::new(stream);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        if request.headers_ref().is_none_or(|headers| !headers.contains_key(HOST)) {
            request = request.header(HOST, &self.authority);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        sender.send_request(request).await.unwrap()
    }
}

/// A form as browsers send it.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}
