//! A clip's narrow columns: the same in clip shards and in the catalog's clip rows.

use std::sync::Arc;

use arrow::{
    array::{
        Array, Float64Array, Int32Array, Int64Array, ListArray, ListBuilder, StringArray, StringBuilder, UInt8Array,
        UInt32Array,
    },
    datatypes::{Int64Type, UInt8Type},
};

use crate::{ClipMeta, columns::Columns, error::Result, scores, table::NamedColumns};

/// Columns of clips, in the order of the schema.
pub(crate) fn write(clips: &[&ClipMeta]) -> NamedColumns {
    let strings = |get: fn(&ClipMeta) -> &str| {
        Arc::new(StringArray::from_iter_values(clips.iter().map(|clip| get(clip)))) as Arc<dyn Array>
    };
    let u32s = |get: fn(&ClipMeta) -> u32| {
        Arc::new(UInt32Array::from_iter_values(clips.iter().map(|clip| get(clip)))) as Arc<dyn Array>
    };
    let i32s = |get: fn(&ClipMeta) -> i32| {
        Arc::new(Int32Array::from_iter_values(clips.iter().map(|clip| get(clip)))) as Arc<dyn Array>
    };
    let i64s = |get: fn(&ClipMeta) -> i64| {
        Arc::new(Int64Array::from_iter_values(clips.iter().map(|clip| get(clip)))) as Arc<dyn Array>
    };
    let pts = clips.iter().map(|clip| Some(clip.frame_pts.iter().copied().map(Some)));
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
        ("frame_pts", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(pts)), false),
        ("fps", Arc::new(Float64Array::from_iter_values(clips.iter().map(|clip| clip.fps))), false),
        ("width", u32s(|clip| clip.width), false),
        ("height", u32s(|clip| clip.height), false),
        ("color_matrix", strings(|clip| &clip.color_matrix), false),
        ("color_range", strings(|clip| &clip.color_range), false),
        ("color_transfer", strings(|clip| &clip.color_transfer), false),
        ("rotation", i32s(|clip| clip.rotation), false),
        ("corrupt_frames", u32s(|clip| clip.corrupt_frames), false),
        ("actions", byte_lists(clips.iter().map(|clip| clip.actions.as_deref())), true),
        ("action_names", string_lists(clips.iter().map(|clip| clip.action_names.as_deref())), true),
        ("effects", byte_lists(clips.iter().map(|clip| clip.effects.as_deref())), true),
        ("effect_names", string_lists(clips.iter().map(|clip| clip.effect_names.as_deref())), true),
    ];
    columns.extend(scores::write(clips));
    columns
}

/// Clips of such columns.
pub(crate) fn read(columns: Columns<'_>) -> Result<Vec<ClipMeta>> {
    let string = |field| columns.required::<StringArray>(field);
    let u32s = |field| columns.required::<UInt32Array>(field);
    let i32s = |field| columns.required::<Int32Array>(field);
    let i64s = |field| columns.required::<Int64Array>(field);
    let (clip_id, source_id, source_path) = (string("clip_id")?, string("source_id")?, string("source_path")?);
    let splits = columns.splits()?;
    let (stream, start_pts, end_pts) = (u32s("stream")?, i64s("start_pts")?, i64s("end_pts")?);
    let (numerator, denominator) = (i32s("time_base_num")?, i32s("time_base_den")?);
    let frame_pts = pts_lists(columns)?;
    let fps = columns.required::<Float64Array>("fps")?;
    let (width, height) = (u32s("width")?, u32s("height")?);
    let (matrix, range, transfer) = (string("color_matrix")?, string("color_range")?, string("color_transfer")?);
    let (rotation, corrupt_frames) = (i32s("rotation")?, u32s("corrupt_frames")?);
    let mut actions = columns.byte_lists("actions")?.into_iter();
    let mut action_names = columns.string_lists("action_names")?.into_iter();
    let mut effects = columns.byte_lists("effects")?.into_iter();
    let mut effect_names = columns.string_lists("effect_names")?.into_iter();
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
            scores: scores.next().unwrap_or_default(),
        };
        clip.check().map(|()| clip)
    };
    frame_pts.into_iter().enumerate().map(clip).collect()
}

/// Lists of small numbers, null where there is none.
pub(crate) fn byte_lists<'a>(lists: impl Iterator<Item = Option<&'a [u8]>>) -> Arc<dyn Array> {
    let lists = lists.map(|list| list.map(|list| list.iter().copied().map(Some)));
    Arc::new(ListArray::from_iter_primitive::<UInt8Type, _, _>(lists))
}

fn string_lists<'a>(lists: impl Iterator<Item = Option<&'a [String]>>) -> Arc<dyn Array> {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for list in lists {
        for name in list.unwrap_or_default() {
            builder.values().append_value(name);
        }
        builder.append(list.is_some());
    }
    Arc::new(builder.finish())
}

fn pts_lists(columns: Columns<'_>) -> Result<Vec<Vec<i64>>> {
    let list = |values: Option<Arc<dyn Array>>| {
        let values = values.unwrap_or_else(|| Arc::new(Int64Array::from(Vec::<i64>::new())));
        let pts = values.as_any().downcast_ref::<Int64Array>();
        let pts = pts.ok_or_else(|| columns.error("frame_pts", format!("holds lists of {}", values.data_type())))?;
        Ok(pts.values().to_vec())
    };
    columns.required::<ListArray>("frame_pts")?.iter().map(list).collect()
}

impl Columns<'_> {
    /// Lists of small numbers, null where there is none.
    pub(crate) fn byte_lists(&self, field: &str) -> Result<Vec<Option<Vec<u8>>>> {
        let list = |values: Option<Arc<dyn Array>>| {
            let Some(values) = values else {
                return Ok(None);
            };
            let bytes = values.as_any().downcast_ref::<UInt8Array>();
            let bytes = bytes.ok_or_else(|| self.error(field, format!("holds lists of {}", values.data_type())))?;
            Ok(Some(bytes.values().to_vec()))
        };
        self.optional::<ListArray>(field)?.iter().map(list).collect()
    }
}
