//! The narrow columns of a clip, which clip shards and clip rows share.

use std::sync::Arc;

use arrow::{
    array::{Array, Float32Array, Float64Array, Int32Array, Int64Array, StringArray, UInt32Array},
    datatypes::{Int64Type, UInt8Type},
};

use super::{
    clip::ClipMeta,
    columns::{Columns, NamedColumns, lists, string_lists},
    scores,
};
use crate::error::Result;

/// Returns the columns of clips, in schema order.
pub(crate) fn write(clips: &[&ClipMeta]) -> NamedColumns {
    let strings = |get: fn(&ClipMeta) -> &str| {
        Arc::new(StringArray::from_iter_values(clips.iter().map(|clip| get(clip))))
            as Arc<dyn Array>
    };
    let u32s = |get: fn(&ClipMeta) -> u32| {
        Arc::new(UInt32Array::from_iter_values(clips.iter().map(|clip| get(clip))))
            as Arc<dyn Array>
    };
    let i32s = |get: fn(&ClipMeta) -> i32| {
        Arc::new(Int32Array::from_iter_values(clips.iter().map(|clip| get(clip)))) as Arc<dyn Array>
    };
    let i64s = |get: fn(&ClipMeta) -> i64| {
        Arc::new(Int64Array::from_iter_values(clips.iter().map(|clip| get(clip)))) as Arc<dyn Array>
    };
    let f64s = |get: fn(&ClipMeta) -> f64| {
        Arc::new(Float64Array::from_iter_values(clips.iter().map(|clip| get(clip))))
            as Arc<dyn Array>
    };
    let bytes = |get: fn(&ClipMeta) -> Option<&[u8]>| {
        lists::<UInt8Type>(clips.iter().map(|clip| get(clip)))
    };
    let mixed: Float32Array = clips.iter().map(|clip| clip.mixed_actions).collect();
    let pts = lists::<Int64Type>(clips.iter().map(|clip| Some(clip.frame_pts.as_slice())));
    let mut columns: NamedColumns = vec![
        ("clip_id", strings(|clip| &clip.clip_id), false),
        ("source_id", strings(|clip| &clip.source_id), false),
        ("source_path", strings(|clip| &clip.source_path), false),
        ("split", strings(|clip| clip.split.as_str()), false),
        ("stream", u32s(|clip| clip.stream), false),
        ("start_pts", i64s(|clip| clip.start_pts), false),
        ("end_pts", i64s(|clip| clip.end_pts), false),
        ("time_base_num", i32s(|clip| clip.time_base.0), false),
        ("time_base_den", i32s(|clip| clip.time_base.1), false),
        ("frames", u32s(|clip| u32::try_from(clip.frame_count()).unwrap_or(u32::MAX)), false),
        ("frame_pts", pts, false),
        ("fps", f64s(|clip| clip.fps), false),
        ("source_fps", f64s(|clip| clip.source_fps), false),
        ("width", u32s(|clip| clip.width), false),
        ("height", u32s(|clip| clip.height), false),
        ("color_matrix", strings(|clip| &clip.color_matrix), false),
        ("color_range", strings(|clip| &clip.color_range), false),
        ("color_transfer", strings(|clip| &clip.color_transfer), false),
        ("rotation", i32s(|clip| clip.rotation), false),
        ("corrupt_frames", u32s(|clip| clip.corrupt_frames), false),
        ("actions", bytes(|clip| clip.actions.as_deref()), true),
        ("action_names", string_lists(clips.iter().map(|clip| clip.action_names.as_deref())), true),
        ("effects", bytes(|clip| clip.effects.as_deref()), true),
        ("effect_names", string_lists(clips.iter().map(|clip| clip.effect_names.as_deref())), true),
        ("mixed_actions", Arc::new(mixed), true),
    ];
    let scores: Vec<_> = clips.iter().map(|clip| &clip.scores).collect();
    columns.extend(scores::write(&scores));
    columns
}

/// Reads clips from such columns.
pub(crate) fn read(columns: Columns<'_>) -> Result<Vec<ClipMeta>> {
    let string = |field| columns.required::<StringArray>(field);
    let u32s = |field| columns.required::<UInt32Array>(field);
    let i32s = |field| columns.required::<Int32Array>(field);
    let i64s = |field| columns.required::<Int64Array>(field);
    let (clip_id, source_id, source_path) =
        (string("clip_id")?, string("source_id")?, string("source_path")?);
    let splits = columns.splits()?;
    let (stream, start_pts, end_pts) = (u32s("stream")?, i64s("start_pts")?, i64s("end_pts")?);
    let (numerator, denominator) = (i32s("time_base_num")?, i32s("time_base_den")?);
    let frame_pts = columns.required_lists::<Int64Type>("frame_pts")?;
    let fps = columns.required::<Float64Array>("fps")?;
    let source_fps = columns.required::<Float64Array>("source_fps")?;
    let (width, height) = (u32s("width")?, u32s("height")?);
    let (matrix, range, transfer) =
        (string("color_matrix")?, string("color_range")?, string("color_transfer")?);
    let (rotation, corrupt_frames) = (i32s("rotation")?, u32s("corrupt_frames")?);
    let mut actions = columns.lists::<UInt8Type>("actions")?.into_iter();
    let mut action_names = columns.string_lists("action_names")?.into_iter();
    let mut effects = columns.lists::<UInt8Type>("effects")?.into_iter();
    let mut effect_names = columns.string_lists("effect_names")?.into_iter();
    let mixed_actions = columns.optional::<Float32Array>("mixed_actions")?;
    let mut scores = scores::read(columns)?.into_iter();
    let clip = |(i, frame_pts)| {
        let clip = ClipMeta {
            clip_id: clip_id.value(i).to_owned(),
            source_id: source_id.value(i).to_owned(),
            source_path: source_path.value(i).to_owned(),
            split: splits[i],
            stream: stream.value(i),
            start_pts: start_pts.value(i),
            end_pts: end_pts.value(i),
            time_base: (numerator.value(i), denominator.value(i)),
            frame_pts,
            fps: fps.value(i),
            source_fps: source_fps.value(i),
            width: width.value(i),
            height: height.value(i),
            color_matrix: matrix.value(i).to_owned(),
            color_range: range.value(i).to_owned(),
            color_transfer: transfer.value(i).to_owned(),
            rotation: rotation.value(i),
            corrupt_frames: corrupt_frames.value(i),
            actions: actions.next().flatten(),
            action_names: action_names.next().flatten(),
            effects: effects.next().flatten(),
            effect_names: effect_names.next().flatten(),
            mixed_actions: mixed_actions.is_valid(i).then(|| mixed_actions.value(i)),
            scores: scores.next().unwrap_or_default(),
        };
        clip.check().map(|()| clip)
    };
    frame_pts.into_iter().enumerate().map(clip).collect()
}
