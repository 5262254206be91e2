//! A Python interpreter that has the packages that a test needs.

use std::process::Command;

/// The Python of this machine that has `packages`, such as `pyarrow, zstandard`.
///
/// `GENIE_PYTHON` names one. Else it is the virtual environment that `./setup.sh tests` makes, or
/// `python3`. If none of them has the packages, a message on stderr says that the test is skipped.
pub fn python(packages: &str) -> Option<String> {
    let cache = |home: String| format!("{home}/genie/python-venv/bin/python");
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let venv = set("XDG_CACHE_HOME").or(set("HOME").map(|home| format!("{home}/.cache")));
    let mut known = set("GENIE_PYTHON").into_iter().chain(venv.map(cache));
    let has_packages = |python: &String| {
        let check = Command::new(python).args(["-c", &format!("import {packages}")]).output();
        check.is_ok_and(|output| output.status.success())
    };
    let found = known.find(has_packages);
    let found = found.or_else(|| Some("python3".to_owned()).filter(has_packages));
    if found.is_none() {
        eprintln!(
            "skipped: no Python with {packages}; ./setup.sh tests installs them, or set \
             GENIE_PYTHON"
        );
    }
    found
}
