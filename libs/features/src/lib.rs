//! No code: the manifest of this crate selects features of shared dependencies for the workspace.
