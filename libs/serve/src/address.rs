//! Where the server listens, and the URL that leads there.

use std::io::{self, ErrorKind, Read as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::str::FromStr;

use anyhow::{Context as _, bail};
use genie_stage::exit::Usage;

/// The port if none is chosen; the next ten are tried if it is taken.
const PORT: u16 = 7860;
const NEXT: u16 = 10;
/// Fewest characters of a token that a person chooses.
const TOKEN_LENGTH: usize = 16;

/// An address to listen on: `127.0.0.1`, `:8000`, `0.0.0.0:8000`, `[::1]:8000`, `localhost`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    pub ip: IpAddr,
    /// None: 7860, or the next free one.
    pub port: Option<u16>,
}

impl Default for ListenAddress {
    fn default() -> Self {
        Self { ip: Ipv4Addr::LOCALHOST.into(), port: None }
    }
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self { ip: address.ip(), port: Some(address.port()) });
        }
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = bare.parse() {
            return Ok(Self { ip, port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| hint(text))?)),
            None => (text, None),
        };
        match host {
            "" | "localhost" => Ok(Self { port, ..Self::default() }),
            _ => Err(hint(text)),
        }
    }
}

fn hint(text: &str) -> String {
    format!("{text:?} is no address; write 127.0.0.1:8000, :8000, [::1]:8000 or 0.0.0.0:8000")
}

impl ListenAddress {
    /// Listens on the port, or, if none is chosen, on the first free one of the usual ports.
    pub fn bind(&self) -> anyhow::Result<TcpListener> {
        let Some(port) = self.port else { return self.bind_usual() };
        let address = SocketAddr::new(self.ip, port);
        TcpListener::bind(address).with_context(|| {
            format!(
                "cannot listen on {address}; choose another port with --listen {}",
                SocketAddr::new(self.ip, port.checked_add(1).unwrap_or(PORT))
            )
        })
    }

    fn bind_usual(&self) -> anyhow::Result<TcpListener> {
        for port in PORT..=PORT + NEXT {
            let address = SocketAddr::new(self.ip, port);
            match TcpListener::bind(address) {
                Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                bound => return bound.with_context(|| format!("cannot listen on {address}")),
            }
        }
        bail!(
            "ports {PORT} to {} of {} are taken; choose another port with --listen {}",
            PORT + NEXT,
            self.ip,
            SocketAddr::new(self.ip, PORT + NEXT + 1)
        )
    }

    /// Returns the token: the given one, a random one if others can reach this address, or none.
    pub fn token(&self, given: Option<String>) -> anyhow::Result<Option<String>> {
        if let Some(token) = given {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
            if token.len() < TOKEN_LENGTH || !token.chars().all(allowed) {
                bail!(Usage(format!(
                    "the token must have at least {TOKEN_LENGTH} letters, digits or any of -._~; \
                     without one, the server makes one for addresses that others can reach"
                )));
            }
            return Ok(Some(token));
        }
        if self.ip.is_loopback() {
            return Ok(None);
        }
        Ok(Some(random_token().context("cannot read random numbers from /dev/urandom")?))
    }
}

/// Returns 128 random bits as hexadecimal digits.
fn random_token() -> io::Result<String> {
    let mut bits = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bits)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bits)))
}

/// Returns the URL that a person opens in a browser.
pub fn url(address: SocketAddr, token: Option<&str>) -> String {
    let host = SocketAddr::new(reachable(address.ip()), address.port());
    match token {
        Some(token) => format!("http://{host}/?token={token}"),
        None => format!("http://{host}/"),
    }
}

/// Returns an address of this computer if the server listens on all of them.
fn reachable(ip: IpAddr) -> IpAddr {
    if !ip.is_unspecified() {
        return ip;
    }
    // Choosing a route to an address that only documentation uses sends nothing.
    let (local, far) = match ip {
        IpAddr::V4(_) => ("0.0.0.0:0", "192.0.2.1:9"),
        IpAddr::V6(_) => ("[::]:0", "[2001:db8::1]:9"),
    };
    let routed = UdpSocket::bind(local).and_then(|socket| {
        socket.connect(far)?;
        socket.local_addr()
    });
    routed.map_or(Ipv4Addr::LOCALHOST.into(), |address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: an IPv6 address loses a part as its port; a wrong address listens everywhere.
    #[test]
    fn addresses_are_read() {
        let read = |text: &str| {
            text.parse::<ListenAddress>().map(|address| (address.ip.to_string(), address.port))
        };
        let parsed = |ip: &str, port| Ok((ip.to_owned(), port));
        assert_eq!(read("127.0.0.1"), parsed("127.0.0.1", None));
        assert_eq!(read("localhost"), parsed("127.0.0.1", None));
        assert_eq!(read(":8000"), parsed("127.0.0.1", Some(8000)));
        assert_eq!(read("0.0.0.0:1"), parsed("0.0.0.0", Some(1)));
        assert_eq!(read("::1"), parsed("::1", None));
        assert_eq!(read("[::1]"), parsed("::1", None));
        assert_eq!(read("[::1]:8000"), parsed("::1", Some(8000)));
        for wrong in ["", "8000x", "example.org:80", "127.0.0.1:99999", "[::1"] {
            let read = read(wrong);
            assert!(read.is_err() || wrong.is_empty(), "{wrong:?}: {read:?}");
        }
    }

    /// Catches: a port that somebody chose is replaced by another one; the error does not help.
    #[test]
    fn a_taken_port_is_an_error_only_if_it_was_chosen() {
        let first = ListenAddress::default().bind().unwrap();
        let second = ListenAddress::default().bind().unwrap();
        let (first, taken) = (first.local_addr().unwrap(), second.local_addr().unwrap());
        assert_ne!(first.port(), taken.port());
        let chosen = ListenAddress { ip: taken.ip(), port: Some(taken.port()) };
        let error = format!("{:#}", chosen.bind().unwrap_err());
        let next = taken.port() + 1;
        assert!(error.contains(&format!("--listen 127.0.0.1:{next}")), "{error}");
    }

    /// Catches: a server that others can reach has no token, or one that can be guessed.
    #[test]
    fn addresses_that_others_reach_have_a_token() {
        let token = |ip: &str, given: Option<&str>| {
            let address = ListenAddress { ip: ip.parse().unwrap(), port: None };
            address.token(given.map(str::to_owned))
        };
        for loopback in ["127.0.0.1", "127.9.9.9", "::1"] {
            assert_eq!(token(loopback, None).unwrap(), None);
        }
        for reachable in ["0.0.0.0", "192.168.0.7", "::", "::ffff:127.0.0.1", "fe80::1"] {
            let [one, other] = [(); 2].map(|()| token(reachable, None).unwrap().unwrap());
            assert_eq!((one.len(), other.len()), (32, 32));
            assert_ne!(one, other);
        }
        assert_eq!(token("::1", Some("0123456789-._~ab")).unwrap().unwrap(), "0123456789-._~ab");
        for wrong in ["secret", "0123456789abcde&f", ""] {
            let error = token("0.0.0.0", Some(wrong)).unwrap_err();
            assert!(error.is::<Usage>(), "{error}");
        }
    }

    /// Catches: the printed URL cannot be opened.
    #[test]
    fn the_url_can_be_opened() {
        let url = |address: &str, token| url(address.parse().unwrap(), token);
        assert_eq!(url("127.0.0.1:7860", None), "http://127.0.0.1:7860/");
        assert_eq!(url("[::1]:7860", Some("abc")), "http://[::1]:7860/?token=abc");
        assert!(!url("0.0.0.0:7860", Some("abc")).contains("0.0.0.0"));
    }
}
