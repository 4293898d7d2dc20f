//! HTTP/1.1 in the clear, as far as a console on this machine and a developer's
//! own backend need it: one request for each connection, answers by length, in
//! chunks or to the end.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// What is asked of a server.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// `host:port`.
    pub(crate) authority: &'a str,
    /// Path and query.
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
}

/// An answer whose body is still to come.
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    stream: BufReader<TcpStream>,
    rest: Rest,
}

/// How much of the body is left.
#[derive(Clone, Copy)]
enum Rest {
    Bytes(u64),
    /// The next line is the length of a chunk.
    Chunks,
    ToTheEnd,
    Nothing,
}

/// Longer bodies are refused: no answer of a console comes near it.
const LONGEST: usize = 64 << 20;
/// Longer lines of a head are refused.
const LONGEST_LINE: u64 = 64 << 10;

/// A server is connected to within this.
const CONNECT: Duration = Duration::from_secs(5);

impl Request<'_> {
    /// Sends it, and waits for the head of the answer.
    pub(crate) async fn send(&self) -> io::Result<Response> {
        let Self { method, authority, path, headers, body } = self;
        let connected = tokio::time::timeout(CONNECT, TcpStream::connect(authority)).await;
        let mut stream = connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n");
        for (name, value) in *headers {
            if value.contains(char::is_control) {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name}: a line end in a header")));
            }
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        stream.write_all(&[head.as_bytes(), body].concat()).await?;
        Response::read(BufReader::new(stream)).await
    }
}

impl Response {
    async fn read(mut stream: BufReader<TcpStream>) -> io::Result<Self> {
        let status = loop {
            let first = line(&mut stream).await?;
            let status = first.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse::<u16>().ok());
            let status = status.ok_or_else(|| io::Error::other(format!("{first:?} is no answer of HTTP")))?;
            if status >= 200 {
                break status;
            }
            // A provisional answer has a head and nothing more.
            while !line(&mut stream).await?.is_empty() {}
        };
        let mut headers = Vec::new();
        loop {
            let text = line(&mut stream).await?;
            if text.is_empty() {
                break;
            }
            if let Some((name, value)) = text.split_once(':') {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        let mut response = Self { status, headers, stream, rest: Rest::ToTheEnd };
        response.rest = match (response.header("transfer-encoding"), response.header("content-length")) {
            _ if status == 204 || status == 304 => Rest::Nothing,
            (Some(_), _) => Rest::Chunks,
            (None, Some(length)) => {
                Rest::Bytes(length.parse().map_err(|_| io::Error::other("a Content-Length that is no number"))?)
            }
            (None, None) => Rest::ToTheEnd,
        };
        Ok(response)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The next bytes of the body; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.rest {
            Rest::Nothing | Rest::Bytes(0) => Ok(None),
            Rest::Bytes(left) => {
                let mut bytes = vec![0; usize::try_from(left).unwrap_or(usize::MAX).min(64 << 10)];
                let read = self.stream.read(&mut bytes).await?;
                if read == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                bytes.truncate(read);
                self.rest = Rest::Bytes(left.saturating_sub(read as u64));
                Ok(Some(bytes))
            }
            Rest::ToTheEnd => {
                let mut bytes = vec![0; 64 << 10];
                let read = self.stream.read(&mut bytes).await?;
                bytes.truncate(read);
                Ok((read > 0).then_some(bytes))
            }
            Rest::Chunks => {
                let size = line(&mut self.stream).await?;
                let size = size.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(size, 16).ok().filter(|size| *size <= LONGEST);
                let size = size.ok_or_else(|| io::Error::other("a chunk without a length"))?;
                if size == 0 {
                    self.rest = Rest::Nothing;
                    return Ok(None);
                }
                let mut bytes = vec![0; size];
                self.stream.read_exact(&mut bytes).await?;
                line(&mut self.stream).await?;
                Ok(Some(bytes))
            }
        }
    }

    /// The whole body.
    pub(crate) async fn body(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(bytes) = self.chunk().await? {
            if body.len() + bytes.len() > LONGEST {
                return Err(io::Error::other("the answer is too long"));
            }
            body.extend_from_slice(&bytes);
        }
        Ok(body)
    }
}

/// A line without its end.
async fn line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut bytes = Vec::new();
    (&mut *stream).take(LONGEST_LINE).read_until(b'\n', &mut bytes).await?;
    if !bytes.ends_with(b"\n") {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    while bytes.ends_with(b"\n") || bytes.ends_with(b"\r") {
        bytes.pop();
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("a head that is no text"))
}

/// A value of a query.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answer(bytes: &'static [u8]) -> io::Result<(u16, Vec<u8>)> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let authority = listener.local_addr()?.to_string();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).await.unwrap();
            stream.write_all(bytes).await.unwrap();
        });
        let request = Request { method: "GET", authority: &authority, path: "/", headers: &[], body: b"" };
        let mut response = request.send().await?;
        Ok((response.status, response.body().await?))
    }

    #[tokio::test]
    async fn bodies_of_every_form() {
        for (bytes, body) in [
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef"[..], &b"abc"[..]),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n", b"abc"),
            (b"HTTP/1.0 200 OK\r\n\r\nabc", b"abc"),
            (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", b""),
        ] {
            assert_eq!(answer(bytes).await.unwrap(), (200, body.to_vec()));
        }
        for bytes in [
            &b""[..],
            b"SSH-2.0-OpenSSH\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ] {
            assert!(answer(bytes).await.is_err(), "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn values_of_a_query() {
        assert_eq!(encoded("/pay/a b&c=红"), "/pay/a%20b%26c%3D%E7%BA%A2");
    }
}
