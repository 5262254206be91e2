//! An ordinary clip, for which a condition is evaluated before it is used.
//!
//! Some mistakes show only in the evaluation: a divisor that is always zero, a number that is too
//! large for its type, a text that is no regular expression. A run should not decode for hours
//! before it finds them.
//!
//! The clip's numbers are in their usual ranges, and no round ones, so that a difference from a
//! number in a condition is not zero. Its texts are null, because a condition may expect certain
//! names of files: for a null, most functions of texts return a null.

use arrow::{
    array::new_null_array,
    datatypes::{DataType, Field, Schema},
    record_batch::RecordBatch,
};
use genie_shards::{ClipMeta, ClipRow, Scores, condition_columns};

use crate::error::{Error, Result};

/// The columns of two ordinary clips. The second one lacks what not every clip has.
pub(super) fn ordinary_clips() -> Result<RecordBatch> {
    let scores = Scores {
        motion: 0.0317,
        motion_block: 0.1713,
        static_share: 0.2191,
        distinct_share: 0.9371,
        black_share: 0.1137,
        white_share: 0.0713,
        contrast: 0.4173,
        saturation: 0.3719,
        sharpness: 0.0931,
        scroll: 0.6173,
        overlay_share: 0.0719,
        noise: 0.0917,
        zoom: 0.0371,
        letterbox: 0.0173,
        fingerprint: vec![1; 28],
    };
    let (actions, names) = (vec![1; 157], vec!["left".to_owned(), "right".to_owned()]);
    let meta = ClipMeta {
        stream: 1,
        start_pts: 17_317,
        end_pts: 17_473,
        time_base: (1, 90_137),
        frame_pts: (17_317..17_474).collect(),
        fps: 10.13,
        source_fps: 29.71,
        width: 67,
        height: 61,
        rotation: 90,
        corrupt_frames: 3,
        actions: Some(actions.clone()),
        action_names: Some(names.clone()),
        effects: Some(actions),
        effect_names: Some(names),
        mixed_actions: Some(0.137),
        scores,
        ..ClipMeta::default()
    };
    let sparse = ClipMeta {
        actions: None,
        action_names: None,
        effects: None,
        effect_names: None,
        mixed_actions: None,
        ..meta.clone()
    };
    let rows = [
        ClipRow { meta, quality: Some(0.5713), ..ClipRow::default() },
        ClipRow { meta: sparse, ..ClipRow::default() },
    ];
    let batch = condition_columns(&rows)?;
    let (schema, mut arrays) = (batch.schema(), batch.columns().to_vec());
    for (field, array) in schema.fields().iter().zip(&mut arrays) {
        if matches!(field.data_type(), DataType::Utf8) {
            *array = new_null_array(field.data_type(), rows.len());
        }
    }
    let nullable = |field: &Field| field.clone().with_nullable(true);
    let fields: Vec<Field> = schema.fields().iter().map(|field| nullable(field)).collect();
    RecordBatch::try_new(Schema::new(fields).into(), arrays)
        .map_err(|source| Error::Session { source: Box::new(source.into()) })
}
