//! Format versions of the files; a work key contains the versions that its step depends on.

/// Version of the clip shards: schema and payload codec.
///
/// After a new version, ingest decodes all videos again.
pub const CLIPS_FORMAT: u32 = 3;
/// Version of the token shards.
pub const TOKENS_FORMAT: u32 = 1;
/// Version of the action shards.
pub const ACTIONS_FORMAT: u32 = 1;
/// Version of the files of measured windows.
pub(crate) const MEASURED_FORMAT: u32 = 2;
/// Version of the catalog files: source rows and clip rows.
pub(crate) const CATALOG_FORMAT: u32 = 4;
/// Version of the files of near pairs.
pub const NEAR_PAIRS_FORMAT: u32 = 1;
/// Version of the files of labels.
pub(crate) const LABELS_FORMAT: u32 = 1;
/// Version of the files of qualities.
pub(crate) const QUALITY_FORMAT: u32 = 1;
/// Version of the files of examples: which small frames a quality network takes.
pub(crate) const EXAMPLES_FORMAT: u32 = 1;
/// Version of the manifest: `manifest.json`, and the files in the folder `manifest`.
///
/// Format 1, a `manifest.json` with all entries, is still read. The next commit replaces it.
pub(crate) const MANIFEST_FORMAT: u32 = 2;
