//! An S3 server, and a proxy before it that counts requests and causes faults.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use camino::Utf8Path;

use crate::dataset::content_hashes;
use crate::python::python;

/// Starts the server, and prints its port.
///
/// moto looks for an object, and writes it later. Of two simultaneous requests to create one object
/// both can succeed, which S3 excludes. So the server writes one object at a time.
const SERVER: &str = "
import logging, sys, threading
logging.getLogger('werkzeug').setLevel(logging.ERROR)
from moto.s3.responses import S3Response
from moto.server import ThreadedMotoServer
put, one_at_a_time = S3Response.put_object, threading.Lock()
def put_object(self):
    with one_at_a_time:
        return put(self)
S3Response.put_object = put_object
server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
";

/// A signature of the form that the server reads; it does not check it.
const UNCHECKED: &str = "AWS4-HMAC-SHA256 \
     Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

/// The bucket that the server has.
pub const BUCKET: &str = "bucket";

/// What the proxy does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Answers as the server does.
    None,
    /// Answers 503 to one request in twenty, and loses the answer to another one.
    Unreliable,
    /// Answers 403 to every request that writes.
    ReadOnly,
}

/// A running S3 server with one bucket; dropping it stops the server.
pub struct S3Server {
    child: Child,
    address: SocketAddr,
}

impl S3Server {
    /// Starts a server; `None` if this machine has no Python with `moto`.
    pub fn start() -> Option<Self> {
        let mut child = Command::new(python("moto.server")?)
            .args(["-c", SERVER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Python starts");
        let mut port = String::new();
        let stdout = child.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut port).expect("the server prints its port");
        let port: u16 = port.trim().parse().expect("a port");
        let server = Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)) };
        let created = ureq::put(server.url(BUCKET)).send_empty();
        created.expect("a bucket");
        Some(server)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// The endpoint of the server, without a proxy.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The keys below a prefix of the bucket.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        let mut keys = Vec::new();
        loop {
            let after = keys.last().cloned().unwrap_or_default();
            let query = format!("{BUCKET}?list-type=2&prefix={prefix}&start-after={after}");
            let request = ureq::get(self.url(&query)).header("Authorization", UNCHECKED);
            let mut answer = request.call().expect("a listing");
            let text = answer.body_mut().read_to_string().expect("a listing is text");
            let found = text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
            let before = keys.len();
            keys.extend(found.map(str::to_owned));
            if keys.len() == before || !text.contains("<IsTruncated>true") {
                return keys;
            }
        }
    }

    /// The content of an object of the bucket.
    pub fn object(&self, key: &str) -> Vec<u8> {
        // The server checks no signature, but a request without one is denied.
        let request = ureq::get(self.url(&format!("{BUCKET}/{key}")));
        let mut answer = request.header("Authorization", UNCHECKED).call().expect("an object");
        let body = answer.body_mut().with_config().limit(1 << 30).read_to_vec();
        body.expect("an object can be read")
    }

    /// [`content_hashes`] of a root in the bucket, of which it copies the manifests.
    pub fn content_hashes(&self, prefix: &str) -> BTreeMap<String, String> {
        let guard = tempfile::tempdir().expect("a directory");
        let root = Utf8Path::from_path(guard.path()).expect("a UTF-8 name");
        for key in self.keys(&format!("{prefix}/")) {
            let name = &key[prefix.len() + 1..];
            if name.contains("manifest/") || name.ends_with("manifest.json") {
                let path = root.join(name);
                fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                fs::write(path, self.object(&key)).expect("a file");
            }
        }
        content_hashes(root)
    }

    /// Replaces the content of an object of the bucket.
    pub fn replace(&self, key: &str, content: &[u8]) {
        let request = ureq::put(self.url(&format!("{BUCKET}/{key}")));
        request.header("Authorization", UNCHECKED).send(content).expect("an object is written");
    }

    /// Starts a proxy before the server.
    pub fn proxy(&self, fault: Fault) -> S3Proxy {
        S3Proxy::start(self.address, fault)
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A proxy before an S3 server. It runs until the test process ends.
pub struct S3Proxy {
    address: SocketAddr,
    counts: Arc<RequestCounts>,
}

/// Requests by method, in the order of [`METHODS`].
#[derive(Default)]
struct RequestCounts {
    all: AtomicU64,
    of: [AtomicU64; 5],
}

const METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];

impl S3Proxy {
    fn start(server: SocketAddr, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let counts = Arc::new(RequestCounts::default());
        let shared = counts.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counts = shared.clone();
                thread::spawn(move || {
                    // A client that goes away ends its thread.
                    let _ = serve(&stream, server, fault, &counts);
                    let _ = stream.shutdown(Shutdown::Both);
                });
            }
        });
        Self { address, counts }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The number of requests so far.
    pub fn count(&self) -> u64 {
        self.counts.all.load(Ordering::Relaxed)
    }

    /// The number of requests so far, in words: `12 GET, 3 PUT`.
    pub fn requests(&self) -> String {
        let counts = METHODS
            .iter()
            .zip(&self.counts.of)
            .map(|(method, count)| (count.load(Ordering::Relaxed), method));
        let some = counts.filter(|(count, _)| *count > 0);
        some.map(|(count, method)| format!("{count} {method}")).collect::<Vec<_>>().join(", ")
    }
}

/// Answers the requests of one connection.
fn serve(
    stream: &TcpStream,
    server: SocketAddr,
    fault: Fault,
    counts: &RequestCounts,
) -> std::io::Result<()> {
    let mut client = BufReader::new(stream);
    while let Some(request) = HttpRequest::read(&mut client)? {
        let method = request.head.split(' ').next().unwrap_or_default().to_owned();
        let number = counts.all.fetch_add(1, Ordering::Relaxed);
        if let Some(place) = METHODS.iter().position(|known| *known == method) {
            counts.of[place].fetch_add(1, Ordering::Relaxed);
        }
        let writes = matches!(method.as_str(), "PUT" | "POST" | "DELETE");
        let refusal = match fault {
            Fault::Unreliable if number % 20 == 3 => Some("503 Service Unavailable"),
            Fault::ReadOnly if writes => Some("403 Forbidden"),
            _ => None,
        };
        if let Some(refusal) = refusal {
            let answer = format!("HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n");
            (&mut &*stream).write_all(answer.as_bytes())?;
            continue;
        }
        let mut upstream = TcpStream::connect(server)?;
        upstream.write_all(request.with_close().as_bytes())?;
        upstream.write_all(&request.body)?;
        let mut answer = Vec::new();
        upstream.read_to_end(&mut answer)?;
        if fault == Fault::Unreliable && number % 20 == 13 {
            return Ok(());
        }
        (&mut &*stream).write_all(&answer)?;
        // The server closes its connection after each answer, and says so.
        return Ok(());
    }
    Ok(())
}

/// An HTTP request.
struct HttpRequest {
    /// First line and headers, with their line ends.
    head: String,
    body: Vec<u8>,
}

impl HttpRequest {
    fn read(from: &mut impl BufRead) -> std::io::Result<Option<Self>> {
        let mut head = String::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            if from.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            if line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
            head += &line;
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        Ok(Some(Self { head, body }))
    }

    /// The head, with the wish that the server closes the connection after its answer.
    fn with_close(&self) -> String {
        let lines = self.head.split_inclusive("\r\n");
        let kept = lines.filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
        kept.collect::<String>() + "Connection: close\r\n\r\n"
    }
}

/// The environment variables of a program that uses an endpoint.
pub fn environment(endpoint: &str) -> BTreeMap<&'static str, String> {
    let values = [
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_ENDPOINT_URL", endpoint),
    ];
    values.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}
