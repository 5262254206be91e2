#!/bin/sh
# Installs what the build needs and this machine lacks. It does nothing if nothing is missing.
# With the argument `tests` it also installs what only the tests need: the ffmpeg program, whose
# frames the tests compare with ours, and a browser with its driver, for the page of genie-play. It
# also makes a virtual environment for the code of docs/python.md and for a local S3 server. Where
# that is not possible, the tests that need it are skipped.
#
# It looks for the thing itself (a library that pkg-config knows, a program on the PATH), not for a
# package. So it accepts an FFmpeg of your own and other package managers. It installs missing
# packages with apt-get, through sudo unless you are root. If that is not possible, it prints the
# list and exits with 1.
set -eu
purpose=${1:-build}

# The libavcodec of FFmpeg 5.1. Older versions lack functions that ingest uses.
OLDEST_AVCODEC=59.37
RUST=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$(dirname "$0")/Cargo.toml" | head -n 1)

say() { printf '%s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

# bindgen loads libclang to read FFmpeg's headers. Distributions put it in different places.
have_libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] && return 0
    for file in /usr/lib/llvm-*/lib/libclang*.so* /usr/lib/*/libclang*.so* /usr/lib/libclang*.so* \
        /usr/lib64/libclang*.so* /usr/local/lib/libclang*.so*; do
        [ -e "$file" ] && return 0
    done
    return 1
}

# Chromium or Chrome. Ubuntu has no package of them: install Chrome and its chromedriver there.
have_browser() {
    for name in chromium google-chrome google-chrome-stable chromium-browser; do
        have "$name" && return 0
    done
    return 1
}

# Prints the Debian packages of what is missing, one on a line.
missing() {
    have cc || printf '%s\n' gcc libc6-dev
    have make || echo make
    have clang || echo clang
    if [ "$purpose" = tests ]; then
        have ffmpeg || echo ffmpeg
        have_browser || echo chromium
        have chromedriver || echo chromium-driver
    fi
    have_libclang || echo libclang-dev
    if ! have pkg-config; then
        printf '%s\n' pkg-config libavcodec-dev libavformat-dev libavutil-dev libswscale-dev
        return
    fi
    for library in libavcodec libavformat libavutil libswscale; do
        pkg-config --exists "$library" || echo "$library-dev"
    done
}

give_up() {
    say "error: $1"
    say "The build needs these packages (by their Debian and Ubuntu names):"
    # shellcheck disable=SC2086 # one word each
    printf '    %s\n' $packages >&2
    say "Install them, or their equivalents, and run this again."
    exit 1
}

install_packages() {
    have apt-get || give_up "system packages are missing, and there is no apt-get to install them"
    root=
    if [ "$(id -u)" -ne 0 ]; then
        have sudo || give_up "system packages are missing, this is not root, and there is no sudo"
        root=sudo
        # Without a terminal, nobody can type a password.
        [ -t 0 ] || root='sudo -n'
    fi
    say "installing $(echo "$packages" | tr '\n' ' ')(a minute or two)"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    # shellcheck disable=SC2086 # a list of words is intended
    if ! { $root apt-get update && $root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends $packages; } >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        give_up "apt-get could not install them (its last lines are above; is there a network?)"
    fi
}

# Whether version $1 is at least $2.
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }

if ! have cargo; then
    say "error: cargo is not on the PATH; install Rust $RUST or newer: https://rustup.rs"
    exit 1
fi
rust=$(rustc --version | cut -d ' ' -f 2)
if ! at_least "$rust" "$RUST"; then
    say "error: Rust $rust is too old, $RUST or newer is needed: rustup update stable"
    exit 1
fi

packages=$(missing)
if [ -n "$packages" ]; then
    install_packages
    packages=$(missing)
    [ -z "$packages" ] || give_up "apt-get installed the packages, but something is still missing"
fi
if ! pkg-config --atleast-version="$OLDEST_AVCODEC" libavcodec; then
    found=$(pkg-config --modversion libavcodec)
    say "error: FFmpeg is too old (libavcodec $found); version 5.1 or newer is needed."
    say "Debian 12 and Ubuntu 24.04 contain one."
    exit 1
fi

# The packages that docs/python.md uses, and an S3 server.
python_environment() {
    have python3 || return 0
    venv=${XDG_CACHE_HOME:-$HOME/.cache}/genie/python-venv
    "$venv/bin/python" -c 'import pyarrow, zstandard, moto.server' 2>/dev/null && return 0
    say "installing pyarrow, zstandard and moto into $venv"
    { python3 -m venv "$venv" &&
        "$venv/bin/pip" install pyarrow zstandard 'moto[server]>=5.2,<6'; } >/dev/null 2>&1 ||
        say "could not (no venv, or no network): tests of docs/python.md and of S3 are skipped"
}
[ "$purpose" != tests ] || python_environment
