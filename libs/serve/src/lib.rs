//! A web server for one page: who may connect, and how much a client may take.
//!
//! `genie-play` and `genie-ingest browse` each serve a page with an API. They differ in their
//! routes. What protects them is here:
//! - The server listens on a loopback address, unless the user names another one. Then a token in
//!   the URL is needed.
//! - `Host`, `Origin` and `Sec-Fetch-Site` are checked, so a page of somebody else reaches nothing.
//! - Connections, headers, bodies and writes have limits of number, bytes and time.
//! - Every answer has headers that forbid frames, other hosts and guessing of types. Errors are
//!   JSON: `{"error": "what happened, and what to do"}`.
//!
//! | module | contents |
//! |---|---|
//! | `address` | where the server listens, the token, and the URL |
//! | `listening` | from the taken port to the end |
//! | `connections` | TCP: number of connections, slow clients, the end |
//! | `access`, `guard` | checks of every request, headers of every answer |
//! | `body`, `query` | reading requests |
//! | `workers` | work that blocks, on a few threads |
//! | `page` | the files of a page; those that all pages use are in `libs/serve/page` |

#![allow(clippy::cast_precision_loss, reason = "bytes are shown to people")]

mod access;
mod address;
mod body;
mod closing;
mod connections;
mod error;
mod guard;
mod limits;
mod listening;
mod page;
mod query;
mod workers;

pub use address::ListenAddress;
pub use body::read_body;
pub use closing::Closing;
pub use error::ApiError;
pub use limits::HttpLimits;
pub use listening::{ListenArgs, Listening};
pub use page::{PageFile, kind_of, page_routes};
pub use query::query;
pub use workers::Workers;
