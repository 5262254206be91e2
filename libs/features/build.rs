//! No code: Cargo selects features of build dependencies only for crates with a build script.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
